package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"devicemap/internal/thread"
)

// loop is one parallel loop: body is called with disjoint ranges that cover
// [0, items). The ranges hold grain items each; items do not depend on each
// other, so the split cannot change a result.
type loop struct {
	items, grain int
	body         func(w *worker, lo, hi int)
}

func (l *loop) chunks() int { return (l.items + l.grain - 1) / l.grain }

// worker is what one goroutine of a loop may write besides the result.
type worker struct {
	scratch  []float32
	panels   []float32 // packed operands of a product that it computes alone
	shared   []float32 // packed operands of a product of all workers
	partials []partial
	sums     []float64
	pairs    []pair
	err      error // of a library's kernel; Run returns it
}

// fail keeps the first error of a run.
func (w *worker) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// spinFor is how long an idle helper watches for the next loop before it
// parks. Waking a parked goroutine costs 5 to 15 µs, a spinning one well below
// 1 µs, and the kernels of a graph follow each other within that time.
//
// spinYield is how long the caller waits for the last chunk before it offers
// its processor to others. Both sides keep their OS threads, for which a yield
// is a round of futexes.
const (
	spinFor   = 50 * time.Microsecond
	spinYield = 50 * time.Microsecond
)

// pool runs loops on the calling goroutine and on persistent helpers, without
// allocation. One loop runs at a time; a caller that finds the pool taken
// computes its loop alone. Helpers are locked to OS threads of their own, in
// flush-to-zero mode.
//
// The state word makes joining safe against helpers that wake late: a helper
// takes part only by incrementing the count of active ones while the loop is
// open, and the caller returns only after it closed the loop and the count is
// back at 0.
type pool struct {
	mu      sync.Mutex
	state   atomic.Uint64 // generation<<32 | openBit | active helpers
	next    atomic.Int64  // next chunk of the open loop
	job     *loop         // of the open loop, with its workers
	workers []worker

	helpers int
	parked  atomic.Int32  // helpers that wait for a token and are not yet promised one
	wake    chan struct{} // tokens
	stop    atomic.Bool
}

const (
	spinCheck = 64 // spins between two looks at the clock

	openBit    = 1 << 31
	activeMask = openBit - 1
)

func newPool(threads int) *pool {
	p := &pool{helpers: threads - 1, wake: make(chan struct{}, threads)}
	for i := range p.helpers {
		go p.help(i + 1)
	}
	return p
}

// threads is the number of workers that a program must provide.
func (p *pool) threads() int { return p.helpers + 1 }

func (p *pool) closed() bool { return p.stop.Load() }

// close ends the helpers after the running loop.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop.Store(true)
	p.wakeUp(p.helpers)
}

// run computes l; ws are the workers of the caller's program.
func (p *pool) run(l *loop, ws []worker) {
	chunks := l.chunks()
	if chunks < 2 || p.helpers == 0 || !p.mu.TryLock() {
		l.body(&ws[0], 0, l.items)
		return
	}
	defer p.mu.Unlock()
	p.job, p.workers = l, ws
	p.next.Store(0)
	generation := p.state.Load()>>32 + 1
	p.state.Store(generation<<32 | openBit)
	p.wakeUp(min(p.helpers, chunks-1))

	p.drain(&ws[0])
	for s := p.state.Load(); !p.state.CompareAndSwap(s, s&^openBit); s = p.state.Load() {
	}
	p.waitForHelpers()
	p.job, p.workers = nil, nil
}

// drain computes chunks of the open loop until none is left.
func (p *pool) drain(w *worker) {
	l := p.job
	for chunks := l.chunks(); ; {
		i := int(p.next.Add(1)) - 1
		if i >= chunks {
			return
		}
		l.body(w, i*l.grain, min((i+1)*l.grain, l.items))
	}
}

// waitForHelpers returns when no helper is active.
func (p *pool) waitForHelpers() {
	for !spin(spinYield, func() bool { return p.state.Load()&activeMask == 0 }) {
		runtime.Gosched() // the helper may need this processor
	}
}

// help is the life of helper i.
func (p *pool) help(i int) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	thread.FlushToZero()
	var last uint64 // generation of the loop that was joined last
	for p.await(&last) {
		p.drain(&p.workers[i])
		p.state.Add(^uint64(0)) // one active helper less
	}
}

// await joins the next open loop: it spins, then parks. It reports false when
// the pool is closed.
func (p *pool) await(last *uint64) bool {
	for {
		joined := false
		if spin(spinFor, func() bool { joined = p.join(last); return joined || p.stop.Load() }) {
			return joined
		}
		p.parked.Add(1)
		if !p.news(*last) || !p.unpark() { // nothing came meanwhile, or a token is under way
			<-p.wake
		}
	}
}

// news reports whether there is a reason not to park.
func (p *pool) news(last uint64) bool {
	s := p.state.Load()
	return p.stop.Load() || (s&openBit != 0 && s>>32 != last)
}

// join enters the open loop unless it is the one joined last.
func (p *pool) join(last *uint64) bool {
	s := p.state.Load()
	if s&openBit == 0 || s>>32 == *last || !p.state.CompareAndSwap(s, s+1) {
		return false
	}
	*last = s >> 32
	return true
}

// wakeUp sends tokens to at most n parked helpers.
func (p *pool) wakeUp(n int) {
	for ; n > 0 && p.unpark(); n-- {
		p.wake <- struct{}{}
	}
}

// unpark takes one helper off the parked count; the caller owes it a token,
// unless the caller is that helper.
func (p *pool) unpark() bool {
	for {
		n := p.parked.Load()
		if n == 0 {
			return false
		}
		if p.parked.CompareAndSwap(n, n-1) {
			return true
		}
	}
}
