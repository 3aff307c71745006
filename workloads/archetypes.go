package workloads

import (
	"fmt"
	"math"

	"devicemap/internal/graph"
	"devicemap/internal/rng"
)

// ArchetypeOp names a memory-bound operation of the bandwidth roofline.
type ArchetypeOp string

// The archetypes of measurements E03. The paper's Neural Engine and GPU
// compute the exact gelu and its reference the tanh form (trap T22); here each
// form has its own reference.
const (
	StreamReLU      ArchetypeOp = "relu"
	StreamGELU      ArchetypeOp = "gelu"
	StreamGELUTanh  ArchetypeOp = "gelu_tanh"
	StreamSum       ArchetypeOp = "sum"
	StreamSoftmax   ArchetypeOp = "softmax"
	StreamLayerNorm ArchetypeOp = "layer_norm"
)

// Archetype is one operation over the last axis of x [Rows, Cols] ~ N(0,1)
// (measurements E03; E07's gelu is one of them). Layer norm has γ = 1+0.1N,
// β = 0.1N from a generator of its own and ε 1e-5.
type Archetype struct {
	Op         ArchetypeOp
	Rows, Cols int
	Seed       uint64 // of x
	ParamSeed  uint64 // of layer norm's γ and β
	Earlier    []int  // element counts of the sweep's earlier points, drawn before x
}

// ByteFactor is how many times each element crosses the memory bus.
func (k Archetype) ByteFactor() float64 {
	if k.Op == StreamSum {
		return 1
	}
	return 2
}

// Build draws x.
func (k Archetype) Build() (*Instance, error) {
	s := newSketch(string(k.Op), k.Seed)
	s.skip(total(k.Earlier))
	x := s.fed("x", 1, k.Rows, k.Cols)
	var y *graph.Value
	switch k.Op {
	case StreamReLU:
		y = s.Unary(graph.ReLU, x)
	case StreamGELU:
		y = s.Unary(graph.GELU, x)
	case StreamGELUTanh:
		y = s.Unary(graph.GELUTanh, x)
	case StreamSum:
		y = s.Apply(graph.Reduce{Fn: graph.Sum, Axes: []int{1}}, x)
	case StreamSoftmax:
		y = s.Softmax(x)
	case StreamLayerNorm:
		s.src = rng.New(k.ParamSeed)
		y = s.LayerNorm(x, s.drawn("gamma", 0.1, 1, k.Cols), s.drawn("beta", 0.1, 0, k.Cols), 1e-5)
	default:
		return nil, fmt.Errorf("workloads: no archetype %q; there are %s, %s, %s, %s, %s, %s",
			k.Op, StreamReLU, StreamGELU, StreamGELUTanh, StreamSum, StreamSoftmax, StreamLayerNorm)
	}
	return s.done("y", y, evidenceFor("archetype "+string(k.Op)))
}

// Neck is the block of the below-ridge fusion (measurements E13): x
// [1, C, H, W] ~ N(0,1) → 1×1 convolution C→C (scale √(2/C)) → group norm
// (ε 1e-5, γ = 1+0.1N, β = 0.1N) → gelu → gelu.
type Neck struct {
	C, H, W, Groups int
	GELU            graph.UnaryFn
	Seed            uint64 // of W, γ, β
	InputSeed       uint64 // of x
}

// FLOPs are 2C²HW + 28·C·HW: 8 for the norm and 10 per gelu.
func (k Neck) FLOPs() float64 {
	c, hw := float64(k.C), float64(k.H)*float64(k.W)
	return 2*c*c*hw + 28*c*hw
}

// Build draws W, γ, β, then x from its own generator.
func (k Neck) Build() (*Instance, error) {
	s := newSketch("neck", k.Seed)
	w := s.drawn("W", math.Sqrt(2/float64(k.C)), 0, k.C, k.C, 1, 1)
	gamma, beta := s.drawn("gamma", 0.1, 1, k.C), s.drawn("beta", 0.1, 0, k.C)
	s.src = rng.New(k.InputSeed)
	x := s.fed("x", 1, 1, k.C, k.H, k.W)
	y := s.Apply(graph.GroupNorm{Groups: k.Groups, Eps: 1e-5}, s.Conv(graph.Conv{}, x, w, nil), gamma, beta)
	return s.done("y", s.Unary(k.GELU, s.Unary(k.GELU, y)), evidenceFor("neck"))
}
