package cpu

import "devicemap/internal/graph"

// planConvTranspose computes each phase of the output, the pixels with one
// remainder of (position + padding) modulo the stride, as a convolution at
// stride 1: along one side, with output position o + before = u·s + r, input
// i = u + (r − a·d)/s meets filter position a where s divides r − a·d. These a
// are a step of s/gcd(s, d) apart; in falling order they are a filter with the
// dilation d/gcd(s, d).
func planConvTranspose(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.ConvTranspose).Defaults()
	in, f, out := n.In[0].Shape, n.In[1].Shape, n.Out[0].Shape
	w, dst := c.in(n, 1), c.out(n, 0)
	fixed := c.fixed[n.In[1].ID]
	var bias []float32
	if len(n.In) == 3 {
		bias = c.in(n, 2)
		fixed = fixed && c.fixed[n.In[2].ID]
	}
	planes := out[0] * out[1]
	var s step
	for _, rows := range phasesOf(op, 0, in, f, out) {
		for _, cols := range phasesOf(op, 1, in, f, out) {
			if err := c.budget.take("transposed convolution", planes*rows.size*cols.size, 4); err != nil {
				return nil, err
			}
			y := make([]float32, planes*rows.size*cols.size)
			if len(rows.taps) == 0 || len(cols.taps) == 0 {
				s = append(s, fillPlanes(c, y, planes, bias))
			} else {
				p := convolution{x: c.in(n, 0), bias: bias, y: y, fixed: fixed, in: in,
					Conv: graph.Conv{Stride: [2]int{1, 1}, Dilation: [2]int{rows.dilation, cols.dilation},
						Pad: [4]int{rows.before, rows.after, cols.before, cols.after}, Groups: op.Groups},
					filter: graph.Shape{out[1], in[1] / op.Groups, len(rows.taps), len(cols.taps)},
					out:    graph.Shape{out[0], out[1], rows.size, cols.size}}
				if err := p.turnFilters(c, &s, w, f, rows.taps, cols.taps); err != nil {
					return nil, err
				}
				s = append(s, c.kernels.conv(c, p)...)
			}
			s = append(s, spread(c, dst, y, out, rows, cols))
		}
	}
	return s, nil
}

// fillPlanes sets the planes of y, of which out are one sample's, to their
// channel's bias.
func fillPlanes(c *compiler, y []float32, planes int, bias []float32) loop {
	size := len(y) / planes
	return c.loop(planes, float64(size)/4, func(_ *worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			v := float32(0)
			if bias != nil {
				v = bias[i%len(bias)]
			}
			fill(y[i*size:(i+1)*size], v)
		}
	})
}

// phase is output positions first, first + step, … (count of them) along one
// side, and the convolution at stride 1 that computes them: its results
// [skip, skip+count) of size ones. Taps are positions of the filter.
type phase struct {
	first, step, count      int
	taps                    []int
	dilation, before, after int
	skip, size              int
}

// phasesOf lists the phases along rows (side 0) or columns (side 1).
func phasesOf(op graph.ConvTranspose, side int, in, f, out graph.Shape) []phase {
	stride, dilation, pad := op.Stride[side], op.Dilation[side], op.Pad[2*side]
	var list []phase
	for r := range min(stride, out[2+side]) {
		u, rest := (r+pad)/stride, (r+pad)%stride
		p := phase{first: r, step: stride, count: ceilDiv(out[2+side]-r, stride), dilation: dilation / gcd(stride, dilation)}
		for a := f[2+side] - 1; a >= 0; a-- {
			if (rest-a*dilation)%stride == 0 {
				p.taps = append(p.taps, a)
			}
		}
		p.size = p.count
		if len(p.taps) > 0 {
			from := u + (rest-p.taps[0]*dilation)/stride // what output 0 reads at the first tap
			p.skip = max(from, 0)                        // in place of a negative padding
			p.before = max(-from, 0)
			p.size += p.skip
			last := from + p.count - 1 + (len(p.taps)-1)*p.dilation
			p.after = max(last-(in[2+side]-1), 0)
			p.size += max(in[2+side]-1-last, 0)
		}
		list = append(list, p)
	}
	return list
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// turnFilters sets p.w to the taps of w [Cin, Cout/groups, kH, kW], as
// [Cout, Cin/groups, taps, taps]: now where w is a constant, else in a loop
// that is added to s.
func (p *convolution) turnFilters(c *compiler, s *step, w []float32, f graph.Shape, rows, cols []int) error {
	area, channels, filters := len(rows)*len(cols), p.filter[1], f[1]
	if err := c.budget.take("rearranged filters", p.filter.Elems(), 4); err != nil {
		return err
	}
	p.w = make([]float32, p.filter.Elems())
	write := func(_ *worker, lo, hi int) {
		for o := lo; o < hi; o++ {
			for ch := range channels {
				src := w[((o/filters*channels+ch)*filters+o%filters)*f[2]*f[3]:][:f[2]*f[3]]
				dst := p.w[(o*channels+ch)*area:][:area]
				for i := range dst {
					dst[i] = src[rows[i/len(cols)]*f[3]+cols[i%len(cols)]]
				}
			}
		}
	}
	if p.fixed {
		write(nil, 0, p.filter[0])
	} else {
		*s = append(*s, c.loop(p.filter[0], 2*float64(channels*area), write))
	}
	return nil
}

// spread writes the pixels of a phase, y [planes, rows.size, cols.size], to
// their places in dst.
func spread(c *compiler, dst, y []float32, out graph.Shape, rows, cols phase) loop {
	return c.loop(out[0]*out[1]*rows.count, float64(cols.count), func(_ *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			plane, row := item/rows.count, item%rows.count
			at := (plane*out[2]+rows.first+row*rows.step)*out[3] + cols.first
			for _, v := range y[(plane*rows.size+rows.skip+row)*cols.size+cols.skip:][:cols.count] {
				dst[at] = v
				at += cols.step
			}
		}
	})
}
