package softane

import "math"

func convolutions() map[string]build {
	return map[string]build{
		"conv":           conv,
		"conv_transpose": convTranspose,
		"max_pool":       pool(poolMax),
		"avg_pool":       pool(poolMean),
		"l2_pool":        pool(poolL2),
	}
}

// window is the geometry of a filter over an image [N, C, H, W].
type window struct {
	n, c, h, w       int // input
	co, oh, ow       int // output
	kh, kw           int
	top, left        int
	strideH, strideW int
	dilateH, dilateW int
}

func (c *call) window(x operand, kernel []int) window {
	out := c.out(0)
	g := window{n: x.shape[0], c: x.shape[1], h: x.shape[2], w: x.shape[3], co: out[1], oh: out[2], ow: out[3],
		kh: kernel[0], kw: kernel[1], dilateH: 1, dilateW: 1}
	pad, stride := c.stmt.Ints("pad"), c.stmt.Ints("strides")
	g.top, g.left = pad[0], pad[2]
	g.strideH, g.strideW = stride[0], stride[1]
	if d := c.stmt.Ints("dilations"); d != nil {
		g.dilateH, g.dilateW = d[0], d[1]
	}
	return g
}

// checkKernel refuses filters beyond the chip's limits.
func (c *call) checkKernel(x, weight operand) *refusal {
	kh, kw := weight.shape[2], weight.shape[3]
	pad := c.stmt.Ints("pad")
	if kw > c.chip.MaxKernelWidth {
		return c.backEnd("kernel width %d exceeds %d on %s", kw, c.chip.MaxKernelWidth, c.chip.Tier)
	}
	if h := x.shape[2] + pad[0] + pad[1]; kh > h {
		return c.backEnd("kernel height %d exceeds the padded input height %d", kh, h)
	}
	return nil
}

// bandElems is the size of the patch matrix that a worker builds at a time.
const bandElems = 1 << 16

// conv is y[n,o,p] = Σ w[o,c,i,j]·x[n,c,p·stride+(i,j)·dilation−pad] within
// each group, accumulated wide, as a product with a matrix of patches.
func conv(c *call) (work, *refusal) {
	x, w := c.tensor("x"), c.tensor("weight")
	if bad := c.checkKernel(x, w); bad != nil {
		return work{}, bad
	}
	if w.data == nil && x.shape[0] != 1 {
		return work{}, c.backEnd("convolution with a computed weight needs batch 1, got %d", x.shape[0])
	}
	g, groups := c.window(x, w.shape[2:]), c.stmt.Int("groups", 1)
	cin, cout := g.c/groups, g.co/groups
	k, places := cin*g.kh*g.kw, g.oh*g.ow
	band := min(places, max(16, bandElems/k))
	bands := (places + band - 1) / band
	team := workers()
	clamped := 0
	if int8Weight(w) {
		clamped = x.elems()
	}
	return work{round: saturating, scratch: clamped + team*band*k, run: func(out, in [][]float32, scratch []float32) {
		img := in[0]
		if clamped > 0 {
			img = scratch[:clamped]
			clampInput(img, in[0], narrowPath)
		}
		patches := scratch[clamped:]
		inParallelUpTo(team, g.n*groups*bands, func(worker, lo, hi int) {
			cols := patches[worker*band*k:][:band*k]
			for task := lo; task < hi; task++ {
				image, from := task/bands, task%bands*band
				to := min(from+band, places)
				n, group := image/groups, image%groups
				g.patches(cols, img[(n*g.c+group*cin)*g.h*g.w:], cin, from, to)
				dst := matrix{out[0][(n*g.co+group*cout)*places+from:], places}
				mulNT(dst, matrix{in[1][group*cout*k:], k}, matrix{cols, k}, cout, to-from, k)
			}
		})
	}}, nil
}

// patches writes one row per output place in [from, to): the channels' values
// under the filter, 0 outside the image.
func (g window) patches(dst, img []float32, channels, from, to int) {
	at := 0
	for p := from; p < to; p++ {
		y0, x0 := p/g.ow*g.strideH-g.top, p%g.ow*g.strideW-g.left
		inside := x0 >= 0 && x0+(g.kw-1)*g.dilateW < g.w
		for ch := range channels {
			plane := img[ch*g.h*g.w:][:g.h*g.w]
			for i := range g.kh {
				y := y0 + i*g.dilateH
				row := dst[at : at+g.kw]
				at += g.kw
				if y < 0 || y >= g.h {
					clear(row)
					continue
				}
				line := plane[y*g.w:][:g.w]
				if inside && g.dilateW == 1 {
					copy(row, line[x0:])
					continue
				}
				for j := range row {
					row[j] = 0
					if x := x0 + j*g.dilateW; x >= 0 && x < g.w {
						row[j] = line[x]
					}
				}
			}
		}
	}
}

// convTranspose adds x[n,c,p]·w[c,o,i,j] into y[n,o,p·stride+(i,j)·dilation−pad],
// accumulated wide.
func convTranspose(c *call) (work, *refusal) {
	x, w := c.tensor("x"), c.tensor("weight")
	if kw := w.shape[3]; kw > c.chip.MaxKernelWidth {
		return work{}, c.backEnd("kernel width %d exceeds %d on %s", kw, c.chip.MaxKernelWidth, c.chip.Tier)
	}
	g, groups := c.window(x, w.shape[2:]), c.stmt.Int("groups", 1)
	cin, cout := g.c/groups, g.co/groups
	return work{round: saturating, run: func(out, in [][]float32, _ []float32) {
		inParallel(g.n*g.co, 1, func(_, lo, hi int) {
			for plane := lo; plane < hi; plane++ {
				n, o := plane/g.co, plane%g.co
				dst := out[0][plane*g.oh*g.ow:][:g.oh*g.ow]
				clear(dst)
				for ch := o / cout * cin; ch < (o/cout+1)*cin; ch++ {
					src := in[0][(n*g.c+ch)*g.h*g.w:][:g.h*g.w]
					g.scatter(dst, src, in[1][(ch*cout+o%cout)*g.kh*g.kw:][:g.kh*g.kw])
				}
			}
		})
	}}, nil
}

func (g window) scatter(dst, src, filter []float32) {
	for i := range g.kh {
		for j := range g.kw {
			f := filter[i*g.kw+j]
			for y := range g.h {
				oy := y*g.strideH + i*g.dilateH - g.top
				if oy < 0 || oy >= g.oh {
					continue
				}
				for x := range g.w {
					if ox := x*g.strideW + j*g.dilateW - g.left; ox >= 0 && ox < g.ow {
						dst[oy*g.ow+ox] += f * src[y*g.w+x]
					}
				}
			}
		}
	}
}

// pooling reduces the values under a window; places is their number including
// padding, and all are in the image if equal to len(v).
type pooling func(v []float32, places int, exclude bool) float32

func poolMax(v []float32, _ int, _ bool) float32 {
	top := float32(math.Inf(-1))
	for _, x := range v {
		top = max(top, x)
	}
	return top
}

func poolMean(v []float32, places int, exclude bool) float32 {
	var sum float32
	for _, x := range v {
		sum += x
	}
	if exclude {
		places = len(v)
	}
	return sum / float32(places)
}

func poolL2(v []float32, _ int, _ bool) float32 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return float32(math.Sqrt(sum))
}

// pool makes the build of a pooling. With ceil_mode the last window may leave
// the padded image; what lies outside does not count as padding.
func pool(f pooling) build {
	return func(c *call) (work, *refusal) {
		x := c.tensor("x")
		g := c.window(x, c.stmt.Ints("kernel_sizes"))
		pad := c.stmt.Ints("pad")
		exclude := c.stmt.Flag("exclude_padding_from_average", false)
		bottom, right := g.h+pad[1], g.w+pad[3]
		team, k := workers(), g.kh*g.kw
		return work{round: nearest, scratch: team * k, run: func(out, in [][]float32, scratch []float32) {
			inParallelUpTo(team, g.n*g.c, func(worker, lo, hi int) {
				buf := scratch[worker*k:][:k]
				for plane := lo; plane < hi; plane++ {
					src := in[0][plane*g.h*g.w:][:g.h*g.w]
					dst := out[0][plane*g.oh*g.ow:][:g.oh*g.ow]
					for p := range dst {
						y0, x0 := p/g.ow*g.strideH-g.top, p%g.ow*g.strideW-g.left
						v := g.under(buf, src, y0, x0)
						places := (min(y0+g.kh, bottom) - y0) * (min(x0+g.kw, right) - x0)
						dst[p] = f(v, places, exclude)
					}
				}
			})
		}}, nil
	}
}

// under collects the image's values under the window at (y0, x0).
func (g window) under(buf, src []float32, y0, x0 int) []float32 {
	n := 0
	lo, hi := max(0, x0), min(g.w, x0+g.kw)
	for y := max(0, y0); y < min(g.h, y0+g.kh) && lo < hi; y++ {
		n += copy(buf[n:], src[y*g.w+lo:y*g.w+hi])
	}
	return buf[:n]
}
