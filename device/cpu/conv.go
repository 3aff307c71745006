package cpu

import (
	"devicemap/internal/graph"
	"devicemap/internal/simd"
)

// convolution is a 2-D cross-correlation of x [N, Cin, H, W] with w
// [Cout, Cin/groups, kH, kW] and bias [Cout] or nil, to y [N, Cout, oH, oW].
type convolution struct {
	graph.Conv      // with its defaults filled in
	x, w, bias, y   []float32
	in, filter, out graph.Shape
	fixed           bool // w and bias are constants
}

// Blocking of the gonum kernel set. A worker's patches are convPixels rows of
// whole filter planes of about convDepth values: 256 KiB for usual filters, and
// at most maxPatches unless one filter plane alone exceeds it.
const (
	convPixels = 64
	convDepth  = 1024
	maxPatches = 8 << 20 / 4 // values: 8 MiB
	// directDepth is the depth (input channels of a group × filter area) up to
	// which a convolution is computed window by window without patches:
	// depthwise ones, whose dots would be too short.
	directDepth = 16
)

func planConvNode(c *compiler, n *graph.Node) (step, error) {
	p := convolution{Conv: n.Op.(graph.Conv).Defaults(), x: c.in(n, 0), w: c.in(n, 1), y: c.out(n, 0),
		in: n.In[0].Shape, filter: n.In[1].Shape, out: n.Out[0].Shape, fixed: c.fixed[n.In[1].ID]}
	if len(n.In) == 3 {
		p.bias = c.in(n, 2)
		p.fixed = p.fixed && c.fixed[n.In[2].ID]
	}
	return c.kernels.conv(c, p), nil
}

// planConv computes y = w·patches per group. An item is a block of output
// pixels and, where the map is too small to feed the workers, of output
// channels. Its patches ([pixels, depth], the transposed im2col matrix) are
// built per block of input channels and multiplied at once, so that the
// scratch does not grow with the map.
func planConv(c *compiler, p convolution) step {
	area := p.filter[2] * p.filter[3]
	channels, filters := p.filter[1], p.filter[0]/p.Groups // of a group
	if channels*area <= directDepth {
		return planDepthwise(c, simd.Shift{Level: simd.Portable}, p)
	}
	pixels := p.out[2] * p.out[3]
	block := min(convPixels, pixels, max(1, maxPatches/area))
	depth := min(channels, max(1, min(convDepth, maxPatches/block)/area))
	c.needScratch(block * depth * area)

	pixelBlocks := ceilDiv(pixels, block)
	items := p.in[0] * p.Groups * pixelBlocks
	filterBlocks := min(ceilDiv(filters, gemmCols), ceilDiv(16, items))
	filterBlock := ceilDiv(filters, filterBlocks)
	filterBlocks = ceilDiv(filters, filterBlock)
	dots, total := c.kernels.dots, channels*area
	plane := p.in[2] * p.in[3]
	ns := 2 * float64(block*filterBlock) * float64(total) / gonumFlopsPerNs
	return step{c.loop(items*filterBlocks, ns, func(w *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			rest, fb := item/filterBlocks, item%filterBlocks
			rest, pb := rest/pixelBlocks, rest%pixelBlocks
			sample, group := rest/p.Groups, rest%p.Groups
			first, from := group*filters+fb*filterBlock, pb*block
			count, px := min(filterBlock, filters-fb*filterBlock), min(block, pixels-from)
			y := p.y[(sample*p.out[1]+first)*pixels+from:]
			for f := range count {
				row := y[f*pixels : f*pixels+px]
				if p.bias == nil {
					clear(row)
				} else {
					fill(row, p.bias[first+f])
				}
			}
			for ch := 0; ch < channels; ch += depth {
				k := min(depth, channels-ch)
				src := p.x[(sample*p.in[1]+group*channels+ch)*plane:][:k*plane]
				p.patches(w.scratch, src, k, from, px)
				dots(count, px, k*area, p.w[first*total+ch*area:], total, w.scratch, k*area, y, pixels)
			}
		}
	})}
}

// patches writes dst [px, channels·kH·kW]: row i holds what output pixel from+i
// sees of x [channels, H, W], zeros where that is padding.
func (p *convolution) patches(dst, x []float32, channels, from, px int) {
	kh, kw := p.filter[2], p.filter[3]
	area := kh * kw
	depth := channels * area
	h, w := p.in[2], p.in[3]
	if area == 1 && p.Stride == [2]int{1, 1} && p.Pad == [4]int{} {
		turn(dst, depth, x[from:], h*w, px, channels)
		return
	}
	for ch := range channels {
		plane := x[ch*h*w : (ch+1)*h*w]
		for i := range px {
			oy, ox := (from+i)/p.out[3], (from+i)%p.out[3]
			patch := dst[i*depth+ch*area:][:area]
			y0, x0 := oy*p.Stride[0]-p.Pad[0], ox*p.Stride[1]-p.Pad[2]
			inside := y0 >= 0 && x0 >= 0 && y0+(kh-1)*p.Dilation[0] < h && x0+(kw-1)*p.Dilation[1] < w
			switch {
			case inside && kw == 3 && p.Dilation[1] == 1:
				at, step := y0*w+x0, p.Dilation[0]*w
				for ; len(patch) >= 3; patch = patch[3:] {
					src := plane[at : at+3 : at+3]
					patch[0], patch[1], patch[2] = src[0], src[1], src[2]
					at += step
				}
			case inside && p.Dilation[1] == 1:
				for a := range kh {
					copy(patch[a*kw:(a+1)*kw], plane[(y0+a*p.Dilation[0])*w+x0:])
				}
			default:
				p.edge(patch, plane, y0, x0)
			}
		}
	}
}

// edge writes the patch at (y0, x0) of one plane, checking every position.
func (p *convolution) edge(patch, plane []float32, y0, x0 int) {
	h, w, kw := p.in[2], p.in[3], p.filter[3]
	for i := range patch {
		y, x := y0+i/kw*p.Dilation[0], x0+i%kw*p.Dilation[1]
		if uint(y) < uint(h) && uint(x) < uint(w) {
			patch[i] = plane[y*w+x]
		} else {
			patch[i] = 0
		}
	}
}
