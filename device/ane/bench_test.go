package ane

import (
	"testing"

	"github.com/ebitengine/purego"
	"github.com/stretchr/testify/require"

	"devicemap/internal/softane"
)

// emptyProgram is a loaded program whose execute is a C function that returns
// at once, so that what remains of a run is this package, the binding and the
// foreign call.
func emptyProgram(t testing.TB, staged bool) *program {
	t.Helper()
	libc, err := purego.Dlopen("libc.so.6", purego.RTLD_NOW)
	if err != nil {
		libc = purego.RTLD_DEFAULT // macOS: it is loaded already
	}
	// The binding passes the stream and zeros, and a comparison of no bytes
	// returns 0.
	memcmp, err := purego.Dlsym(libc, "memcmp")
	if err != nil {
		t.Skipf("no C library on this host: %v", err)
	}
	r := softRig(t, softane.H13, func(c *Config) {
		lookup := c.Lookup
		c.Lookup = func(name string) (uintptr, error) {
			if name == "e5rt_execution_stream_execute_sync" {
				return memcmp, nil
			}
			return lookup(name)
		}
	})
	p := r.mustLoad(t, unary(t, "relu", 1), staged)
	p.checked = true // nothing will write the output
	require.NoError(t, p.Run())
	return p
}

func TestDispatchAllocatesNothing(t *testing.T) {
	for _, staged := range []bool{true, false} {
		p := emptyProgram(t, staged)
		if n := testing.AllocsPerRun(1000, func() {
			if err := p.Run(); err != nil {
				t.Error(err)
			}
		}); n > 0 {
			t.Errorf("staged %t: Run allocates %v times", staged, n)
		}
	}
}

// BenchmarkDispatch is the host's overhead of one run of an all but empty
// program. With callee=software the software engine's callback is part of it,
// and its two allocations are those of the callback.
func BenchmarkDispatch(b *testing.B) {
	loop := func(p *program) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Run(); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	for _, staging := range []string{"resident", "staged"} {
		b.Run("callee=C/staging="+staging, loop(emptyProgram(b, staging == "staged")))
		p := softRig(b, softane.H13).mustLoad(b, unary(b, "relu", 1), staging == "staged")
		require.NoError(b, p.Run())
		b.Run("callee=software/staging="+staging, loop(p))
	}
}

// BenchmarkStaging is the conversion of one operand, float32 to the device's
// fp16 and back, at the sizes of the device map's inputs and outputs.
func BenchmarkStaging(b *testing.B) {
	for _, tt := range []struct {
		name  string
		shape []int
	}{
		{"elems=4k", []int{64, 64}},
		{"elems=150k", []int{3 * 224, 224}}, // a classifier's image
		{"elems=1M", []int{1024, 1024}},
		{"elems=16M", []int{4096, 4096}},
	} {
		p := softRig(b, softane.H13).mustLoad(b, unary(b, "relu", tt.shape...), true)
		n := len(p.Input(0))
		for i := range p.Input(0) {
			p.Input(0)[i] = float32(i%2048) - 1024
		}
		bytes := int64(6 * n) // 4 read and 2 written, or the reverse
		b.Run(tt.name+"/dir=in", func(b *testing.B) {
			b.SetBytes(bytes)
			for b.Loop() {
				if err := p.Upload(); err != nil {
					b.Fatal(err)
				}
			}
		})
		require.NoError(b, p.Run())
		b.Run(tt.name+"/dir=out", func(b *testing.B) {
			b.SetBytes(bytes)
			for b.Loop() {
				if err := p.Download(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
