package cpu

import (
	"runtime"
	"sync"

	"devicemap/internal/thread"
)

// executor runs calls one after the other on an OS thread of its own, in
// flush-to-zero mode. A library whose thread pool belongs to the thread that
// calls it is opened, used and closed there; threads that a library starts
// inherit the mode.
type executor struct {
	mu     sync.RWMutex // write-locked to close
	calls  chan *call
	closed bool
}

// call is work for an executor. It is made once and handed over many times, by
// one goroutine at a time, without allocation.
type call struct {
	work func() error
	err  error
	done chan struct{}
}

func newCall(work func() error) *call { return &call{work: work, done: make(chan struct{}, 1)} }

func newExecutor() *executor {
	x := &executor{calls: make(chan *call)}
	go x.serve()
	return x
}

func (x *executor) serve() {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	thread.FlushToZero()
	for c := range x.calls {
		c.err = c.work()
		c.done <- struct{}{}
	}
}

// do runs c and returns its error. Once the executor is closed, or on none,
// the caller's thread does the work.
func (x *executor) do(c *call) error {
	if x == nil {
		return c.work()
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.closed {
		return c.work()
	}
	x.calls <- c
	<-c.done
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
		close(x.calls)
	}
}
