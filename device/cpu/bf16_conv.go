package cpu

import "devicemap/internal/amx"

// fewChannels is the width of a group below which a grouped convolution stays
// with the base: depthwise ones, which would leave the tiles nearly empty.
const fewChannels = 16

// convPanelValues bounds the packed pixels of an item, 512 KiB of L2.
const convPanelValues = 256 << 10

// tileConv is a convolution on the tile unit. The input becomes bf16 with its
// padding and with channels innermost, [N, groups, H', W', channels]: a kernel
// row is then a contiguous run of kW·channels values (of channels alone where
// the columns are dilated), padded to whole steps of 32. Rows of the product
// are filters, packed at compile time; columns are output pixels, gathered
// from the image.
type tileConv struct {
	tileUnit
	convolution
	channels, filters int // of a group
	height, width     int // of the padded image
	runs              []int
	run, runSteps     int // values and steps of a run
	steps             int
	weights           *panelMatrix
}

// conv plans p on the unit if its filter and bias are constants and its groups
// are wide.
func (t tileUnit) conv(c *compiler, p convolution) step {
	channels, filters := p.filter[1], p.filter[0]/p.Groups
	if !p.fixed || p.Groups > 1 && min(channels, filters) < fewChannels {
		return t.base.conv(c, p)
	}
	g := &tileConv{tileUnit: t, convolution: p, channels: channels, filters: filters,
		height: p.in[2] + p.Pad[0] + p.Pad[1], width: p.in[3] + p.Pad[2] + p.Pad[3]}
	g.cutRuns()
	g.packWeights(c)
	return step{g.planImage(c), g.planProduct(c)}
}

// cutRuns lists where the runs of a patch begin, relative to its corner.
func (g *tileConv) cutRuns() {
	kw := g.filter[3]
	g.run = g.channels
	if g.Dilation[1] == 1 {
		g.run, kw = kw*g.channels, 1
	}
	for a := range g.filter[2] {
		for b := range kw {
			g.runs = append(g.runs, (a*g.Dilation[0]*g.width+b*g.Dilation[1])*g.channels)
		}
	}
	g.runSteps = amx.Steps(g.run)
	g.steps = len(g.runs) * g.runSteps
}

// packWeights brings the filters, [Cout, channels, kH, kW], to the order of the
// runs and packs them.
func (g *tileConv) packWeights(c *compiler) {
	depth, area := g.steps*amx.Depth, g.filter[2]*g.filter[3]
	var at []int
	for group := range g.Groups {
		at = append(at, group*g.filters*depth)
	}
	g.weights = newPanelMatrix(nil, at, g.filters, depth, true, false)
	l := layout{at: &g.w[0], row: g.run, col: g.Groups, rows: g.filter[0], cols: g.channels * area, as: asFilters}
	g.weights.fixed = amx.Halves(c.copied(l, g.weights.floats(), func(dst []float32) {
		rows := make([]float32, g.filter[0]*depth)
		for f := range g.filter[0] {
			for i := range area * g.channels { // in the order of a patch: kernel row, column, channel
				at := i/g.run*g.runSteps*amx.Depth + i%g.run
				rows[f*depth+at] = g.w[(f*g.channels+i%g.channels)*area+i/g.channels]
			}
		}
		g.weights.src = rows
		g.weights.pack(amx.Halves(dst), 0, g.weights.items())
		g.weights.src = nil
	}))
}

// planImage fills the image; an item is one row of it.
func (g *tileConv) planImage(c *compiler) loop {
	c.needScratch(amx.StepElems / 2)
	row := g.width * g.channels
	rows := g.in[0] * g.Groups * g.height
	c.needShared((rows*row + 1) / 2)
	ns := 3 * packNs * float64(amx.Panels(g.width)*amx.Steps(g.channels))
	return c.loop(rows, ns, func(w *worker, lo, hi int) {
		image := amx.Halves(w.shared)
		for item := lo; item < hi; item++ {
			dst := image[item*row : (item+1)*row]
			plane, y := item/g.height, item%g.height-g.Pad[0]
			if y < 0 || y >= g.in[2] {
				clear(dst)
				continue
			}
			left, right := g.Pad[2]*g.channels, (g.Pad[2]+g.in[3])*g.channels
			clear(dst[:left])
			clear(dst[right:])
			g.fillRow(amx.Halves(w.scratch), dst[left:right], plane*g.channels, y)
		}
	})
}

// fillRow writes input row y of the channels from first on to dst [W, channels].
func (g *tileConv) fillRow(tile, dst []uint16, first, y int) {
	plane, w := g.in[2]*g.in[3], g.in[3]
	for ch := 0; ch < g.channels; ch += amx.Depth {
		count := min(amx.Depth, g.channels-ch)
		for x := 0; x < w; x += amx.Lanes {
			pixels := min(amx.Lanes, w-x)
			amx.PackPairs(tile, g.x[(first+ch)*plane+y*w+x:], plane, pixels, count)
			amx.Turn(tile[:amx.StepElems])
			for i := range pixels {
				copy(dst[(x+i)*g.channels+ch:][:count], tile[i*amx.Depth:])
			}
		}
	}
}

// planProduct multiplies; an item is a block of pixels of one group and, where
// that makes few items, a part of the filters.
func (g *tileConv) planProduct(c *compiler) loop {
	pixels, elems := g.out[2]*g.out[3], g.steps*amx.StepElems
	block := max(1, min(tileCols, convPanelValues/elems))
	blocks := ceilDiv(amx.Panels(pixels), block)
	planes, size := g.in[0]*g.Groups, g.height*g.width*g.channels
	parts := min(ceilDiv(g.weights.panels, 4), ceilDiv(tileItems, planes*blocks))
	part := ceilDiv(g.weights.panels, parts)
	parts = ceilDiv(g.weights.panels, part)
	edge := amx.Lanes * amx.Lanes * block
	c.needScratch(edge + block*elems/2)
	ns := 2 * float64(part*amx.Lanes) * float64(block*amx.Lanes) * float64(g.steps*amx.Depth) / tileFlopsPerNs
	return c.loop(planes*blocks*parts, ns, func(w *worker, lo, hi int) {
		panels := amx.Halves(w.scratch[edge:])
		for item := lo; item < hi; item++ {
			rest, f := item/parts, item%parts*part
			plane, from := rest/blocks, rest%blocks*block*amx.Lanes
			count := min(block*amx.Lanes, pixels-from)
			image := amx.Halves(w.shared)[plane*size : (plane+1)*size]
			for i := 0; i < count; i += amx.Lanes {
				g.packPixels(panels[i/amx.Lanes*elems:][:elems], image, from+i, min(amx.Lanes, count-i))
			}
			g.compute(w, panels, plane, from, count, f, min(f+part, g.weights.panels))
		}
	})
}

// packPixels writes the panel of count ≤ 32 output pixels of an image from the
// given one on; lanes beyond them repeat the first pixel and are not stored.
func (g *tileConv) packPixels(dst, image []uint16, from, count int) {
	var corner, at [amx.Lanes]int
	for i := range corner {
		p := from
		if i < count {
			p += i
		}
		y, x := p/g.out[3]*g.Stride[0], p%g.out[3]*g.Stride[1]
		corner[i] = (y*g.width + x) * g.channels
	}
	for _, run := range g.runs {
		for done := 0; done < g.run; done += amx.Depth {
			for i, o := range corner {
				at[i] = o + run + done
			}
			n := min(amx.Depth, g.run-done)
			amx.Gather(dst, image, (*[16]int)(at[:16]), n)
			amx.Gather(dst[amx.StepElems/2:], image, (*[16]int)(at[16:]), n)
			dst = dst[amx.StepElems:]
		}
	}
}

// compute multiplies the filter panels [f0, f1) with the packed pixels.
func (g *tileConv) compute(w *worker, b []uint16, plane, from, count, f0, f1 int) {
	pixels, group := g.out[2]*g.out[3], plane%g.Groups
	pass := passes(g.steps)
	for s := 0; s < g.steps; s += pass {
		for i := f0; i < f1; i++ {
			rows := min(amx.Lanes, g.filters-i*amx.Lanes)
			dst := g.y[(plane*g.filters+i*amx.Lanes)*pixels+from:]
			if s == 0 && g.bias != nil {
				for r := range rows {
					fill(dst[r*pixels:r*pixels+count], g.bias[group*g.filters+i*amx.Lanes+r])
				}
			}
			g.store(w.scratch, dst, pixels, rows, count, g.weights.panel(w, group, i, s), b[s*amx.StepElems:],
				min(pass, g.steps-s), g.steps*amx.StepElems, s > 0 || g.bias != nil)
		}
	}
}
