package cpu

import "devicemap/internal/graph"

// blockElems is the length of the pieces that long rows are cut into: small
// enough for L1 together with two operands.
const blockElems = 2048

// lanes plans f over broadcast operands: f gets pieces of equal length, where
// a repeated operand was spread into scratch.
func lanes(c *compiler, n *graph.Node, ns float64, f func(dst, a, b, d []float32)) (step, error) {
	out := c.out(n, 0)
	var data [3][]float32
	var shapes []graph.Shape
	for i, v := range n.In {
		data[i] = c.in(n, i)
		shapes = append(shapes, v.Shape)
	}
	b := newBroadcast(n.Out[0].Shape, shapes...)
	operands, width := len(n.In), b.width()
	block := min(width, blockElems)
	blocks := ceilDiv(width, block)
	c.needScratch(operands * block)
	return c.one(b.rows()*blocks, ns*float64(block)+20, func(w *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			row, from := item/blocks, item%blocks*block
			n := min(block, width-from)
			var piece [3][]float32
			for o, at := range b.row(row) {
				switch {
				case o >= operands:
				case b.steps[o][0] == 0:
					piece[o] = w.scratch[o*block : o*block+n]
					fill(piece[o], data[o][at])
				default: // the innermost axis of a dense operand has step 1
					piece[o] = data[o][at+from : at+from+n]
				}
			}
			at := row*width + from
			f(out[at:at+n], piece[0], piece[1], piece[2])
		}
	})
}

func fill(dst []float32, v float32) {
	for i := range dst {
		dst[i] = v
	}
}

func planUnary(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.Unary)
	f, dst, x := c.kernels.unary(op), c.out(n, 0), c.in(n, 0)
	ns := 0.5
	if op.FLOPs(nil, types(n.Out[:1])) > 5*float64(len(dst)) {
		ns = 6 // a transcendental through float64
	}
	return c.one(len(dst), ns, func(_ *worker, lo, hi int) { f(dst[lo:hi], x[lo:hi]) })
}

func types(vs []*graph.Value) []graph.Type {
	ts := make([]graph.Type, len(vs))
	for i, v := range vs {
		ts[i] = v.Type
	}
	return ts
}

func planBinary(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.Binary)
	f, ns := c.kernels.binary(op.Fn), 0.5
	if op.Fn == graph.Pow {
		ns = 30
	}
	return lanes(c, n, ns, func(dst, a, b, _ []float32) { f(dst, a, b) })
}

func planCompare(c *compiler, n *graph.Node) (step, error) {
	f := c.kernels.compare(n.Op.(graph.Compare).Fn)
	return lanes(c, n, 0.7, func(dst, a, b, _ []float32) { f(dst, a, b) })
}

func planSelect(c *compiler, n *graph.Node) (step, error) {
	return lanes(c, n, 0.7, c.kernels.choose)
}

func planNot(c *compiler, n *graph.Node) (step, error) {
	dst, x := c.out(n, 0), c.in(n, 0)
	return c.one(len(dst), 0.5, func(_ *worker, lo, hi int) {
		for i, v := range x[lo:hi] {
			dst[lo+i] = 1 - v
		}
	})
}

func planScaled(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.ScaledElementwise)
	f, scale := c.kernels.binary(op.Fn), c.kernels.unary(graph.Unary{Fn: graph.MulScalar, A: op.Scale})
	dst, a, b := c.out(n, 0), c.in(n, 0), c.in(n, 1)
	return c.one(len(dst), 1, func(_ *worker, lo, hi int) {
		f(dst[lo:hi], a[lo:hi], b[lo:hi])
		scale(dst[lo:hi], dst[lo:hi])
	})
}

func planPReLU(c *compiler, n *graph.Node) (step, error) {
	dst, x, slope := c.out(n, 0), c.in(n, 0), c.in(n, 1)
	s := n.In[0].Shape
	channels, plane := s[1], s[2:].Elems()
	return c.one(s[0]*channels, 0.7*float64(plane), func(_ *worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			leaky(dst[i*plane:(i+1)*plane], x[i*plane:(i+1)*plane], slope[i%channels])
		}
	})
}
