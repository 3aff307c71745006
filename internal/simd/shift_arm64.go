package simd

import (
	"math"
	"math/bits"
)

// Gather writes rows of width ≤ 64 values without gaps: lane i of row r is
// src[at[r] + run.From + i] for the run with bit i of Lanes set, and 0 where no
// run has it. Each lane is in at most one run.
func (s Shift) Gather(dst []float32, width int, src []float32, at []int, runs []Run) {
	if s.Level != NEON || len(at) == 0 {
		gather(dst, width, src, at, runs)
		return
	}
	covered := 0
	for _, r := range runs {
		covered += bits.OnesCount64(r.Lanes)
	}
	if covered < width {
		clear(dst[:len(at)*width])
	}
	const most = 12 // values of a call: gatherNEON takes 15, whole vectors are 12
	for _, r := range runs {
		lane, n := bits.TrailingZeros64(r.Lanes), bits.OnesCount64(r.Lanes)
		for ; n > 0; lane, n = lane+most, n-most {
			gatherNEON(dst[lane:], src, at, r.From+lane, min(n, most), width)
		}
	}
}

// Weigh is dst = start + Σ w[a, b]·src over the windows of r and c, or dst += Σ…
// with add; w has a row of weights for each kernel row.
func (s Shift) Weigh(dst, src, w []float32, r Rows, c *Columns, start float32, add bool) {
	var offsets [maxTaps]int
	in, ok := s.inner(r, c, &offsets)
	if !ok {
		weigh(dst, src, w, r, c, start, add)
		return
	}
	for y := range r.Count {
		row, from := dst[y*c.cols:(y+1)*c.cols], r.From+y*r.Next-c.left
		weighNEON(row[in.first:in.last], src[from+in.first:], in.taps, w, start, add)
		in.outer(c, func(x int) {
			sum := start
			if add {
				sum = row[x]
			}
			in.window(c, x, func(tap int) { sum += w[tap] * src[from+x+in.taps[tap]] })
			row[x] = sum
		})
	}
}

// Top is the largest value of each window, −∞ without one; NaN if any is.
func (s Shift) Top(dst, src []float32, r Rows, c *Columns) {
	var offsets [maxTaps]int
	in, ok := s.inner(r, c, &offsets)
	if !ok {
		top(dst, src, r, c)
		return
	}
	for y := range r.Count {
		row, from := dst[y*c.cols:(y+1)*c.cols], r.From+y*r.Next-c.left
		topNEON(row[in.first:in.last], src[from+in.first:], in.taps)
		in.outer(c, func(x int) {
			row[x] = float32(math.Inf(-1))
			in.window(c, x, func(tap int) { row[x] = max(row[x], src[from+x+in.taps[tap]]) })
		})
	}
}

func (s Shift) lanes(*Columns) []uint32 { return nil }

// maxTaps is the largest window that has kernels.
const maxTaps = 64

// inner is the outputs of a row that read something at every kernel column, and
// where the kernel positions lie behind the first one.
type inner struct {
	first, last int
	taps        []int
}

// inner holds for windows that NEON's kernels can take: of at most maxTaps
// positions, one column apart, and not all at an edge.
func (s Shift) inner(r Rows, c *Columns, offsets *[maxTaps]int) (inner, bool) {
	in := inner{last: c.cols}
	n := r.Kernel * c.kernel
	if s.Level != NEON || c.step != 1 || n == 0 || n > maxTaps {
		return in, false
	}
	for b := range c.kernel {
		in.first, in.last = max(in.first, c.first[b]), min(in.last, c.last[b])
	}
	in.taps = offsets[:n]
	for tap := range in.taps {
		in.taps[tap] = tap/c.kernel*r.Down + tap%c.kernel*c.across
	}
	return in, in.first < in.last
}

// outer calls f for the other outputs of a row.
func (in inner) outer(c *Columns, f func(x int)) {
	for x := range in.first {
		f(x)
	}
	for x := in.last; x < c.cols; x++ {
		f(x)
	}
}

// window calls f for the kernel positions at which output x reads something.
func (in inner) window(c *Columns, x int, f func(tap int)) {
	for tap := range in.taps {
		if b := tap % c.kernel; c.first[b] <= x && x < c.last[b] {
			f(tap)
		}
	}
}

// gatherNEON copies n ≤ 15 values to each row, of which there is at least one:
// dst[r·width+i] = src[at[r]+from+i].
//
//go:noescape
func gatherNEON(dst, src []float32, at []int, from, n, width int)

// weighNEON is dst[i] = start + Σ_t w[t]·src[at[t]+i], or dst[i] += Σ… with
// add; there is at least one tap.
//
//go:noescape
func weighNEON(dst, src []float32, at []int, w []float32, start float32, add bool)

// topNEON is dst[i] = max_t src[at[t]+i].
//
//go:noescape
func topNEON(dst, src []float32, at []int)
