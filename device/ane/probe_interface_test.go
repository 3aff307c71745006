package ane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"devicemap/internal/e5rt"
	"devicemap/internal/fp16"
	"devicemap/internal/mil"
)

// interfaceProbes ask how the C interface behaves.
func interfaceProbes() []check {
	return []check{
		{"1", "width of a status", probeStatus},
		{"2", "error_code_get_string", probeErrorString},
		{"5", "bundle in another process", probeReopen},
		{"6", "TargetArchitecture", probeTarget},
		{"7", "buffer types", probeBuffers},
		{"12", "operations on one stream", probeStreamLength},
		{"13", "symbols of this OS", probeSymbols},
		{"17", "late read of aliased state", probeHazard},
	}
}

func probeStatus(s *subject) (string, error) {
	r := raw{s.lookup}
	create := function[func(out *uintptr, config uintptr) uint64](r, "e5_compiler_create_with_config")
	x0 := create(new(uintptr), 0)
	return fmt.Sprintf("x0 = %#x, status %d", x0, int32(x0)), nil
}

func probeErrorString(s *subject) (string, error) {
	r := raw{s.lookup}
	if !r.has("error_code_get_string") {
		return "no such symbol", nil
	}
	return fmt.Sprintf("reads %q", text(function[func(int32) *byte](r, "error_code_get_string")(1))), nil
}

// reluProgram writes relu of [rows, cols] below the cache.
func (s *subject) reluProgram(rows, cols int) (path, cache string, err error) {
	if err := os.MkdirAll(s.cache.dir, 0o700); err != nil {
		return "", "", err
	}
	b := mil.NewBuilder()
	b.Output("y", b.Op("relu", mil.In("x", b.Input("x", mil.Tensor(mil.FP16, rows, cols)))))
	src, err := spelled("relu", b)
	if err != nil {
		return "", "", err
	}
	return files(s.cache.dir, string(src.text), nil)
}

func probeReopen(s *subject) (string, error) {
	path, cache, err := s.reluProgram(64, 64)
	if err != nil {
		return "", err
	}
	begin := time.Now()
	v, err := e5rt.CompileInChild(context.Background(), e5rt.Job{Path: path, CacheDir: cache})
	if err := errors.Join(err, v.Err()); err != nil {
		return "", err
	}
	cold, begin := time.Since(begin), time.Now()
	lib, err := s.lib.Compile(path, cache, e5rt.Options{})
	if err != nil {
		return "", err
	}
	warm := time.Since(begin)
	answer := fmt.Sprintf("cold in a child %v, warm here %v", cold.Round(100*time.Microsecond), warm.Round(100*time.Microsecond))
	if err := lib.Close(); err != nil {
		return answer, err
	}
	r := raw{s.lookup}
	if !r.has("program_library_create") {
		return answer + ", no program_library_create", nil
	}
	bundles, _ := filepath.Glob(filepath.Join(cache, "*.bundle"))
	if len(bundles) != 1 {
		return answer, fmt.Errorf("%d bundles", len(bundles))
	}
	cell := new(uintptr)
	begin = time.Now()
	st := function[func(*uintptr, string) int32](r, "program_library_create")(cell, bundles[0])
	answer += fmt.Sprintf(", program_library_create: status %d in %v", st, time.Since(begin).Round(100*time.Microsecond))
	if st == 0 {
		r.operation(*cell)
		answer += ", loads"
	}
	return answer, nil
}

func probeTarget(s *subject) (string, error) {
	var rows []string
	for _, target := range []string{"h13", "h16s", "zzz"} {
		path, cache, err := s.reluProgram(2, 48)
		if err != nil {
			return "", err
		}
		lib, err := s.lib.Compile(path, cache, e5rt.Options{Custom: "TargetArchitecture=" + target})
		if err != nil {
			rows = append(rows, target+" → "+short(err))
			continue
		}
		bundles, _ := filepath.Glob(filepath.Join(cache, "*.bundle"))
		for i, b := range bundles {
			bundles[i] = filepath.Base(b)
		}
		rows = append(rows, target+" → "+strings.Join(bundles, " "))
		if err := lib.Close(); err != nil {
			return "", err
		}
	}
	return strings.Join(rows, ", "), nil
}

// probeBuffers times relu of 1 MB with each type of buffer, and with memory of
// the caller.
func probeBuffers(s *subject) (string, error) {
	const elems = 512 * 1024
	path, cache, err := s.reluProgram(512, 1024)
	if err != nil {
		return "", err
	}
	r := raw{s.lookup}
	library := r.compile(path, cache)
	var rows []string
	for kind := range uint32(3) {
		rows = append(rows, fmt.Sprintf("type %d %s", kind, attempt(func() string {
			in, x := r.alloc(2*elems, kind)
			out, y := r.alloc(2*elems, kind)
			return r.timeReLU(library, in, out, x, y)
		})))
	}
	rows = append(rows, "caller's memory "+attempt(func() string {
		in, x := r.wrap(2 * elems)
		out, y := r.wrap(2 * elems)
		return r.timeReLU(library, in, out, x, y)
	}))
	return strings.Join(rows, ", "), nil
}

// attempt turns a failure of one variant into its answer.
func attempt(f func() string) (answer string) {
	defer func() {
		if p := recover(); p != nil {
			failed, ok := p.(failure)
			if !ok {
				panic(p)
			}
			answer = failed.err.Error()
		}
	}()
	return f()
}

// wrap is a buffer object over pages of this process.
func (r raw) wrap(size int) (uintptr, []byte) {
	pages, err := unix.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		panic(failure{err})
	}
	cell := new(uintptr)
	create := function[func(*uintptr, unsafe.Pointer, uint64) int32](r, "buffer_object_create_from_data_pointer")
	must("wrap memory", create(cell, unsafe.Pointer(unsafe.SliceData(pages)), uint64(size)))
	return *cell, pages
}

func (r raw) timeReLU(library, in, out uintptr, x, y []byte) string {
	op := r.operation(library)
	r.bind(op, "input", "x", in)
	r.bind(op, "output", "y", out)
	run, _, st := r.stream(op)
	must("encode", st)
	v := make([]float32, len(x)/2)
	for i := range v {
		v[i] = float32(i%64 - 32)
	}
	fp16.EncodeLE(x, v)
	best := time.Hour
	for range 50 {
		begin := time.Now()
		must("execute", run())
		best = min(best, time.Since(begin))
	}
	for i := range v {
		v[i] = max(0, v[i])
	}
	want := make([]byte, len(y))
	fp16.EncodeLE(want, v)
	if !bytes.Equal(want, y) {
		return "gives wrong values"
	}
	return fmt.Sprintf("exact in %v", best.Round(time.Microsecond))
}

func probeStreamLength(s *subject) (string, error) {
	path, cache, err := s.reluProgram(2, 48)
	if err != nil {
		return "", err
	}
	r := raw{s.lookup}
	library := r.compile(path, cache)
	var ops []uintptr
	stop := "none failed"
	for len(ops) < 127 {
		failed := attempt(func() string {
			op := r.operation(library)
			in, _ := r.alloc(192, 0)
			out, _ := r.alloc(192, 0)
			r.bind(op, "input", "x", in)
			r.bind(op, "output", "y", out)
			ops = append(ops, op)
			return ""
		})
		if failed != "" {
			stop = failed
			break
		}
	}
	run, encoded, st := r.stream(ops...)
	return fmt.Sprintf("%d operations of one function loaded (%s), %d encoded (status %d), execute: status %d", len(ops), stop, encoded, st, run()), nil
}

// optional lists symbols that a later version of the binding may use.
var optional = []string{
	"e5_compiler_options_set_mil_entry_points", "e5_compiler_create", "e5_compiler_is_new_compile_required", "program_library_create",
	"program_library_get_num_functions", "program_library_get_function_names", "program_function_get_name",
	"execution_stream_operation_retain_inout_port", "io_port_retain_tensor_desc", "buffer_object_get_size", "buffer_object_create_from_iosurface",
	"buffer_object_create_from_data_pointer", "execution_stream_reset", "execution_stream_operation_prepare_op_for_encode",
	"execution_stream_set_ane_execution_priority", "execution_stream_submit_async", "async_event_create", "error_code_get_string",
}

func probeSymbols(s *subject) (string, error) {
	var required, found int
	var absent []string
	for _, symbol := range e5rt.Symbols() {
		_, err := s.lookup(symbol.Name)
		switch {
		case symbol.Optional && err != nil:
			absent = append(absent, strings.TrimPrefix(symbol.Name, "e5rt_"))
		case !symbol.Optional:
			required++
			if err == nil {
				found++
			}
		}
	}
	for _, name := range optional {
		if !(raw{s.lookup}).has(name) {
			absent = append(absent, name)
		}
	}
	answer := fmt.Sprintf("%d of %d required symbols, absent: %s", found, required, strings.Join(absent, " "))
	return answer, s.selfTest()
}

// probeHazard reads a state after its successor was stored: with the output
// aliased onto the input, out2 = in + out must still be 3·in.
func probeHazard(s *subject) (string, error) {
	b := mil.NewBuilder()
	in := b.Input("in", mil.Tensor(mil.FP16, 64, 64))
	out := b.Op("mul", mil.In("x", in), mil.In("y", b.Half(2)))
	b.Output("out", out)
	b.Output("out2", b.Op("add", mil.In("x", in), mil.In("y", out)))
	src, err := spelled("hazard", b)
	if err != nil {
		return "", err
	}
	var got [2]float32
	for i, alias := range []bool{false, true} {
		p, err := s.load(src, false)
		if err != nil {
			return "", err
		}
		if alias {
			if err := p.run.Alias(0, 0); err != nil {
				return "", errors.Join(err, p.Close())
			}
			p.inputs[0].view = p.run.Input(0)
		}
		for j := range p.Input(0) {
			p.Input(0)[j] = 1
		}
		p.inputs[0].pack()
		err = p.run.Execute()
		p.outputs[1].unpack()
		got[i] = p.Output(1)[0]
		if err := errors.Join(err, p.Close()); err != nil {
			return "", err
		}
	}
	switch {
	case got[0] != 3:
		return "", fmt.Errorf("apart, out2 = %g, want 3", got[0])
	case got[1] == 3:
		return "out2 is in + out with the alias too", nil
	}
	return fmt.Sprintf("HAZARD: with the alias out2 = %g, apart 3", got[1]), nil
}
