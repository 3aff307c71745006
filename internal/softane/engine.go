package softane

import (
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"

	"devicemap/internal/e5rt"
)

// Engine is one software Neural Engine with its own handles and limits. It is
// safe for concurrent use.
type Engine struct {
	chip target
	set  *set
	handles
	loaded atomic.Int64 // programs with a live operation
	texts  texts
}

// maxLoaded is the number of programs that one process may load.
const maxLoaded = 128

// New makes an engine of architecture a.
func New(a Arch) (*Engine, error) {
	c, err := chipOf(a)
	if err != nil {
		return nil, err
	}
	e := &Engine{chip: c}
	e.obj, e.live = map[e5rt.Handle]any{}, map[Kind]int{}
	if e.set, err = sets.take(); err != nil {
		return nil, err
	}
	if old := e.set.engine.Swap(e); old != nil {
		e.serial = old.serial // a handle of the old engine is not one of the new
	}
	return e, nil
}

// Arch is the architecture that the engine simulates.
func (e *Engine) Arch() Arch { return Arch(e.chip.Arch) }

// String names the engine for people.
func (e *Engine) String() string {
	return fmt.Sprintf("software Neural Engine (%s, %s)", e.chip.Arch, e.chip.Tier)
}

// Lookup finds the C function pointer of an e5rt symbol, like dlsym.
func (e *Engine) Lookup(name string) (uintptr, error) {
	addr, ok := e.set.addr[name]
	if !ok {
		return 0, fmt.Errorf("softane: no symbol %q", name)
	}
	return addr, nil
}

// Lib binds the engine. It has no compile service that a failure could upset,
// so compiles never wait.
func (e *Engine) Lib() (*e5rt.Lib, error) {
	l, err := e5rt.Bind(e.Lookup)
	if err != nil {
		return nil, err
	}
	l.Pace.Delay = e5rt.NoDelay
	return l, nil
}

// Live counts the references that callers hold, by kind; kinds without any are
// left out.
func (e *Engine) Live() map[Kind]int { return e.count() }

// Close ends the engine. References that are still held are an error, as they
// would be a leak of the caller; their memory is kept for safety.
func (e *Engine) Close() error {
	e.close()
	if n := e.count(); len(n) > 0 {
		return fmt.Errorf("softane: closed with references held: %v", n)
	}
	sets.give(e.set)
	return nil
}

// set is one group of C callbacks. Callbacks are never freed, so a set outlives
// its engine and serves the next.
type set struct {
	engine atomic.Pointer[Engine]
	addr   map[string]uintptr
}

// maxSets bounds the engines that live at once: purego makes at most 2000
// callbacks in a process, and others need some too.
const maxSets = 16

// setPool keeps the sets of closed engines. It is a package variable because
// the callbacks belong to the process.
type setPool struct {
	mu   sync.Mutex
	idle []*set
	made int
}

var sets setPool

func (p *setPool) take() (*set, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		s := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return s, nil
	}
	if p.made == maxSets {
		return nil, fmt.Errorf("softane: %d software engines are open: close some", maxSets)
	}
	p.made++
	s := new(set)
	s.addr = s.callbacks()
	return s, nil
}

func (p *setPool) give(s *set) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, s)
}

// texts keeps the last error text of each OS thread as a C string.
type texts struct {
	mu   sync.Mutex
	last map[uint64][]byte
}

func (t *texts) set(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		t.last = map[uint64][]byte{}
	}
	t.last[thread()] = append([]byte(text), 0)
}

// get is NULL on a thread that has seen no failure. The string stays valid
// until the thread's next failure.
func (t *texts) get() *byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return unsafe.SliceData(t.last[thread()])
}

// result turns a refusal into the status that C sees.
func (e *Engine) result(bad *refusal) e5rt.Status {
	if bad == nil {
		return 0
	}
	e.texts.set(bad.text)
	return bad.status
}
