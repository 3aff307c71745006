package cpu

import "devicemap/internal/simd"

// Partition of a packed convolution, from its shape alone.
const (
	convPixelBlock = 256 // output pixels of an item: with a block of depth, 256 KiB in L2
	convItems      = 16  // items that a layer is cut into, where it is large enough
	convShare      = 4   // slivers of filters of an item, at least, where it is cut by filters
)

// packedConv is a convolution as a product without a patch matrix. The left
// operand are the filters, packed once; the right one are the output pixels, of
// which slivers are gathered from shifted rows of the padded input.
type packedConv struct {
	convolution
	*tiles
	shift simd.Shift

	frame              frame // of a channel, in the shared memory; without rows, x is read as it is
	channel            int   // values of a channel of what is read
	pitch, pixels      int   // steps between rows of what is read; pixels of the output
	cols               int   // output pixels that follow each other in a row of what is read
	at                 []int // where each term is read for output pixel (0, 0)
	channels, filters  int   // of a group
	terms, depthBlock  int
	slivers            int       // of a group's filters
	packed             []slivers // filters, by group
	block, blocks      int       // pixels of an item, and how many there are of one map
	share, shares      int       // slivers of an item, and how many there are of one group
	framed, gatherings int       // values of the shared memory: frames, gathered slivers
}

// conv plans convolutions on register tiles. Those with few filters in a
// group, which would leave the tiles nearly empty, are computed row by row.
func (t *tiles) conv(s simd.Shift) func(c *compiler, p convolution) step {
	return func(c *compiler, p convolution) step {
		if p.filter[0]/p.Groups <= directFilters {
			return planDepthwise(c, s, p)
		}
		g := &packedConv{convolution: p, tiles: t, shift: s, channels: p.filter[1], filters: p.filter[0] / p.Groups}
		g.source()
		if g.turns() {
			return g.planTurned(c)
		}
		g.partition()
		c.needShared(g.framed + g.gatherings)
		c.needScratch(g.block * g.depthBlock)
		steps := g.pack(c)
		if g.framed > 0 {
			steps = append(steps, g.fillFrames(c))
		}
		if g.gatherings > 0 {
			steps = append(steps, g.gatherAll(c))
		}
		return append(steps, g.multiply(c))
	}
}

// source decides what is read: the input itself, or frames of it.
func (g *packedConv) source() {
	f := newFrame([2]int{g.filter[2], g.filter[3]}, g.Stride, g.Dilation, g.Pad, g.in, g.out)
	taps := f.taps()
	g.pixels, g.cols = g.out[2]*g.out[3], g.out[3]
	g.channel, g.pitch = f.elems(), f.pitch
	if len(taps) > 1 || f.elems() != g.in[2]*g.in[3] {
		g.frame, g.framed = f, g.in[0]*g.in[1]*f.elems()
	}
	if g.pitch == g.cols {
		g.cols = g.pixels
	}
	for ch := range g.channels {
		for _, tap := range taps {
			g.at = append(g.at, ch*g.channel+tap)
		}
	}
	g.terms = len(g.at)
}

// partition chooses the blocks. Where items share pixels, these are gathered
// once for all of them.
func (g *packedConv) partition() {
	maps := g.in[0] * g.Groups
	g.depthBlock = even(g.terms, g.depth, 1)
	g.slivers = ceilDiv(g.filters, g.MR)
	most := max(convPixelBlock/2, min(convPixelBlock, ceilDiv(g.pixels*maps, convItems)))
	g.block = even(g.pixels, most, g.NR)
	g.blocks = ceilDiv(g.pixels, g.block)
	g.share = ceilDiv(g.slivers, min(max(1, convItems/(maps*g.blocks)), ceilDiv(g.slivers, convShare)))
	g.shares = ceilDiv(g.slivers, g.share)
	if all := maps * g.blocks * g.block * g.terms; g.shares > 1 && all <= sharedMax {
		g.gatherings = all
	}
}

// even is the length of the equal parts, multiples of unit, that n is cut into
// so that none exceeds limit by more than the rounding to unit.
func even(n, limit, unit int) int {
	return roundUp(ceilDiv(n, ceilDiv(n, limit)), unit)
}

// pack packs the filters: now where they are constants, else in a loop.
func (g *packedConv) pack(c *compiler) step {
	left := g.left(view{g.w, g.terms, 1}, g.filters, g.terms)
	group, sliver := g.filters*g.terms, g.MR*g.terms // values of each
	if g.fixed {
		for i := range g.Groups {
			g.packed = append(g.packed, slivers{left.fixed(c, i*group), sliver})
		}
		return nil
	}
	if err := c.budget.take("packed filters", g.Groups*g.slivers*sliver, 4); err != nil {
		c.fail(err)
		return nil
	}
	all := make([]float32, g.Groups*g.slivers*sliver)
	for i := range g.Groups {
		g.packed = append(g.packed, slivers{all[i*g.slivers*sliver:], sliver})
	}
	return step{c.loop(g.Groups*g.slivers, float64(sliver)/4, func(_ *worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			left.sliver(all[i*sliver:], i/g.slivers*group, i%g.slivers, 0, g.terms)
		}
	})}
}

// fillFrames writes the padded input.
func (g *packedConv) fillFrames(c *compiler) loop {
	phases, size, plane := g.frame.phases(), g.frame.rows*g.frame.pitch, g.in[2]*g.in[3]
	return c.loop(g.in[0]*g.in[1]*phases, float64(size)/2, func(w *worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			g.frame.fillPhase(w.shared[i*size:], g.x[i/phases*plane:][:plane], i%phases)
		}
	})
}

// gatherAll gathers the slivers of all pixels; an item is one sliver.
func (g *packedConv) gatherAll(c *compiler) loop {
	perBlock := g.block / g.NR
	return c.loop(g.in[0]*g.Groups*g.blocks*perBlock, float64(g.terms*g.NR)/4, func(w *worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			rest, j := i/perBlock, i%perBlock*g.NR
			from := rest%g.blocks*g.block + j
			if from >= g.pixels {
				continue
			}
			dst := w.shared[g.framed+rest*g.block*g.terms:]
			for k := 0; k < g.terms; k += g.depthBlock {
				depth := min(g.depthBlock, g.terms-k)
				g.gather(dst[k*g.block+j*depth:], g.input(w, rest/g.blocks), k, depth, from)
			}
		}
	})
}

// input is the channels that a map, one group of one sample, reads.
func (g *packedConv) input(w *worker, of int) []float32 {
	x := g.x
	if g.framed > 0 {
		x = w.shared[:g.framed]
	}
	return x[of*g.channels*g.channel:]
}

// gather packs terms [k, k+depth) of a sliver of pixels from the given one.
func (g *packedConv) gather(dst, x []float32, k, depth, from int) {
	var list [64]simd.Run
	runs := list[:0]
	n := min(g.NR, g.pixels-from)
	y, col := from/g.cols, from%g.cols
	for lane := 0; lane < n; y, col = y+1, 0 {
		count := min(n-lane, g.cols-col)
		runs = append(runs, simd.RunOf(lane, count, y*g.pitch+col))
		lane += count
	}
	g.shift.Gather(dst[:depth*g.NR], g.NR, x, g.at[k:k+depth], runs)
}

// multiply computes a block of pixels of a map for a share of its filters per
// item.
func (g *packedConv) multiply(c *compiler) loop {
	ns := 2 * float64(g.block*g.share*g.MR) * float64(g.terms) / gemmFlopsPerNs
	return c.loop(g.in[0]*g.Groups*g.blocks*g.shares, ns, func(w *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			rest, share := item/g.shares, item%g.shares
			g.compute(w, rest/g.blocks, rest%g.blocks, share*g.share, min((share+1)*g.share, g.slivers))
		}
	})
}

// compute fills a block of pixels of a map for slivers [lo, hi) of its filters.
func (g *packedConv) compute(w *worker, of, block, lo, hi int) {
	from := block * g.block
	px := min(g.block, g.pixels-from)
	group, first, count := of%g.Groups, lo*g.MR, min(hi*g.MR, g.filters)-lo*g.MR
	y := g.y[(of*g.filters+first)*g.pixels+from:]
	if g.bias != nil {
		for i := range count {
			fill(y[i*g.pixels:][:px], g.bias[group*g.filters+first+i])
		}
	}
	for k := 0; k < g.terms; k += g.depthBlock {
		depth := min(g.depthBlock, g.terms-k)
		right := w.scratch
		if g.gatherings > 0 {
			right = w.shared[g.framed+(of*g.blocks+block)*g.block*g.terms+k*g.block:]
		} else {
			for j := 0; j < px; j += g.NR {
				g.gather(right[j*depth:], g.input(w, of), k, depth, from+j)
			}
		}
		left := g.packed[group]
		left.data = left.data[lo*left.step+k*g.MR:]
		g.tiles.block(count, px, depth, left, slivers{right, g.NR * depth}, y, g.pixels, nil, g.bias != nil || k > 0)
	}
}
