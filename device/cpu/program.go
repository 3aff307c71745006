package cpu

import (
	"errors"
	"fmt"
	"runtime"

	"devicemap/device"
	"devicemap/internal/thread"
)

// program is a compiled graph: its loops, in order, with all their buffers.
type program struct {
	name            string
	pool            *pool
	exec            *executor // nil: Run computes on the caller's thread
	compute         *call
	loops           []loop
	workers         []worker
	inputs, outputs [][]float32
	release         []func() error // of what kernels hold outside of Go
	closed          bool
}

func (p *program) Input(i int) []float32  { return p.inputs[i] }
func (p *program) Output(i int) []float32 { return p.outputs[i] }

// Upload moves nothing: kernels read the host buffers.
func (p *program) Upload() error { return p.usable() }

// Download moves nothing: kernels write the host buffers.
func (p *program) Download() error { return p.usable() }

func (p *program) Run() error {
	if err := p.usable(); err != nil {
		return err
	}
	return p.exec.do(p.compute)
}

// runLoops computes the graph in flush-to-zero mode, which no other goroutine
// gets to see: this one keeps its thread until the mode is restored.
func (p *program) runLoops() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer thread.Restore(thread.FlushToZero())
	for i := range p.loops {
		p.pool.run(&p.loops[i], p.workers)
	}
	return p.failure()
}

// failure is the first error that a kernel reported during the run.
func (p *program) failure() error {
	for i := range p.workers {
		if err := p.workers[i].err; err != nil {
			p.workers[i].err = nil
			return fmt.Errorf("cpu: program %s: %w", p.name, err)
		}
	}
	return nil
}

func (p *program) usable() error {
	if p.closed || p.pool.closed() {
		return fmt.Errorf("cpu: program %s: %w", p.name, device.ErrClosed)
	}
	return nil
}

// Close drops the kernels and their buffers. The host buffers stay readable
// for a caller that kept them.
func (p *program) Close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	p.loops, p.workers = nil, nil
	return p.exec.do(newCall(func() error { return releaseAll(p.release) }))
}

// releaseAll releases in reverse order of creation.
func releaseAll(release []func() error) error {
	var errs []error
	for i := len(release) - 1; i >= 0; i-- {
		errs = append(errs, release[i]())
	}
	return errors.Join(errs...)
}
