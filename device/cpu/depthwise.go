package cpu

import "devicemap/internal/simd"

// directFilters is the number of filters of a group up to which a convolution
// is computed plane by plane: depthwise ones, which would leave the register
// tiles of a product nearly empty.
const directFilters = 3

// Blocks of a plane-by-plane convolution, in values of a worker's scratch.
const (
	frameValues = 16 << 10 // of a band's frame: 64 KiB, unless one row needs more
	frameBands  = 8        // bands that a plane is cut into at most, for the sake of the workers
)

// planDepthwise adds up shifted rows: an item is a band of output rows of one
// group. The padded input of the band stands in scratch as a frame, so that
// each output is a sum over the same offsets, of whole bands at a time; what
// is computed between the rows is left out when the band is copied to y.
func planDepthwise(c *compiler, s simd.Shift, p convolution) step {
	kernel := [2]int{p.filter[2], p.filter[3]}
	whole := newFrame(kernel, p.Stride, p.Dilation, p.Pad, p.in, p.out)
	channels, filters := p.filter[1], p.filter[0]/p.Groups
	f, bands := whole.bands(p.out[0] * p.Groups)
	chunk := min(channels, max(1, frameValues/f.elems())) // channels in scratch at a time
	var at []int
	for ch := range chunk {
		for _, tap := range f.taps() {
			at = append(at, ch*f.elems()+tap)
		}
	}
	area, pixels, plane := len(f.taps()), p.out[2]*p.out[3], p.in[2]*p.in[3]
	frames := chunk * f.elems()
	c.needScratch(frames + filters*f.span())
	ns := float64(channels*f.elems()) + float64(filters*channels*area*f.span())/16
	return step{c.loop(p.out[0]*p.Groups*bands, ns, func(w *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			rest, from := item/bands, item%bands*f.oh
			sample, group := rest/p.Groups, rest%p.Groups
			rows := min(f.oh, p.out[2]-from)
			n := (rows-1)*f.pitch + f.ow
			for ch := 0; ch < channels; ch += chunk {
				count := min(chunk, channels-ch)
				for i := range count {
					src := p.x[(sample*p.in[1]+group*channels+ch+i)*plane:][:plane]
					f.fill(w.scratch[i*f.elems():], src, from, 0)
				}
				for i := range filters {
					o := group*filters + i
					start := float32(0)
					if p.bias != nil {
						start = p.bias[o]
					}
					s.Weigh(w.scratch[frames+i*f.span():][:n], w.scratch[:frames], at[:count*area],
						p.w[(o*channels+ch)*area:][:count*area], start, ch > 0)
				}
			}
			for i := range filters {
				f.unframe(p.y[(sample*p.out[1]+group*filters+i)*pixels+from*f.ow:], w.scratch[frames+i*f.span():], rows)
			}
		}
	})}
}

// bands cuts the output rows of planes planes into equal bands: enough that
// all workers have some, and so that the frame of one stays in cache.
func (f frame) bands(planes int) (band frame, bands int) {
	extra := f.rows - f.oh // rows of a phase beyond those of the output
	most := max(1, frameValues/(f.phases()*f.pitch)-extra)
	bands = max(ceilDiv(f.oh, most), min(frameBands, ceilDiv(16, planes), f.oh))
	count := ceilDiv(f.oh, bands)
	return f.band(count), ceilDiv(f.oh, count)
}

// unframe copies the first values of rows of a phase to rows without gaps.
func (f *frame) unframe(dst, src []float32, rows int) {
	if f.pitch == f.ow {
		copy(dst[:rows*f.ow], src)
		return
	}
	for r := range rows {
		copy(dst[r*f.ow:(r+1)*f.ow], src[r*f.pitch:])
	}
}
