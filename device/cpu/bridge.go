package cpu

import (
	"math"

	"devicemap/internal/graph"
)

func planCrossProduct(c *compiler, n *graph.Node) (step, error) {
	a, b, dst := c.in(n, 0), c.in(n, 1), c.out(n, 0)
	return c.one(1, 10, func(_ *worker, _, _ int) {
		for i := range dst {
			j, k := (i+1)%3, (i+2)%3
			dst[i] = float32(float64(a[j])*float64(b[k]) - float64(a[k])*float64(b[j]))
		}
	})
}

// planCrossCorrelation is a convolution with one channel.
func planCrossCorrelation(c *compiler, n *graph.Node) (step, error) {
	image := func(s graph.Shape) graph.Shape { return append(graph.Shape{1, 1}, s...) }
	return c.kernels.conv(c, convolution{Conv: graph.Conv{}.Defaults(), x: c.in(n, 0), w: c.in(n, 1), y: c.out(n, 0),
		in: image(n.In[0].Shape), filter: image(n.In[1].Shape), out: image(n.Out[0].Shape)}), nil
}

func planCostVolume(c *compiler, n *graph.Node) (step, error) {
	aux, ref, dst := c.in(n, 0), c.in(n, 1), c.out(n, 0)
	width := len(aux)
	return c.one(n.Out[0].Shape[0], float64(width), func(_ *worker, lo, hi int) {
		for d := lo; d < hi; d++ {
			for i, v := range aux {
				dst[d*width+i] = float32(math.Abs(float64(v) - float64(ref[i+d])))
			}
		}
	})
}

// planFurthestPoints keeps for every point the squared distance to the nearest
// chosen one. Each choice needs the one before: the loop has one item.
func planFurthestPoints(c *compiler, n *graph.Node) (step, error) {
	p, dst := c.in(n, 0), c.out(n, 0)
	points, picks := n.In[0].Shape[0], n.Out[0].Shape[0]
	c.needPartials(points)
	return c.one(1, float64(points*picks), func(w *worker, _, _ int) {
		nearest := w.partials[:points]
		for i := range nearest {
			nearest[i].sum = math.Inf(1)
		}
		last := 0
		for k := range picks {
			copy(dst[3*k:3*k+3], p[3*last:])
			far := 0
			for i := range nearest {
				nearest[i].sum = min(nearest[i].sum, squaredDistance(p[3*i:], p[3*last:]))
				if nearest[i].sum > nearest[far].sum {
					far = i
				}
			}
			last = far
		}
	})
}

func planRadiusSearch(c *compiler, n *graph.Node) (step, error) {
	p, centres, dst := c.in(n, 0), c.in(n, 1), c.out(n, 0)
	r, count := n.Op.(graph.RadiusSearch).R, n.In[1].Shape[0]
	return c.one(len(dst), 5, func(_ *worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			dst[i] = 0
			if math.Sqrt(squaredDistance(p[i/count*3:], centres[i%count*3:])) <= r {
				dst[i] = 1
			}
		}
	})
}

// squaredDistance is ‖a−b‖² of two points.
func squaredDistance(a, b []float32) float64 {
	x, y, z := float64(a[0])-float64(b[0]), float64(a[1])-float64(b[1]), float64(a[2])-float64(b[2])
	return x*x + y*y + z*z
}
