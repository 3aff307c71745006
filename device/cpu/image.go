package cpu

import (
	"math"

	"devicemap/internal/graph"
)

// planShuffle covers the rearrangements between channels and space. depth is
// the channel stride of the block's offset: with channel-major order the
// offset (i, j) of channel c is plane c·r² + i·r + j, with block-major order
// plane (i·r + j)·C + c.
func planShuffle(c *compiler, n *graph.Node) (step, error) {
	switch op := n.Op.(type) {
	case graph.PixelShuffle:
		return toSpace(c, n, op.R, true)
	case graph.DepthToSpace:
		return toSpace(c, n, op.Block, false)
	case graph.PixelUnshuffle:
		return toDepth(c, n, op.R, true)
	default:
		return toDepth(c, n, n.Op.(graph.SpaceToDepth).Block, false)
	}
}

// toSpace reads y[n,c,h·r+i,w·r+j] from the plane of (c, i, j).
func toSpace(c *compiler, n *graph.Node, r int, channelMajor bool) (step, error) {
	s, out := n.In[0].Shape, n.Out[0].Shape
	w, plane := s[3], s[2]*s[3]
	perC, perIJ := plane, out[1]*plane
	if channelMajor {
		perC, perIJ = r*r*plane, plane
	}
	return gather(c, n, move{axes: []axis{
		{n: out[0], step: s[1] * plane},
		{n: out[1], step: perC},
		tableAxis(out[2], func(h int) int { return h%r*r*perIJ + h/r*w }),
		tableAxis(out[3], func(x int) int { return x%r*perIJ + x/r }),
	}})
}

// toDepth is the inverse: the plane of (c, i, j) reads x[n,c,h·r+i,w·r+j].
func toDepth(c *compiler, n *graph.Node, r int, channelMajor bool) (step, error) {
	s, out := n.In[0].Shape, n.Out[0].Shape
	w, plane := s[3], s[2]*s[3]
	channels := []axis{{n: r, step: w}, {n: r, step: 1}, {n: s[1], step: plane}}
	if channelMajor {
		channels = []axis{{n: s[1], step: plane}, {n: r, step: w}, {n: r, step: 1}}
	}
	axes := append([]axis{{n: out[0], step: s[1] * plane}}, channels...)
	return gather(c, n, move{axes: append(axes, axis{n: out[2], step: r * w}, axis{n: out[3], step: r})})
}

// batchStep is the batch stride of the block's offsets, and that of the
// samples, in units of one sample.
func batchStep(order graph.BlockOrder, samples, offsets int) (offset, sample int) {
	if order == graph.OffsetMajor {
		return samples, 1
	}
	return 1, offsets
}

// planBatchToSpace reads y[n,c,h,w] from the batch entry of offset
// ((h+top) mod bh, (w+left) mod bw).
func planBatchToSpace(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.BatchToSpace)
	s, out := n.In[0].Shape, n.Out[0].Shape
	bh, bw := op.Block[0], op.Block[1]
	size := s[1:].Elems()
	perOffset, perSample := batchStep(op.Order, out[0], bh*bw)
	return gather(c, n, move{axes: []axis{
		{n: out[0], step: perSample * size},
		{n: out[1], step: s[2] * s[3]},
		tableAxis(out[2], func(i int) int { h := i + op.Crop[0]; return h%bh*bw*perOffset*size + h/bh*s[3] }),
		tableAxis(out[3], func(i int) int { w := i + op.Crop[2]; return w%bw*perOffset*size + w/bw }),
	}})
}

// planSpaceToBatch clears the result and scatters x: which positions are
// padding depends on batch and row together, but where an input value goes is
// separable.
func planSpaceToBatch(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.SpaceToBatch)
	s, out := n.In[0].Shape, n.Out[0].Shape
	bh, bw := op.Block[0], op.Block[1]
	size := out[1:].Elems()
	perOffset, perSample := batchStep(op.Order, s[0], bh*bw)
	x, dst := c.in(n, 0), c.out(n, 0)
	m := move{scatter: true, axes: []axis{
		{n: s[0], step: perSample * size},
		{n: s[1], step: out[2] * out[3]},
		tableAxis(s[2], func(i int) int { h := i + op.Pad[0]; return h%bh*bw*perOffset*size + h/bh*out[3] }),
		tableAxis(s[3], func(i int) int { w := i + op.Pad[2]; return w%bw*perOffset*size + w/bw }),
	}}
	return step{
		c.loop(len(dst), 0.2, func(_ *worker, lo, hi int) { clear(dst[lo:hi]) }),
		m.plan(c, x, dst),
	}, nil
}

func planCrop(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.Crop)
	out := n.Out[0].Shape
	steps := n.In[0].Shape.Strides()
	m := move{base: op.Top*steps[2] + op.Left}
	for a, step := range steps {
		m.axes = append(m.axes, axis{n: out[a], step: step})
	}
	return gather(c, n, m)
}

func planResize(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.Resize)
	s, out := n.In[0].Shape, n.Out[0].Shape
	if !op.Bilinear() {
		return gather(c, n, move{axes: []axis{
			{n: s[0] * s[1], step: s[2] * s[3]},
			tableAxis(out[2], func(o int) int { return o * s[2] / out[2] * s[3] }),
			tableAxis(out[3], func(o int) int { return o * s[3] / out[3] }),
		}})
	}
	rows, cols := samples(s[2], out[2], op.AlignCorners), samples(s[3], out[3], op.AlignCorners)
	x, dst := c.in(n, 0), c.out(n, 0)
	plane := s[2] * s[3]
	return c.one(s[0]*s[1]*out[2], 3*float64(out[3]), func(_ *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			r, src := rows[item%out[2]], x[item/out[2]*plane:]
			top, bottom := src[r.lo*s[3]:][:s[3]], src[r.hi*s[3]:][:s[3]]
			line := dst[item*out[3] : (item+1)*out[3]]
			for i, q := range cols {
				a := top[q.lo] + q.part*(top[q.hi]-top[q.lo])
				b := bottom[q.lo] + q.part*(bottom[q.hi]-bottom[q.lo])
				line[i] = a + r.part*(b-a)
			}
		}
	})
}

// sample is a position between two neighbours: lo + part·(hi − lo).
type sample struct {
	lo, hi int
	part   float32
}

// samples are the source positions of an axis resampled from in to out:
// (o+½)·in/out − ½ clamped at 0, or o·(in−1)/(out−1) with aligned corners.
func samples(in, out int, corners bool) []sample {
	all := make([]sample, out)
	for o := range all {
		pos := max((float64(o)+0.5)*float64(in)/float64(out)-0.5, 0)
		if corners {
			pos = 0
			if out > 1 {
				pos = float64(o) * float64(in-1) / float64(out-1)
			}
		}
		lo := min(int(pos), in-1)
		all[o] = sample{lo, min(lo+1, in-1), float32(pos - float64(lo))}
	}
	return all
}

// planAffine maps every output position through T and samples x bilinearly;
// neighbours outside of the map read 0.
func planAffine(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.Affine)
	s, out := n.In[0].Shape, n.Out[0].Shape
	x, t, dst := c.in(n, 0), c.in(n, 1), c.out(n, 0)
	plane := s[2] * s[3]
	return c.one(out[0]*out[2], float64(out[3]*(10+5*out[1])), func(_ *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			i, oy := item/out[2], item%out[2]
			m := t[i*6 : i*6+6]
			v := gridPoint(oy, out[2], op.AlignCorners)
			for ox := range out[3] {
				u := gridPoint(ox, out[3], op.AlignCorners)
				px := gridIndex(float64(m[0])*u+float64(m[1])*v+float64(m[2]), s[3], op.AlignCorners)
				py := gridIndex(float64(m[3])*u+float64(m[4])*v+float64(m[5]), s[2], op.AlignCorners)
				for ch := range out[1] {
					at := ((i*out[1]+ch)*out[2]+oy)*out[3] + ox
					dst[at] = float32(bilinear(x[(i*s[1]+ch)*plane:][:plane], s[2], s[3], py, px))
				}
			}
		}
	})
}

// gridPoint is the coordinate in [−1, 1] of position i of n.
func gridPoint(i, n int, corners bool) float64 {
	if !corners {
		return float64(2*i+1)/float64(n) - 1
	}
	if n == 1 {
		return 0
	}
	return 2*float64(i)/float64(n-1) - 1
}

// gridIndex is the inverse of gridPoint for any coordinate.
func gridIndex(u float64, n int, corners bool) float64 {
	if corners {
		return (u + 1) / 2 * float64(n-1)
	}
	return ((u+1)*float64(n) - 1) / 2
}

// bilinear samples x [h, w] at (y, u); outside it is 0.
func bilinear(x []float32, h, w int, y, u float64) float64 {
	y0, u0 := math.Floor(y), math.Floor(u)
	fy, fu := y-y0, u-u0
	sum := 0.0
	for k, weight := range [4]float64{(1 - fy) * (1 - fu), (1 - fy) * fu, fy * (1 - fu), fy * fu} {
		// The comparison is in float64: a far point overflows int.
		if r, q := y0+float64(k/2), u0+float64(k%2); r >= 0 && r < float64(h) && q >= 0 && q < float64(w) {
			sum += weight * float64(x[int(r)*w+int(q)])
		}
	}
	return sum
}
