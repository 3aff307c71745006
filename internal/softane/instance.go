package softane

import (
	"devicemap/internal/fp16"
	"devicemap/internal/mil"
)

// instance is a program with memory: one loaded operation.
type instance struct {
	prog    *program
	values  [][]float32
	steps   []boundStep
	scratch []float32
	in, out [][]byte // payloads of the ports
}

type boundStep struct {
	run     kernel
	round   rounding
	in, out [][]float32
}

// instance allocates all memory of a run.
func (p *program) instance() *instance {
	slots := make([][]float32, len(p.plan.sizes))
	for i, n := range p.plan.sizes {
		slots[i] = make([]float32, n)
	}
	r := &instance{prog: p, scratch: make([]float32, p.plan.scratch),
		in: make([][]byte, len(p.inputs)), out: make([][]byte, len(p.outputs))}
	for i, v := range p.values {
		data := v.data
		if s := p.plan.slotOf[i]; s >= 0 {
			data = slots[s][:v.elems:v.elems]
		}
		r.values = append(r.values, data)
	}
	for _, s := range p.steps {
		r.steps = append(r.steps, boundStep{s.run, s.round, r.pick(s.in), r.pick(s.out)})
	}
	return r
}

func (r *instance) pick(ids []int) [][]float32 {
	list := make([][]float32, len(ids))
	for i, id := range ids {
		list[i] = r.values[id]
	}
	return list
}

// run computes the program once from and to the ports' memory. All inputs are
// read before any output is written, so that ports may share memory.
func (r *instance) run() {
	for i, p := range r.prog.inputs {
		load(r.values[p.value], r.in[i], p.dtype)
	}
	for i := range r.steps {
		s := &r.steps[i]
		s.run(s.out, s.in, r.scratch)
		for _, v := range s.out {
			s.round.quantise(v)
		}
	}
	for i, p := range r.prog.outputs {
		fp16.EncodeLE(r.out[i], r.values[p.value])
	}
}

// load reads a port. A NaN from the host reads as 0, since the device does not
// propagate it; a NaN that an operation makes is kept, stricter than the
// device, so that a wrong program shows.
func load(dst []float32, src []byte, d mil.DType) {
	if d == mil.UInt8 {
		for i, b := range src {
			dst[i] = float32(b)
		}
		return
	}
	fp16.DecodeLE(dst, src)
	for i, v := range dst {
		if v != v {
			dst[i] = 0
		}
	}
}
