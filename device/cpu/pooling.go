package cpu

import (
	"math"

	"devicemap/internal/graph"
)

// pooling is a windowed reduction of the planes of x [N, C, H, W] to y.
type pooling struct {
	graph.Pool // with its defaults filled in
	x, y       []float32
	in, out    graph.Shape
}

func planPoolNode(c *compiler, n *graph.Node) (step, error) {
	return c.kernels.pool(c, pooling{n.Op.(graph.Pool).Defaults(), c.in(n, 0), c.out(n, 0), n.In[0].Shape, n.Out[0].Shape}), nil
}

// planPool computes one row of results per item.
func planPool(c *compiler, p pooling) step {
	window := p.windowFunc()
	h, w, oh, ow := p.in[2], p.in[3], p.out[2], p.out[3]
	ns := float64(ow) * (10 + float64(p.Kernel[0]*p.Kernel[1]))
	return step{c.loop(p.out[0]*p.out[1]*oh, ns, func(_ *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			plane := p.x[item/oh*h*w:][:h*w]
			rows := p.clip(0, item%oh)
			for ox := range ow {
				cols := p.clip(1, ox)
				p.y[item*ow+ox] = window(plane, w, rows, cols)
			}
		}
	})}
}

// extent is a window's range of real elements along one side, and its length
// inside the padded map.
type extent struct{ lo, hi, padded int }

func (p *pooling) clip(side, o int) extent {
	size, before, after := p.in[2+side], p.Pad[2*side], p.Pad[2*side+1]
	lo := o*p.Stride[side] - before
	hi := min(lo+p.Kernel[side], size+after)
	return extent{max(lo, 0), min(hi, size), hi - lo}
}

// windowFunc gives the reduction of one window of a plane of width w.
func (p *pooling) windowFunc() func(plane []float32, w int, rows, cols extent) float32 {
	switch {
	case p.Fn == graph.MaxPool:
		return func(plane []float32, w int, rows, cols extent) float32 {
			top := float32(math.Inf(-1))
			for y := rows.lo; y < rows.hi; y++ {
				for _, v := range plane[y*w+cols.lo : y*w+cols.hi] {
					top = max(top, v)
				}
			}
			return top
		}
	case p.Fn == graph.L2Pool:
		return func(plane []float32, w int, rows, cols extent) float32 {
			return float32(math.Sqrt(windowSum(plane, w, rows, cols, portable.squares)))
		}
	case p.ExcludePad:
		return func(plane []float32, w int, rows, cols extent) float32 {
			return float32(windowSum(plane, w, rows, cols, portable.Sum) / float64((rows.hi-rows.lo)*(cols.hi-cols.lo)))
		}
	}
	return func(plane []float32, w int, rows, cols extent) float32 {
		return float32(windowSum(plane, w, rows, cols, portable.Sum) / float64(rows.padded*cols.padded))
	}
}

func windowSum(plane []float32, w int, rows, cols extent, sum func([]float32) float64) float64 {
	s := 0.0
	for y := rows.lo; y < rows.hi; y++ {
		s += sum(plane[y*w+cols.lo : y*w+cols.hi])
	}
	return s
}
