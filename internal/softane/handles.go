package softane

import (
	"fmt"
	"maps"
	"sync"

	"devicemap/internal/e5rt"
)

// Kind is a class of objects behind handles.
type Kind uint8

// The kinds of objects.
const (
	Config Kind = iota + 1
	Compiler
	CompilerOptions
	Library
	Function
	OperationOptions
	Operation
	Port
	Buffer
	Stream
)

func (k Kind) String() string {
	return [...]string{"null", "compiler config", "compiler", "compiler options", "library", "function",
		"operation options", "operation", "port", "buffer", "stream"}[k]
}

// refusal is a failed call: a status and the text that explains it.
type refusal struct {
	status e5rt.Status
	text   string
}

func refuse(st e5rt.Status, format string, args ...any) *refusal {
	return &refusal{st, fmt.Sprintf(format, args...)}
}

// Statuses of the library that the engine returns.
const (
	badArgument  e5rt.Status = 1
	badOperation e5rt.Status = 2
	noMemory     e5rt.Status = 3
	outOfBounds  e5rt.Status = 4
	badType      e5rt.Status = 5
	rejected     e5rt.Status = 11
	fault        e5rt.Status = -1
)

// handles maps references to objects. A handle is serial<<4 | kind, never 0
// and never used twice, so that a released one can be told from a wrong one.
type handles struct {
	mu     sync.Mutex
	serial uint64
	obj    map[e5rt.Handle]any
	live   map[Kind]int
	closed bool
}

// add makes a reference to v.
func (t *handles) add(k Kind, v any, out *e5rt.Handle) *refusal {
	if out == nil {
		return refuse(badArgument, "Invalid Function Argument: result cell of the %v is NULL", k)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return refuse(badOperation, "the software engine is closed")
	}
	t.serial++
	h := e5rt.Handle(t.serial<<4 | uint64(k))
	t.obj[h] = v
	t.live[k]++
	*out = h
	return nil
}

// drop gives back the reference in cell and nulls it.
func (t *handles) drop(k Kind, cell *e5rt.Handle) (any, *refusal) {
	if cell == nil {
		return nil, refuse(badArgument, "Invalid Function Argument: cell of the %v to release is NULL", k)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	v, bad := t.find(k, *cell)
	if bad != nil {
		return nil, bad
	}
	delete(t.obj, *cell)
	t.live[k]--
	*cell = 0
	return v, nil
}

// find returns the object behind h; the caller holds the lock.
func (t *handles) find(k Kind, h e5rt.Handle) (any, *refusal) {
	v, ok := t.obj[h]
	got := Kind(h & 15)
	switch {
	case ok && got == k:
		return v, nil
	case h == 0:
		return nil, refuse(badArgument, "Invalid Function Argument: %v is NULL", k)
	case ok:
		return nil, refuse(badArgument, "Invalid Function Argument: want a %v, got a %v", k, got)
	case uint64(h)>>4 <= t.serial && got >= Config && got <= Stream:
		return nil, refuse(badOperation, "a released %v was used as %v", got, k)
	default:
		return nil, refuse(badArgument, "Invalid Function Argument: %#x is no handle of this software engine", uint64(h))
	}
}

// lookup is the typed object behind h.
func lookup[T any](t *handles, k Kind, h e5rt.Handle) (v T, bad *refusal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	o, bad := t.find(k, h)
	if bad != nil {
		return v, bad
	}
	return o.(T), nil
}

// count copies the numbers of live references.
func (t *handles) count() map[Kind]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := maps.Clone(t.live)
	maps.DeleteFunc(m, func(_ Kind, n int) bool { return n == 0 })
	return m
}

// close refuses further references.
func (t *handles) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
}
