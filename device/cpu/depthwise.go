package cpu

import (
	"devicemap/internal/graph"
	"devicemap/internal/simd"
)

// directFilters is the number of filters of a group up to which a convolution
// is computed row by row.
const directFilters = 3

// planDepthwise weighs the windows of one input plane after the other; an item
// is a band of rows of one output plane.
func planDepthwise(c *compiler, s simd.Shift, p convolution) step {
	channels, filters := p.filter[1], p.filter[0]/p.Groups
	kw, area, plane := p.filter[3], p.filter[2]*p.filter[3], p.in[2]*p.in[3]
	win := newWindows(s, [2]int{p.filter[2], kw}, p.Stride, p.Dilation, p.Pad, p.in, p.out)
	ns := float64(channels*area*p.out[2]*p.out[3]) / float64(12*len(win.bands))
	return step{c.loop(p.out[0]*p.out[1]*len(win.bands), ns, func(_ *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			o := item / len(win.bands)
			sample, f := o/p.out[1], o%p.out[1]
			y := p.y[o*p.out[2]*p.out[3]:]
			start := float32(0)
			if p.bias != nil {
				start = p.bias[f]
			}
			for ch := range channels {
				src := p.x[(sample*p.in[1]+f/filters*channels+ch)*plane:][:plane]
				w := p.w[(f*channels+ch)*area:][:area]
				for _, r := range win.bands[item%len(win.bands)] {
					s.Weigh(y[r.row*p.out[3]:], src, w[r.first*kw:], r.Rows, win.columns, start, ch > 0)
				}
			}
		}
	})}
}

// windows are the windows of a kernel over a plane, in bands of output rows.
type windows struct {
	columns *simd.Columns
	bands   [][]windowRows
}

// windowRows are output rows from the given one whose windows reach the plane
// with the same kernel rows, from first on.
type windowRows struct {
	simd.Rows
	row, first int
}

// bandValues is about how many output values a band holds, so that a single
// large plane feeds all workers.
const bandValues = 4096

func newWindows(s simd.Shift, kernel, stride, dilation [2]int, pad [4]int, in, out graph.Shape) windows {
	h, width := in[2], in[3]
	win := windows{columns: s.Columns(out[3], kernel[1], stride[1], dilation[1], pad[2], width)}
	rows := min(out[2], ceilDiv(bandValues, out[3]))
	for row := range out[2] {
		if row%rows == 0 {
			win.bands = append(win.bands, nil)
		}
		band := &win.bands[len(win.bands)-1]
		at := row*stride[0] - pad[0] // of kernel row 0
		first := min(kernel[0], ceilDiv(max(-at, 0), dilation[0]))
		last := max(first, min(kernel[0], ceilDiv(max(h-at, 0), dilation[0])))
		if n := len(*band); n > 0 && (*band)[n-1].first == first && (*band)[n-1].Kernel == last-first {
			(*band)[n-1].Count++
			continue
		}
		*band = append(*band, windowRows{row: row, first: first, Rows: simd.Rows{Count: 1, Kernel: last - first,
			From: (at + first*dilation[0]) * width, Down: dilation[0] * width, Next: stride[0] * width}})
	}
	return win
}
