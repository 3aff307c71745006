package workloads

import (
	"devicemap/internal/graph"
	"devicemap/internal/rng"
)

// ServingBlock is a workload of the batched serving sweep (measurements E04).
type ServingBlock struct {
	Name         string // vision, encoder, attention, gemm
	FLOPsPerItem float64
	// Build makes the block at a batch size. Inputs are drawn on through the
	// sweep, so it also takes the batch sizes of the earlier points.
	Build func(batch int, earlier ...int) (*Instance, error)

	weights, valuesPerItem int // elements held at once, see [Point.Values]
}

// Serving lists the blocks of the serving sweep in the paper's order. The
// encoder uses the exact gelu, as the paper's engines do (trap T22).
func Serving() []ServingBlock {
	v := Vision{Cin: 16, C: 64, H: 32, W: 32, Depth: 6, Classes: 100, Seed: 1}
	e := Encoder{S: 128, D: 768, Heads: 12, FF: 3072, GELU: graph.GELU, Seed: 5}
	a := SelfAttention{S: 128, D: 768, Heads: 12, Seed: 7}
	g := BatchedGEMM{M: 128, K: 1024}
	return []ServingBlock{
		{"vision", v.FLOPsPerItem(), v.Build, 9 * (v.Cin + (v.Depth-1)*v.C) * v.C, (v.Cin + 2*v.C) * v.H * v.W},
		{"encoder", e.FLOPsPerItem(), e.Build, (4*e.D + 2*e.FF) * e.D, (4*e.D + 2*e.FF) * e.S},
		{"attention", a.FLOPsPerItem(), a.Build, 4 * a.D * a.D, 5*a.D*a.S + 2*a.Heads*a.S*a.S},
		{"gemm", g.FLOPsPerItem(), g.Build, g.K * g.K, 2 * g.M * g.K},
	}
}

// Vision is a convolution stack of [B, Cin, H, W], the mean over the map and a
// linear classifier without bias (N/√C).
type Vision struct {
	Cin, C, H, W, Depth, Classes int
	Seed                         uint64
}

// FLOPsPerItem counts the convolutions and the classifier.
func (k Vision) FLOPsPerItem() float64 {
	stack := ConvStack{Cin: k.Cin, C: k.C, H: k.H, W: k.W, Depth: k.Depth}
	return stack.FLOPs() + 2*float64(k.C)*float64(k.Classes)
}

// Build draws the filters, the classifier, then x.
func (k Vision) Build(batch int, earlier ...int) (*Instance, error) {
	s := newSketch("vision", k.Seed)
	filters := make([]*graph.Value, k.Depth)
	cin := k.Cin
	for i := range filters {
		filters[i] = s.filter(i, k.C, cin)
		cin = k.C
	}
	classifier := s.drawn("Wfc", perRoot(k.C), 0, k.Classes, k.C)
	s.skip(total(earlier) * k.Cin * k.H * k.W)
	x := s.fed("x", 1, batch, k.Cin, k.H, k.W)
	for _, w := range filters {
		x = s.Unary(graph.ReLU, s.Same3x3(x, w))
	}
	mean := s.Reshape(s.Apply(graph.Reduce{Fn: graph.Mean, Axes: []int{2, 3}}, x), batch, k.C)
	return s.done("logits", s.Linear(mean, classifier, nil), evidenceFor("serving vision"))
}

// Encoder is a pre-norm transformer block of [B, S, D] (ε 1e-5): every matrix
// N/√D, the second of the MLP included; biases 0.01N, γ = 1+0.1N, β = 0.1N.
type Encoder struct {
	S, D, Heads, FF int
	GELU            graph.UnaryFn
	Seed            uint64
}

// FLOPsPerItem are 8SD² + 4S²D + 4·S·D·FF.
func (k Encoder) FLOPsPerItem() float64 {
	return Attention{S: k.S, D: k.D}.FLOPs() + 4*float64(k.S)*float64(k.D)*float64(k.FF)
}

// Build draws the projections, W1, b1, W2, b2, γ1, β1, γ2, β2, then x.
func (k Encoder) Build(batch int, earlier ...int) (*Instance, error) {
	s := newSketch("encoder", k.Seed)
	p := s.projections(k.D)
	w1, b1 := s.drawn("W1", perRoot(k.D), 0, k.FF, k.D), s.drawn("b1", 0.01, 0, k.FF)
	w2, b2 := s.drawn("W2", perRoot(k.D), 0, k.D, k.FF), s.drawn("b2", 0.01, 0, k.D)
	gamma1, beta1 := s.drawn("gamma1", 0.1, 1, k.D), s.drawn("beta1", 0.1, 0, k.D)
	gamma2, beta2 := s.drawn("gamma2", 0.1, 1, k.D), s.drawn("beta2", 0.1, 0, k.D)
	s.skip(total(earlier) * k.S * k.D)
	x := s.fed("x", 1, batch, k.S, k.D)
	x = s.Add(x, s.MultiHeadAttention(s.LayerNorm(x, gamma1, beta1, 1e-5), p, k.Heads))
	h := s.Unary(k.GELU, s.Linear(s.LayerNorm(x, gamma2, beta2, 1e-5), w1, b1))
	return s.done("y", s.Add(x, s.Linear(h, w2, b2)), evidenceFor("serving encoder"))
}

// SelfAttention is [Attention] with a batch: x [B, S, D].
type SelfAttention struct {
	S, D, Heads int
	Seed        uint64
}

// FLOPsPerItem are those of [Attention].
func (k SelfAttention) FLOPsPerItem() float64 { return Attention{S: k.S, D: k.D}.FLOPs() }

// Build draws the projections, then x.
func (k SelfAttention) Build(batch int, earlier ...int) (*Instance, error) {
	s := newSketch("attention", k.Seed)
	p := s.projections(k.D)
	s.skip(total(earlier) * k.S * k.D)
	x := s.fed("x", 1, batch, k.S, k.D)
	return s.done("y", s.MultiHeadAttention(x, p, k.Heads), evidenceFor("serving attention"))
}

// BatchedGEMM is x [B, M, K]·W [K, K]ᵀ, both N/√K.
type BatchedGEMM struct {
	M, K int
	Seed uint64
}

// FLOPsPerItem are 2MK².
func (k BatchedGEMM) FLOPsPerItem() float64 { return GEMM{M: k.M, K: k.K, N: k.K}.FLOPs() }

// Build draws W, then x.
func (k BatchedGEMM) Build(batch int, earlier ...int) (*Instance, error) {
	s := newSketch("batched GEMM", k.Seed)
	w := s.drawn("W", perRoot(k.K), 0, k.K, k.K)
	s.skip(total(earlier) * k.M * k.K)
	x := s.fed("x", perRoot(k.K), batch, k.M, k.K)
	return s.done("y", s.Linear(x, w, nil), evidenceFor("serving gemm"))
}

// PreNorm is the block of the cross-path serving comparison (measurements
// E11): as [Encoder], but ε 1e-12, exact gelu, matrices N/√fan_in, γ = 1+0.05N,
// β = 0.01N, x = 0.5N from a generator of its own at every batch size. Linears
// and norms act on [B·S, D]; the layout decides the verdict (trap T11).
type PreNorm struct {
	S, D, Heads, FF int
	Seed, InputSeed uint64
}

// CrossPath is the published block.
func CrossPath() PreNorm { return PreNorm{S: 128, D: 768, Heads: 12, FF: 3072, InputSeed: 1} }

// Build draws each matrix with its bias, q, k, v, o, then γ1, β1, W1, b1, W2,
// b2, γ2, β2.
func (k PreNorm) Build(batch int) (*Instance, error) {
	const eps = 1e-12
	s := newSketch("pre-norm block", k.Seed)
	pair := func(name string, out, in int) (w, b *graph.Value) {
		return s.drawn("W"+name, perRoot(in), 0, out, in), s.drawn("b"+name, 0.01, 0, out)
	}
	norm := func(name string) (gamma, beta *graph.Value) {
		return s.drawn("gamma"+name, 0.05, 1, k.D), s.drawn("beta"+name, 0.01, 0, k.D)
	}
	var p graph.Projections
	p.Wq, p.Bq = pair("q", k.D, k.D)
	p.Wk, p.Bk = pair("k", k.D, k.D)
	p.Wv, p.Bv = pair("v", k.D, k.D)
	p.Wo, p.Bo = pair("o", k.D, k.D)
	gamma1, beta1 := norm("1")
	w1, b1 := pair("1", k.FF, k.D)
	w2, b2 := pair("2", k.D, k.FF)
	gamma2, beta2 := norm("2")
	s.src = rng.New(k.InputSeed)
	x := s.fed("x", 0.5, batch*k.S, k.D)
	x = s.Add(x, s.flatAttention(s.LayerNorm(x, gamma1, beta1, eps), p, k.Heads, batch))
	h := s.Unary(graph.GELU, s.Linear(s.LayerNorm(x, gamma2, beta2, eps), w1, b1))
	return s.done("y", s.Add(x, s.Linear(h, w2, b2)), evidenceFor("pre-norm block"))
}

// flatAttention is multi-head attention within each of the batch's parts of
// x [B·S, D]; the linears see all rows at once.
func (s *sketch) flatAttention(x *graph.Value, p graph.Projections, heads, batch int) *graph.Value {
	rows, d := x.Shape[0], x.Shape[len(x.Shape)-1]
	split := func(w, b *graph.Value) *graph.Value {
		return s.Transpose(s.Reshape(s.Linear(x, w, b), batch, rows/batch, heads, d/heads), 0, 2, 1, 3)
	}
	q, k, v := split(p.Wq, p.Bq), split(p.Wk, p.Bk), split(p.Wv, p.Bv)
	scores := s.Scale(s.Apply(graph.MatMul{TransposeY: true}, q, k), perRoot(d/heads))
	context := s.Transpose(s.MatMul(s.Softmax(scores), v), 0, 2, 1, 3)
	return s.Linear(s.Reshape(context, rows, d), p.Wo, p.Bo)
}
