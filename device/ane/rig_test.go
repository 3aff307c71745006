package ane

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ebitengine/purego"
	"github.com/stretchr/testify/require"

	"devicemap/internal/e5rt"
	"devicemap/internal/mil"
	"devicemap/internal/softane"
)

// Copies of the test program compile with a software engine of the target in
// archEnv, or crash if crashEnv is set.
const (
	archEnv  = "DEVICEMAP_TEST_ARCH"
	crashEnv = "DEVICEMAP_TEST_CRASH"
)

func TestMain(m *testing.M) {
	e5rt.MaybeChild(func() (*e5rt.Lib, error) {
		if os.Getenv(crashEnv) != "" {
			panic("the compiler's own fault")
		}
		return childLib()
	})
	maybeProbe()
	maybeSelfTest(childEngine)
	os.Exit(m.Run())
}

// childEngine is the engine whose self-test a child runs.
func childEngine() (*engine, error) {
	soft, err := softane.New(softane.H13)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "selftest")
	if err != nil {
		return nil, err
	}
	lookup := soft.Lookup
	if os.Getenv(crashEnv) != "" {
		lookup = override(lookup, "execution_stream_execute_sync", func(uintptr) uintptr { return 0 })
	}
	lib, err := e5rt.Bind(lookup)
	if err != nil {
		return nil, err
	}
	return open(lib, Config{Name: "ANE-software", Library: "softane", Arch: "h13", CacheDir: dir})
}

// rig is an engine on a software Neural Engine that must be given back without
// a reference.
type rig struct {
	*engine
	soft *softane.Engine
}

// softRig opens a rig; change adapts its configuration.
func softRig(t testing.TB, arch softane.Arch, change ...func(*Config)) *rig {
	t.Helper()
	soft, err := softane.New(arch)
	require.NoError(t, err)
	c := Config{
		Lookup: soft.Lookup, Name: "ANE-software", Library: soft.String(), Host: "test host", Arch: string(arch),
		CacheDir: filepath.Join(t.TempDir(), "ane"), Pace: e5rt.Pace{Delay: e5rt.NoDelay}, Wait: 10 * time.Second,
	}
	for _, f := range change {
		f(&c)
	}
	e, err := Open(c)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, e.Close())
		require.NoError(t, soft.Close(), "a reference leaked")
	})
	return &rig{e.(*engine), soft}
}

// faulty replaces one C function of the library.
func faulty(symbol string, fn any) func(*Config) {
	return func(c *Config) { c.Lookup = override(c.Lookup, symbol, fn) }
}

func override(lookup func(string) (uintptr, error), symbol string, fn any) func(string) (uintptr, error) {
	addr := purego.NewCallback(fn)
	return func(name string) (uintptr, error) {
		if name == "e5rt_"+symbol {
			return addr, nil
		}
		return lookup(name)
	}
}

// built spells a hand-made program.
func built(t testing.TB, name string, b *mil.Builder) source {
	t.Helper()
	s, err := spelled(name, b)
	require.NoError(t, err)
	return s
}

// unary is a program of one operation on a tensor.
func unary(t testing.TB, op string, shape ...int) source {
	t.Helper()
	b := mil.NewBuilder()
	x := b.Input("x", mil.Tensor(mil.FP16, shape...))
	b.Output("y", b.Op(op, mil.In("x", x)))
	return built(t, op, b)
}

// product is x [rows, in] times a weight [out, in] of ones.
func product(t testing.TB, rows, in, out int) source {
	t.Helper()
	b := mil.NewBuilder()
	x := b.Input("x", mil.Tensor(mil.FP16, rows, in))
	w := make([]float32, out*in)
	for i := range w {
		w[i] = 1
	}
	b.Output("y", b.Op("matmul", mil.Flag("transpose_x", false), mil.Flag("transpose_y", true),
		mil.In("x", x), mil.In("y", b.Weight("w", w, out, in))))
	return built(t, "product", b)
}

// mustLoad opens a program that closes with the test.
func (r *rig) mustLoad(t testing.TB, s source, staged bool) *program {
	t.Helper()
	p, err := r.load(s, staged)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}
