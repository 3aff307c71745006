//go:build !amd64

package simd

// Gather writes rows of width ≤ 64 values without gaps: lane i of row r is
// src[r·step + run.From + i] for the run with bit i of Lanes set, and 0 where
// no run has it. Each lane is in at most one run.
func (s Shift) Gather(dst []float32, width int, src []float32, step, rows int, runs []Run) {
	gather(dst, width, src, step, rows, runs)
}

// Weigh is dst[i] = start + Σ_t w[t]·src[at[t]+i], or dst[i] += Σ… with add.
func (s Shift) Weigh(dst, src []float32, at []int, w []float32, start float32, add bool) {
	weigh(dst, src, at, w, start, add)
}

// Top is dst[i] = max_t src[at[t]+i]; NaN if any of them is.
func (s Shift) Top(dst, src []float32, at []int) { top(dst, src, at) }
