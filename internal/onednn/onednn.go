// Package onednn computes tensor primitives with oneDNN, Intel's library of
// CPU kernels, without cgo.
//
// A [Lib] is a table of C functions filled by [Bind] through an injected
// lookup; [Load] opens the system's own. Versions 2.6, 2.7 and 3.x are known.
// They differ in where memory and operation descriptors live and in many
// constants; the types of this package are the same for all.
//
//	x := lib.NewContext()
//	src, _ := x.Strided(onednn.F32, []int{m, k}, []int{k, 1})
//	p, _ := x.Matmul(src, weights, nil, dst)
//	run, _ := p.Call(onednn.Arg{onednn.Src, a}, …)
//	err := run.Run()
//
// # Threads
//
// OpenMP keeps its state per calling thread, so that a library must be loaded,
// used and closed on one locked OS thread; every other thread that executes a
// primitive starts a pool of its own.
//
// # Memory
//
// A Context owns every handle that was made through it, and keeps the memory
// that its calls read and write alive. Ranks, sizes, strides and types are
// checked here before the library sees them: a call never leaves its slices.
//
// Source: oneDNN's headers of 2.6 and 3.0 to 3.13.
package onednn

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"

	"devicemap/internal/unavailable"
)

// ErrUnavailable: this host has no usable oneDNN. It wraps
// [errors.ErrUnsupported].
var ErrUnavailable = unavailable.New("onednn: not available")

// Status is the library's result code. Source: dnnl_status_t.
type Status int32

// Unimplemented: the library has no kernel for the shapes, layouts and types.
const Unimplemented Status = 3

var statusNames = []string{"success", "out of memory", "invalid arguments", "unimplemented",
	"no further implementation", "runtime error", "not required"}

func (s Status) Error() string {
	if s >= 0 && int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("status %d", int32(s))
}

// failed makes the error of call, or nil.
func failed(call string, s Status) error {
	if s == 0 {
		return nil
	}
	return fmt.Errorf("onednn: dnnl_%s: %w", call, s)
}

// handle is an object of the library, or the address of a descriptor in
// memory that a Context keeps; 0 is none.
type handle = uintptr

// Lookup returns the address of a symbol.
type Lookup func(name string) (uintptr, error)

// version mirrors dnnl_version_t.
type version struct {
	major, minor, patch int32
	_                   int32
	_                   uintptr // hash of the source
	cpu, _              uint32  // runtimes of the CPU and the GPU
}

// Runtimes of a build. Source: dnnl_config.h.
const (
	sequential = 1
	openMP     = 2
)

var runtimeNames = map[uint32]string{4: "TBB", 8: "a user's thread pool", 512: "SYCL"}

// Lib is a bound library with an engine and a stream.
type Lib struct {
	functions
	abi
	values  *values
	version version
	isa     int32
	threads int
	engine  handle
	stream  handle
}

// functions are the entry points that all versions share.
type functions struct {
	getVersion   func() *version
	effectiveISA func() int32
	setThreads   func(n int32) // of libgomp
	maxThreads   func() int32  // of libgomp

	engineCreate   func(out *handle, kind int32, index uint64) Status
	engineDestroy  func(e handle) Status
	streamCreate   func(out *handle, e handle, flags uint32) Status
	streamDestroy  func(s handle) Status
	memoryCreate   func(out *handle, layout, e handle, data unsafe.Pointer) Status
	memoryDestroy  func(m handle) Status
	layoutSize     func(layout handle) uint64
	layoutEqual    func(a, b handle) int32
	attrCreate     func(out *handle) Status
	attrDestroy    func(a handle) Status
	attrScratchpad func(a handle, mode int32) Status
	attrPostOps    func(a, post handle) Status
	postCreate     func(out *handle) Status
	postDestroy    func(post handle) Status
	planQuery      func(plan handle, what, index int32, out *uintptr) Status
	planLayout     func(plan handle, what, index int32) handle
	planDestroy    func(plan handle) Status
	reorder        func(plan *handle, src, srcEngine, dst, dstEngine, attr handle) Status
	create         func(out *handle, plan handle) Status
	destroy        func(p handle) Status

	// Called without allocation: only integers and pointers.
	execute, wait uintptr
}

// symbol is an entry of a symbol table: fn points to a function variable, or
// to the address itself.
type symbol struct {
	name string
	fn   any
}

func (f *functions) symbols() []symbol {
	return []symbol{
		{"dnnl_get_effective_cpu_isa", &f.effectiveISA},
		{"dnnl_engine_create", &f.engineCreate},
		{"dnnl_engine_destroy", &f.engineDestroy},
		{"dnnl_stream_create", &f.streamCreate},
		{"dnnl_stream_destroy", &f.streamDestroy},
		{"dnnl_stream_wait", &f.wait},
		{"dnnl_memory_create", &f.memoryCreate},
		{"dnnl_memory_destroy", &f.memoryDestroy},
		{"dnnl_memory_desc_get_size", &f.layoutSize},
		{"dnnl_memory_desc_equal", &f.layoutEqual},
		{"dnnl_primitive_attr_create", &f.attrCreate},
		{"dnnl_primitive_attr_destroy", &f.attrDestroy},
		{"dnnl_primitive_attr_set_scratchpad_mode", &f.attrScratchpad},
		{"dnnl_primitive_attr_set_post_ops", &f.attrPostOps},
		{"dnnl_post_ops_create", &f.postCreate},
		{"dnnl_post_ops_destroy", &f.postDestroy},
		{"dnnl_primitive_desc_query", &f.planQuery},
		{"dnnl_primitive_desc_query_md", &f.planLayout},
		{"dnnl_primitive_desc_destroy", &f.planDestroy},
		{"dnnl_reorder_primitive_desc_create", &f.reorder},
		{"dnnl_primitive_create", &f.create},
		{"dnnl_primitive_destroy", &f.destroy},
		{"dnnl_primitive_execute", &f.execute},
	}
}

// openMPSymbols are those of the libgomp that the library itself uses.
func (f *functions) openMPSymbols() []symbol {
	return []symbol{{"omp_set_num_threads", &f.setThreads}, {"omp_get_max_threads", &f.maxThreads}}
}

// bind resolves a table and names every symbol that is missing.
func bind(file string, lookup Lookup, table []symbol) error {
	var missing []string
	for _, s := range table {
		addr, err := lookup(s.name)
		if err != nil || addr == 0 {
			missing = append(missing, s.name)
			continue
		}
		if p, ok := s.fn.(*uintptr); ok {
			*p = addr
		} else {
			purego.RegisterFunc(s.fn, addr)
		}
	}
	if missing != nil {
		return fmt.Errorf("%w: %s lacks %s", ErrUnavailable, file, strings.Join(missing, ", "))
	}
	return nil
}

// Bind fills a Lib through lookup and starts it with the given number of
// threads. file is named in errors. The caller stays on its OS thread.
func Bind(file string, lookup Lookup, threads int) (*Lib, error) {
	l := new(Lib)
	if err := bind(file, lookup, []symbol{{"dnnl_version", &l.getVersion}}); err != nil {
		return nil, err
	}
	v := l.getVersion()
	if v == nil {
		return nil, fmt.Errorf("%w: %s does not tell its version", ErrUnavailable, file)
	}
	l.version = *v
	if l.abi, l.values = known(v.major, v.minor); l.abi == nil {
		return nil, fmt.Errorf("%w: %s is version %d.%d; 2.6, 2.7 and 3.x are supported", ErrUnavailable, file, v.major, v.minor)
	}
	if v.cpu != sequential && v.cpu != openMP {
		return nil, fmt.Errorf("%w: %s runs its kernels on %s; a build on OpenMP is needed",
			ErrUnavailable, file, runtimeName(v.cpu))
	}
	table := append(l.functions.symbols(), l.abi.symbols()...)
	if v.cpu == openMP {
		table = append(table, l.openMPSymbols()...)
	}
	if err := bind(file, lookup, table); err != nil {
		return nil, err
	}
	return l, l.start(threads)
}

func runtimeName(r uint32) string {
	if name, ok := runtimeNames[r]; ok {
		return name
	}
	return fmt.Sprintf("runtime %d", r)
}

// start sets the thread count and makes the engine and the stream.
func (l *Lib) start(threads int) error {
	l.threads = 1
	if l.version.cpu == openMP {
		l.setThreads(int32(threads))
		l.threads = int(l.maxThreads())
	}
	l.isa = l.effectiveISA()
	const cpu, inOrder = 1, 1
	if err := failed("engine_create", l.engineCreate(&l.engine, cpu, 0)); err != nil {
		return err
	}
	if st := l.streamCreate(&l.stream, l.engine, inOrder); st != 0 {
		return errors.Join(failed("stream_create", st), failed("engine_destroy", l.engineDestroy(l.engine)))
	}
	return nil
}

// Version is the library's version, such as "2.6.3".
func (l *Lib) Version() string {
	return fmt.Sprintf("%d.%d.%d", l.version.major, l.version.minor, l.version.patch)
}

// Threads is the number of threads that the library says it uses.
func (l *Lib) Threads() int { return l.threads }

// ISA is the instruction set that the library's kernels use.
func (l *Lib) ISA() string {
	if name, ok := isaNames[l.isa]; ok {
		return name
	}
	return fmt.Sprintf("isa %#x", l.isa)
}

// HasAMX reports whether products in bf16 use the AMX tiles.
func (l *Lib) HasAMX() bool { return l.isa&amxBits == amxBits }

// Close ends the use of the library; its contexts are closed before.
func (l *Lib) Close() error {
	return errors.Join(
		failed("stream_destroy", l.streamDestroy(l.stream)),
		failed("engine_destroy", l.engineDestroy(l.engine)))
}
