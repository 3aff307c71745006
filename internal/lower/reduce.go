package lower

import (
	"math"
	"slices"

	"devicemap/internal/graph"
	"devicemap/internal/mil"
)

// reduce keeps the axes, as every reduction of the engine does, and drops them
// by a reshape where the graph wants that.
func reduce(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op, x := n.Op.(graph.Reduce), l.in(n, 0)
	if l.options.WideSums && (op.Fn == graph.Sum || op.Fn == graph.Mean) && slices.Equal(op.Axes, []int{len(x.Type.Shape) - 1}) {
		return one(l.reshape(l.wideSum(x, op.Fn == graph.Mean), n.Out[0].Shape...))
	}
	return one(l.reshape(l.fold(string(op.Fn), x, op.Axes...), n.Out[0].Shape...))
}

// wideSum is the sum or mean along the last axis as a product. A mean of n
// takes its factor apart: a power of 2 before the product, which rounds
// nothing and keeps the sum in range, and 2^s/n behind it.
func (l *lowering) wideSum(x *mil.Value, mean bool) *mil.Value {
	n := x.Type.Shape[len(x.Type.Shape)-1]
	factor, rest := 1.0, 1.0
	if mean {
		factor = math.Exp2(-math.Ceil(math.Log2(float64(n))))
		rest = 1 / (factor * float64(n))
	}
	rows := l.reshape(x, x.Type.Elems()/n, n)
	y := l.matmul(rows, l.plane("sum", factor, 1, n), true)
	if rest == 1 {
		return y
	}
	return l.scale(y, rest)
}

// indices up to this one are exact in fp16.
const maxIndex = 2048

// beyond is an index that loses against every real one.
const beyond = 65504

// arg selects, where x equals its extremum, a baked plane of indices, else a
// large number, and takes the least: the first extremum wins.
func arg(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op, x := n.Op.(graph.Arg), l.in(n, 0)
	s := x.Type.Shape
	if s[op.Axis] > maxIndex {
		return nil, l.limit("index range", s[op.Axis], maxIndex, "reduce parts of the axis and combine them on the host")
	}
	best, meets := "reduce_max", "greater_equal"
	if op.Fn == graph.ArgMin {
		best, meets = "reduce_min", "less_equal"
	}
	hit := l.binary(meets, x, l.fold(best, x, op.Axis))
	index := l.Weight("index", planeOf(s, op.Axis), s...)
	return one(l.reshape(l.fold("reduce_min", l.choose(hit, index, l.half(beyond)), op.Axis), n.Out[0].Shape...))
}

// planeOf has at each place its index along axis.
func planeOf(shape []int, axis int) []float32 {
	inner := graph.Shape(shape[axis+1:]).Elems()
	p := make([]float32, graph.Shape(shape).Elems())
	for i := range p {
		p[i] = float32(i / inner % shape[axis])
	}
	return p
}

// maxRanked bounds the axis that is sorted: the construction needs its square.
const maxRanked = 512

// maxPlane bounds the elements of the planes that a construction compares:
// 32 MB as halves.
const maxPlane = 1 << 24

func topK(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op := n.Op.(graph.TopK)
	return l.ranked(n, op.Axis, op.K, !op.Smallest)
}

func sortRule(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op := n.Op.(graph.Sort)
	return l.ranked(n, op.Axis, n.In[0].Shape[op.Axis], op.Descending)
}

// ranked gives the first k values along axis in order, and their indices. The
// rank of a value counts those before it: the better ones, and the equal ones
// of lower index. A one-hot matrix of ranks then picks by a product.
func (l *lowering) ranked(n *graph.Node, axis, k int, descending bool) ([]*mil.Value, error) {
	s := n.In[0].Shape
	w := s[axis]
	if w > maxRanked {
		return nil, l.limit("sorted axis", w, maxRanked, "sort parts of it and merge them on the host")
	}
	rank, c := len(s), s.Elems()/w
	if planes := c * w * w; planes > maxPlane {
		return nil, l.limit("number of comparisons", planes, maxPlane, "sort fewer rows at a time")
	}
	perm := sequence(rank)
	perm[axis], perm[rank-1] = perm[rank-1], perm[axis]
	moved := l.transpose(l.in(n, 0), perm...)
	shape := slices.Clone(moved.Type.Shape)
	a, b := l.reshape(moved, c, w, 1), l.reshape(moved, c, 1, w) // x_i down, x_j across
	before := "less"
	if descending {
		before = "greater"
	}
	onesPlane, earlier := l.plane("ones", 1, c, w, w), make([]float32, c*w*w)
	for i := range earlier {
		if j := i % w; j < i/w%w {
			earlier[i] = 1
		}
	}
	zero := l.half(0)
	better := l.choose(l.binary(before, b, a), onesPlane, zero)
	tie := l.choose(l.binary("equal", b, a), l.Weight("earlier", earlier, c, w, w), zero)
	place := l.matmul(l.add(better, tie), l.plane("sum", 1, 1, w), true) // [c, w, 1]
	want := l.Weight("rank", planeOf([]int{1, k, 1}, 1), 1, k, 1)
	hit := l.binary("equal", l.reshape(place, c, 1, w), want) // [c, k, w]
	pick := l.choose(hit, l.plane("ones", 1, c, k, w), zero)
	values := l.matmul(pick, a, false)
	indices := l.matmul(pick, l.Weight("index", planeOf([]int{1, w}, 1), 1, w), true)
	shape[rank-1] = k
	var out []*mil.Value
	for _, v := range []*mil.Value{values, indices} {
		out = append(out, l.transpose(l.reshape(v, shape...), perm...))
	}
	return out, nil
}
