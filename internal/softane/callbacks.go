package softane

import (
	"strings"
	"unsafe"

	"devicemap/internal/e5rt"
	"github.com/ebitengine/purego"
)

type (
	handle = e5rt.Handle
	status = e5rt.Status
)

// callbacks makes the C functions of a set, by symbol. Argument orders are
// those of e5rt's table.
func (s *set) callbacks() map[string]uintptr {
	d := &definer{s, map[string]uintptr{}}
	d.compiler()
	d.program()
	d.ports()
	d.stream()
	d.def("get_last_error_message", func() *byte { return s.engine.Load().texts.get() })
	return d.addr
}

type definer struct {
	*set
	addr map[string]uintptr
}

func (d *definer) def(name string, fn any) { d.addr["e5rt_"+name] = purego.NewCallback(fn) }

// on runs a call on the set's engine and stores the text of a failure. A panic
// would unwind through C, so it becomes a status: it is a fault of softane.
func (d *definer) on(call func(e *Engine) *refusal) (st status) {
	e := d.engine.Load()
	defer func() {
		if r := recover(); r != nil {
			st = e.result(refuse(fault, "internal fault of the software engine: %v", r))
		}
	}()
	return e.result(call(e))
}

// create defines a function without arguments that makes an object.
func (d *definer) create(name string, k Kind, fresh func() any) {
	d.def(name, func(out *handle) status {
		return d.on(func(e *Engine) *refusal { return e.add(k, fresh(), out) })
	})
}

// release defines the release of a kind.
func (d *definer) release(name string, k Kind) {
	d.def(name, func(cell *handle) status {
		return d.on(func(e *Engine) *refusal {
			v, bad := e.drop(k, cell)
			if r, ok := v.(interface{ released(*Engine) }); ok {
				r.released(e)
			}
			return bad
		})
	})
}

// setText and setNumber define a setter of objects of type T.
func setText[T any](d *definer, name string, k Kind, set func(T, string) *refusal) {
	d.def(name, func(h handle, p *byte) status {
		return d.on(func(e *Engine) *refusal {
			text, bad := goString(p, name)
			if bad != nil {
				return bad
			}
			v, bad := lookup[T](&e.handles, k, h)
			if bad != nil {
				return bad
			}
			return set(v, text)
		})
	})
}

func setNumber[T any, N int32 | uint64](d *definer, name string, k Kind, set func(T, N)) {
	d.def(name, func(h handle, n N) status {
		return d.on(func(e *Engine) *refusal {
			v, bad := lookup[T](&e.handles, k, h)
			if bad == nil {
				set(v, n)
			}
			return bad
		})
	})
}

func (d *definer) compiler() {
	d.create("e5_compiler_config_options_create", Config, func() any { return new(config) })
	d.release("e5_compiler_config_options_release", Config)
	setText(d, "e5_compiler_config_options_set_cache_bundle_location", Config, (*config).setCache)
	setNumber(d, "e5_compiler_config_options_set_bundle_cache_apfs_purgeable", Config, func(*config, int32) {})
	d.def("e5_compiler_create_with_config", func(out *handle, h handle) status {
		return d.on(func(e *Engine) *refusal { return e.createCompiler(out, h) })
	})
	d.release("e5_compiler_release", Compiler)

	const options = "e5_compiler_options_"
	d.create(options+"create", CompilerOptions, func() any { return new(compilerOptions) })
	d.release(options+"release", CompilerOptions)
	setNumber(d, options+"set_compute_device_types_mask", CompilerOptions, func(o *compilerOptions, m uint64) { o.mask = m })
	d.def(options+"get_compute_device_types_mask", func(h handle, out *uint64) status {
		return d.on(func(e *Engine) *refusal {
			o, bad := lookup[*compilerOptions](&e.handles, CompilerOptions, h)
			if bad == nil {
				*out = o.mask
			}
			return bad
		})
	})
	setNumber(d, options+"set_force_recompilation", CompilerOptions, func(o *compilerOptions, f int32) { o.force = f != 0 })
	setNumber(d, options+"set_enable_profiling", CompilerOptions, func(*compilerOptions, int32) {})
	setText(d, options+"set_segmenter", CompilerOptions, (*compilerOptions).setSegmenter)
	// The device was seen to ignore these options; so does the software.
	setText(d, options+"set_custom_ane_compiler_options", CompilerOptions, func(*compilerOptions, string) *refusal { return nil })
	d.def("e5_compiler_compile", func(h handle, path *byte, options handle, out *handle) status {
		return d.on(func(e *Engine) *refusal { return e.compile(h, path, options, out) })
	})
}

func (d *definer) program() {
	d.release("program_library_release", Library)
	d.def("program_library_retain_program_function", func(h handle, name *byte, out *handle) status {
		return d.on(func(e *Engine) *refusal { return e.retainFunction(h, name, out) })
	})
	d.release("program_function_release", Function)

	const options = "precompiled_compute_op_create_options_"
	d.def(options+"create_with_program_function", func(out *handle, h handle) status {
		return d.on(func(e *Engine) *refusal { return e.createOperationOptions(out, h) })
	})
	d.release(options+"release", OperationOptions)
	setText(d, options+"set_operation_name", OperationOptions, func(o *operationOptions, s string) *refusal { o.name = s; return nil })
	setNumber(d, options+"set_allocate_intermediate_buffers", OperationOptions, func(*operationOptions, int32) {})

	const operation = "execution_stream_operation_"
	d.def(operation+"create_precompiled_compute_operation_with_options", func(out *handle, h handle) status {
		return d.on(func(e *Engine) *refusal { return e.createOperation(out, h) })
	})
	d.release(operation+"release", Operation)
	d.def(operation+"retain_input_port", func(h handle, name *byte, out *handle) status {
		return d.on(func(e *Engine) *refusal { return e.retainPort(h, name, out, false) })
	})
	d.def(operation+"retain_output_port", func(h handle, name *byte, out *handle) status {
		return d.on(func(e *Engine) *refusal { return e.retainPort(h, name, out, true) })
	})
}

func (d *definer) ports() {
	d.def("io_port_bind_buffer_object", func(p, b handle) status {
		return d.on(func(e *Engine) *refusal { return e.bindPort(p, b) })
	})
	d.release("io_port_release", Port)
	d.def("buffer_object_alloc", func(out *handle, bytes uint64, kind uint32) status {
		return d.on(func(e *Engine) *refusal { return e.allocBuffer(out, bytes, kind) })
	})
	d.def("buffer_object_get_data_ptr", func(h handle, out *unsafe.Pointer) status {
		return d.on(func(e *Engine) *refusal { return e.bufferData(h, out) })
	})
	d.def("buffer_object_get_size", func(h handle, out *uint64) status {
		return d.on(func(e *Engine) *refusal {
			b, bad := lookup[*buffer](&e.handles, Buffer, h)
			if bad == nil {
				*out = uint64(len(b.data))
			}
			return bad
		})
	})
	d.release("buffer_object_release", Buffer)
}

func (d *definer) stream() {
	d.create("execution_stream_create", Stream, func() any { return new(stream) })
	d.release("execution_stream_release", Stream)
	d.def("execution_stream_encode_operation", func(s, op handle) status {
		return d.on(func(e *Engine) *refusal { return e.encode(s, op) })
	})
	// The hot call has no closure around it.
	d.def("execution_stream_execute_sync", func(s handle) status {
		e := d.engine.Load()
		return e.result(e.executeGuarded(s))
	})
}

// maxString bounds a C string argument.
const maxString = 64 << 10

// goString copies the C string argument of a function.
func goString(p *byte, function string) (string, *refusal) {
	if p == nil {
		return "", refuse(badArgument, "Invalid Function Argument: string of e5rt_%s is NULL", function)
	}
	for n := range maxString {
		if *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) == 0 {
			return strings.Clone(unsafe.String(p, n)), nil
		}
	}
	return "", refuse(badArgument, "Invalid Function Argument: string of e5rt_%s has no end within %d bytes", function, maxString)
}
