package workloads

import (
	"fmt"

	"devicemap/internal/graph"
)

// GEMM is x[M,K]·W[N,K]ᵀ, both N(0,1)/√K.
type GEMM struct {
	M, K, N int
	Seed    uint64

	skip int // draws of the gaps before this one
}

// FLOPs are 2MKN.
func (k GEMM) FLOPs() float64 { return 2 * float64(k.M) * float64(k.K) * float64(k.N) }

// Build draws x, then W.
func (k GEMM) Build() (*Instance, error) { return k.build(k.M) }

// build limits the reference to the first rows.
func (k GEMM) build(rows int) (*Instance, error) {
	s := newSketch("GEMM", k.Seed)
	s.skip(k.skip)
	x := s.fed("x", perRoot(k.K), k.M, k.K)
	w := s.drawn("W", perRoot(k.K), 0, k.N, k.K)
	return onRows(firstRows(k.M, rows))(s.done("y", s.Linear(x, w, nil), gemmEvidence(k.K)))
}

// ConvStack is Depth times a 3×3 convolution with padding 1 to C channels,
// without bias, then ReLU; x [1, Cin, H, W] ~ N(0,1), filters He-scaled.
type ConvStack struct {
	Cin, C, H, W, Depth int
	Seed                uint64
}

// FLOPs are Σ 2·Cin·Cout·9·H·W.
func (k ConvStack) FLOPs() float64 {
	perChannel := 18 * float64(k.H) * float64(k.W) * float64(k.C)
	return perChannel * float64(k.Cin+(k.Depth-1)*k.C)
}

// Build draws x, then the filters W0, W1, ...
func (k ConvStack) Build() (*Instance, error) {
	s := newSketch("conv stack", k.Seed)
	x := s.fed("x", 1, 1, k.Cin, k.H, k.W)
	known := evidenceFor("conv-single")
	if k.Depth > 1 {
		known = evidenceFor("conv-resnet-ish")
	}
	return s.done("y", s.convStack(x, k.C, k.Depth), known)
}

// convStack draws the filters as it adds the layers.
func (s *sketch) convStack(x *graph.Value, channels, depth int) *graph.Value {
	cin := x.Shape[1]
	for i := range depth {
		x = s.Unary(graph.ReLU, s.Same3x3(x, s.filter(i, channels, cin)))
		cin = channels
	}
	return x
}

// filter draws the He-scaled 3×3 filter Wi.
func (s *sketch) filter(i, out, in int) *graph.Value {
	return s.drawn(fmt.Sprintf("W%d", i), he(9*in), 0, out, in, 3, 3)
}

// Attention is multi-head self-attention of x [S, D] ~ N(0,1): matrices N/√D,
// biases 0.01N, scale 1/√(D/Heads), output linear.
type Attention struct {
	S, D, Heads int
	Seed        uint64
}

// FLOPs are 8SD² for the linears and 4HS²d_head for the two products.
func (k Attention) FLOPs() float64 {
	s, d := float64(k.S), float64(k.D)
	return 8*s*d*d + 4*s*s*d
}

// Build draws Wq, Wk, Wv, Wo, bq, bk, bv, bo, x.
func (k Attention) Build() (*Instance, error) {
	s := newSketch("attention", k.Seed)
	p := s.projections(k.D)
	x := s.fed("x", 1, k.S, k.D)
	known := evidenceFor("attention-vit")
	if k.S > 197 {
		known = evidenceFor("attention-longseq")
	}
	return s.done("y", s.MultiHeadAttention(x, p, k.Heads), known)
}

// projections draws the four matrices, then the four biases.
func (s *sketch) projections(d int) graph.Projections {
	matrix := func(name string) *graph.Value { return s.drawn(name, perRoot(d), 0, d, d) }
	bias := func(name string) *graph.Value { return s.drawn(name, 0.01, 0, d) }
	return graph.Projections{
		Wq: matrix("Wq"), Wk: matrix("Wk"), Wv: matrix("Wv"), Wo: matrix("Wo"),
		Bq: bias("bq"), Bk: bias("bk"), Bv: bias("bv"), Bo: bias("bo"),
	}
}

// NormOp names a normalisation.
type NormOp string

// The normalisations of the device map.
const (
	LayerNorm NormOp = "layer_norm"
	RMSNorm   NormOp = "rms_norm"
	GroupNorm NormOp = "group_norm"
)

// Norm normalises x ~ N(0,1) with ε 1e-5, γ = 1+0.1N, β = 0.1N: over the last
// axis of Shape, or per group of channels of an image.
type Norm struct {
	Op     NormOp
	Shape  graph.Shape
	Groups int // of GroupNorm
	Seed   uint64
}

// Build draws x, γ, β. RMSNorm has no β; as it comes last, it is not drawn.
func (k Norm) Build() (*Instance, error) {
	s := newSketch(string(k.Op), k.Seed)
	x := s.fed("x", 1, k.Shape...)
	c := k.Shape[len(k.Shape)-1]
	if k.Op == GroupNorm {
		c = k.Shape[1]
	}
	operands := []*graph.Value{x, s.drawn("gamma", 0.1, 1, c)}
	if k.Op != RMSNorm {
		operands = append(operands, s.drawn("beta", 0.1, 0, c))
	}
	var op graph.Op
	switch k.Op {
	case LayerNorm:
		op = graph.LayerNorm{Axis: len(k.Shape) - 1, Eps: 1e-5}
	case RMSNorm:
		op = graph.RMSNorm{Eps: 1e-5}
	case GroupNorm:
		op = graph.GroupNorm{Groups: k.Groups, Eps: 1e-5}
	default:
		return nil, fmt.Errorf("workloads: no norm %q; there are %s, %s, %s", k.Op, LayerNorm, RMSNorm, GroupNorm)
	}
	return s.done("y", s.Apply(op, operands...), evidenceFor(string(k.Op)))
}
