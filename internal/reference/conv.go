package reference

import (
	"math"

	"devicemap/internal/graph"
)

// conv is the product of the filters with the patches of x, which are read a
// tile at a time.
func conv(op graph.Conv, in []tensor, out graph.Shape) []float64 {
	op = op.Defaults()
	x, w := in[0], in[1]
	k := w.shape[1:].Elems()
	filters, positions := out[1]/op.Groups, out[2]*out[3]
	y := make([]float64, out.Elems())
	for n := range out[0] {
		for g := range op.Groups {
			p := patches{op: op, x: x, w: w.shape, width: out[3], base: (n*x.shape[1] + g*w.shape[1]) * x.shape[2] * x.shape[3]}
			product(filters, positions, k, rowsOf(w, g*filters*k, k), p.row,
				y, (n*out[1]+g*filters)*positions, positions)
		}
	}
	if len(in) == 3 {
		bias := in[2].floats()
		for i := range y {
			y[i] += bias[i/positions%out[1]]
		}
	}
	return y
}

// patches is the matrix whose row i is the patch under output position i, in
// the filters' order: channel, filter row, filter column.
type patches struct {
	op    graph.Conv
	x     tensor
	w     graph.Shape
	width int // of the output
	base  int // of the group's first channel in x
}

func (p patches) row(i, k int, dst []float64) {
	height, width := p.x.shape[2], p.x.shape[3]
	top, left := i/p.width*p.op.Stride[0]-p.op.Pad[0], i%p.width*p.op.Stride[1]-p.op.Pad[2]
	kh, kw := p.w[2], p.w[3]
	c, r, s := k/(kh*kw), k/kw%kh, k%kw
	for j := range dst {
		row, col := top+r*p.op.Dilation[0], left+s*p.op.Dilation[1]
		dst[j] = 0
		if row >= 0 && row < height && col >= 0 && col < width {
			dst[j] = p.x.at(p.base + (c*height+row)*width + col)
		}
		if s++; s == kw {
			s = 0
			if r++; r == kh {
				r, c = 0, c+1
			}
		}
	}
}

// convTranspose scatters every element of x through its filter.
func convTranspose(op graph.ConvTranspose, in []tensor, out graph.Shape) []float64 {
	op = op.Defaults()
	x, w := in[0], in[1]
	channels, height, width := x.shape[1], x.shape[2], x.shape[3]
	perGroup, kh, kw := w.shape[1], w.shape[2], w.shape[3]
	y := make([]float64, out.Elems())
	parallel(out[0]*out[1], func(plane int) {
		n, o := plane/out[1], plane%out[1]
		g := o / perGroup
		dst := y[plane*out[2]*out[3]:][:out[2]*out[3]]
		if len(in) == 3 {
			for i := range dst {
				dst[i] = in[2].at(o)
			}
		}
		for c := g * channels / op.Groups; c < (g+1)*channels/op.Groups; c++ {
			for i := range height * width {
				v := x.at((n*channels+c)*height*width + i)
				for a := range kh * kw {
					row := i/width*op.Stride[0] - op.Pad[0] + a/kw*op.Dilation[0]
					col := i%width*op.Stride[1] - op.Pad[2] + a%kw*op.Dilation[1]
					if row >= 0 && row < out[2] && col >= 0 && col < out[3] {
						dst[row*out[3]+col] += v * w.at((c*perGroup+o%perGroup)*kh*kw+a)
					}
				}
			}
		}
	})
	return y
}

func pool(op graph.Pool, in []tensor, out graph.Shape) []float64 {
	op = op.Defaults()
	x := in[0]
	height, width := x.shape[2], x.shape[3]
	y := make([]float64, out.Elems())
	parallel(out[0]*out[1], func(plane int) {
		for i := range out[2] * out[3] {
			top, left := i/out[3]*op.Stride[0]-op.Pad[0], i%out[3]*op.Stride[1]-op.Pad[2]
			w := window{fn: op.Fn, acc: math.Inf(-1)}
			if op.Fn != graph.MaxPool {
				w.acc = 0
			}
			for r := max(top, 0); r < min(top+op.Kernel[0], height); r++ {
				for c := max(left, 0); c < min(left+op.Kernel[1], width); c++ {
					w.add(x.at((plane*height+r)*width + c))
				}
			}
			area := w.count
			if !op.ExcludePad { // the window's part inside the padded map
				area = (min(top+op.Kernel[0], height+op.Pad[1]) - top) * (min(left+op.Kernel[1], width+op.Pad[3]) - left)
			}
			y[plane*out[2]*out[3]+i] = w.result(area)
		}
	})
	return y
}

// window folds the real elements of a pooling window.
type window struct {
	fn    graph.PoolFn
	acc   float64
	count int
}

func (w *window) add(v float64) {
	w.count++
	switch w.fn {
	case graph.MaxPool:
		w.acc = max(w.acc, v)
	case graph.AvgPool:
		w.acc += v
	case graph.L2Pool:
		w.acc += v * v
	}
}

func (w *window) result(area int) float64 {
	switch w.fn {
	case graph.AvgPool:
		return w.acc / float64(area)
	case graph.L2Pool:
		return math.Sqrt(w.acc)
	}
	return w.acc
}
