package ane

import (
	"errors"
	"fmt"
	"sync"

	"devicemap/device"
	"devicemap/internal/e5rt"
)

// program is a loaded graph with its buffers.
type program struct {
	engine *engine
	name   string
	staged bool

	mu      sync.Mutex // held by every use of the device
	entry   *entry
	run     *e5rt.Program
	inputs  []port
	outputs []port
	checked bool // the first Run overwrote the outputs
	closed  bool
}

// bind makes the host buffers of an open program.
func (p *program) bind(s source) {
	for i, spec := range s.inputs {
		p.inputs = append(p.inputs, newPort(spec, p.run.Input(i)))
	}
	for i, spec := range s.outputs {
		p.outputs = append(p.outputs, newPort(spec, p.run.Output(i)))
	}
}

func (p *program) Input(i int) []float32  { return p.inputs[i].host }
func (p *program) Output(i int) []float32 { return p.outputs[i].host }

// enter begins a use of the device; the caller unlocks p.mu if it succeeds.
func (p *program) enter() error {
	if !p.mu.TryLock() {
		return fmt.Errorf("ane: program %s: %w", p.name, ErrConcurrent)
	}
	if p.closed {
		p.mu.Unlock()
		return fmt.Errorf("ane: program %s: %w", p.name, device.ErrClosed)
	}
	return nil
}

// Upload converts all inputs into the device's buffers.
func (p *program) Upload() error {
	if err := p.enter(); err != nil {
		return err
	}
	defer p.mu.Unlock()
	return p.upload()
}

func (p *program) upload() error {
	for i := range p.inputs {
		if n := p.inputs[i].pack(); n > 0 && !p.engine.config.Saturate {
			return p.rangeError(&p.inputs[i], n)
		}
	}
	return nil
}

// Run computes the program once; on staged operands it converts inputs and
// outputs too.
func (p *program) Run() error {
	if err := p.enter(); err != nil {
		return err
	}
	defer p.mu.Unlock()
	if p.staged {
		if err := p.upload(); err != nil {
			return err
		}
	}
	if !p.checked {
		return p.firstRun()
	}
	if err := p.run.Execute(); err != nil {
		return p.engine.driver(p.name, p.entry, err)
	}
	if p.staged {
		p.download()
	}
	return nil
}

// firstRun is a run that proves that the device wrote the outputs.
func (p *program) firstRun() error {
	for i := range p.outputs {
		p.outputs[i].mark()
	}
	if err := p.run.Execute(); err != nil {
		return p.engine.driver(p.name, p.entry, err)
	}
	for i := range p.outputs {
		if n := p.outputs[i].marked(); n > 0 {
			return &StaleError{p.engine.config.Name, p.name, p.outputs[i].name, n, len(p.outputs[i].host)}
		}
	}
	p.checked = true
	p.download()
	return p.saturation()
}

// Download converts all outputs to host values.
func (p *program) Download() error {
	if err := p.enter(); err != nil {
		return err
	}
	defer p.mu.Unlock()
	p.download()
	return p.saturation()
}

func (p *program) download() {
	for i := range p.outputs {
		p.outputs[i].unpack()
	}
}

// saturation reports infinite outputs where the engine refuses them.
func (p *program) saturation() error {
	if !p.engine.config.RefuseInf {
		return nil
	}
	for i := range p.outputs {
		if n, first := infinities(p.outputs[i].host); n > 0 {
			return &SaturationError{p.engine.config.Name, p.name, p.outputs[i].name, n, first}
		}
	}
	return nil
}

// Close gives back the device's slot and buffers and lets the cache evict the
// program. It waits for a Run under way. The host buffers stay readable.
func (p *program) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.engine.forget(p)
	return p.release()
}

// release drops what the program holds, loaded completely or not.
func (p *program) release() error {
	p.closed = true
	for _, list := range [][]port{p.inputs, p.outputs} {
		for i := range list {
			list[i].view = nil
		}
	}
	var errs []error
	if p.run != nil {
		errs = append(errs, p.run.Close())
	}
	if p.entry != nil {
		errs = append(errs, p.entry.release())
	}
	p.run, p.entry = nil, nil
	return errors.Join(errs...)
}
