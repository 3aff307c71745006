package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"devicemap/internal/thread"
)

// executor runs calls one after the other on an OS thread of its own, in
// flush-to-zero mode. A library whose thread pool belongs to the thread that
// calls it is opened, used and closed there; threads that a library starts
// inherit the mode.
//
// Both sides spin before they sleep: a short run that follows another one pays
// well below 1 µs for the two hand-overs, and 20 to 40 µs when both sleep
// (BenchmarkHandOver).
type executor struct {
	mu     sync.Mutex // one call at a time
	next   atomic.Pointer[call]
	asleep atomic.Bool // the thread waits for a token and is not yet promised one
	wake   chan struct{}
	closed bool
}

// call is work for an executor. It is made once and handed over many times
// without allocation; with its work nil it ends the executor.
type call struct {
	work  func() error
	err   error
	state atomic.Int32
	done  chan struct{} // a token for a caller that sleeps
}

// The states of a call.
const (
	callOpen int32 = iota
	callAwaited
	callDone
)

// spinForResult is how long a caller watches its call before it sleeps. It is
// short because the library's threads want all processors.
const spinForResult = 20 * time.Microsecond

func newCall(work func() error) *call { return &call{work: work, done: make(chan struct{}, 1)} }

func newExecutor() *executor {
	x := &executor{wake: make(chan struct{}, 1)}
	go x.serve()
	return x
}

// do runs c and returns its error. Once the executor is closed, or on none,
// the caller's thread does the work.
func (x *executor) do(c *call) error {
	if x == nil {
		return c.work()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return c.work()
	}
	x.hand(c)
	return c.err
}

// close ends the thread after the running call.
func (x *executor) close() {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.closed {
		x.closed = true
		x.hand(newCall(nil))
	}
}

// hand gives c to the thread and returns when it is done.
func (x *executor) hand(c *call) {
	c.state.Store(callOpen)
	x.next.Store(c)
	if x.asleep.CompareAndSwap(true, false) {
		x.wake <- struct{}{}
	}
	if spin(spinForResult, func() bool { return c.state.Load() == callDone }) {
		return
	}
	if c.state.CompareAndSwap(callOpen, callAwaited) {
		<-c.done
	}
}

func (x *executor) serve() {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	thread.FlushToZero()
	for more := true; more; {
		c := x.take()
		if more = c.work != nil; more {
			c.err = c.work()
		}
		if c.state.Swap(callDone) == callAwaited {
			c.done <- struct{}{}
		}
	}
}

// take waits for the next call.
func (x *executor) take() *call {
	if !spin(spinFor, func() bool { return x.next.Load() != nil }) {
		x.asleep.Store(true)
		if x.next.Load() == nil || !x.asleep.CompareAndSwap(true, false) {
			<-x.wake
		}
	}
	return x.next.Swap(nil)
}

// spin watches for ready and reports whether it came true within d.
func spin(d time.Duration, ready func() bool) bool {
	var start time.Time
	for spins := 1; ; spins++ {
		if ready() {
			return true
		}
		thread.Pause()
		switch {
		case spins%spinCheck != 0:
		case start.IsZero():
			start = time.Now()
		case time.Since(start) > d:
			return false
		}
	}
}
