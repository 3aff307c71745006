package cpu

import "devicemap/internal/simd"

// Blocking of the packed convolution. A sliver of filters of one depth block
// (14 KiB with 14 filters) stays in L1 while the slivers of a pixel block
// (at most 256 KiB, in L2) pass.
const (
	tapDepth  = 256 // terms of a depth block, at most
	tapPixels = 256 // output pixels of an item, at most
	tapItems  = 16  // items that a layer is cut into, where it is large enough
)

// tap is one filter position: for output pixel (y, x) it reads value
// base + (y+row)·width + (x+col) of a channel, and 0 where y+row or x+col is
// outside of the map of height × width.
type tap struct{ base, row, col int }

// packedConv is a convolution as a matrix product without a patch matrix. The
// left operand are the filters, packed once; the right one are the output
// pixels, of which slivers are gathered from shifted rows of the input. Terms
// run over the channels of the first tap, then of the next; a bias is one more
// term, with the value 1.
type packedConv struct {
	convolution
	matrix *simd.Matrix
	shift  simd.Shift

	x             []float32 // the input, or its frames
	channel       int       // values of a channel of x
	height, width int       // of the map that a tap reads
	rows, cols    int       // of the output
	taps          []tap

	channels, filters int // of a group
	terms, depth      int // all, and of a depth block
	slivers           int // of a group's filters
	packed            []float32
	block             int // pixels of an item
	share             int // slivers of an item
}

// convKernels plans convolutions with the kernels of one level.
func convKernels(m *simd.Matrix, s simd.Shift) func(c *compiler, p convolution) step {
	return func(c *compiler, p convolution) step {
		if p.out[1]/p.Groups <= directFilters {
			return planDepthwise(c, s, p)
		}
		g := &packedConv{convolution: p, matrix: m, shift: s, x: p.x}
		step, ok := g.source(c)
		if !ok {
			return nil // the budget refuses the graph
		}
		g.partition()
		if !g.prepare(c, &step) {
			return nil
		}
		return append(step, g.loop(c))
	}
}

// source sets what the taps read. At stride 1 that is the input itself; other
// strides read frames, which the returned step writes.
func (g *packedConv) source(c *compiler) (step, bool) {
	g.rows, g.cols = g.out[2], g.out[3]
	g.height, g.width, g.channel = g.in[2], g.in[3], g.in[2]*g.in[3]
	if g.Stride == [2]int{1, 1} {
		for a := range g.filter[2] {
			for b := range g.filter[3] {
				g.taps = append(g.taps, tap{0, a*g.Dilation[0] - g.Pad[0], b*g.Dilation[1] - g.Pad[2]})
			}
		}
		g.flatten()
		return nil, true
	}
	f := newFrame([2]int{g.filter[2], g.filter[3]}, g.Stride, g.Dilation, g.Pad, g.in, g.out)
	plane := f.rows * f.pitch
	for _, at := range f.taps() {
		g.taps = append(g.taps, tap{at / plane * plane, at % plane / f.pitch, at % f.pitch})
	}
	g.height, g.width, g.channel = f.rows, f.pitch, f.elems()
	planes := g.in[0] * g.in[1]
	if err := c.budget.take("strided convolution's input", planes*f.elems(), 4); err != nil {
		c.err = err
		return nil, false
	}
	src, dst, size := g.x, make([]float32, planes*f.elems()), g.in[2]*g.in[3]
	g.x = dst
	g.flatten()
	phases := f.phases()
	return step{c.loop(planes*phases, 0.7*float64(plane), func(_ *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			f.fillPhase(dst[item*plane:], src[item/phases*size:][:size], item%phases, 0, 0)
		}
	})}, true
}

// flatten makes one row of a map whose pixels all taps read in order.
func (g *packedConv) flatten() {
	for _, t := range g.taps {
		if t.row != 0 || t.col != 0 {
			return
		}
	}
	if g.width == g.cols {
		g.cols, g.width = g.rows*g.cols, g.height*g.width
		g.rows, g.height = 1, 1
	}
}

// partition chooses the blocks.
func (g *packedConv) partition() {
	g.channels, g.filters = g.filter[1], g.filter[0]/g.Groups
	g.terms = len(g.taps) * g.channels
	if g.bias != nil {
		g.terms++
	}
	g.depth = even(g.terms, tapDepth, 1)
	g.slivers = ceilDiv(g.filters, g.matrix.MR)
	pixels, maps := g.rows*g.cols, g.in[0]*g.Groups
	most := max(tapPixels/2, min(tapPixels, ceilDiv(pixels*maps, tapItems)))
	g.block = even(pixels, most, g.matrix.NR)
	items := maps * ceilDiv(pixels, g.block)
	g.share = ceilDiv(g.slivers, min(ceilDiv(tapItems, items), ceilDiv(g.slivers, 4)))
}

// even is the length of the equal parts, multiples of unit, that n is cut into
// so that none exceeds limit by more than the rounding to unit.
func even(n, limit, unit int) int {
	return ceilDiv(ceilDiv(n, ceilDiv(n, limit)), unit) * unit
}

// prepare packs the filters: now where they are constants, else in a loop that
// is added to s. Layers of the same constant share the packed copy, unless it
// holds a bias.
func (g *packedConv) prepare(c *compiler, s *step) bool {
	size := g.Groups * g.slivers * g.matrix.MR * g.terms
	if g.fixed && g.bias == nil {
		area := len(g.taps)
		l := layout{&g.w[0], g.channels * area, area*g.Groups + 1, g.filter[0], g.terms, asTaps}
		g.packed = c.copied(l, size, func(dst []float32) {
			g.packed = dst
			g.packFilters(0, g.Groups*g.slivers)
		})
		return g.packed != nil
	}
	if err := c.budget.take("packed filters", size, 4); err != nil {
		c.err = err
		return false
	}
	g.packed = make([]float32, size)
	if g.fixed {
		g.packFilters(0, g.Groups*g.slivers)
	} else {
		*s = append(*s, c.loop(g.Groups*g.slivers, 2*float64(g.matrix.MR*g.terms), func(_ *worker, lo, hi int) {
			g.packFilters(lo, hi)
		}))
	}
	return true
}

// asTaps is the use of filters packed tap by tap.
const asTaps = -2

// sliver is where a group's sliver i of the depth block from term k stands.
func (g *packedConv) sliver(group, k, i int) []float32 {
	mr, depth := g.matrix.MR, min(g.depth, g.terms-k)
	at := (group*g.terms+k)*g.slivers*mr + i*depth*mr
	return g.packed[at : at+depth*mr]
}

// packFilters packs slivers [lo, hi), counted over all groups, in all depth
// blocks.
func (g *packedConv) packFilters(lo, hi int) {
	mr, area := g.matrix.MR, len(g.taps)
	for item := lo; item < hi; item++ {
		group, i := item/g.slivers, item%g.slivers
		from, lanes := group*g.filters+i*mr, min(mr, g.filters-i*mr)
		w := g.w[from*g.channels*area:]
		for k := 0; k < g.terms; k += g.depth {
			dst := g.sliver(group, k, i)
			for p, end := k, min(k+g.depth, g.terms); p < end; {
				if p == area*g.channels {
					copy(dst, g.bias[from:from+lanes])
					clear(dst[lanes:])
					break
				}
				t, ch := p/g.channels, p%g.channels
				n := min(g.channels-ch, end-p)
				g.matrix.PackA(dst, w[ch*area+t:], g.channels*area, area, lanes, n)
				dst = dst[n*mr:]
				p += n
			}
		}
	}
}

// loop computes a block of pixels for a share of a group's filters per item.
func (g *packedConv) loop(c *compiler) loop {
	pixels := g.rows * g.cols
	blocks, shares := ceilDiv(pixels, g.block), ceilDiv(g.slivers, g.share)
	c.needScratch(g.block * g.depth)
	ns := 2 * float64(g.block*g.share*g.matrix.MR) * float64(g.terms) / packedFlopsPerNs
	return c.loop(g.in[0]*g.Groups*blocks*shares, ns, func(w *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			rest, share := item/shares, item%shares
			rest, block := rest/blocks, rest%blocks
			from := block * g.block
			g.compute(w, rest/g.Groups, rest%g.Groups, share*g.share, min((share+1)*g.share, g.slivers),
				from, min(g.block, pixels-from))
		}
	})
}

// packedFlopsPerNs is what one core does, an estimate for the partition only.
const packedFlopsPerNs = 80

// compute fills px pixels from the given one for slivers [lo, hi) of a group.
func (g *packedConv) compute(w *worker, sample, group, lo, hi, from, px int) {
	mr, nr, pixels := g.matrix.MR, g.matrix.NR, g.rows*g.cols
	y := g.y[(sample*g.out[1]+group*g.filters)*pixels+from:]
	x := g.x[(sample*g.in[1]+group*g.channels)*g.channel:]
	for k := 0; k < g.terms; k += g.depth {
		depth := min(g.depth, g.terms-k)
		for j := 0; j < px; j += nr {
			g.gather(w.scratch[j*depth:(j+nr)*depth], x, k, k+depth, from+j, min(nr, px-j))
		}
		for i := lo; i < hi; i++ {
			a, rows := g.sliver(group, k, i), min(mr, g.filters-i*mr)
			for j := 0; j < px; j += nr {
				g.matrix.Tile(depth, a, w.scratch[j*depth:(j+nr)*depth], y[i*mr*pixels+j:], pixels,
					rows, min(nr, px-j), k > 0)
			}
		}
	}
}

// gather packs terms [k, end) of n pixels from the given one; x are the
// channels of the group.
func (g *packedConv) gather(dst, x []float32, k, end, from, n int) {
	nr := g.matrix.NR
	var list [64]simd.Run
	for k < end {
		if k == len(g.taps)*g.channels {
			fill(dst[:nr], 1)
			return
		}
		t, ch := k/g.channels, k%g.channels
		count := min(g.channels-ch, end-k)
		runs := g.runs(list[:0], g.taps[t], from, n)
		g.shift.Gather(dst, nr, x[ch*g.channel:], g.channel, count, runs)
		dst = dst[count*nr:]
		k += count
	}
}

// runs lists where tap t finds n pixels from the given one.
func (g *packedConv) runs(list []simd.Run, t tap, from, n int) []simd.Run {
	y, x := from/g.cols, from%g.cols
	for lane := 0; lane < n; y, x = y+1, 0 {
		count := min(n-lane, g.cols-x)
		lo, hi := max(x, -t.col), min(x+count, g.width-t.col)
		if row := y + t.row; row >= 0 && row < g.height && lo < hi {
			list = append(list, simd.RunOf(lane+lo-x, hi-lo, t.base+row*g.width+lo+t.col))
		}
		lane += count
	}
	return list
}
