package results

import (
	"fmt"
	"math"
	"strings"
)

// The published sketch has 64×18 cells.
const (
	sketchWidth  = 64
	sketchHeight = 18
	sketchMarks  = "0123456789abcdef"
)

// Sketch draws the roofline with its placements as text, both axes
// logarithmic: "/" the bandwidth roof, "_" the GEMM roof, R the ridge, and a
// digit for each piece of work that was measured.
func (r *Roofline) Sketch() string {
	var b strings.Builder
	fmt.Fprintf(&b, " %s roofline  (compute roof gemm=%s conv=%s, bw=%s GB/s, ridge R=%s FLOP/byte)\n",
		r.Device, flopRate(r.GEMM.Value), flopRate(r.Conv.Value), sketchNumber(r.Bandwidth().Value), sketchNumber(r.RidgeAt))
	x, y := r.axes()
	fmt.Fprintf(&b, " y=GFLOP/s [%s..%s]  x=AI [%.1f..%.0f]  (log-log)\n", sketchNumber(y.low), sketchNumber(y.high), x.low, x.high)
	for _, line := range r.cells(x, y) {
		fmt.Fprintf(&b, " |%s\n", line)
	}
	fmt.Fprintf(&b, " +%s  AI->", strings.Repeat("-", sketchWidth))
	for i, p := range r.Placements {
		if percent, ok := p.Percent(); ok {
			fmt.Fprintf(&b, "\n   [%c] %-34s AI=%8.3f  %8.1f GFLOP/s  %.1f%%roof",
				sketchMarks[i], p.Work.Name, p.Intensity, p.Achieved, percent)
		}
	}
	return b.String()
}

// span is a logarithmic axis.
type span struct{ low, high float64 }

// at is the place of v on the axis: 0 at the low end, 1 at the high one.
func (s span) at(v float64) float64 {
	return (math.Log10(v) - math.Log10(s.low)) / (math.Log10(s.high) - math.Log10(s.low))
}

// axes are the published ranges: x from 0.1 to at least 2000 FLOP/byte, y from
// below the lowest rate to above the highest roof.
func (r *Roofline) axes() (x, y span) {
	x, y = span{0.1, 2000}, span{math.Inf(1), r.GEMM.Value}
	for _, p := range r.Placements {
		x.high = max(x.high, 2*p.Intensity)
		y.high = max(y.high, p.Roof)
		if p.Source != "" {
			y.low = min(y.low, p.Achieved)
		}
	}
	y.low, y.high = max(0.5, 0.3*y.low), 1.5*y.high
	if math.IsInf(y.low, 1) || y.low >= y.high { // nothing was placed
		y.low = y.high / 1e4
	}
	return x, y
}

func (r *Roofline) cells(x, y span) []string {
	grid := make([][]rune, sketchHeight)
	for i := range grid {
		grid[i] = []rune(strings.Repeat(" ", sketchWidth))
	}
	mark := func(column int, rate float64, sign rune) {
		row := int((1 - y.at(rate)) * (sketchHeight - 1))
		if row >= 0 && row < sketchHeight && column >= 0 && column < sketchWidth && rate > 0 {
			grid[row][column] = sign
		}
	}
	column := func(intensity float64) int { return int(x.at(intensity) * (sketchWidth - 1)) }
	for c := range sketchWidth {
		intensity := math.Pow(10, math.Log10(x.low)+float64(c)/(sketchWidth-1)*(math.Log10(x.high)-math.Log10(x.low)))
		sign := '_'
		if intensity < r.RidgeAt {
			sign = '/'
		}
		mark(c, min(r.GEMM.Value, r.Bandwidth().Value*intensity), sign)
	}
	mark(column(r.RidgeAt), r.GEMM.Value, 'R')
	for i, p := range r.Placements {
		if p.Source != "" {
			mark(column(p.Intensity), p.Achieved, rune(sketchMarks[i]))
		}
	}
	lines := make([]string, sketchHeight)
	for i, cells := range grid {
		lines[i] = string(cells)
	}
	return lines
}

// sketchNumber prints whole numbers as published, and digits where a whole
// number would be 0.
func sketchNumber(v float64) string {
	if v < 1 {
		return fmt.Sprintf("%.2g", v)
	}
	return fmt.Sprintf("%.0f", v)
}

func flopRate(gflops float64) string {
	if gflops >= 1000 {
		return fmt.Sprintf("%.1f TF/s", gflops/1000)
	}
	return fmt.Sprintf("%.0f GF/s", gflops)
}
