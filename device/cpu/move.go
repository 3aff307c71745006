package cpu

import (
	"math"
	"slices"

	"devicemap/internal/graph"
)

// move copies between a dense tensor, visited in row-major order of axes, and
// another one addressed by base + Σ offset(axis, index). All data movement of
// the op set has such a separable address:
//
//	gather  dense[i] = other[address]   slices, transposes, pads, resizes …
//	scatter other[address] = dense[i]   concatenation
type move struct {
	base    int
	axes    []axis // outermost first
	scatter bool
	fill    float32 // of holes, when gathering
}

// axis contributes index·step or, with a table, table[index]; a hole marks
// results without a source.
type axis struct {
	n, step int
	table   []int
}

const hole = math.MinInt

// tableAxis makes an axis of n entries from f.
func tableAxis(n int, f func(i int) int) axis {
	a := axis{n: n, table: make([]int, n)}
	for i := range a.table {
		a.table[i] = f(i)
	}
	return a
}

// simplify turns tables of evenly spaced offsets into steps, drops axes of
// length 1 and merges neighbours that form one evenly spaced axis.
func (m *move) simplify() {
	var out []axis // innermost first
	for _, a := range slices.Backward(m.axes) {
		if step, ok := a.even(); ok {
			if a.table != nil {
				m.base += a.table[0]
			}
			a = axis{n: a.n, step: step}
			if a.n == 1 {
				continue
			}
		}
		if last := len(out) - 1; last >= 0 && a.table == nil && out[last].table == nil && a.step == out[last].step*out[last].n {
			out[last].n *= a.n
			continue
		}
		out = append(out, a)
	}
	if len(out) == 0 {
		out = []axis{{n: 1, step: 1}}
	}
	slices.Reverse(out)
	m.axes = out
}

// even reports whether the offsets are evenly spaced, without holes.
func (a axis) even() (step int, ok bool) {
	if a.table == nil {
		return a.step, true
	}
	if a.n > 1 && a.table[0] != hole && a.table[1] != hole {
		step = a.table[1] - a.table[0]
	}
	for i, at := range a.table {
		if at == hole || at != a.table[0]+i*step {
			return 0, false
		}
	}
	return step, true
}

// plan makes the loop that runs m between dense and other.
func (m move) plan(c *compiler, dense, other []float32) loop {
	m.simplify()
	last := len(m.axes) - 1
	inner := m.axes[last]
	if last > 0 && !m.scatter && inner.table == nil && inner.step > 1 {
		if a := m.axes[last-1]; a.table == nil && a.step == 1 {
			return m.planTurn(c, dense, other)
		}
	}
	rows := len(dense) / inner.n
	block := min(inner.n, 4*blockElems)
	blocks := ceilDiv(inner.n, block)
	return c.loop(rows*blocks, float64(block)+10, func(_ *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			row, from := item/blocks, item%blocks*block
			to := min(from+block, inner.n)
			part := dense[row*inner.n+from : row*inner.n+to]
			at := m.row(row)
			if at == hole {
				fill(part, m.fill)
				continue
			}
			m.line(part, other, at, from, to)
		}
	})
}

// row is the address of the first element of a row of the innermost axis, or
// hole.
func (m *move) row(row int) int {
	at := m.base
	for i := len(m.axes) - 2; i >= 0; i-- {
		a := &m.axes[i]
		x := row % a.n
		row /= a.n
		if a.table == nil {
			at += x * a.step
			continue
		}
		if a.table[x] == hole {
			return hole
		}
		at += a.table[x]
	}
	return at
}

// line moves the entries [from, to) of the innermost axis.
func (m *move) line(part, other []float32, at, from, to int) {
	inner := &m.axes[len(m.axes)-1]
	switch {
	case inner.table == nil && inner.step == 1 && m.scatter:
		copy(other[at+from:], part)
	case inner.table == nil && inner.step == 1:
		copy(part, other[at+from:])
	case inner.table == nil && m.scatter:
		for i, v := range part {
			other[at+(from+i)*inner.step] = v
		}
	case inner.table == nil:
		for i := range part {
			part[i] = other[at+(from+i)*inner.step]
		}
	case m.scatter:
		for i, off := range inner.table[from:to] {
			other[at+off] = part[i]
		}
	default:
		for i, off := range inner.table[from:to] {
			if off == hole {
				part[i] = m.fill
			} else {
				part[i] = other[at+off]
			}
		}
	}
}

// planTurn is the case of two innermost axes that are swapped: the transpose
// of a matrix per outer index, in bands of rows.
func (m move) planTurn(c *compiler, dense, other []float32) loop {
	last := len(m.axes) - 1
	rows, cols, step := m.axes[last-1].n, m.axes[last].n, m.axes[last].step
	outer := move{base: m.base, axes: append(slices.Clone(m.axes[:last-1]), axis{n: 1})}
	const band = 4 * lineElems
	bands := ceilDiv(rows, band)
	count := len(dense) / (rows * cols)
	return c.loop(count*bands, 1.5*float64(min(rows, band)*cols), func(_ *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			i, from := item/bands, item%bands*band
			at := outer.row(i)
			if at == hole {
				fill(dense[(i*rows+from)*cols:(i*rows+min(from+band, rows))*cols], m.fill)
				continue
			}
			turn(dense[(i*rows+from)*cols:], cols, other[at+from:], step, min(band, rows-from), cols)
		}
	})
}

// gather plans a node whose only result is gathered from operand 0.
func gather(c *compiler, n *graph.Node, m move) (step, error) {
	return step{m.plan(c, c.out(n, 0), c.in(n, 0))}, nil
}

func planTranspose(c *compiler, n *graph.Node) (step, error) {
	s := n.In[0].Shape
	steps := s.Strides()
	var m move
	for _, a := range n.Op.(graph.Transpose).Perm {
		m.axes = append(m.axes, axis{n: s[a], step: steps[a]})
	}
	return gather(c, n, m)
}

func planSlice(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.Slice)
	var m move
	for a, step := range n.In[0].Shape.Strides() {
		m.base += op.Begin[a] * step
		m.axes = append(m.axes, axis{n: op.Size[a], step: op.Step(a) * step})
	}
	return gather(c, n, m)
}

func planReverse(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.Reverse)
	s := n.In[0].Shape
	var m move
	for a, step := range s.Strides() {
		if slices.Contains(op.Axes, a) {
			m.base += (s[a] - 1) * step
			step = -step
		}
		m.axes = append(m.axes, axis{n: s[a], step: step})
	}
	return gather(c, n, m)
}

func planTile(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.Tile)
	s := n.In[0].Shape
	var m move
	for a, step := range s.Strides() {
		m.axes = append(m.axes, axis{n: op.Reps[a]}, axis{n: s[a], step: step})
	}
	return gather(c, n, m)
}

func planGather(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.Gather)
	s := n.In[0].Shape
	var m move
	for a, step := range s.Strides() {
		if a == op.Axis {
			m.axes = append(m.axes, tableAxis(len(op.Indices), func(i int) int { return op.Indices[i] * step }))
		} else {
			m.axes = append(m.axes, axis{n: s[a], step: step})
		}
	}
	return gather(c, n, m)
}

func planPad(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.Pad)
	s := n.In[0].Shape
	m := move{fill: float32(op.Value)}
	for a, step := range s.Strides() {
		size, before := s[a], op.Pads[a][0]
		if op.Pads[a] == [2]int{} {
			m.axes = append(m.axes, axis{n: size, step: step})
			continue
		}
		m.axes = append(m.axes, tableAxis(n.Out[0].Shape[a], func(i int) int {
			from := padSource(op.Mode, i-before, size)
			if from < 0 {
				return hole
			}
			return from * step
		}))
	}
	return gather(c, n, m)
}

// padSource is the index that padded position i of an axis of the given size
// reads, or −1.
func padSource(mode graph.PadMode, i, size int) int {
	if i >= 0 && i < size {
		return i
	}
	switch mode {
	case graph.PadReflect:
		if i < 0 {
			return -i
		}
		return 2*(size-1) - i
	case graph.PadReplicate:
		return min(max(i, 0), size-1)
	}
	return -1
}

func planSplit(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.Split)
	steps := n.In[0].Shape.Strides()
	var all step
	from := 0
	for o, v := range n.Out {
		m := move{base: from * steps[op.Axis]}
		for a, step := range steps {
			m.axes = append(m.axes, axis{n: v.Shape[a], step: step})
		}
		all = append(all, m.plan(c, c.out(n, o), c.in(n, 0)))
		from += op.Sizes[o]
	}
	return all, nil
}

func planConcat(c *compiler, n *graph.Node) (step, error) {
	return join(c, n, n.Op.(graph.Concat).Axis, func(v *graph.Value) graph.Shape { return v.Shape })
}

func planStack(c *compiler, n *graph.Node) (step, error) {
	a := n.Op.(graph.Stack).Axis
	return join(c, n, a, func(v *graph.Value) graph.Shape { return slices.Insert(slices.Clone(v.Shape), a, 1) })
}

// join scatters every operand, seen as shape, into its part of along.
func join(c *compiler, n *graph.Node, along int, shape func(*graph.Value) graph.Shape) (step, error) {
	steps := n.Out[0].Shape.Strides()
	var all step
	from := 0
	for i, v := range n.In {
		s := shape(v)
		m := move{scatter: true, base: from * steps[along]}
		for a, step := range steps {
			m.axes = append(m.axes, axis{n: s[a], step: step})
		}
		all = append(all, m.plan(c, c.in(n, i), c.out(n, 0)))
		from += s[along]
	}
	return all, nil
}

func planGatherAlongAxis(c *compiler, n *graph.Node) (step, error) {
	a := n.Op.(graph.GatherAlongAxis).Axis
	x, idx, dst := c.in(n, 0), c.in(n, 1), c.out(n, 0)
	s, inner, picks := n.In[0].Shape, n.In[0].Shape[a+1:].Elems(), n.In[1].Shape[a]
	return c.one(len(dst), 8, func(_ *worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			outer, rest := i/(picks*inner), i%inner
			pick := int(min(max(idx[i], 0), float32(s[a]-1)))
			dst[i] = x[(outer*s[a]+pick)*inner+rest]
		}
	})
}
