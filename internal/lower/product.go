package lower

import (
	"math"
	"slices"

	"devicemap/internal/fp16"
	"devicemap/internal/graph"
	"devicemap/internal/mil"
)

// matmul is x·y or x·yᵀ. The compiler refuses one of rank 5 behind a
// transpose, so that it is done at rank 4.
func (l *lowering) matmul(x, y *mil.Value, transposeY bool) *mil.Value {
	if len(x.Type.Shape) == 5 {
		z := l.matmul(l.batched(x), l.batched(y), transposeY)
		return l.reshape(z, append(slices.Clone(x.Type.Shape[:4]), z.Type.Shape[3])...)
	}
	return l.op("matmul", mil.Flag("transpose_x", false), mil.Flag("transpose_y", transposeY), mil.In("x", x), mil.In("y", y))
}

// batched folds the second and third axis of a tensor of rank 5.
func (l *lowering) batched(x *mil.Value) *mil.Value {
	s := x.Type.Shape
	if len(s) != 5 {
		return x
	}
	return l.reshape(x, s[0], s[1]*s[2], s[3], s[4])
}

// linear is x·Wᵀ with the weight [out, in], the layout proven for every weight
// encoding, then the bias.
func linear(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	x := l.in(n, 0)
	shape := x.Type.Shape
	if len(shape) == 1 {
		x = l.reshape(x, 1, shape[0])
	}
	y := l.matmul(x, l.stored(n.In[1]), true)
	if len(n.In) == 3 {
		y = l.add(y, l.as(n, 2, 1, n.In[2].Shape[0]))
	}
	return one(l.reshape(y, n.Out[0].Shape...))
}

// matmul brings both operands to M×K and K×N with equal leading axes. A
// constant right operand is stored [N, K] like a linear layer's.
func matmul(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op := n.Op.(graph.MatMul)
	x := l.in(n, 0)
	if op.TransposeX {
		x = l.swapLast(x)
	}
	if c := n.In[1]; c.Const != nil && len(c.Shape) == 2 {
		if op.TransposeY {
			return one(l.matmul(x, l.stored(c), true))
		}
		rows, cols := c.Shape[0], c.Shape[1]
		w := l.weight(c, "turned", func() []float32 { return turned(c.Const.Narrow, rows, cols) }, cols, rows)
		return one(l.matmul(x, w, true))
	}
	y := l.in(n, 1)
	if op.TransposeY {
		y = l.swapLast(y)
	}
	lead := n.Out[0].Shape[:len(n.Out[0].Shape)-2]
	return one(l.matmul(l.lead(x, lead), l.lead(y, lead), false))
}

// turned is the transpose of w [rows, cols], made in square tiles that stay in
// the cache.
func turned(w []float32, rows, cols int) []float32 {
	const side = 32
	t := make([]float32, len(w))
	for top := 0; top < rows; top += side {
		for left := 0; left < cols; left += side {
			for i := top; i < min(top+side, rows); i++ {
				for j := left; j < min(left+side, cols); j++ {
					t[j*rows+i] = w[i*cols+j]
				}
			}
		}
	}
	return t
}

// swapLast exchanges the last two axes.
func (l *lowering) swapLast(x *mil.Value) *mil.Value {
	rank := len(x.Type.Shape)
	perm := sequence(rank)
	perm[rank-1], perm[rank-2] = perm[rank-2], perm[rank-1]
	return l.transpose(x, perm...)
}

func sequence(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	return p
}

// lead repeats x until its leading axes are those given.
func (l *lowering) lead(x *mil.Value, lead []int) *mil.Value {
	s := x.Type.Shape
	shape := append(slices.Repeat([]int{1}, len(lead)+2-len(s)), s...)
	x = l.reshape(x, shape...)
	reps := slices.Repeat([]int{1}, len(shape))
	for i, d := range lead {
		reps[i] = d / shape[i]
	}
	return l.tile(x, reps...)
}

// einsum is native for a constant second operand; a computed one takes a
// product for each n and h.
func einsum(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	x, y := l.in(n, 0), l.in(n, 1)
	if n.In[1].Const != nil {
		return one(l.op("einsum", mil.Word("equation", "nchw,nwhu->nchu"), mil.List("values", x, y)))
	}
	z := l.matmul(l.transpose(x, 0, 2, 1, 3), l.transpose(y, 0, 2, 1, 3), false)
	return one(l.transpose(z, 0, 2, 1, 3))
}

// cumsum is a product with a triangular matrix of ones along the last axis:
// exact through the wide accumulator.
func cumsum(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	axis, s := n.Op.(graph.CumSum).Axis, n.In[0].Shape
	if s[axis] > l.chip.MaxAxis {
		return nil, l.limit("summed axis", s[axis], l.chip.MaxAxis, "sum parts of it and add the last sum of each to the next")
	}
	return one(l.onLast(l.in(n, 0), axis, func(x *mil.Value) *mil.Value {
		d := s[axis]
		w := make([]float32, d*d)
		for i := range d {
			for k := range i + 1 {
				w[i*d+k] = 1
			}
		}
		shape := x.Type.Shape
		y := l.matmul(l.reshape(x, graph.Shape(shape).Elems()/d, d), l.Weight("ones", w, d, d), true)
		return l.reshape(y, shape...)
	}))
}

// onLast applies f with axis moved to the end, and moves it back.
func (l *lowering) onLast(x *mil.Value, axis int, f func(*mil.Value) *mil.Value) *mil.Value {
	rank := len(x.Type.Shape)
	perm := sequence(rank)
	perm[axis], perm[rank-1] = perm[rank-1], perm[axis]
	return l.transpose(f(l.transpose(x, perm...)), perm...)
}

// queryTiles cuts sq queries over sk keys into tiles of about 512 rows, which
// is exact and up to three times faster. Attention to another sequence gains
// only when both are long.
func queryTiles(sq, sk int) int {
	if sq != sk && (sq < 768 || sk < 512) {
		return 1
	}
	return max(1, (sq+256)/512)
}

// attention decomposes softmax(scale·q·kᵀ + mask)·v in exact query tiles.
func attention(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op := n.Op.(graph.SDPA)
	q, k, v := l.in(n, 0), l.in(n, 1), l.in(n, 2)
	sq, sk, d := n.In[0].Shape[2], n.In[1].Shape[2], n.In[0].Shape[3]
	scale := op.Scale
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(d))
	}
	kT := l.transpose(k, 0, 1, 3, 2)
	var mask *mil.Value
	if len(n.In) == 4 {
		mask = l.mask(n.In[3])
	}
	tiles := queryTiles(sq, sk)
	rows := (sq + tiles - 1) / tiles
	var parts []*mil.Value
	for from := 0; from < sq; from += rows {
		count := min(rows, sq-from)
		scores := l.scale(l.matmul(l.cut(q, 2, from, count), kT, false), scale)
		if mask != nil {
			m := mask
			if m.Type.Shape[2] > 1 {
				m = l.cut(m, 2, from, count)
			}
			scores = l.add(scores, m)
		}
		if op.Causal {
			scores = l.add(scores, l.causal(from, count, sk))
		}
		weights := l.op("softmax", mil.Int("axis", 3), mil.In("x", scores))
		parts = append(parts, l.matmul(weights, v, false))
	}
	return one(l.join(2, parts...))
}

// hidden is added to the scores that a query must not see. It is finite, since
// fp16 infinities have no spelling.
const hidden = -1e4

// mask is an additive mask at rank 4. Infinities of a constant one become
// [hidden].
func (l *lowering) mask(v *graph.Value) *mil.Value {
	shape := append(slices.Repeat([]int{1}, 4-len(v.Shape)), v.Shape...)
	if v.Const == nil {
		return l.reshape(l.value(v), shape...)
	}
	m := slices.Clone(v.Const.Narrow)
	for i, x := range m {
		if fp16.Float32(fp16.Bits(x)) < -fp16.Max {
			m[i] = hidden
		}
	}
	return l.Weight(v.Name, m, shape...)
}

// causal is the mask of query rows from..from+count over keys 0..sk.
func (l *lowering) causal(from, count, sk int) *mil.Value {
	m := make([]float32, count*sk)
	for i := range count {
		for j := from + i + 1; j < sk; j++ {
			m[i*sk+j] = hidden
		}
	}
	return l.Weight("causal", m, 1, 1, count, sk)
}
