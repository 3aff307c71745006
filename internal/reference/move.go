package reference

import (
	"slices"

	"devicemap/internal/graph"
)

// moved builds a result whose element at a position is the element of x that
// from names; from gives a flat index.
func moved(out graph.Shape, x tensor, from func(at []int) int) []float64 {
	y := make([]float64, out.Elems())
	walk(out, func(i int, at []int) { y[i] = x.at(from(at)) })
	return y
}

// reread keeps the row-major order under another shape.
func reread[O graph.Op](_ O, in []tensor, _ graph.Shape) []float64 { return in[0].copied() }

func transpose(op graph.Transpose, in []tensor, out graph.Shape) []float64 {
	own := in[0].shape.Strides()
	st := make([]int, len(out))
	for i, p := range op.Perm {
		st[i] = own[p]
	}
	return moved(out, in[0], func(at []int) int { return dot(at, st) })
}

func slice(op graph.Slice, in []tensor, out graph.Shape) []float64 {
	st := in[0].shape.Strides()
	base := dot(op.Begin, st)
	for i := range st {
		st[i] *= op.Step(i)
	}
	return moved(out, in[0], func(at []int) int { return base + dot(at, st) })
}

func concat(op graph.Concat, in []tensor, out graph.Shape) []float64 { return joined(in, op.Axis, out) }

func stack(op graph.Stack, in []tensor, out graph.Shape) []float64 { return joined(in, op.Axis, out) }

// joined lays the operands' runs from axis on behind each other. For a stack
// the run of an operand is one element of the new axis.
func joined(in []tensor, axis int, out graph.Shape) []float64 {
	outer := out[:axis].Elems()
	y := make([]float64, out.Elems())
	to := 0
	for o := range outer {
		for _, x := range in {
			run := x.len() / outer
			x.read(y[to:to+run], o*run)
			to += run
		}
	}
	return y
}

func split(n *graph.Node, in []tensor) [][]float64 {
	op := n.Op.(graph.Split)
	st := in[0].shape.Strides()
	first := 0
	var parts [][]float64
	for i, size := range op.Sizes {
		base := first * st[op.Axis]
		parts = append(parts, moved(n.Out[i].Shape, in[0], func(at []int) int { return base + dot(at, st) }))
		first += size
	}
	return parts
}

func reverse(op graph.Reverse, in []tensor, out graph.Shape) []float64 {
	st := in[0].shape.Strides()
	base := 0
	for _, a := range op.Axes {
		base += (out[a] - 1) * st[a]
		st[a] = -st[a]
	}
	return moved(out, in[0], func(at []int) int { return base + dot(at, st) })
}

func tile(_ graph.Tile, in []tensor, out graph.Shape) []float64 {
	x := in[0]
	st := x.shape.Strides()
	return moved(out, x, func(at []int) int {
		n := 0
		for i, a := range at {
			n += a % x.shape[i] * st[i]
		}
		return n
	})
}

func pad(op graph.Pad, in []tensor, out graph.Shape) []float64 {
	x := in[0]
	st := x.shape.Strides()
	y := make([]float64, out.Elems())
	walk(out, func(i int, at []int) {
		from := 0
		for d, a := range at {
			p, n := a-op.Pads[d][0], x.shape[d]
			if p < 0 || p >= n {
				switch op.Mode {
				case graph.PadConstant:
					y[i] = op.Value
					return
				case graph.PadReflect:
					p = n - 1 - abs(n-1-abs(p))
				case graph.PadReplicate:
					p = min(max(p, 0), n-1)
				}
			}
			from += p * st[d]
		}
		y[i] = x.at(from)
	})
	return y
}

func abs(n int) int { return max(n, -n) }

func gather(op graph.Gather, in []tensor, out graph.Shape) []float64 {
	st := in[0].shape.Strides()
	return moved(out, in[0], func(at []int) int {
		return dot(at, st) + (op.Indices[at[op.Axis]]-at[op.Axis])*st[op.Axis]
	})
}

func gatherAlongAxis(op graph.GatherAlongAxis, in []tensor, out graph.Shape) []float64 {
	st, idx := in[0].shape.Strides(), out.Strides()
	last := float64(in[0].shape[op.Axis] - 1)
	return moved(out, in[0], func(at []int) int {
		index := 0
		if v := in[1].at(dot(at, idx)); v > 0 { // NaN reads the first element
			index = int(min(v, last))
		}
		return dot(at, st) + (index-at[op.Axis])*st[op.Axis]
	})
}

func inputView(op graph.InputView, in []tensor, _ graph.Shape) []float64 {
	return viewed(in[0], op.Offset, op.Size)
}

func dynamicSlice(op graph.DynamicSlice, in []tensor, _ graph.Shape) []float64 {
	return viewed(in[0], op.Start, op.Size)
}

func viewed(x tensor, from, size int) []float64 {
	return slices.Clone(x.floats()[from : from+size])
}
