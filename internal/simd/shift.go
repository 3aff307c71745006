package simd

import (
	"math"
	"math/bits"
)

// Shift reads the same rows of a map at several offsets, as convolutions and
// windows do.
type Shift struct{ Level Level }

// Run is what one stretch of a map's row adds to the rows of Gather: From is
// the element that lane 0 would read; it may lie outside of the map where bit 0
// of Lanes is clear. The set bits follow each other.
type Run struct {
	Lanes uint64
	From  int
}

// RunOf covers lanes [lane, lane+n), n ≥ 1, with the values from first on.
func RunOf(lane, n, first int) Run {
	return Run{Lanes: ^uint64(0) >> (64 - n) << lane, From: first - lane}
}

func gather(dst []float32, width int, src []float32, at []int, runs []Run) {
	clear(dst[:len(at)*width])
	for _, r := range runs {
		lane, n := bits.TrailingZeros64(r.Lanes), bits.OnesCount64(r.Lanes)
		to := lane
		for _, from := range at {
			from += r.From + lane
			copy(dst[to:to+n], src[from:from+n])
			to += width
		}
	}
}

// Columns is how the windows of one row of cols outputs lie in a row of width
// values: output x reads column x·step + b·across − left for each of kernel
// columns b, or nothing where that is outside of the row.
type Columns struct {
	cols, kernel, step, across, left int
	first, last                      []int    // by kernel column: the outputs that read something
	lanes                            []uint32 // the same for the level's vectors, by vector and kernel column
}

// Columns prepares windows for the level; all steps are positive.
func (s Shift) Columns(cols, kernel, step, across, left, width int) *Columns {
	c := &Columns{cols: cols, kernel: kernel, step: step, across: across, left: left}
	for b := range kernel {
		at := b*across - left // what output 0 reads
		first := min(cols, max(0, (step-1-at)/step))
		last := max(first, min(cols, (max(0, width-at)+step-1)/step))
		c.first, c.last = append(c.first, first), append(c.last, last)
	}
	c.lanes = s.lanes(c)
	return c
}

// Rows is Count rows of outputs whose windows have Kernel rows: kernel row 0 of
// the first one begins at element From of src, the next kernel row Down values
// behind it, and the windows of the next output row Next values. Count is
// positive.
type Rows struct{ Count, Kernel, From, Down, Next int }

// each calls f for every kernel position with the outputs of a row that read
// something there and where the first of them does.
func (c *Columns) each(r Rows, f func(y, tap, first, last, from int)) {
	for y := range r.Count {
		for tap := range r.Kernel * c.kernel {
			a, b := tap/c.kernel, tap%c.kernel
			if first, last := c.first[b], c.last[b]; first < last {
				f(y*c.cols, tap, first, last, r.From+y*r.Next+a*r.Down+b*c.across-c.left+first*c.step)
			}
		}
	}
}

func weigh(dst, src, w []float32, r Rows, c *Columns, start float32, add bool) {
	if !add {
		for i := range dst[:r.Count*c.cols] {
			dst[i] = start
		}
	}
	c.each(r, func(y, tap, first, last, from int) {
		for x := first; x < last; x++ {
			dst[y+x] += w[tap] * src[from]
			from += c.step
		}
	})
}

func top(dst, src []float32, r Rows, c *Columns) {
	for i := range dst[:r.Count*c.cols] {
		dst[i] = float32(math.Inf(-1))
	}
	c.each(r, func(y, _, first, last, from int) {
		for x := first; x < last; x++ {
			dst[y+x] = max(dst[y+x], src[from])
			from += c.step
		}
	})
}
