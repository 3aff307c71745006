package lower

import (
	"devicemap/internal/fp16"
	"devicemap/internal/graph"
	"devicemap/internal/mil"
)

// crossProduct rotates both vectors as columns: a[1,2,0]·b[2,0,1] − a[2,0,1]·b[1,2,0].
func crossProduct(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	a, b := l.reshape(l.in(n, 0), 3, 1), l.reshape(l.in(n, 1), 3, 1)
	turn := func(v *mil.Value, by int) *mil.Value {
		return l.join(0, l.cut(v, 0, by, 3-by), l.cut(v, 0, 0, by))
	}
	return one(l.reshape(l.sub(l.mul(turn(a, 1), turn(b, 2)), l.mul(turn(a, 2), turn(b, 1))), 3))
}

// crossCorrelation is a convolution whose filter is the template.
func crossCorrelation(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	x, t := n.In[0].Shape, n.In[1].Shape
	y, err := l.filtered(graph.Conv{}.Defaults(), l.reshape(l.in(n, 0), 1, 1, x[0], x[1]), filter{n.In[1], []int{1, 1, t[0], t[1]}})
	if err != nil {
		return nil, err
	}
	return one(l.reshape(y, n.Out[0].Shape...))
}

// costVolume stacks |aux − ref shifted by d| for each d.
func costVolume(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op, w := n.Op.(graph.CostVolume), n.In[0].Shape[0]
	aux, ref := l.reshape(l.in(n, 0), w, 1), l.reshape(l.in(n, 1), n.In[1].Shape[0], 1)
	var rows []*mil.Value
	for d := range op.Range + 1 {
		diff := l.op("abs", mil.In("x", l.sub(aux, l.cut(ref, 0, d, w))))
		rows = append(rows, l.reshape(diff, 1, w))
	}
	return one(l.join(0, rows...))
}

// maxSampled bounds furthest-point sampling, whose program grows with k.
const maxSampled = 64

// furthestPoints unrolls the greedy loop: the running squared distance to the
// chosen points, the first index of its maximum, and that point by a product.
func furthestPoints(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	k, count := n.Op.(graph.FurthestPoints).K, n.In[0].Shape[0]
	if k > maxSampled {
		return nil, l.limit("sampled points", k, maxSampled, "sample on the host: the program grows with their number")
	}
	if count > maxIndex {
		return nil, l.limit("points", count, maxIndex, "sample parts of the cloud")
	}
	p := l.in(n, 0)
	index := l.Weight("index", planeOf([]int{count, 1}, 0), count, 1)
	ones := l.plane("ones", 1, count, 1)
	sum := l.plane("sum", 1, 1, 3)
	last := l.cut(p, 0, 0, 1)
	chosen := []*mil.Value{last}
	var near *mil.Value
	for len(chosen) < k {
		diff := l.sub(p, last)
		d := l.matmul(l.mul(diff, diff), sum, true) // [N, 1]
		if near == nil {
			near = d
		} else {
			near = l.binary("minimum", near, d)
		}
		far := l.binary("greater_equal", near, l.fold("reduce_max", near, 0))
		first := l.fold("reduce_min", l.choose(far, index, l.half(beyond)), 0)
		hot := l.choose(l.binary("equal", index, first), ones, l.half(0)) // [N, 1]
		last = l.matmul(l.transpose(hot, 1, 0), p, false)
		chosen = append(chosen, last)
	}
	return one(l.join(0, chosen...))
}

// radiusSearch compares squared distances.
func radiusSearch(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	r := n.Op.(graph.RadiusSearch).R
	points, centres := n.In[0].Shape[0], n.In[1].Shape[0]
	diff := l.sub(l.reshape(l.in(n, 0), points, 1, 3), l.reshape(l.in(n, 1), 1, centres, 3))
	d := l.reshape(l.matmul(l.mul(diff, diff), l.plane("sum", 1, 1, 3), true), points, centres)
	reach := l.half(min(r*r, fp16.Max))
	if r < 0 {
		reach = l.half(-1)
	}
	in := l.binary("less_equal", d, reach)
	return one(l.choose(in, l.plane("ones", 1, points, centres), l.half(0)))
}

func scaledElementwise(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op, size := n.Op.(graph.ScaledElementwise), n.Out[0].Shape[0]
	x, y := l.reshape(l.in(n, 0), size), l.reshape(l.in(n, 1), size)
	return one(l.scale(l.binary(string(op.Fn), x, y), op.Scale))
}
