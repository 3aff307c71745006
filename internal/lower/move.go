package lower

import (
	"slices"

	"devicemap/internal/graph"
	"devicemap/internal/mil"
)

// reshape gives x a shape; the same shape costs nothing, and of several in a
// row the last one counts.
func (l *lowering) reshape(x *mil.Value, shape ...int) *mil.Value {
	for x.Def != nil && x.Def.Op == "reshape" {
		x = x.Def.In("x")
	}
	if slices.Equal(x.Type.Shape, shape) {
		return x
	}
	return l.op("reshape", mil.Ints("shape", shape...), mil.In("x", x))
}

// transpose permutes the axes of x; the identity costs nothing, and several in
// a row are one.
func (l *lowering) transpose(x *mil.Value, perm ...int) *mil.Value {
	perm = slices.Clone(perm)
	for x.Def != nil && x.Def.Op == "transpose" {
		inner := x.Def.Ints("perm")
		for i, p := range perm {
			perm[i] = inner[p]
		}
		x = x.Def.In("x")
	}
	if slices.Equal(perm, sequence(len(perm))) {
		return x
	}
	return l.op("transpose", mil.Ints("perm", perm...), mil.In("x", x))
}

// tile repeats x per axis. The native operation is verified for factors built
// of 2 and 3; others broadcast a new axis against zeros.
func (l *lowering) tile(x *mil.Value, reps ...int) *mil.Value {
	native := slices.Clone(reps)
	for axis, r := range reps {
		if r == smooth(r) {
			continue
		}
		native[axis] = 1
		s := slices.Clone(x.Type.Shape)
		flat := l.reshape(x, graph.Shape(s[:axis]).Elems(), 1, s[axis], graph.Shape(s[axis+1:]).Elems())
		s[axis] *= r
		x = l.reshape(l.add(flat, l.plane("zeros", 0, 1, r, 1, 1)), s...)
	}
	if !slices.ContainsFunc(native, func(r int) bool { return r != 1 }) {
		return x
	}
	return l.op("tile", mil.Ints("reps", native...), mil.In("x", x))
}

// smooth is the part of r that is built of 2 and 3.
func smooth(r int) int {
	s := 1
	for _, p := range []int{2, 3} {
		for r%p == 0 {
			r, s = r/p, s*p
		}
	}
	return s
}

// join concatenates along axis.
func (l *lowering) join(axis int, parts ...*mil.Value) *mil.Value {
	if len(parts) == 1 {
		return parts[0]
	}
	return l.op("concat", mil.Int("axis", axis), mil.Flag("interleave", false), mil.List("values", parts...))
}

// cut takes count elements of one axis.
func (l *lowering) cut(x *mil.Value, axis, from, count int) *mil.Value {
	size := slices.Clone(x.Type.Shape)
	begin := make([]int, len(size))
	begin[axis], size[axis] = from, count
	return l.window(x, begin, size, nil)
}

// window slices x. An offset on the last axis saturates values and breaks
// concats before A16, so that axis is moved away first, on every chip: results
// then do not depend on it.
func (l *lowering) window(x *mil.Value, begin, size, stride []int) *mil.Value {
	rank := len(begin)
	if slices.Equal(size, x.Type.Shape) {
		return x
	}
	if begin[rank-1] == 0 && (stride == nil || stride[rank-1] == 1) {
		return l.rawWindow(x, begin, size, stride)
	}
	if rank == 1 {
		column := l.reshape(x, x.Type.Shape[0], 1)
		if stride != nil {
			stride = []int{stride[0], 1}
		}
		return l.reshape(l.rawWindow(column, []int{begin[0], 0}, []int{size[0], 1}, stride), size...)
	}
	swap := func(v []int) []int {
		v = slices.Clone(v)
		if v != nil {
			v[rank-1], v[rank-2] = v[rank-2], v[rank-1]
		}
		return v
	}
	y := l.swapLast(x)
	if begin[rank-2] != 0 || stride != nil { // both of the last axes are cut: one after the other
		only := slices.Clone(y.Type.Shape)
		only[rank-2] = size[rank-1]
		from, step := make([]int, rank), []int(nil)
		from[rank-2] = begin[rank-1]
		if stride != nil {
			step = slices.Repeat([]int{1}, rank)
			step[rank-2] = stride[rank-1]
		}
		y = l.swapLast(l.rawWindow(y, from, only, step))
		begin, size = slices.Clone(begin), slices.Clone(size)
		begin[rank-1] = 0
		if stride != nil {
			stride = slices.Clone(stride)
			stride[rank-1] = 1
		}
		return l.rawWindow(y, begin, size, stride)
	}
	return l.swapLast(l.rawWindow(y, swap(begin), swap(size), nil))
}

func (l *lowering) rawWindow(x *mil.Value, begin, size, stride []int) *mil.Value {
	if slices.Equal(size, x.Type.Shape) && !slices.ContainsFunc(stride, func(s int) bool { return s != 1 }) {
		return x
	}
	if stride == nil {
		return l.op("slice_by_size", mil.Ints("begin", begin...), mil.Ints("size", size...), mil.In("x", x))
	}
	end := make([]int, len(begin))
	for i := range end {
		end[i] = begin[i] + (size[i]-1)*stride[i] + 1
	}
	return l.op("slice_by_index", mil.Ints("begin", begin...), mil.Ints("end", end...), mil.Ints("stride", stride...), mil.In("x", x))
}

// reshapeRule serves every operation that only renames dimensions.
func reshapeRule(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	return one(l.reshape(l.in(n, 0), n.Out[0].Shape...))
}

func transposeRule(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	return one(l.transpose(l.in(n, 0), n.Op.(graph.Transpose).Perm...))
}

func slice(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op := n.Op.(graph.Slice)
	return one(l.window(l.in(n, 0), op.Begin, op.Size, op.Stride))
}

func concat(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	return one(l.join(n.Op.(graph.Concat).Axis, l.all(n)...))
}

func (l *lowering) all(n *graph.Node) []*mil.Value {
	var vs []*mil.Value
	for i := range n.In {
		vs = append(vs, l.in(n, i))
	}
	return vs
}

func stack(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	return one(l.op("stack", mil.Int("axis", n.Op.(graph.Stack).Axis), mil.List("values", l.all(n)...)))
}

// split is native for equal parts of an axis that is not the last; others are
// slices.
func split(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op, x := n.Op.(graph.Split), l.in(n, 0)
	equal := !slices.ContainsFunc(op.Sizes, func(s int) bool { return s != op.Sizes[0] })
	if equal && len(op.Sizes) > 1 && op.Axis != len(x.Type.Shape)-1 {
		parts := l.Split(x, op.Axis, len(op.Sizes))
		for _, p := range parts {
			l.note(p, n.Name)
		}
		return parts, nil
	}
	var parts []*mil.Value
	from := 0
	for _, size := range op.Sizes {
		parts = append(parts, l.cut(x, op.Axis, from, size))
		from += size
	}
	return parts, nil
}

func reverse(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	return one(l.op("reverse", mil.Ints("axes", n.Op.(graph.Reverse).Axes...), mil.In("x", l.in(n, 0))))
}

func tile(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	return one(l.tile(l.in(n, 0), n.Op.(graph.Tile).Reps...))
}

// pad is native for constants. Mirrored and repeated edges are native on the
// last two axes, and where no edge is repeated beyond the axis's length; others
// are picked.
func pad(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op, x := n.Op.(graph.Pad), l.in(n, 0)
	pads := make([]int, 2*len(op.Pads))
	for axis, p := range op.Pads {
		size := x.Type.Shape[axis]
		far := op.Mode == graph.PadReplicate && max(p[0], p[1]) > size
		if p != [2]int{} && op.Mode != graph.PadConstant && (axis < len(op.Pads)-2 || far) {
			x = l.take(x, axis, mirrored(op.Mode, size, p))
			continue
		}
		pads[2*axis], pads[2*axis+1] = p[0], p[1]
	}
	if !slices.ContainsFunc(pads, func(p int) bool { return p != 0 }) {
		return one(x)
	}
	return one(l.op("pad", mil.Half("constant_val", op.Value), mil.Word("mode", string(op.Mode)), mil.Ints("pad", pads...), mil.In("x", x)))
}

// mirrored lists the elements of an axis of length n with its padding.
func mirrored(mode graph.PadMode, n int, p [2]int) []int {
	var list []int
	for i := -p[0]; i < n+p[1]; i++ {
		at := min(max(i, 0), n-1)
		if mode == graph.PadReflect {
			at -= i - at // as far inside as i is outside
		}
		list = append(list, at)
	}
	return list
}

func gather(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op := n.Op.(graph.Gather)
	return one(l.take(l.in(n, 0), op.Axis, op.Indices))
}

// take joins slices along an axis that is not the last, one for each run of
// neighbours: bit exact.
func (l *lowering) take(x *mil.Value, axis int, indices []int) *mil.Value {
	rank := len(x.Type.Shape)
	switch {
	case rank == 1:
		return l.reshape(l.take(l.reshape(x, x.Type.Shape[0], 1), 0, indices), len(indices))
	case axis == rank-1:
		return l.swapLast(l.take(l.swapLast(x), rank-2, indices))
	}
	var parts []*mil.Value
	for from := 0; from < len(indices); {
		to := from + 1
		for to < len(indices) && indices[to] == indices[to-1]+1 {
			to++
		}
		parts = append(parts, l.cut(x, axis, indices[from], to-from))
		from = to
	}
	return l.join(axis, parts...)
}

// gatherAlongAxis picks by a product with a one-hot matrix, since the compiler
// refuses every run-time gather. It is exact below the products' limit of
// 32752 and for indices up to 2048; indices out of range are clamped.
func gatherAlongAxis(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	axis, x, idx := n.Op.(graph.GatherAlongAxis).Axis, l.in(n, 0), l.in(n, 1)
	w, k := n.In[0].Shape[axis], n.In[1].Shape[axis]
	if w > maxIndex {
		return nil, l.limit("gathered axis", w, maxIndex, "gather from parts of it")
	}
	if planes := n.In[1].Shape.Elems() * w; planes > maxPlane {
		return nil, l.limit("number of comparisons", planes, maxPlane, "gather fewer rows at a time")
	}
	rank := len(n.In[0].Shape)
	perm := sequence(rank)
	perm[axis], perm[rank-1] = perm[rank-1], perm[axis]
	x, idx = l.transpose(x, perm...), l.transpose(idx, perm...)
	shape := slices.Clone(idx.Type.Shape)
	c := graph.Shape(shape).Elems() / k
	at := l.op("clip", mil.Half("alpha", 0), mil.Half("beta", float64(w-1)), mil.In("x", l.reshape(idx, c, k, 1)))
	at = l.op("floor", mil.In("x", at))
	hit := l.binary("equal", at, l.Weight("index", planeOf([]int{1, 1, w}, 2), 1, 1, w))
	pick := l.choose(hit, l.plane("ones", 1, c, k, w), l.half(0))
	y := l.matmul(pick, l.reshape(x, c, w, 1), false)
	return one(l.transpose(l.reshape(y, shape...), perm...))
}
