package cpu

import "devicemap/internal/graph"

// rowOp computes one line along an axis: dst and, for operations with two
// results, dst2 from x. The slices are contiguous.
type rowOp func(w *worker, dst, dst2, x []float32)

// axisColumns is how many neighbouring lines are copied to scratch together
// when the axis is not the last: one cache line of values, or fewer so that
// they stay within maxLines values (2 MiB), down to one.
const (
	axisColumns = lineElems
	maxLines    = 1 << 19
)

// alongAxis plans op for every line of the node's operand along axis, at about
// ns nanoseconds per element. Lines along an inner axis are gathered into
// scratch, axisColumns at a time, and the results scattered back.
func alongAxis(c *compiler, n *graph.Node, axis int, ns float64, op rowOp) (step, error) {
	s := n.In[0].Shape
	outer, length, inner := s[:axis].Elems(), s[axis], s[axis+1:].Elems()
	x, dst := c.in(n, 0), c.out(n, 0)
	width := n.Out[0].Shape.Elems() / (outer * inner) // of a result's line
	var dst2 []float32
	if len(n.Out) == 2 {
		dst2 = c.out(n, 1)
	}
	if inner == 1 {
		return c.one(outer, ns*float64(length), func(w *worker, lo, hi int) {
			for r := lo; r < hi; r++ {
				op(w, line(dst, r, width), line(dst2, r, width), line(x, r, length))
			}
		})
	}
	columns := max(1, min(axisColumns, inner, maxLines/length))
	blocks := ceilDiv(inner, columns)
	c.needScratch(columns * (length + 2*width))
	return c.one(outer*blocks, (ns+3)*float64(length*columns), func(w *worker, lo, hi int) {
		lines := w.scratch[:columns*length]
		res := w.scratch[columns*length:][:columns*width]
		res2 := w.scratch[columns*(length+width):][:columns*width]
		for item := lo; item < hi; item++ {
			o, from := item/blocks, item%blocks*columns
			cols := min(columns, inner-from)
			turn(lines, length, x[o*length*inner+from:], inner, cols, length)
			for j := range cols {
				op(w, line(res, j, width), line(res2, j, width), line(lines, j, length))
			}
			at := o*width*inner + from
			turn(dst[at:], inner, res, width, width, cols)
			if dst2 != nil {
				turn(dst2[at:], inner, res2, width, width, cols)
			}
		}
	})
}

// line is row r of rows of n values, or nil.
func line(x []float32, r, n int) []float32 {
	if x == nil {
		return nil
	}
	return x[r*n : (r+1)*n]
}

func planSoftmax(c *compiler, n *graph.Node) (step, error) {
	op, f := n.Op.(graph.Softmax), c.kernels.softmax
	if op.Log {
		f = c.kernels.logSoftmax
	}
	return alongAxis(c, n, op.Axis, 0.7, func(_ *worker, dst, _, x []float32) { f(dst, x) })
}

func planLayerNorm(c *compiler, n *graph.Node) (step, error) {
	op, f := n.Op.(graph.LayerNorm), c.kernels.layerNorm
	gamma, beta := c.in(n, 1), c.in(n, 2)
	return alongAxis(c, n, op.Axis, 0.4, func(_ *worker, dst, _, x []float32) { f(dst, x, gamma, beta, op.Eps) })
}

func planRMSNorm(c *compiler, n *graph.Node) (step, error) {
	op, f, gamma := n.Op.(graph.RMSNorm), c.kernels.rmsNorm, c.in(n, 1)
	return alongAxis(c, n, len(n.In[0].Shape)-1, 0.3, func(_ *worker, dst, _, x []float32) { f(dst, x, gamma, op.Eps) })
}

func planL2Norm(c *compiler, n *graph.Node) (step, error) {
	op, v := n.Op.(graph.L2Norm), c.kernels.vector
	return alongAxis(c, n, op.Axis, 0.3, func(_ *worker, dst, _, x []float32) { v.l2Norm(dst, x, op.Floor) })
}

func planMinMaxNorm(c *compiler, n *graph.Node) (step, error) {
	op, v := n.Op.(graph.MinMaxNorm), c.kernels.vector
	return alongAxis(c, n, op.Axis, 0.3, func(_ *worker, dst, _, x []float32) { v.minMaxNorm(dst, x, op.Eps) })
}

func planCumSum(c *compiler, n *graph.Node) (step, error) {
	return alongAxis(c, n, n.Op.(graph.CumSum).Axis, 1.5, func(_ *worker, dst, _, x []float32) {
		sum := 0.0
		for i, v := range x {
			sum += float64(v)
			dst[i] = float32(sum)
		}
	})
}
