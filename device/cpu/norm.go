package cpu

import (
	"math"

	"devicemap/internal/graph"
	"devicemap/internal/simd"
)

// vectors are the kernels of one piece that a level's vector loops make up.
type vectors struct{ *simd.Vector }

// portable is plain Go: for pieces too short for more, and to check others.
var portable = vectors{simd.VectorFor(simd.Portable)}

// squares is Σx².
func (v vectors) squares(x []float32) float64 { return v.SumSquares(x, 0) }

// rowBlock is the length of the pieces of a row that stay in L1 between two
// loops. longRow is the length from which a row does not stay in L2 with its
// result: what such a row needs of all values is then found in one pass.
const (
	rowBlock = 4096
	longRow  = 1 << 16
)

// blocks calls f for the pieces of n values.
func blocks(n int, f func(from, to int)) {
	for from := 0; from < n; from += rowBlock {
		f(from, min(from+rowBlock, n))
	}
}

// softmax is e^(x−max)/Σe^(x−max), the sum in float64.
func (v vectors) softmax(dst, x []float32) {
	if len(x) >= longRow {
		top, sum := v.expMoments(x)
		blocks(len(x), func(from, to int) {
			v.ExpSum(dst[from:to], x[from:to], top)
			v.Scale(dst[from:to], dst[from:to], simd.Params{float32(1 / sum)})
		})
		return
	}
	sum := v.ExpSum(dst, x, v.Largest(x))
	v.Scale(dst, dst, simd.Params{float32(1 / sum)})
}

// expMoments is the maximum and Σe^(x−maximum), in one pass over memory: the
// sum so far is rescaled where the maximum grows (Milakov and Gimelshein,
// arXiv 1805.02867).
func (v vectors) expMoments(x []float32) (top float32, sum float64) {
	top = -inf
	blocks(len(x), func(from, to int) {
		high := v.Largest(x[from:to])
		if !(high <= top) {
			if sum != 0 {
				sum *= math.Exp(float64(top) - float64(high))
			}
			top = high
		}
		if top != -inf { // all −Inf so far: nothing to add
			sum += v.SumExp(x[from:to], top)
		}
	})
	return top, sum
}

// logSoftmax is x − max − ln Σe^(x−max).
func (v vectors) logSoftmax(dst, x []float32) {
	top, sum := v.expMoments(x)
	v.Normalize(dst, x, simd.Params{top, 1, float32(-math.Log(sum))})
}

// moments are the mean and the population variance, in one pass over memory:
// those of blocks, merged (Chan, Golub and LeVeque 1979). Squares are of
// differences to a block's mean as float32, which the last term makes good for.
func (v vectors) moments(x []float32) (mean, variance float64) {
	n, squares := 0.0, 0.0
	blocks(len(x), func(from, to int) {
		part := x[from:to]
		k := float64(len(part))
		m := v.Sum(part) / k
		near := float32(m)
		off := m - float64(near)
		delta := m - mean
		squares += v.SumSquares(part, near) - k*off*off + delta*delta*n*k/(n+k)
		n += k
		mean += delta * k / n
	})
	return mean, squares / n
}

// centred are the parameters of (x−mean)·scale + shift. The difference is to
// the nearest float32 of the mean, the rest of which moves into the shift: a
// mean far from 0 costs no digits.
func centred(mean, scale, shift float64) simd.Params {
	near := float32(mean)
	return simd.Params{near, float32(scale), float32((float64(near)-mean)*scale + shift)}
}

// layerNorm is (x−mean)/√(var+eps)·γ + β.
func (v vectors) layerNorm(dst, x, gamma, beta []float32, eps float64) {
	mean, variance := v.moments(x)
	v.NormalizeAffine(dst, x, gamma, beta, centred(mean, 1/math.Sqrt(variance+eps), 0))
}

// rmsNorm is x/√(mean(x²)+eps)·γ.
func (v vectors) rmsNorm(dst, x, gamma []float32, eps float64) {
	inv := 1 / math.Sqrt(v.SumSquares(x, 0)/float64(len(x))+eps)
	v.NormalizeScale(dst, x, gamma, simd.Params{float32(inv)})
}

// normalize is (x−mean)·scale + shift.
func (v vectors) normalize(dst, x []float32, mean, scale, shift float64) {
	v.Normalize(dst, x, centred(mean, scale, shift))
}

func (v vectors) l2Norm(dst, x []float32, floor float64) {
	inv := 1 / max(math.Sqrt(v.SumSquares(x, 0)), floor)
	v.Scale(dst, x, simd.Params{float32(inv)})
}

func (v vectors) minMaxNorm(dst, x []float32, eps float64) {
	low := v.Smallest(x)
	inv := 1 / (float64(v.Largest(x)) - float64(low) + eps)
	v.Normalize(dst, x, simd.Params{low, float32(inv), 0})
}

func planGroupNorm(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.GroupNorm)
	return groupNorm(c, n, op.Groups, op.Eps)
}

func planInstanceNorm(c *compiler, n *graph.Node) (step, error) {
	return groupNorm(c, n, n.In[0].Shape[1], n.Op.(graph.InstanceNorm).Eps)
}

// groupNorm normalises x [N, C, H, W] per sample and group; γ and β are per
// channel.
func groupNorm(c *compiler, n *graph.Node, groups int, eps float64) (step, error) {
	v := c.kernels.vector
	x, gamma, beta, dst := c.in(n, 0), c.in(n, 1), c.in(n, 2), c.out(n, 0)
	s := n.In[0].Shape
	channels, plane := s[1]/groups, s[2]*s[3]
	size := channels * plane
	return c.one(s[0]*groups, 0.3*float64(size), func(_ *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			mean, variance := v.moments(x[item*size : (item+1)*size])
			inv := 1 / math.Sqrt(variance+eps)
			for ch := range channels {
				g := item%groups*channels + ch
				from := item*size + ch*plane
				v.normalize(dst[from:from+plane], x[from:from+plane], mean, inv*float64(gamma[g]), float64(beta[g]))
			}
		}
	})
}

func planBatchNorm(c *compiler, n *graph.Node) (step, error) {
	op, v := n.Op.(graph.BatchNorm), c.kernels.vector
	x, gamma, beta, mean, variance := c.in(n, 0), c.in(n, 1), c.in(n, 2), c.in(n, 3), c.in(n, 4)
	dst := c.out(n, 0)
	s := n.In[0].Shape
	channels, plane := s[1], s[2:].Elems()
	return c.one(s[0]*channels, 10+0.1*float64(plane), func(_ *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			ch, from := item%channels, item*plane
			scale := float64(gamma[ch]) / math.Sqrt(float64(variance[ch])+op.Eps)
			v.normalize(dst[from:from+plane], x[from:from+plane], float64(mean[ch]), scale, float64(beta[ch]))
		}
	})
}

func planLocalResponseNorm(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.LocalResponseNorm)
	return channelWindow(c, n, op.Size, op.K, op.Alpha/float64(op.Size), op.Beta)
}

func planLRN(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.LRN)
	return channelWindow(c, n, n.In[0].Shape[1], op.K, op.Alpha, op.Beta)
}

// channelWindow is x_c/(k + alpha·Σx_j²)^beta with j from c−⌊(size−1)/2⌋ to
// c+⌊size/2⌋, inside the channels.
func channelWindow(c *compiler, n *graph.Node, size int, k, alpha, beta float64) (step, error) {
	channels := n.In[0].Shape[1]
	ns := 30 + float64(min(size, channels))
	sum := c.kernels.vector.SumSquares
	return alongAxis(c, n, 1, ns, func(_ *worker, dst, _, x []float32) {
		for ch, v := range x {
			window := x[max(0, ch-(size-1)/2):min(channels, ch+size/2+1)]
			dst[ch] = float32(float64(v) * math.Pow(k+alpha*sum(window, 0), -beta))
		}
	})
}
