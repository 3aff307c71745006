package cpu

import (
	"cmp"
	"fmt"
	"slices"

	"devicemap/device"
)

// span is a buffer of the arena: elems values that are live from step first to
// step last, both included.
type span struct {
	elems       int
	first, last int
	offset      int // set by layOut
}

// lineElems are the float32 values of a cache line; buffers start on one, so
// that two workers never write the same line of different buffers.
const lineElems = 16

// layOut gives every span an offset so that spans with common steps do not
// overlap, and returns the size of the arena in elements. Larger spans are
// placed first, each into the lowest gap that fits ("greedy by size",
// Pisarchyk and Lee, arXiv 2001.03288).
func layOut(spans []*span) int {
	order := slices.Clone(spans)
	slices.SortStableFunc(order, func(a, b *span) int { return cmp.Compare(b.elems, a.elems) })
	var placed []*span // by offset
	size := 0
	for _, s := range order {
		need := (s.elems + lineElems - 1) / lineElems * lineElems
		at := 0
		for _, p := range placed {
			if p.last < s.first || s.last < p.first {
				continue
			}
			if p.offset-at >= need {
				break
			}
			at = max(at, p.offset+(p.elems+lineElems-1)/lineElems*lineElems)
		}
		s.offset = at
		size = max(size, at+need)
		i, _ := slices.BinarySearchFunc(placed, s, func(a, b *span) int { return cmp.Compare(a.offset, b.offset) })
		placed = slices.Insert(placed, i, s)
	}
	return size
}

// budget counts the bytes that a program allocates.
type budget struct {
	graph     string
	used, max int64 // max 0: no limit
}

// take reserves elems values of size bytes, or refuses the graph.
func (b *budget) take(what string, elems, size int) error {
	b.used += int64(elems) * int64(size)
	if b.max > 0 && b.used > b.max {
		return fmt.Errorf("cpu: graph %s: %d bytes with its %s exceed the limit of %d; raise Config.MaxBytes or use a smaller batch: %w",
			b.graph, b.used, what, b.max, device.ErrOutOfMemory)
	}
	return nil
}
