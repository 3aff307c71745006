package ane

import (
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"github.com/ebitengine/purego"

	"devicemap/internal/e5rt"
)

// raw calls the C functions without the binding's checks, for questions that
// the binding does not let one ask. Its objects are never released: a probe
// ends its process.
type raw struct {
	lookup func(string) (uintptr, error)
}

// failure is a call that a probe cannot go on without; see probe.answer.
type failure struct{ err error }

// function is a C function by its symbol.
func function[F any](r raw, symbol string) (f F) {
	addr, err := r.lookup("e5rt_" + symbol)
	if err != nil {
		panic(failure{fmt.Errorf("no symbol e5rt_%s", symbol)})
	}
	purego.RegisterFunc(&f, addr)
	return f
}

func (r raw) has(symbol string) bool {
	_, err := r.lookup("e5rt_" + symbol)
	return err == nil
}

func must(what string, st int32) {
	if st != 0 {
		panic(failure{fmt.Errorf("%s: status %d", what, st)})
	}
}

// Shapes of the C functions: what makes an object, and what sets a property.
type (
	maker     = func(out *uintptr) int32
	makerFrom = func(out *uintptr, from uintptr) int32
	setString = func(object uintptr, text string) int32
	setInt    = func(object uintptr, value int32) int32
	getNamed  = func(object uintptr, name string, out *uintptr) int32
	pair      = func(a, b uintptr) int32
)

func (r raw) make(symbol string) uintptr {
	cell := new(uintptr)
	must(symbol, function[maker](r, symbol)(cell))
	return *cell
}

func (r raw) makeFrom(symbol string, from uintptr) uintptr {
	cell := new(uintptr)
	must(symbol, function[makerFrom](r, symbol)(cell, from))
	return *cell
}

func (r raw) named(symbol string, object uintptr, name string) uintptr {
	cell := new(uintptr)
	must(symbol+" "+name, function[getNamed](r, symbol)(object, name, cell))
	return *cell
}

// compile is a library for the Neural Engine alone.
func (r raw) compile(path, cache string) uintptr {
	config := r.make("e5_compiler_config_options_create")
	must("set cache", function[setString](r, "e5_compiler_config_options_set_cache_bundle_location")(config, cache))
	compiler := r.makeFrom("e5_compiler_create_with_config", config)
	options := r.make("e5_compiler_options_create")
	must("set mask", function[func(uintptr, uint64) int32](r, "e5_compiler_options_set_compute_device_types_mask")(options, uint64(e5rt.MaskANE)))
	must("set force", function[setInt](r, "e5_compiler_options_set_force_recompilation")(options, 0))
	must("set segmenter", function[setString](r, "e5_compiler_options_set_segmenter")(options, "graph"))
	cell := new(uintptr)
	must("compile", function[func(uintptr, string, uintptr, *uintptr) int32](r, "e5_compiler_compile")(compiler, path, options, cell))
	return *cell
}

// operation loads function main of a library.
func (r raw) operation(library uintptr) uintptr {
	const options = "precompiled_compute_op_create_options_"
	fn := r.named("program_library_retain_program_function", library, "main")
	o := r.makeFrom(options+"create_with_program_function", fn)
	must("set name", function[setString](r, options+"set_operation_name")(o, "main"))
	must("set allocate", function[setInt](r, options+"set_allocate_intermediate_buffers")(o, 1))
	return r.makeFrom("execution_stream_operation_create_precompiled_compute_operation_with_options", o)
}

// alloc is a buffer of a type, and its memory.
func (r raw) alloc(size int, kind uint32) (buffer uintptr, data []byte) {
	cell := new(uintptr)
	must(fmt.Sprintf("allocate a buffer of type %d", kind), function[func(*uintptr, uint64, uint32) int32](r, "buffer_object_alloc")(cell, uint64(size), kind))
	at := new(unsafe.Pointer)
	must("get data", function[func(uintptr, *unsafe.Pointer) int32](r, "buffer_object_get_data_ptr")(*cell, at))
	if *at == nil {
		panic(failure{fmt.Errorf("a buffer of type %d has no memory", kind)})
	}
	data = unsafe.Slice((*byte)(*at), size)
	clear(data)
	return *cell, data
}

// bind joins a port of an operation to a buffer.
func (r raw) bind(op uintptr, direction, name string, buffer uintptr) {
	port := r.named("execution_stream_operation_retain_"+direction+"_port", op, name)
	must("bind "+name, function[pair](r, "io_port_bind_buffer_object")(port, buffer))
}

// stream runs operations in order; encode is the number that could be encoded.
func (r raw) stream(ops ...uintptr) (run func() int32, encoded int, st int32) {
	s := r.make("execution_stream_create")
	encode := function[pair](r, "execution_stream_encode_operation")
	for _, op := range ops {
		if st = encode(s, op); st != 0 {
			break
		}
		encoded++
	}
	execute := function[func(uintptr) int32](r, "execution_stream_execute_sync")
	return func() int32 { return execute(s) }, encoded, st
}

// text is a C string, cut at 64 bytes.
func text(p *byte) string {
	var b []byte
	for p != nil && len(b) < 64 {
		c := *(*byte)(unsafe.Add(unsafe.Pointer(p), len(b)))
		if c == 0 {
			break
		}
		b = append(b, c)
	}
	return string(b)
}

// files writes a program to a fresh directory below dir.
func files(dir, model string, weights []byte) (path, cache string, err error) {
	if dir, err = os.MkdirTemp(dir, "program-"); err != nil {
		return "", "", err
	}
	path, cache = filepath.Join(dir, modelFile), filepath.Join(dir, bundleDir)
	for name, data := range map[string][]byte{path: []byte(model), filepath.Join(dir, weightFile): weights} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			return "", "", err
		}
	}
	return path, cache, os.Mkdir(cache, 0o700)
}
