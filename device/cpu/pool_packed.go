package cpu

import (
	"math"

	"devicemap/internal/graph"
	"devicemap/internal/simd"
)

// fewTerms is the area of a window up to which its sum is taken in float32.
const fewTerms = 49

// pools plans pooling with the kernels of one level: whole planes as
// reductions, others as windows of rows.
func pools(s simd.Shift, v *simd.Vector) func(c *compiler, p pooling) step {
	return func(c *compiler, p pooling) step {
		switch {
		case p.out[2] == 1 && p.out[3] == 1 && p.clip(0, 0).covers(p.in[2]) && p.clip(1, 0).covers(p.in[3]):
			return planPlanes(c, v, p)
		case p.Fn != graph.MaxPool && p.Kernel[0]*p.Kernel[1] > fewTerms:
			return planPool(c, p)
		}
		return planWindows(c, s, v, p)
	}
}

func (e extent) covers(n int) bool { return e.lo == 0 && e.hi == n }

// count is the elements along one side that an average divides by.
func (p *pooling) count(side, o int) int {
	e := p.clip(side, o)
	if p.ExcludePad {
		return e.hi - e.lo
	}
	return e.padded
}

// planPlanes reduces whole planes.
func planPlanes(c *compiler, v *simd.Vector, p pooling) step {
	size := p.in[2] * p.in[3]
	count := float64(p.count(0, 0) * p.count(1, 0))
	reduce := map[graph.PoolFn]func(x []float32) float32{
		graph.MaxPool: v.Largest,
		graph.AvgPool: func(x []float32) float32 { return float32(v.Sum(x) / count) },
		graph.L2Pool:  func(x []float32) float32 { return float32(math.Sqrt(v.SumSquares(x, 0))) },
	}[p.Fn]
	return step{c.loop(len(p.y), 10+float64(size)/16, func(_ *worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			p.y[i] = reduce(p.x[i*size : (i+1)*size])
		}
	})}
}

// planWindows computes a band of rows of one output plane per item.
func planWindows(c *compiler, s simd.Shift, v *simd.Vector, p pooling) step {
	win := newWindows(s, p.Kernel, p.Stride, [2]int{1, 1}, p.Pad, p.in, p.out)
	width, plane, pixels, ow := p.in[3], p.in[2]*p.in[3], p.out[2]*p.out[3], p.out[3]
	weights, inverse := p.weights()
	if p.Fn == graph.L2Pool {
		for _, band := range win.bands {
			for _, r := range band {
				c.needScratch(r.reach(width))
			}
		}
	}
	ns := float64(p.Kernel[0]*p.Kernel[1]*pixels) / float64(8*len(win.bands))
	return step{c.loop(p.out[0]*p.out[1]*len(win.bands), ns, func(w *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			of := item / len(win.bands)
			x := p.x[of*plane:][:plane]
			for _, r := range win.bands[item%len(win.bands)] {
				y := p.y[of*pixels+r.row*ow:][:r.Count*ow]
				switch p.Fn {
				case graph.MaxPool:
					s.Top(y, x, r.Rows, win.columns)
				case graph.AvgPool:
					s.Weigh(y, x, weights, r.Rows, win.columns, 0, false)
					if inverse != nil {
						v.Mul(y, y, inverse[r.row*ow:])
					}
				case graph.L2Pool:
					squares := w.scratch[:r.reach(width)]
					v.Square(squares, x[r.From:], simd.Params{})
					rows := r.Rows
					rows.From = 0
					s.Weigh(y, squares, weights, rows, win.columns, 0, false)
					v.Sqrt(y, y, simd.Params{})
				}
			}
		}
	})}
}

// reach is the length of what the rows read.
func (r *windowRows) reach(width int) int { return (r.Count-1)*r.Next + (r.Kernel-1)*r.Down + width }

// weights are the weights of a window's values. Where averages divide by
// different numbers, the weights are 1 and inverse holds one factor per output.
func (p *pooling) weights() (weights, inverse []float32) {
	weights = make([]float32, p.Kernel[0]*p.Kernel[1])
	fill(weights, 1)
	if p.Fn != graph.AvgPool {
		return weights, nil
	}
	same := true
	for row := range p.out[2] {
		for col := range p.out[3] {
			inverse = append(inverse, 1/float32(p.count(0, row)*p.count(1, col)))
			same = same && inverse[len(inverse)-1] == inverse[0]
		}
	}
	if same {
		fill(weights, inverse[0])
		return weights, nil
	}
	return weights, inverse
}
