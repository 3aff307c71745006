package reference

import (
	"cmp"
	"math"
	"slices"

	"devicemap/internal/graph"
)

func reduce(op graph.Reduce, in []tensor, out graph.Shape) []float64 {
	x := in[0]
	kept := make(graph.Shape, len(x.shape)) // the result with axes of length 1
	for i, d := range x.shape {
		kept[i] = d
		if slices.Contains(op.Axes, i) {
			kept[i] = 1
		}
	}
	st := steps(kept, x.shape)
	y := make([]float64, out.Elems())
	fold := func(f func(acc *float64, v float64)) {
		walk(x.shape, func(i int, at []int) { f(&y[dot(at, st)], x.at(i)) })
	}
	fill := func(v float64) {
		for i := range y {
			y[i] = v
		}
	}
	each := func(f func(v float64) float64) {
		for i, v := range y {
			y[i] = f(v)
		}
	}
	switch op.Fn {
	case graph.Sum, graph.Mean, graph.LogSum:
		fold(func(acc *float64, v float64) { *acc += v })
	case graph.L1Norm:
		fold(func(acc *float64, v float64) { *acc += math.Abs(v) })
	case graph.SumSquare, graph.L2NormSum:
		fold(func(acc *float64, v float64) { *acc += v * v })
	case graph.Max, graph.LogSumExp:
		fill(math.Inf(-1))
		fold(func(acc *float64, v float64) { *acc = max(*acc, v) })
	case graph.Min:
		fill(math.Inf(1))
		fold(func(acc *float64, v float64) { *acc = min(*acc, v) })
	}
	switch op.Fn {
	case graph.Mean:
		count := float64(x.len() / len(y))
		each(func(v float64) float64 { return v / count })
	case graph.L2NormSum:
		each(math.Sqrt)
	case graph.LogSum:
		each(math.Log)
	case graph.LogSumExp: // y holds the maxima
		top := slices.Clone(y)
		fill(0)
		walk(x.shape, func(i int, at []int) {
			k := dot(at, st)
			y[k] += math.Exp(x.at(i) - top[k])
		})
		for i, m := range top {
			y[i] = m + math.Log(y[i])
		}
	}
	return y
}

// order sorts the positions of a line by value, stably.
func order(x []float64, descending bool) []int {
	at := make([]int, len(x))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(a, b int) int {
		if descending {
			a, b = b, a
		}
		return cmp.Compare(x[a], x[b])
	})
	return at
}

// ranked orders every line of x along an axis and gives the first k values and
// their positions.
func ranked(x tensor, axis, k int, descending bool) [][]float64 {
	n, inner := x.shape[axis], x.shape[axis+1:].Elems()
	lines := x.len() / n
	values, indices := make([]float64, lines*k), make([]float64, lines*k)
	line := make([]float64, n)
	for l := range lines {
		base := l/inner*n*inner + l%inner
		for i := range line {
			line[i] = x.at(base + i*inner)
		}
		for r, i := range order(line, descending)[:k] {
			to := l/inner*k*inner + r*inner + l%inner
			values[to], indices[to] = line[i], float64(i)
		}
	}
	return [][]float64{values, indices}
}

func arg(op graph.Arg, in []tensor, _ graph.Shape) []float64 {
	return ranked(in[0], op.Axis, 1, op.Fn == graph.ArgMax)[1]
}

func topK(n *graph.Node, in []tensor) [][]float64 {
	op := n.Op.(graph.TopK)
	return ranked(in[0], op.Axis, op.K, !op.Smallest)
}

func sortOp(n *graph.Node, in []tensor) [][]float64 {
	op := n.Op.(graph.Sort)
	return ranked(in[0], op.Axis, in[0].shape[op.Axis], op.Descending)
}
