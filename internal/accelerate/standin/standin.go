// Package standin is a stand-in for Apple's Accelerate: C function pointers
// over plain Go loops, with the signatures of package accelerate's table. Tests
// run the binding and everything above it through them on any host.
//
// It watches how it is called, and can be told to fail.
package standin

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/ebitengine/purego"

	"devicemap/internal/accelerate"
)

// Fault is a way to fail.
type Fault uint8

// The faults.
const (
	Missing Fault = iota + 1 // the symbol does not exist
	Null                     // a creator returns NULL; a size is negative
	Fails                    // the status is not 0
	Idle                     // succeeds and writes nothing, as after misread sizes
	Wrong                    // results are off by one
)

// failed is the status of a call that fails.
const failed = -1

// state is what one Lookup gives; callbacks serve the latest one.
type state struct {
	faults map[string]Fault

	mu         sync.Mutex
	violations []string
	layers     map[uintptr]*layer
	destroyed  int
}

var current atomic.Pointer[state]

// addresses are the callbacks by symbol. A process has 2000 of them at most
// and they are never freed, so all lookups share one set.
var addresses = sync.OnceValue(func() map[string]uintptr {
	m := map[string]uintptr{}
	for name, fn := range functions {
		m[name] = purego.NewCallback(fn)
	}
	return m
})

// Lookup starts anew with the given faults by symbol.
func Lookup(faults map[string]Fault) accelerate.Lookup {
	current.Store(&state{faults: faults, layers: map[uintptr]*layer{}})
	return func(name string) (uintptr, error) {
		if addr := addresses()[name]; addr != 0 && faults[name] != Missing {
			return addr, nil
		}
		return 0, fmt.Errorf("no symbol %s", name)
	}
}

// Violations lists what callers did wrong since the last Lookup.
func Violations() []string {
	s := current.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// Layers is the number of filters that were made and not destroyed.
func Layers() int {
	s := current.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.layers)
}

// Signature spells the arguments and the result of a function in the letters
// of [accelerate.Symbol]; ok is false where there is no such function.
func Signature(name string) (args, result string, ok bool) {
	fn, ok := functions[name]
	if !ok {
		return "", "", false
	}
	t := reflect.TypeOf(fn)
	for in := range t.Ins() {
		args += letters[in.Kind()]
	}
	for out := range t.Outs() {
		result += letters[out.Kind()]
	}
	return args, result, true
}

var letters = map[reflect.Kind]string{reflect.Pointer: "p", reflect.UnsafePointer: "p", reflect.Uintptr: "p",
	reflect.Int32: "i", reflect.Uint32: "u", reflect.Int64: "I", reflect.Uint64: "N", reflect.Float32: "f", reflect.Bool: "b"}

// report notes a violation.
func (s *state) report(name, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violations = append(s.violations, name+": "+fmt.Sprintf(format, args...))
}

// call runs body unless the symbol is told to fail, and reports whether it
// ran. A panic must not unwind through C.
func call(name string, body func(s *state)) (st int32) {
	s := current.Load()
	switch s.faults[name] {
	case Fails, Null:
		return failed
	case Idle:
		return 0
	}
	defer func() {
		if r := recover(); r != nil {
			s.report(name, "%v", r)
			st = failed
		}
	}()
	body(s)
	return 0
}

// off is added to what a function writes.
func (s *state) off(name string) float32 {
	if s.faults[name] == Wrong {
		return 1
	}
	return 0
}

// values is the array at p, which must not be null.
func values[T any](p *T, n uint64) []T {
	if p == nil {
		panic("null pointer")
	}
	if n == 0 || n > 1<<40 {
		panic(fmt.Sprintf("count of %d", n))
	}
	return unsafe.Slice(p, n)
}

// apart panics unless x is dst or does not touch it.
func apart(dst, x []float32) {
	a, b := uintptr(unsafe.Pointer(&dst[0])), uintptr(unsafe.Pointer(&x[0]))
	if a != b && a < b+uintptr(4*len(x)) && b < a+uintptr(4*len(dst)) {
		panic("the result overlaps an operand in part")
	}
}

// functions holds the Go form of every symbol.
var functions = merged(blasFunctions, vectorFunctions(), bnnsFunctions)

func merged(tables ...map[string]any) map[string]any {
	all := map[string]any{}
	for _, t := range tables {
		for name, fn := range t {
			all[name] = fn
		}
	}
	return all
}

// Names lists all symbols.
func Names() []string { return slices.Sorted(maps.Keys(functions)) }
