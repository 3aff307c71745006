package cpu

// turnedConv is a packed convolution with its operands exchanged, for maps of
// so few pixels that slivers of pixels would be partly empty: pixels are rows
// of the tiles, of which any number is fast, and filters are columns. Results
// are turned on their way out.
type turnedConv struct {
	*packedConv
	lanes  int       // pixels gathered at a time, whole slivers
	rows   int       // slivers of pixels of a map
	block  int       // slivers of pixels of an item
	right  []slivers // filters, by group
	groups int       // slivers of a group's filters
}

// turnedGain is the share of the tiles' work that exchanging the operands must
// save, in percent: turning the results costs 1 to 3.
const turnedGain = 6

// turns reports whether the exchange pays.
func (g *packedConv) turns() bool {
	straight := roundUp(g.pixels, g.NR) * g.filters
	turned := g.pixels * roundUp(g.filters, g.NR)
	return g.fixed && g.in[0]*g.Groups*roundUp(g.pixels, g.MR)*g.terms <= sharedMax &&
		100*turned < (100-turnedGain)*straight
}

func (g *packedConv) planTurned(c *compiler) step {
	t := &turnedConv{packedConv: g, lanes: g.NR / g.MR * g.MR, rows: ceilDiv(g.pixels, g.MR), groups: ceilDiv(g.filters, g.NR)}
	g.depthBlock = even(g.terms, g.depth, 1)
	maps := g.in[0] * g.Groups
	t.block = ceilDiv(t.rows, min(ceilDiv(convItems, maps*t.groups), ceilDiv(t.rows, convShare)))
	filters := g.tiles.right(view{g.w, 1, g.terms}, g.filters, g.terms)
	for i := range g.Groups {
		t.right = append(t.right, slivers{filters.fixed(c, i*g.filters*g.terms), g.NR * g.terms})
	}
	c.needShared(g.framed + maps*t.rows*g.MR*g.terms)
	c.needScratch(max(g.NR*g.depthBlock, t.block*g.MR*g.NR))
	var s step
	if g.framed > 0 {
		s = append(s, g.fillFrames(c))
	}
	return append(s, t.gatherAll(c), t.multiply(c))
}

// gatherAll packs all pixels as rows; an item is a few slivers of one map.
func (t *turnedConv) gatherAll(c *compiler) loop {
	blocks := ceilDiv(t.pixels, t.lanes)
	sliver := t.MR * t.terms
	return c.loop(t.in[0]*t.Groups*blocks, float64(t.terms*t.NR)/3, func(w *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			of, from := item/blocks, item%blocks*t.lanes
			count := min(t.lanes, t.pixels-from)
			dst := w.shared[t.framed+(of*t.rows+from/t.MR)*sliver:]
			for k := 0; k < t.terms; k += t.depthBlock {
				depth := min(t.depthBlock, t.terms-k)
				t.gather(w.scratch, t.input(w, of), k, depth, from)
				for i := 0; i < count; i += t.MR {
					t.PackA(dst[i*t.terms+k*t.MR:], w.scratch[i:], 1, t.NR, min(t.MR, count-i), depth)
				}
			}
		}
	})
}

// multiply computes a block of pixels of a map for one sliver of filters per
// item.
func (t *turnedConv) multiply(c *compiler) loop {
	blocks := ceilDiv(t.rows, t.block)
	ns := 2 * float64(t.block*t.MR*t.NR) * float64(t.terms) / gemmFlopsPerNs
	return c.loop(t.in[0]*t.Groups*t.groups*blocks, ns, func(w *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			rest, block := item/blocks, item%blocks
			t.compute(w, rest/t.groups, block*t.block, rest%t.groups)
		}
	})
}

// compute fills pixels from a sliver on for sliver j of the filters of a map.
func (t *turnedConv) compute(w *worker, of, from, j int) {
	group, first, pixel := of%t.Groups, j*t.NR, from*t.MR
	px, filters := min(t.block*t.MR, t.pixels-pixel), min(t.NR, t.filters-first)
	left := slivers{w.shared[t.framed+(of*t.rows+from)*t.MR*t.terms:], t.MR * t.terms}
	right := t.right[group]
	right.data = right.data[j*right.step:]
	for k := 0; k < t.terms; k += t.depthBlock {
		var bias []float32
		if k == 0 && t.bias != nil {
			bias = t.bias[group*t.filters+first:]
		}
		a, b := slivers{left.data[k*t.MR:], left.step}, slivers{right.data[k*t.NR:], right.step}
		t.tiles.block(px, filters, min(t.depthBlock, t.terms-k), a, b, w.scratch, t.NR, bias, k > 0)
	}
	turn(t.y[(of*t.filters+first)*t.pixels+pixel:], t.pixels, w.scratch, t.NR, filters, px)
}
