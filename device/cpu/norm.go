package cpu

import (
	"math"

	"devicemap/internal/graph"
)

// softmax is e^(x−max)/Σe^(x−max). The exponentials are float64; what is
// stored between the passes is float32.
func softmax(dst, x []float32) {
	top := float64(maxOf(x))
	sum := 0.0
	for i, v := range x {
		e := exp(float64(v) - top)
		sum += e
		dst[i] = float32(e)
	}
	inv := float32(1 / sum)
	for i := range dst {
		dst[i] *= inv
	}
}

// logSoftmax is x − max − ln Σe^(x−max).
func logSoftmax(dst, x []float32) {
	top := float64(maxOf(x))
	sum := 0.0
	for _, v := range x {
		sum += exp(float64(v) - top)
	}
	shift := top + math.Log(sum)
	for i, v := range x {
		dst[i] = float32(float64(v) - shift)
	}
}

// maxOf has four lanes, as the sums below: one would wait for itself.
func maxOf(x []float32) float32 {
	a, b, c, d := x[0], x[0], x[0], x[0]
	i := 0
	for ; i+4 <= len(x); i += 4 {
		p := x[i : i+4 : i+4]
		a, b, c, d = max(a, p[0]), max(b, p[1]), max(c, p[2]), max(d, p[3])
	}
	for ; i < len(x); i++ {
		a = max(a, x[i])
	}
	return max(a, b, c, d)
}

// sumOf is Σx in float64.
func sumOf(x []float32) float64 {
	var s [4]float64
	i := 0
	for ; i+4 <= len(x); i += 4 {
		p := x[i : i+4 : i+4]
		s[0] += float64(p[0])
		s[1] += float64(p[1])
		s[2] += float64(p[2])
		s[3] += float64(p[3])
	}
	for ; i < len(x); i++ {
		s[0] += float64(x[i])
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}

// squaresOf is Σ(x−shift)² in float64.
func squaresOf(x []float32, shift float64) float64 {
	var s [4]float64
	i := 0
	for ; i+4 <= len(x); i += 4 {
		p := x[i : i+4 : i+4]
		a, b := float64(p[0])-shift, float64(p[1])-shift
		c, d := float64(p[2])-shift, float64(p[3])-shift
		s[0] += a * a
		s[1] += b * b
		s[2] += c * c
		s[3] += d * d
	}
	for ; i < len(x); i++ {
		d := float64(x[i]) - shift
		s[0] += d * d
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}

// moments are the mean and the population variance, in two passes.
func moments(x []float32) (mean, variance float64) {
	n := float64(len(x))
	mean = sumOf(x) / n
	return mean, squaresOf(x, mean) / n
}

// layerNorm is (x−mean)/√(var+eps)·γ + β. The difference is taken in float64:
// a mean far from 0 costs no digits.
func layerNorm(dst, x, gamma, beta []float32, eps float64) {
	mean, variance := moments(x)
	inv := float32(1 / math.Sqrt(variance+eps))
	dst, gamma, beta = dst[:len(x)], gamma[:len(x)], beta[:len(x)]
	for i, v := range x {
		dst[i] = float32(float64(v)-mean)*inv*gamma[i] + beta[i]
	}
}

// rmsNorm is x/√(mean(x²)+eps)·γ.
func rmsNorm(dst, x, gamma []float32, eps float64) {
	inv := float32(1 / math.Sqrt(squaresOf(x, 0)/float64(len(x))+eps))
	dst, gamma = dst[:len(x)], gamma[:len(x)]
	for i, v := range x {
		dst[i] = v * inv * gamma[i]
	}
}

// normalize is (x−mean)·scale + shift.
func normalize(dst, x []float32, mean, scale, shift float64) {
	k, s := float32(scale), float32(shift)
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = float32(float64(v)-mean)*k + s
	}
}

func l2Norm(dst, x []float32, floor float64) {
	inv := float32(1 / max(math.Sqrt(squaresOf(x, 0)), floor))
	for i, v := range x {
		dst[i] = v * inv
	}
}

func minMaxNorm(dst, x []float32, eps float64) {
	low, high := x[0], x[0]
	for _, v := range x[1:] {
		low, high = min(low, v), max(high, v)
	}
	inv := 1 / (float64(high) - float64(low) + eps)
	for i, v := range x {
		dst[i] = float32((float64(v) - float64(low)) * inv)
	}
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
	k := c.kernels
	x, gamma, beta, dst := c.in(n, 0), c.in(n, 1), c.in(n, 2), c.out(n, 0)
	s := n.In[0].Shape
	channels, plane := s[1]/groups, s[2]*s[3]
	size := channels * plane
	return c.one(s[0]*groups, 2*float64(size), func(_ *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			mean, variance := k.moments(x[item*size : (item+1)*size])
			inv := 1 / math.Sqrt(variance+eps)
			for ch := range channels {
				g := item%groups*channels + ch
				from := item*size + ch*plane
				k.normalize(dst[from:from+plane], x[from:from+plane], mean, inv*float64(gamma[g]), float64(beta[g]))
			}
		}
	})
}

func planBatchNorm(c *compiler, n *graph.Node) (step, error) {
	op, k := n.Op.(graph.BatchNorm), c.kernels
	x, gamma, beta, mean, variance := c.in(n, 0), c.in(n, 1), c.in(n, 2), c.in(n, 3), c.in(n, 4)
	dst := c.out(n, 0)
	s := n.In[0].Shape
	channels, plane := s[1], s[2:].Elems()
	return c.one(s[0]*channels, float64(plane), func(_ *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			ch, from := item%channels, item*plane
			scale := float64(gamma[ch]) / math.Sqrt(float64(variance[ch])+op.Eps)
			k.normalize(dst[from:from+plane], x[from:from+plane], float64(mean[ch]), scale, float64(beta[ch]))
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
	return alongAxis(c, n, 1, ns, func(_ *worker, dst, _, x []float32) {
		for ch, v := range x {
			window := x[max(0, ch-(size-1)/2):min(channels, ch+size/2+1)]
			dst[ch] = float32(float64(v) * math.Pow(k+alpha*squaresOf(window, 0), -beta))
		}
	})
}
