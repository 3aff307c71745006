package softane

// plan places the computed values of a program in as few buffers as their
// lifetimes allow.
type plan struct {
	slotOf  []int // of each value; -1 for constants
	sizes   []int // float32 values of each slot
	scratch int   // of the most demanding step
}

func newPlan(p *program) plan {
	pl := plan{slotOf: make([]int, len(p.values))}
	last := lastUses(p)
	var idle []int
	place := func(v int) {
		pl.slotOf[v], idle = pl.take(idle, p.values[v].elems)
	}
	for v := range p.values {
		pl.slotOf[v] = -1
	}
	for _, in := range p.inputs {
		place(in.value)
	}
	for i, s := range p.steps {
		pl.scratch = max(pl.scratch, s.scratch)
		for _, v := range s.out {
			place(v)
		}
		// Operands are given back after the results are placed: no kernel
		// works in place.
		for _, v := range append(s.in[:len(s.in):len(s.in)], s.out...) {
			if last[v] == i && pl.slotOf[v] >= 0 {
				idle = append(idle, pl.slotOf[v])
				last[v] = -1 // an operand may stand twice
			}
		}
	}
	return pl
}

// lastUses gives the step that uses each value last; outputs are used to the end.
func lastUses(p *program) []int {
	last := make([]int, len(p.values))
	for i := range last {
		last[i] = -1
	}
	for i, s := range p.steps {
		for _, v := range s.out {
			last[v] = i
		}
		for _, v := range s.in {
			last[v] = i
		}
	}
	for _, o := range p.outputs {
		last[o.value] = len(p.steps)
	}
	return last
}

// take picks the smallest idle slot that holds n values, or makes one. Much
// larger slots are left for larger values.
func (pl *plan) take(idle []int, n int) (slot int, rest []int) {
	best := -1
	for i, s := range idle {
		if pl.sizes[s] >= n && pl.sizes[s] <= 4*n && (best < 0 || pl.sizes[s] < pl.sizes[idle[best]]) {
			best = i
		}
	}
	if best >= 0 {
		slot = idle[best]
		return slot, append(idle[:best], idle[best+1:]...)
	}
	pl.sizes = append(pl.sizes, n)
	return len(pl.sizes) - 1, idle
}
