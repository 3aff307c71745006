package graph

import "slices"

// The methods of this file spell common operations shortly.

// Unary applies an elementwise function without parameters.
func (b *Builder) Unary(fn UnaryFn, x *Value) *Value { return b.Apply(Unary{Fn: fn}, x) }

// Scale is k·x.
func (b *Builder) Scale(x *Value, k float64) *Value { return b.Apply(Unary{Fn: MulScalar, A: k}, x) }

// Binary applies an elementwise function of two operands.
func (b *Builder) Binary(fn BinaryFn, x, y *Value) *Value { return b.Apply(Binary{Fn: fn}, x, y) }

// Add is x + y.
func (b *Builder) Add(x, y *Value) *Value { return b.Binary(Add, x, y) }

// MatMul is x·y over the last two axes.
func (b *Builder) MatMul(x, y *Value) *Value { return b.Apply(MatMul{}, x, y) }

// Linear is x·Wᵀ + bias; a nil bias is left out.
func (b *Builder) Linear(x, w, bias *Value) *Value { return b.Apply(Linear{}, withBias(x, w, bias)...) }

// Conv applies c; a nil bias is left out.
func (b *Builder) Conv(c Conv, x, w, bias *Value) *Value { return b.Apply(c, withBias(x, w, bias)...) }

// Same3x3 is the 3×3 convolution with padding 1 and stride 1, without bias.
func (b *Builder) Same3x3(x, w *Value) *Value {
	return b.Apply(Conv{Pad: [4]int{1, 1, 1, 1}}, x, w)
}

// Reshape gives x another shape.
func (b *Builder) Reshape(x *Value, shape ...int) *Value { return b.Apply(Reshape{Shape: shape}, x) }

// Transpose permutes the axes of x.
func (b *Builder) Transpose(x *Value, perm ...int) *Value { return b.Apply(Transpose{Perm: perm}, x) }

// Softmax is taken over the last axis.
func (b *Builder) Softmax(x *Value) *Value { return b.Apply(Softmax{Axis: len(x.Shape) - 1}, x) }

// LayerNorm is taken over the last axis.
func (b *Builder) LayerNorm(x, gamma, beta *Value, eps float64) *Value {
	return b.Apply(LayerNorm{Axis: len(x.Shape) - 1, Eps: eps}, x, gamma, beta)
}

// Projections are the weights [D, D] and biases [D] of multi-head attention.
type Projections struct {
	Wq, Wk, Wv, Wo *Value
	Bq, Bk, Bv, Bo *Value // nil: none
}

// MultiHeadAttention composes attention of x [..., S, D] with the given number
// of heads from primitive operations: four linears, split heads, full softmax
// of q·kᵀ/√(D/heads), merge, output linear (measurements 0.8). x has rank 2 or
// 3.
func (b *Builder) MultiHeadAttention(x *Value, p Projections, heads int) *Value {
	if b.err != nil {
		return x
	}
	shape := x.Shape
	s, d := shape[len(shape)-2], shape.last()
	split := append(slices.Clone(shape[:len(shape)-1]), heads, d/heads)
	perm := []int{1, 0, 2} // [S, H, dh] → [H, S, dh]
	if len(shape) == 3 {
		perm = []int{0, 2, 1, 3}
	}
	headsOf := func(w, bias *Value) *Value {
		return b.Transpose(b.Reshape(b.Linear(x, w, bias), split...), perm...)
	}
	q, k, v := headsOf(p.Wq, p.Bq), headsOf(p.Wk, p.Bk), headsOf(p.Wv, p.Bv)
	scores := b.Scale(b.Apply(MatMul{TransposeY: true}, q, k), rsqrt(d/heads))
	context := b.Transpose(b.MatMul(b.Softmax(scores), v), perm...)
	merged := b.Reshape(context, append(slices.Clone(shape[:len(shape)-2]), s, d)...)
	return b.Linear(merged, p.Wo, p.Bo)
}

func withBias(x, w, bias *Value) []*Value {
	if bias == nil {
		return []*Value{x, w}
	}
	return []*Value{x, w, bias}
}
