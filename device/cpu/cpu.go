// Package cpu is the CPU engine: kernels embedded in the program, present on
// every host and needing nothing installed, or those of an installed library.
//
// # Arithmetic
//
// Tensors are float32. Products accumulate in float32, the embedded ones over
// blocks of at most 512 terms that are added in order; statistics and reductions
// accumulate in float64. Booleans are stored as 0 and 1.
//
// # Memory
//
// Compile allocates all buffers: one arena in which intermediate results with
// disjoint lifetimes share space, the inputs and outputs, and a bounded
// scratch, per worker and for all of them. Constants are read where the graph
// keeps them; a constant right operand of a matrix product gets one copy in the
// order in which its kernel reads it, and so do the filters of a convolution.
// Run allocates nothing.
//
// # Staging
//
// The host buffers are the arena's own: Upload and Download move nothing, and
// staged and resident operands are the same arm.
//
// # Threads
//
// The partition of every kernel follows from shapes alone, so that results do
// not depend on the number of threads.
package cpu

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/klauspost/cpuid/v2"

	"devicemap/device"
	"devicemap/internal/graph"
)

// gonumVersion is shown when the build carries no module information; it is
// the version that go.mod requires.
const gonumVersion = "v0.17.0"

// Config chooses how the engine runs; the zero value uses the whole host.
type Config struct {
	Threads  int    // workers, the caller included; 0: GOMAXPROCS
	MaxBytes int64  // limit of one program's buffers, without the graph's constants; 0: none
	Library  string // one of Libraries; empty: the fastest that loads and passes its check
	Name     string // value of the device= key; empty: CPU
}

// Open starts the engine's workers.
func Open(cfg Config) (device.Engine, error) {
	if cfg.Threads < 0 || cfg.MaxBytes < 0 {
		return nil, fmt.Errorf("cpu: %d threads and %d bytes: want 0 (default) or more", cfg.Threads, cfg.MaxBytes)
	}
	threads := cfg.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	lib, exec, passed, err := openLibrary(candidates(), cfg.Library, threads)
	if err != nil {
		return nil, err
	}
	return newEngine(cfg, threads, lib, exec, passed), nil
}

// newEngine starts the workers of an opened library.
func newEngine(cfg Config, threads int, lib *library, exec *executor, passed []string) *engine {
	detail := fmt.Sprintf("%s, %s", cpuName(), plural(threads, "thread"))
	for _, p := range append(passed, lib.notes...) {
		detail += "; not used: " + p
	}
	var dtypes []device.DType
	for _, d := range []device.DType{device.FP32, device.BF16, device.FP16} {
		if lib.arm(d) != nil {
			dtypes = append(dtypes, d)
		}
	}
	return &engine{
		pool: newPool(threads),
		lib:  lib,
		exec: exec,
		max:  cfg.MaxBytes,
		info: device.Info{
			Kind: device.CPU, Name: cmp.Or(cfg.Name, "CPU"),
			Library: lib.version, Detail: detail, DTypes: dtypes,
		},
	}
}

type engine struct {
	pool *pool
	lib  *library
	exec *executor // nil unless lib is locked to a thread
	max  int64
	info device.Info
	once sync.Once
	err  error // of closing the library
}

func (e *engine) Info() device.Info { return e.info }

func (e *engine) Compile(g *graph.Graph, o device.Options) (device.Program, error) {
	if e.pool.closed() {
		return nil, fmt.Errorf("cpu: compile %s: engine %w", g.Name, device.ErrClosed)
	}
	dtype, err := e.info.Pick(o)
	if err != nil {
		return nil, err
	}
	var p *program
	err = e.exec.do(newCall(func() (err error) {
		p, err = compile(e, e.lib.arm(dtype), g)
		return err
	}))
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Close stops the workers. Programs of the engine then return ErrClosed.
func (e *engine) Close() error {
	e.once.Do(func() {
		e.pool.close()
		e.err = e.exec.do(newCall(e.lib.close))
		e.exec.close()
	})
	return e.err
}

// moduleVersion is the version of a dependency as built, or fallback.
func moduleVersion(path, fallback string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return fallback
	}
	for _, m := range info.Deps {
		if m.Path == path {
			return m.Version
		}
	}
	return fallback
}

func cpuName() string {
	if name := cpuid.CPU.BrandName; name != "" {
		return name
	}
	return runtime.GOARCH + " CPU"
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
