package cpu

import (
	"devicemap/internal/graph"
	"devicemap/internal/simd"
)

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
	return c.one(len(dst), c.unaryTime(op), func(_ *worker, lo, hi int) { f(dst[lo:hi], x[lo:hi]) })
}

// unaryTime is about the time of a value in nanoseconds.
func (c *compiler) unaryTime(u graph.Unary) float64 {
	one := []graph.Type{{Shape: graph.Shape{1}}}
	costly := u.FLOPs(one, one) > 5
	switch {
	case u.Fn == graph.Atan:
		return 10 // plain Go
	case costly && c.kernels.vector.Level == simd.Portable:
		return 6
	case costly:
		return 0.4
	}
	return 0.1
}

func planBinary(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.Binary)
	f, ns := c.kernels.binary(op.Fn), 0.1
	if op.Fn == graph.Pow {
		ns = 30
	}
	return lanes(c, n, ns, func(dst, a, b, _ []float32) { f(dst, a, b) })
}

func planCompare(c *compiler, n *graph.Node) (step, error) {
	f := compareKernel(c.kernels.vector.Vector, n.Op.(graph.Compare).Fn)
	return lanes(c, n, 0.1, func(dst, a, b, _ []float32) { f(dst, a, b) })
}

func planSelect(c *compiler, n *graph.Node) (step, error) {
	return lanes(c, n, 0.1, c.kernels.vector.Select)
}

func planNot(c *compiler, n *graph.Node) (step, error) {
	dst, x := c.out(n, 0), c.in(n, 0)
	f := c.kernels.vector.Affine
	return c.one(len(dst), 0.1, func(_ *worker, lo, hi int) {
		f(dst[lo:hi], x[lo:hi], simd.Params{-1, 1, 0, 1})
	})
}

func planScaled(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.ScaledElementwise)
	f, scale := c.kernels.binary(op.Fn), c.kernels.unary(graph.Unary{Fn: graph.MulScalar, A: op.Scale})
	dst, a, b := c.out(n, 0), c.in(n, 0), c.in(n, 1)
	return c.one(len(dst), 0.2, func(_ *worker, lo, hi int) {
		f(dst[lo:hi], a[lo:hi], b[lo:hi])
		scale(dst[lo:hi], dst[lo:hi])
	})
}

func planPReLU(c *compiler, n *graph.Node) (step, error) {
	dst, x, slope := c.out(n, 0), c.in(n, 0), c.in(n, 1)
	s := n.In[0].Shape
	channels, plane, f := s[1], s[2:].Elems(), c.kernels.vector.Leaky
	return c.one(s[0]*channels, 10+0.1*float64(plane), func(_ *worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			f(dst[i*plane:(i+1)*plane], x[i*plane:(i+1)*plane], simd.Params{slope[i%channels], inf})
		}
	})
}
