//go:build !amd64 && !arm64

package simd

// Gather writes rows of width ≤ 64 values without gaps: lane i of row r is
// src[at[r] + run.From + i] for the run with bit i of Lanes set, and 0 where no
// run has it. Each lane is in at most one run.
func (s Shift) Gather(dst []float32, width int, src []float32, at []int, runs []Run) {
	gather(dst, width, src, at, runs)
}

// Weigh is dst = start + Σ w[a, b]·src over the windows of r and c, or dst += Σ…
// with add; w has a row of weights for each kernel row.
func (s Shift) Weigh(dst, src, w []float32, r Rows, c *Columns, start float32, add bool) {
	weigh(dst, src, w, r, c, start, add)
}

// Top is the largest value of each window, −∞ without one; NaN if any is.
func (s Shift) Top(dst, src []float32, r Rows, c *Columns) { top(dst, src, r, c) }

func (s Shift) lanes(*Columns) []uint32 { return nil }
