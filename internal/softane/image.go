package softane

import "math"

func images() map[string]build {
	return map[string]build{
		"upsample_nearest_neighbor": resizeNearest,
		"resize_nearest_neighbor":   resizeNearest,
		"upsample_bilinear":         resizeBilinear(upsampleGrid),
		"resize_bilinear":           resizeBilinear(resizeGrid),
		"affine":                    affine,
		"quantize":                  quantize,
		"dequantize":                dequantize,
	}
}

// resizeNearest reads source index floor(o·in/out) on both axes.
func resizeNearest(c *call) (work, *refusal) {
	x, out := c.tensor("x"), c.out(0)
	maps := make([][]int, 4)
	for a := 2; a < 4; a++ {
		maps[a] = make([]int, out[a])
		for o := range maps[a] {
			maps[a][o] = o * x.shape[a] / out[a]
		}
	}
	g := gather(x.shape, maps)
	return work{run: func(out, in [][]float32, _ []float32) { g.copyTo(out[0], in[0], 0) }}, nil
}

// grid gives the source coordinate of output index o along an axis.
type grid func(o, in, out int) float64

// alignCorners maps first to first and last to last.
func alignCorners(o, in, out int) float64 {
	if out == 1 {
		return 0
	}
	return float64(o) * float64(in-1) / float64(out-1)
}

// halfPixel maps the areas of pixels.
func halfPixel(o, in, out int) float64 {
	return (float64(o)+0.5)*float64(in)/float64(out) - 0.5
}

func upsampleGrid(c *call) grid {
	if c.stmt.Flag("align_corners", false) {
		return alignCorners
	}
	return halfPixel
}

// resizeGrid has a default that is neither of the others: o·in/out.
// Source: "resize_bilinear" in the MIL operator set, mode DEFAULT, whose
// spacing (in − in/out)/(out − 1) is in/out.
func resizeGrid(c *call) grid {
	if c.stmt.Word("sampling_mode", "DEFAULT") == "ALIGN_CORNERS" {
		return alignCorners
	}
	return func(o, in, out int) float64 { return float64(o) * float64(in) / float64(out) }
}

// tap is the pair of source indices of an output index, and the second's weight.
type tap struct {
	lo, hi int
	w      float64
}

// taps clamps both neighbours to the edge.
func taps(in, out int, g grid) []tap {
	list := make([]tap, out)
	for o := range list {
		at := g(o, in, out)
		lo := int(math.Floor(at))
		list[o] = tap{min(max(lo, 0), in-1), min(max(lo+1, 0), in-1), at - float64(lo)}
	}
	return list
}

func resizeBilinear(of func(c *call) grid) build {
	return func(c *call) (work, *refusal) {
		x, shape := c.tensor("x"), c.out(0)
		g := of(c)
		rows, cols := taps(x.shape[2], shape[2], g), taps(x.shape[3], shape[3], g)
		h, w := x.shape[2], x.shape[3]
		return work{round: nearest, run: func(out, in [][]float32, _ []float32) {
			at := 0
			for plane := range shape[0] * shape[1] {
				src := in[0][plane*h*w:][:h*w]
				for _, r := range rows {
					top, bottom := src[r.lo*w:][:w], src[r.hi*w:][:w]
					for _, c := range cols {
						a := float64(top[c.lo])*(1-c.w) + float64(top[c.hi])*c.w
						b := float64(bottom[c.lo])*(1-c.w) + float64(bottom[c.hi])*c.w
						out[0][at] = float32(a*(1-r.w) + b*r.w)
						at++
					}
				}
			}
		}}, nil
	}
}

// affine samples bilinearly where the 2×3 matrix of each image maps the output
// grid; both grids span [−1, 1], and points outside read 0.
func affine(c *call) (work, *refusal) {
	if !c.chip.Texture {
		return work{}, c.notImplemented("texture engine on " + c.chip.Tier)
	}
	x, shape := c.tensor("x"), c.out(0)
	c.tensor("transform_matrix")
	h, w, align := x.shape[2], x.shape[3], c.stmt.Flag("align_corners", false)
	return work{round: nearest, run: func(out, in [][]float32, _ []float32) {
		at := 0
		for n := range shape[0] {
			t := in[1][6*n:][:6]
			for ch := range shape[1] {
				src := in[0][(n*shape[1]+ch)*h*w:][:h*w]
				for i := range shape[2] {
					y := normalised(i, shape[2], align)
					for j := range shape[3] {
						x := normalised(j, shape[3], align)
						sx := float64(t[0])*x + float64(t[1])*y + float64(t[2])
						sy := float64(t[3])*x + float64(t[4])*y + float64(t[5])
						out[0][at] = sample(src, h, w, denormalised(sy, h, align), denormalised(sx, w, align))
						at++
					}
				}
			}
		}
	}}, nil
}

// normalised puts index i of n on [−1, 1]: the outermost centres with align,
// else the outer edges.
func normalised(i, n int, align bool) float64 {
	if align {
		if n == 1 {
			return 0
		}
		return 2*float64(i)/float64(n-1) - 1
	}
	return (2*float64(i)+1)/float64(n) - 1
}

func denormalised(v float64, n int, align bool) float64 {
	if align {
		return (v + 1) * float64(n-1) / 2
	}
	return ((v+1)*float64(n) - 1) / 2
}

// sample interpolates at (y, x); pixels outside the image are 0.
func sample(img []float32, h, w int, y, x float64) float32 {
	fy, fx := math.Floor(y), math.Floor(x)
	at := func(dy, dx float64) float64 {
		i, j := fy+dy, fx+dx
		if i < 0 || j < 0 || i >= float64(h) || j >= float64(w) || i != i || j != j {
			return 0
		}
		return float64(img[int(i)*w+int(j)])
	}
	wy, wx := y-fy, x-fx
	return float32((at(0, 0)*(1-wx)+at(0, 1)*wx)*(1-wy) + (at(1, 0)*(1-wx)+at(1, 1)*wx)*wy)
}

// scaleOf reads scale and zero point of quantize and dequantize: scalars, or
// vectors along an axis.
func (c *call) scaleOf(x operand) (channel func(i int) int, zero int) {
	c.tensor("scale")
	if c.has("zero_point") {
		c.tensor("zero_point")
		zero = len(c.in) - 1
	}
	if !c.has("axis") {
		return func(int) int { return 0 }, zero
	}
	axis := c.axis("axis", len(x.shape))
	n, inner := x.shape[axis], elems(x.shape[axis+1:])
	return func(i int) int { return i / inner % n }, zero
}

// quantize is clamp(roundEven(x/scale) + zero).
func quantize(c *call) (work, *refusal) {
	x := c.tensor("input")
	channel, zero := c.scaleOf(x)
	lo, hi := -128.0, 127.0
	if c.stmt.Word("output_dtype", "int8") == "uint8" {
		lo, hi = 0, 255
	}
	return work{run: func(out, in [][]float32, _ []float32) {
		for i, v := range in[0] {
			ch := channel(i)
			q := math.RoundToEven(float64(v) / float64(in[1][ch]))
			if zero > 0 {
				q += float64(in[zero][ch])
			}
			out[0][i] = float32(min(max(q, lo), hi))
		}
	}}, nil
}

// dequantize is (q − zero)·scale.
func dequantize(c *call) (work, *refusal) {
	x := c.tensor("input")
	channel, zero := c.scaleOf(x)
	return work{round: nearest, run: func(out, in [][]float32, _ []float32) {
		for i, q := range in[0] {
			ch := channel(i)
			if zero > 0 {
				q -= in[zero][ch]
			}
			out[0][i] = q * in[1][ch]
		}
	}}, nil
}
