package cpu

import (
	"fmt"

	"devicemap/device"
)

// program is a compiled graph: its loops, in order, with all their buffers.
type program struct {
	name            string
	pool            *pool
	loops           []loop
	workers         []worker
	inputs, outputs [][]float32
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
	for i := range p.loops {
		p.pool.run(&p.loops[i], p.workers)
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
	p.closed = true
	p.loops, p.workers = nil, nil
	return nil
}
