package e5rt

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"

	"devicemap/internal/unavailable"
)

// Handle is an opaque reference to an object of the library.
type Handle uintptr

// Status is the result of a call; 0 is success. The library declares a C enum:
// only the low 32 bits of the result register count.
type Status int32

// Failures that callers branch on.
var (
	// ErrUnavailable: this host or OS build lacks the library. It wraps
	// [errors.ErrUnsupported].
	ErrUnavailable = unavailable.New("e5rt: no Neural Engine runtime")
	// ErrClosed: the object was closed before.
	ErrClosed = errors.New("e5rt: used after Close")
	// ErrBusy: an object that depends on this one is still open.
	ErrBusy = errors.New("e5rt: still in use")
	// ErrConcurrent: another Execute of the same stream is under way.
	ErrConcurrent = errors.New("e5rt: concurrent Execute of one stream: its buffers are shared, so let one goroutine run it or open a second program")
	// ErrEncoded: bindings are frozen by the first Execute.
	ErrEncoded = errors.New("e5rt: stream is already encoded: alias buffers before the first Execute")
	// ErrRefused: the compiler declined the program. A [StatusError] of the
	// compile stage is one.
	ErrRefused = errors.New("e5rt: program refused by the compiler")
)

// calls holds the resolved entry points in the argument order of the C
// functions. Creating functions take the result cell first; functions on an
// object take it last; releases take the address of the handle.
type calls struct {
	configCreate   func(out *Handle) Status
	configRelease  func(cell *Handle) Status
	configSetCache func(config Handle, dir string) Status

	compilerCreate  func(out *Handle, config Handle) Status
	compilerRelease func(cell *Handle) Status
	compile         func(compiler Handle, path string, options Handle, out *Handle) Status

	optionsCreate       func(out *Handle) Status
	optionsRelease      func(cell *Handle) Status
	optionsSetMask      func(options Handle, mask uint64) Status
	optionsSetForce     func(options Handle, flag int32) Status
	optionsSetSegmenter func(options Handle, name string) Status

	libraryRelease        func(cell *Handle) Status
	libraryRetainFunction func(library Handle, name string, out *Handle) Status
	functionRelease       func(cell *Handle) Status

	opOptionsCreate   func(out *Handle, function Handle) Status
	opOptionsRelease  func(cell *Handle) Status
	opOptionsSetName  func(options Handle, name string) Status
	opOptionsSetAlloc func(options Handle, flag int32) Status

	operationCreate       func(out *Handle, options Handle) Status
	operationRelease      func(cell *Handle) Status
	operationRetainInput  func(operation Handle, port string, out *Handle) Status
	operationRetainOutput func(operation Handle, port string, out *Handle) Status

	portBind    func(port, buffer Handle) Status
	portRelease func(cell *Handle) Status

	bufferAlloc   func(out *Handle, bytes uint64, kind uint32) Status
	bufferData    func(buffer Handle, out *unsafe.Pointer) Status
	bufferRelease func(cell *Handle) Status

	streamCreate  func(out *Handle) Status
	streamRelease func(cell *Handle) Status
	streamEncode  func(stream, operation Handle) Status
	streamExecute uintptr // the hot call: an address for SyscallN

	// Optional: nil where this OS build does not export the symbol.
	lastError           func() *byte
	optionsSetCustom    func(options Handle, text string) Status
	optionsSetProfiling func(options Handle, flag int32) Status
	optionsGetMask      func(options Handle, out *uint64) Status
	configSetPurgeable  func(config Handle, flag int32) Status
}

// Symbol names one C function of the binding.
type Symbol struct {
	Name     string
	Optional bool
}

type symbol struct {
	Symbol
	fn any // *func(...) to register, or *uintptr for a bare address
}

func (c *calls) symbols() []symbol {
	req := func(name string, fn any) symbol { return symbol{Symbol{"e5rt_" + name, false}, fn} }
	opt := func(name string, fn any) symbol { return symbol{Symbol{"e5rt_" + name, true}, fn} }
	const precompiled = "precompiled_compute_op_create_options_"
	return []symbol{
		req("e5_compiler_config_options_create", &c.configCreate),
		req("e5_compiler_config_options_release", &c.configRelease),
		req("e5_compiler_config_options_set_cache_bundle_location", &c.configSetCache),
		req("e5_compiler_create_with_config", &c.compilerCreate),
		req("e5_compiler_release", &c.compilerRelease),
		req("e5_compiler_compile", &c.compile),
		req("e5_compiler_options_create", &c.optionsCreate),
		req("e5_compiler_options_release", &c.optionsRelease),
		req("e5_compiler_options_set_compute_device_types_mask", &c.optionsSetMask),
		req("e5_compiler_options_set_force_recompilation", &c.optionsSetForce),
		req("e5_compiler_options_set_segmenter", &c.optionsSetSegmenter),
		req("program_library_release", &c.libraryRelease),
		req("program_library_retain_program_function", &c.libraryRetainFunction),
		req("program_function_release", &c.functionRelease),
		req(precompiled+"create_with_program_function", &c.opOptionsCreate),
		req(precompiled+"release", &c.opOptionsRelease),
		req(precompiled+"set_operation_name", &c.opOptionsSetName),
		req(precompiled+"set_allocate_intermediate_buffers", &c.opOptionsSetAlloc),
		req("execution_stream_operation_create_precompiled_compute_operation_with_options", &c.operationCreate),
		req("execution_stream_operation_release", &c.operationRelease),
		req("execution_stream_operation_retain_input_port", &c.operationRetainInput),
		req("execution_stream_operation_retain_output_port", &c.operationRetainOutput),
		req("io_port_bind_buffer_object", &c.portBind),
		req("io_port_release", &c.portRelease),
		req("buffer_object_alloc", &c.bufferAlloc),
		req("buffer_object_get_data_ptr", &c.bufferData),
		req("buffer_object_release", &c.bufferRelease),
		req("execution_stream_create", &c.streamCreate),
		req("execution_stream_release", &c.streamRelease),
		req("execution_stream_encode_operation", &c.streamEncode),
		req("execution_stream_execute_sync", &c.streamExecute),
		opt("get_last_error_message", &c.lastError),
		opt("e5_compiler_options_set_custom_ane_compiler_options", &c.optionsSetCustom),
		opt("e5_compiler_options_set_enable_profiling", &c.optionsSetProfiling),
		opt("e5_compiler_options_get_compute_device_types_mask", &c.optionsGetMask),
		opt("e5_compiler_config_options_set_bundle_cache_apfs_purgeable", &c.configSetPurgeable),
	}
}

// Symbols lists the C functions that [Bind] looks up, required ones first.
func Symbols() []Symbol {
	var list []Symbol
	for _, s := range new(calls).symbols() {
		list = append(list, s.Symbol)
	}
	return list
}

// Lib is a bound library. Set Pace before the first compile.
type Lib struct {
	// Pace says how long to wait before a compile that follows failed ones.
	Pace Pace

	c    calls
	pool autoreleasePool

	compiling sync.Mutex // one compile at a time; guards failures
	failures  failures
}

// Bind fills a Lib through lookup and names every required symbol it misses.
func Bind(lookup func(name string) (uintptr, error)) (*Lib, error) {
	l := new(Lib)
	var missing []string
	for _, s := range l.c.symbols() {
		addr, err := lookup(s.Name)
		switch {
		case err == nil && addr != 0:
			if cell, ok := s.fn.(*uintptr); ok {
				*cell = addr
			} else {
				purego.RegisterFunc(s.fn, addr)
			}
		case !s.Optional:
			missing = append(missing, s.Name)
		}
	}
	if missing != nil {
		return nil, fmt.Errorf("%w: the library lacks %s; its private interface changed, this binding needs an update",
			ErrUnavailable, strings.Join(missing, ", "))
	}
	return l, nil
}

// do makes one foreign call and, if it fails, reads the library's text for it
// on the same OS thread.
func (l *Lib) do(stage Stage, object string, call func() Status) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if st := call(); st != 0 {
		return l.failed(stage, object, st)
	}
	return nil
}

// create makes one foreign call that yields an object; a null result is a
// failure whatever the status.
func (l *Lib) create(stage Stage, object string, call func(out *Handle) Status) (Handle, error) {
	out := new(Handle)
	err := l.do(stage, object, func() Status { return call(out) })
	if err == nil && *out == 0 {
		err = &StatusError{Stage: stage, Object: object, Text: "the call succeeded but returned no object",
			Hint: "the private interface may have changed"}
	}
	return *out, err
}

// failed makes the error of a call that returned st on the current thread.
func (l *Lib) failed(stage Stage, object string, st Status) *StatusError {
	var text string
	if l.c.lastError != nil {
		text = cString(l.c.lastError())
	}
	return newStatusError(stage, object, st, text)
}

// maxText bounds the scan of a foreign string.
const maxText = 64 << 10

// cString copies a NUL-terminated string, at most maxText bytes of it.
func cString(p *byte) string {
	if p == nil {
		return ""
	}
	n := 0
	for n < maxText && *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) != 0 {
		n++
	}
	return strings.Clone(unsafe.String(p, n))
}
