package workloads

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"devicemap/device"
	"devicemap/internal/graph"
	"devicemap/internal/reference"
	"devicemap/internal/rng"
)

// Instance is a workload with its data, ready to be compiled. Its methods are
// safe for concurrent use.
type Instance struct {
	Graph  *graph.Graph
	Inputs []graph.Data // in the order of Graph.Inputs
	// Layers are named intermediate results of a model, in call order. They
	// are no outputs; a test makes them ones to find the first wrong layer.
	Layers []graph.Output

	known evidence
	rows  []int // of the leading axis that the reference holds; nil: all
	once  sync.Once
	ref   [][]float64
	err   error
}

// Reference is the float64 result, one row-major slice per output; of the rows
// that [Instance.Checked] lists. The first call computes it; callers do not
// write to it.
func (w *Instance) Reference() ([][]float64, error) {
	w.once.Do(func() {
		g, inputs := w.Graph, w.Inputs
		if w.rows != nil {
			if g, inputs, w.err = w.sampled(); w.err != nil {
				return
			}
		}
		w.ref, w.err = reference.Eval(g, inputs)
		if w.err != nil {
			w.err = fmt.Errorf("workloads: reference of %s: %w", w.Graph.Name, w.err)
		}
	})
	return w.ref, w.err
}

// Checked lists the rows of the leading axis that the reference holds; nil
// means all. Large points of a sweep are held to it on some rows only.
func (w *Instance) Checked() []int { return w.rows }

// RelErr is ‖got−ref‖₂/‖ref‖₂ (measurements 0.5), averaged over the outputs
// where there are several (the transform's real and imaginary parts), over
// the rows of [Instance.Checked]. A missing, NaN or infinite value is an error.
func (w *Instance) RelErr(got [][]float32) (float64, error) {
	ref, err := w.Reference()
	if err != nil {
		return 0, err
	}
	if len(got) != len(ref) {
		return 0, fmt.Errorf("workloads: %s has %d outputs, got %d", w.Graph.Name, len(ref), len(got))
	}
	var sum float64
	for i, g := range got {
		if err := w.checkOutput(i, g); err != nil {
			return 0, err
		}
		if w.rows != nil {
			g = pick(g, w.lead(), w.rows)
		}
		sum += reference.RelL2(g, ref[i])
	}
	return sum / float64(len(got)), nil
}

func (w *Instance) checkOutput(i int, got []float32) error {
	name, want := w.Graph.Outputs[i].Name, w.Graph.Outputs[i].Value.Shape.Elems()
	if len(got) != want {
		return fmt.Errorf("workloads: %s: output %s has %d values, want %d", w.Graph.Name, name, len(got), want)
	}
	at := slices.IndexFunc(got, func(v float32) bool {
		return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0)
	})
	if at >= 0 {
		return fmt.Errorf("workloads: %s: output %s[%d] is %v", w.Graph.Name, name, at, got[at])
	}
	return nil
}

// Bound is the largest RelErr at which an engine of kind k may be timed in
// dtype d; 0 for an unknown dtype. See [evidence.bound] for the rule.
func (w *Instance) Bound(k device.Kind, d device.DType) float64 { return w.known.bound(k, d) }

// sketch is a graph under construction with the generator that its tensors are
// drawn from, in the order of the calls.
type sketch struct {
	*graph.Builder
	src    *rng.Source
	inputs []graph.Data
	layers []graph.Output
}

func newSketch(name string, seed uint64) *sketch {
	return &sketch{Builder: graph.New(name), src: rng.New(seed)}
}

// drawn is a constant float32(offset + scale·n).
func (s *sketch) drawn(name string, scale, offset float64, shape ...int) *graph.Value {
	return s.Const(name, graph.F32(s.src.Float32s(graph.Shape(shape).Elems(), scale, offset)), shape...)
}

// fed is an input float32(scale·n).
func (s *sketch) fed(name string, scale float64, shape ...int) *graph.Value {
	return s.feed(name, graph.F32(s.src.Float32s(graph.Shape(shape).Elems(), scale, 0)), shape...)
}

// feed is an input with the given data.
func (s *sketch) feed(name string, d graph.Data, shape ...int) *graph.Value {
	s.inputs = append(s.inputs, d)
	return s.Input(name, shape...)
}

// skip passes over n draws, those of a sweep's earlier points.
func (s *sketch) skip(n int) {
	for range n {
		s.src.Normal()
	}
}

// layer records an intermediate result.
func (s *sketch) layer(name string, v *graph.Value) *graph.Value {
	s.layers = append(s.layers, graph.Output{Name: name, Value: v})
	return v
}

// done names the only output and finishes the instance.
func (s *sketch) done(output string, v *graph.Value, known evidence) (*Instance, error) {
	s.Output(output, v)
	return s.finish(known)
}

func (s *sketch) finish(known evidence) (*Instance, error) {
	g, err := s.Build()
	if err != nil {
		return nil, fmt.Errorf("workloads: %w", err)
	}
	return &Instance{Graph: g, Inputs: s.inputs, Layers: s.layers, known: known}, nil
}

// perRoot is the scale 1/√n of a matrix with n inputs per output.
func perRoot(n int) float64 { return 1 / math.Sqrt(float64(n)) }

// he is He's scale √(2/(Cin·k²)) of a filter with Cin·k² = fanIn.
func he(fanIn int) float64 { return math.Sqrt(2 / float64(fanIn)) }

func total(n []int) int {
	sum := 0
	for _, v := range n {
		sum += v
	}
	return sum
}
