package cpu

import (
	"cmp"
	"slices"

	"devicemap/internal/graph"
)

// pair is a value with its index along the axis.
type pair struct {
	value float32
	index int32
}

// Ties go to the lower index, so that an unstable sort gives the stable order.
func ascending(a, b pair) int {
	if r := cmp.Compare(a.value, b.value); r != 0 {
		return r
	}
	return cmp.Compare(a.index, b.index)
}

func descending(a, b pair) int {
	if r := cmp.Compare(b.value, a.value); r != 0 {
		return r
	}
	return cmp.Compare(a.index, b.index)
}

func planSort(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.Sort)
	return sorted(c, n, op.Axis, op.Descending)
}

func planTopK(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.TopK)
	return sorted(c, n, op.Axis, !op.Smallest)
}

// sorted gives the first values in order along axis, as many as the result
// holds, and their indices.
func sorted(c *compiler, n *graph.Node, axis int, down bool) (step, error) {
	order := ascending
	if down {
		order = descending
	}
	c.needPairs(n.In[0].Shape[axis])
	return alongAxis(c, n, axis, 60, func(w *worker, values, indices, x []float32) {
		pairs := w.pairs[:len(x)]
		for i, v := range x {
			pairs[i] = pair{v, int32(i)}
		}
		slices.SortFunc(pairs, order)
		for i := range values {
			values[i], indices[i] = pairs[i].value, float32(pairs[i].index)
		}
	})
}

func planArg(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.Arg)
	sign := float32(1)
	if op.Fn == graph.ArgMin {
		sign = -1
	}
	return alongAxis(c, n, op.Axis, 1, func(_ *worker, dst, _, x []float32) {
		best, at := sign*x[0], 0
		for i, v := range x {
			if v *= sign; v > best {
				best, at = v, i
			}
		}
		dst[0] = float32(at)
	})
}
