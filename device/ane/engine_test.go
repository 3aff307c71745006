package ane

import (
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/mil"
	"devicemap/internal/softane"
)

func TestStagedRunMovesOperands(t *testing.T) {
	r := softRig(t, softane.H13)
	p := r.mustLoad(t, unary(t, "relu", 2, 48), true)
	for run := range 3 {
		for i := range p.Input(0) {
			p.Input(0)[i] = float32(i-48) * float32(run+1)
		}
		require.NoError(t, p.Run())
		for i, got := range p.Output(0) {
			if want := max(0, float32(i-48)*float32(run+1)); got != want {
				t.Fatalf("run %d: relu %d = %g, want %g", run, i, got, want)
			}
		}
	}
}

func TestResidentRunMovesNothing(t *testing.T) {
	r := softRig(t, softane.H13)
	p := r.mustLoad(t, unary(t, "relu", 2, 48), false)
	fill := func(v float32) {
		for i := range p.Input(0) {
			p.Input(0)[i] = v
		}
	}
	fill(1)
	require.NoError(t, p.Upload())
	require.NoError(t, p.Run())
	require.NoError(t, p.Download())
	require.Equal(t, float32(1), p.Output(0)[95])
	fill(2)
	require.NoError(t, p.Run())
	require.NoError(t, p.Download())
	require.Equal(t, float32(1), p.Output(0)[95], "Run uploaded")
	require.NoError(t, p.Upload())
	require.NoError(t, p.Run())
	require.Equal(t, float32(1), p.Output(0)[95], "Run downloaded")
	require.NoError(t, p.Download())
	require.Equal(t, float32(2), p.Output(0)[95])
}

// TestWeightsReachTheDevice also covers several inputs and outputs, and bytes.
func TestWeightsReachTheDevice(t *testing.T) {
	b := mil.NewBuilder()
	x := b.Input("x", mil.Tensor(mil.FP16, 2, 3))
	img := b.Input("image", mil.Tensor(mil.UInt8, 2, 2))
	w := b.Weight("w", []float32{1, 2, 3, 0, -1, 0.5}, 2, 3)
	y := b.Op("matmul", mil.Flag("transpose_x", false), mil.Flag("transpose_y", true), mil.In("x", x), mil.In("y", w))
	pixels := b.Op("cast", mil.Word("dtype", "fp16"), mil.In("x", img))
	b.Output("pixels", pixels)
	b.Output("sum", b.Op("add", mil.In("x", y), mil.In("y", pixels)))
	p := softRig(t, softane.H16).mustLoad(t, built(t, "mixed", b), true)
	copy(p.Input(0), []float32{1, 1, 1, 2, 0, 4})
	copy(p.Input(1), []float32{0, 255, 7, 1})
	require.NoError(t, p.Run())
	require.Equal(t, []float32{0, 255, 7, 1}, p.Output(0))
	require.Equal(t, []float32{6, 254.5, 21, 3}, p.Output(1))
}

func TestSecondCompileIsWarm(t *testing.T) {
	r := softRig(t, softane.H13)
	s := product(t, 2, 8, 4)
	first := r.mustLoad(t, s, true)
	second := r.mustLoad(t, s, true)
	require.Equal(t, first.entry.dir, second.entry.dir)
	require.True(t, second.entry.good())
	require.Len(t, r.cache.names(t), 1)
	other := softRig(t, softane.H14, func(c *Config) { c.CacheDir = r.cache.dir })
	third := other.mustLoad(t, s, true)
	require.NotEqual(t, first.entry.dir, third.entry.dir, "another chip's bundle")
}

func TestInfo(t *testing.T) {
	i := softRig(t, softane.H15).Info()
	require.Equal(t, device.ANE, i.Kind)
	require.Equal(t, "ANE-software", i.Name)
	require.Equal(t, []device.DType{device.FP16}, i.DTypes)
	require.Contains(t, i.Library, "software")
	require.Contains(t, i.Detail, "A15 (h15), compiles in this process")
}

func TestCloseOfEngineClosesPrograms(t *testing.T) {
	r := softRig(t, softane.H13)
	p, err := r.load(unary(t, "relu", 4), true)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Empty(t, r.soft.Live())
	require.ErrorIs(t, p.Run(), device.ErrClosed)
	require.NoError(t, p.Close())
	require.NoError(t, r.Close(), "a second Close")
	_, err = r.load(unary(t, "relu", 4), true)
	require.ErrorIs(t, err, device.ErrClosed)
	require.Empty(t, r.soft.Live(), "a compile after Close leaked")
}

func TestUseAfterClose(t *testing.T) {
	r := softRig(t, softane.H13)
	p, err := r.load(unary(t, "relu", 4), true)
	require.NoError(t, err)
	p.Input(0)[3] = 5
	require.NoError(t, p.Run())
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	for name, use := range map[string]func() error{"Upload": p.Upload, "Run": p.Run, "Download": p.Download} {
		require.ErrorIs(t, use(), device.ErrClosed, name)
	}
	require.Equal(t, float32(5), p.Output(0)[3], "host buffers stay readable")
}

// TestNothingLeaks makes and closes programs that succeed and that fail at
// every step, and counts the references that stay.
func TestNothingLeaks(t *testing.T) {
	r := softRig(t, softane.H13)
	good, bad := unary(t, "relu", 2, 48), wideKernel(t)
	for i := range 200 {
		p, err := r.load(good, i%2 == 0)
		require.NoError(t, err)
		require.NoError(t, p.Run())
		require.NoError(t, p.Close())
		if i%10 == 0 {
			_, err := r.load(bad, true)
			require.ErrorIs(t, err, device.ErrRefused)
		}
		require.Empty(t, r.soft.Live(), "after cycle %d", i)
	}
}

func TestConcurrentCompilesAndRuns(t *testing.T) {
	r := softRig(t, softane.H13)
	s := product(t, 4, 16, 8)
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			p, err := r.load(s, true)
			if err != nil {
				t.Errorf("compile: %v", err)
				return
			}
			for i := range p.Input(0) {
				p.Input(0)[i] = float32(g)
			}
			if err := p.Run(); err != nil {
				t.Errorf("run: %v", err)
			}
			if got, want := p.Output(0)[31], float32(16*g); got != want {
				t.Errorf("goroutine %d: %g, want %g", g, got, want)
			}
			if err := p.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestSelfTest(t *testing.T) {
	r := softRig(t, softane.H13)
	require.NoError(t, r.proveHost(false))
	require.NoError(t, r.proveHost(false))
	broken := softRig(t, softane.H13, faulty("execution_stream_execute_sync", func(uintptr) uintptr { return 0 }))
	err := broken.proveHost(false)
	var stale *StaleError
	require.ErrorAs(t, err, &stale)
	require.ErrorContains(t, err, "no working Neural Engine within reach")
}

func TestSelfTestInChild(t *testing.T) {
	r := softRig(t, softane.H13)
	t.Setenv(crashEnv, "1")
	require.ErrorContains(t, r.proveHost(true), "untouched")
	t.Setenv(crashEnv, "")
	require.NoError(t, r.proveHost(true))
}

func TestInfinitiesAreTold(t *testing.T) {
	big := func(p *program) {
		for i := range p.Input(0) {
			p.Input(0)[i] = 4096
		}
	}
	s := product(t, 1, 16, 2) // 65536 is beyond the product limit
	r := softRig(t, softane.H13, func(c *Config) { c.RefuseInf = true })
	p := r.mustLoad(t, s, true)
	big(p)
	for range 2 {
		err := p.Run()
		if err == nil {
			err = p.Download()
		}
		var inf *SaturationError
		require.ErrorAs(t, err, &inf)
		require.Equal(t, 2, inf.Count)
		require.ErrorContains(t, err, "32752")
	}
	lax := softRig(t, softane.H13).mustLoad(t, s, true)
	big(lax)
	require.NoError(t, lax.Run())
	require.True(t, math.IsInf(float64(lax.Output(0)[0]), 1))
}

func TestConfig(t *testing.T) {
	soft, err := softane.New(softane.H13)
	require.NoError(t, err)
	defer soft.Close()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	e, err := Open(Config{Lookup: soft.Lookup, Arch: "h13"})
	require.NoError(t, err)
	require.Equal(t, "ANE", e.Info().Name)
	user, err := os.UserCacheDir()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(user, "devicemap", "ane"), e.(*engine).cache.dir)
	for want, c := range map[string]Config{
		`architecture "h99" is not known`: {Arch: "h99"},
		"cache of -1 bytes":               {Arch: "h13", MaxCacheBytes: -1},
		"wait of -1ns":                    {Arch: "h13", Wait: -1},
	} {
		c.Lookup = soft.Lookup
		_, err := Open(c)
		require.ErrorContains(t, err, want)
	}
}
