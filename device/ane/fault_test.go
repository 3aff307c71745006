package ane

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/ebitengine/purego"
	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/e5rt"
	"devicemap/internal/graph"
	"devicemap/internal/mil"
	"devicemap/internal/softane"
)

// wideKernel is a convolution that A13 refuses: its kernel is 14 wide.
func wideKernel(t testing.TB) source {
	b := mil.NewBuilder()
	x := b.Input("x", mil.Tensor(mil.FP16, 1, 1, 4, 20))
	b.Output("y", b.Op("conv", mil.In("x", x), mil.In("weight", b.Weight("w", make([]float32, 14), 1, 1, 1, 14)),
		mil.Ints("strides", 1, 1), mil.Ints("dilations", 1, 1), mil.Ints("pad", 0, 0, 0, 0), mil.Word("pad_type", "custom"), mil.Int("groups", 1)))
	return built(t, "wide", b)
}

func TestMissingSymbolIsAbsence(t *testing.T) {
	soft, err := softane.New(softane.H13)
	require.NoError(t, err)
	defer soft.Close()
	_, err = Open(Config{CacheDir: t.TempDir(), Arch: "h13", Name: "ANE-software", Lookup: func(name string) (uintptr, error) {
		if strings.HasSuffix(name, "execute_sync") {
			return 0, errors.New("not there")
		}
		return soft.Lookup(name)
	}})
	require.ErrorIs(t, err, device.ErrUnavailable)
	require.ErrorContains(t, err, "e5rt_execution_stream_execute_sync")
}

func TestHostWithoutTheEngine(t *testing.T) {
	if runtime.GOOS == "darwin" && runtime.GOARCH == "arm64" {
		t.Skip("this host has a Neural Engine")
	}
	_, absent := device.Discover(Opener())
	require.Len(t, absent, 1)
	require.ErrorIs(t, absent[0].Err, device.ErrUnavailable)
	require.ErrorContains(t, absent[0].Err, "needs macOS on Apple silicon")
}

func TestRefusedCompile(t *testing.T) {
	r := softRig(t, softane.H13)
	_, err := r.load(wideKernel(t), true)
	require.ErrorIs(t, err, device.ErrRefused)
	var driver *DriverError
	require.ErrorAs(t, err, &driver)
	require.FileExists(t, driver.File, "the program is kept")
	require.Equal(t, "test host", driver.Host)
	var st *e5rt.StatusError
	require.ErrorAs(t, err, &st)
	require.Equal(t, e5rt.StageCompile, st.Stage)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(driver.File), failedFile))
	require.NoError(t, err)
	require.Contains(t, string(text), "ANECCompile() FAILED")
	r.mustLoad(t, unary(t, "relu", 4), true) // the next program works
	_, err = softRig(t, softane.H16).load(wideKernel(t), true)
	require.NoError(t, err, "A16 takes a kernel 14 wide")
}

func TestRefusedInChild(t *testing.T) {
	r := softRig(t, softane.H13, func(c *Config) { c.Isolate = e5rt.CompileInChild })
	_, err := r.load(wideKernel(t), true)
	require.ErrorIs(t, err, device.ErrRefused)
	require.ErrorContains(t, err, "ANECCompile() FAILED")
	p := r.mustLoad(t, unary(t, "relu", 4), true)
	require.True(t, p.entry.good())
	t.Setenv(crashEnv, "1") // what is known good needs no child
	r.mustLoad(t, unary(t, "relu", 4), true)
}

func TestCrashOfTheCompiler(t *testing.T) {
	r := softRig(t, softane.H13, func(c *Config) { c.Isolate = e5rt.CompileInChild })
	t.Setenv(crashEnv, "1")
	for range 2 {
		_, err := r.load(unary(t, "relu", 4), true)
		require.ErrorIs(t, err, device.ErrRefused)
		require.ErrorContains(t, err, "crashed on this program (panic: the compiler's own fault)")
		var driver *DriverError
		require.ErrorAs(t, err, &driver)
		require.FileExists(t, driver.File)
	}
}

func TestExecuteFailure(t *testing.T) {
	r := softRig(t, softane.H13, faulty("execution_stream_execute_sync", func(uintptr) uintptr { return 0xffffffff }))
	p := r.mustLoad(t, unary(t, "relu", 4), true)
	for range 2 {
		err := p.Run()
		var st *e5rt.StatusError
		require.ErrorAs(t, err, &st)
		require.Equal(t, e5rt.StageExecute, st.Stage)
		require.Equal(t, e5rt.Status(-1), st.Code)
		require.ErrorContains(t, err, "ANE-software: relu on test host")
		require.ErrorContains(t, err, "close it and compile it again")
		require.NotErrorIs(t, err, device.ErrRefused, "a fault is no refusal: the arm must fail")
	}
}

func TestRunThatWritesNothing(t *testing.T) {
	r := softRig(t, softane.H13, faulty("execution_stream_execute_sync", func(uintptr) uintptr { return 0 }))
	p := r.mustLoad(t, unary(t, "relu", 2, 48), false)
	for range 2 {
		var stale *StaleError
		require.ErrorAs(t, p.Run(), &stale)
		require.Equal(t, 96, stale.Count)
		require.Equal(t, "y", stale.Output)
	}
}

func TestOutOfMemory(t *testing.T) {
	r := softRig(t, softane.H13, faulty("buffer_object_alloc", func(uintptr, uintptr, uintptr) uintptr { return 3 }))
	_, err := r.load(unary(t, "relu", 4), true)
	require.ErrorIs(t, err, device.ErrOutOfMemory)
	require.ErrorIs(t, err, device.ErrRefused)
	require.Empty(t, r.soft.Live())
}

func TestTooManyPrograms(t *testing.T) {
	r := softRig(t, softane.H13)
	s := unary(t, "relu", 4)
	for range 128 {
		r.mustLoad(t, s, true)
	}
	_, err := r.load(s, true)
	require.ErrorContains(t, err, "about 128 programs")
}

func TestForeignBundleIsRefused(t *testing.T) {
	r := softRig(t, softane.H13)
	s := unary(t, "relu", 4)
	p, err := r.load(s, true)
	require.NoError(t, err)
	part := p.entry.path(bundleDir + "/H13C.bundle/main/main_bnns")
	require.NoError(t, p.Close())
	require.NoError(t, os.Mkdir(part, 0o700))
	_, err = r.load(s, true)
	var off *NotOnANEError
	require.ErrorAs(t, err, &off)
	require.ErrorIs(t, err, device.ErrRefused)
	require.ErrorContains(t, err, "main/main_bnns")
	require.Empty(t, r.soft.Live(), "the refused program stayed loaded")
}

// TestStaleBundleIsCompiledAgain makes the first load of a warm bundle fail,
// as after an update of the OS.
func TestStaleBundleIsCompiledAgain(t *testing.T) {
	var forced, fail bool
	var operation, force uintptr
	soft, err := softane.New(softane.H13)
	require.NoError(t, err)
	operation, err = soft.Lookup("e5rt_execution_stream_operation_create_precompiled_compute_operation_with_options")
	require.NoError(t, err)
	force, err = soft.Lookup("e5rt_e5_compiler_options_set_force_recompilation")
	require.NoError(t, err)
	require.NoError(t, soft.Close())
	r := softRig(t, softane.H13, // the closed engine's callbacks serve this one
		faulty("execution_stream_operation_create_precompiled_compute_operation_with_options", func(out, options uintptr) uintptr {
			if fail && !forced {
				return 2
			}
			st, _, _ := purego.SyscallN(operation, out, options)
			return st
		}),
		faulty("e5_compiler_options_set_force_recompilation", func(options, flag uintptr) uintptr {
			forced = flag == 1
			st, _, _ := purego.SyscallN(force, options, flag)
			return st
		}))
	s := unary(t, "relu", 4)
	p, err := r.load(s, true)
	require.NoError(t, err)
	require.NoError(t, p.Close())
	fail = true
	p, err = r.load(s, true)
	require.NoError(t, err)
	require.True(t, forced, "the second compile was not forced")
	require.NoError(t, p.Run())
	require.NoError(t, p.Close())
}

func TestConcurrentRun(t *testing.T) {
	entered, gate := make(chan struct{}), make(chan struct{})
	r := softRig(t, softane.H13, faulty("execution_stream_execute_sync", func(uintptr) uintptr {
		entered <- struct{}{}
		<-gate
		return 1
	}))
	p := r.mustLoad(t, unary(t, "relu", 4), true)
	var wg sync.WaitGroup
	wg.Go(func() {
		var st *e5rt.StatusError
		if err := p.Run(); !errors.As(err, &st) {
			t.Errorf("first Run = %v, want the status of the library", err)
		}
	})
	<-entered
	for name, use := range map[string]func() error{"Run": p.Run, "Upload": p.Upload, "Download": p.Download} {
		require.ErrorIs(t, use(), ErrConcurrent, name)
	}
	close(gate)
	wg.Wait()
}

func TestInputBeyondRange(t *testing.T) {
	s := unary(t, "relu", 2, 2)
	p := softRig(t, softane.H13).mustLoad(t, s, true)
	copy(p.Input(0), []float32{1, -70000, 3, 1e9})
	var beyond *RangeError
	require.ErrorAs(t, p.Run(), &beyond)
	require.ErrorAs(t, p.Upload(), &beyond)
	require.Equal(t, 2, beyond.Count)
	require.ErrorContains(t, beyond, "2 of 4 values of input x are beyond fp16, largest magnitude 1e+09, limit 65504")
	lax := softRig(t, softane.H13, func(c *Config) { c.Saturate = true }).mustLoad(t, s, true)
	copy(lax.Input(0), p.Input(0))
	require.NoError(t, lax.Run())
}

func TestFullCacheLeavesTheEngineUsable(t *testing.T) {
	r := softRig(t, softane.H13, func(c *Config) { c.MaxCacheBytes = 40 << 10 })
	_, err := r.load(product(t, 1, 256, 128), true)
	var full *CacheError
	require.ErrorAs(t, err, &full)
	require.ErrorIs(t, err, errBound)
	require.NotErrorIs(t, err, device.ErrRefused, "a full disk is no property of the graph")
	require.Empty(t, r.soft.Live())
	p := r.mustLoad(t, unary(t, "relu", 4), true)
	require.NoError(t, p.Run())
}

// TestLimitsAreFoundBeforeTheCompile: what the family's limits exclude never
// reaches the library.
func TestLimitsAreFoundBeforeTheCompile(t *testing.T) {
	r := softRig(t, softane.H13, faulty("e5_compiler_compile", func(uintptr, uintptr, uintptr, uintptr) uintptr {
		t.Error("the library was asked to compile")
		return 11
	}))
	var limit *device.LimitError
	var none *device.UnsupportedError
	tests := []struct {
		name  string
		build func(b *graph.Builder) *graph.Value
		as    any
		want  string
	}{
		{"long axis", func(b *graph.Builder) *graph.Value { return b.Unary(graph.ReLU, b.Input("x", 16385)) }, &limit, "16385 exceeds 16384"},
		{"no texture engine", func(b *graph.Builder) *graph.Value {
			return b.Apply(graph.Affine{Size: [2]int{2, 2}}, b.Input("x", 1, 1, 4, 4), b.Const("t", graph.F32(make([]float32, 6)), 1, 6))
		}, &none, "affine is not supported"},
	}
	for _, tt := range tests {
		b := graph.New(tt.name)
		b.Output("y", tt.build(b))
		g, err := b.Build()
		require.NoError(t, err)
		p, err := r.Compile(g, device.Options{})
		require.Nil(t, p, tt.name)
		require.ErrorIs(t, err, device.ErrRefused, tt.name)
		require.ErrorAs(t, err, tt.as, tt.name)
		require.ErrorContains(t, err, tt.want, tt.name)
	}
	require.Empty(t, r.cache.held, "a refused graph took space")
}

func TestUnusableWeights(t *testing.T) {
	b := graph.New("weights")
	b.Output("y", b.Linear(b.Input("x", 1, 2), b.Const("w", graph.F32([]float32{1, 1e6}), 1, 2), nil))
	g, err := b.Build()
	require.NoError(t, err)
	r := softRig(t, softane.H13)
	_, err = r.Compile(g, device.Options{})
	require.ErrorIs(t, err, device.ErrRefused)
	var bad *mil.WeightError
	require.ErrorAs(t, err, &bad)
	require.NotErrorIs(t, err, device.ErrOutOfMemory)
	require.ErrorIs(t, r.refused("big", &mil.SizeError{Bytes: 3 << 30}), device.ErrOutOfMemory)
}
