package cpu

import "devicemap/internal/graph"

// broadcast walks the elements of a result together with those of up to three
// broadcast operands. Adjacent axes that all tensors traverse alike are
// merged, so that most operations are a single long row.
type broadcast struct {
	dims  []int
	steps [3][]int // per operand and axis; 0 where the operand is repeated
}

// newBroadcast aligns the operands' shapes with out on the right. The operands
// are dense and row-major.
func newBroadcast(out graph.Shape, in ...graph.Shape) broadcast {
	var b broadcast
	for axis := len(out) - 1; axis >= 0; axis-- { // innermost first
		if out[axis] == 1 {
			continue
		}
		var step [3]int
		for o, s := range in {
			if own := axis - (len(out) - len(s)); own >= 0 && s[own] != 1 {
				step[o] = s[own+1:].Elems()
			}
		}
		if last := len(b.dims) - 1; last >= 0 && b.continues(last, step) {
			b.dims[last] *= out[axis]
			continue
		}
		b.dims = append(b.dims, out[axis])
		for o := range b.steps {
			b.steps[o] = append(b.steps[o], step[o])
		}
	}
	if len(b.dims) == 0 {
		b.dims, b.steps = []int{1}, [3][]int{{0}, {0}, {0}}
	}
	return b
}

// continues reports whether steps of the next outer axis prolong axis i.
func (b *broadcast) continues(i int, step [3]int) bool {
	for o, s := range step {
		if s != b.steps[o][i]*b.dims[i] {
			return false
		}
	}
	return true
}

// width is the length of a row: the innermost axis.
func (b *broadcast) width() int { return b.dims[0] }

// rows is the number of rows.
func (b *broadcast) rows() int { return graph.Shape(b.dims[1:]).Elems() }

// at gives the operands' offsets of result element i.
func (b *broadcast) at(i int) [3]int { return b.offsets(i, 0) }

// row gives the operands' offsets of the first element of row r.
func (b *broadcast) row(r int) [3]int { return b.offsets(r, 1) }

func (b *broadcast) offsets(i, axis int) (at [3]int) {
	for ; i > 0; axis++ {
		d := b.dims[axis]
		x := i % d
		i /= d
		for o := range at {
			at[o] += x * b.steps[o][axis]
		}
	}
	return at
}
