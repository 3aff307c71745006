package simd

import "math/bits"

// Shift reads the same rows of a map at several offsets, as convolutions and
// windows do. The lists of offsets have at least one entry, and what they reach
// lies within src.
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

func gather(dst []float32, width int, src []float32, step, rows int, runs []Run) {
	clear(dst[:rows*width])
	for _, r := range runs {
		lane, n := bits.TrailingZeros64(r.Lanes), bits.OnesCount64(r.Lanes)
		to, from := lane, r.From+lane
		for range rows {
			copy(dst[to:to+n], src[from:from+n])
			to += width
			from += step
		}
	}
}

func weigh(dst, src []float32, at []int, w []float32, start float32, add bool) {
	if !add {
		for i := range dst {
			dst[i] = start
		}
	}
	for t, from := range at {
		k := w[t]
		for i, v := range src[from : from+len(dst)] {
			dst[i] += k * v
		}
	}
}

func top(dst, src []float32, at []int) {
	copy(dst, src[at[0]:])
	for _, from := range at[1:] {
		for i, v := range src[from : from+len(dst)] {
			dst[i] = max(dst[i], v)
		}
	}
}
