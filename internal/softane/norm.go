package softane

import "math"

func norms() map[string]build {
	return map[string]build{
		"batch_norm":          batchNorm,
		"instance_norm":       instanceNorm,
		"layer_norm":          layerNorm,
		"local_response_norm": localResponseNorm,
		"softmax":             softmax,
	}
}

// batchNorm is gamma·(x−mean)/√(variance+eps) + beta per channel, axis 1.
func batchNorm(c *call) (work, *refusal) {
	x := c.tensor("x")
	for _, name := range []string{"gamma", "beta", "mean", "variance"} {
		c.tensor(name)
	}
	eps, inner, channels := float64(c.num("epsilon", 1e-5)), elems(x.shape[2:]), x.shape[1]
	return work{round: nearest, run: func(out, in [][]float32, _ []float32) {
		for plane := range len(in[0]) / inner {
			ch := plane % channels
			scale := float64(in[1][ch]) / math.Sqrt(float64(in[4][ch])+eps)
			shift := float64(in[2][ch]) - float64(in[3][ch])*scale
			for i := plane * inner; i < (plane+1)*inner; i++ {
				out[0][i] = float32(float64(in[0][i])*scale + shift)
			}
		}
	}}, nil
}

// instanceNorm normalises each plane of [N, C, H, W], then scales by gamma[c]
// and shifts by beta[c].
func instanceNorm(c *call) (work, *refusal) {
	x := c.tensor("x")
	c.tensor("gamma")
	c.tensor("beta")
	eps, inner, channels := float64(c.num("epsilon", 1e-5)), elems(x.shape[2:]), x.shape[1]
	return work{round: nearest, run: func(out, in [][]float32, _ []float32) {
		for plane := range len(in[0]) / inner {
			lo := plane * inner
			gamma, beta := in[1][plane%channels], in[2][plane%channels]
			normalise(out[0][lo:lo+inner], in[0][lo:lo+inner], eps, func(_ int, v float64) float64 {
				return v*float64(gamma) + float64(beta)
			})
		}
	}}, nil
}

// normalise writes affine(i, (x[i]−mean)/√(variance+eps)).
func normalise(y, x []float32, eps float64, affine func(i int, v float64) float64) {
	var sum, squares float64
	for _, v := range x {
		sum += float64(v)
	}
	mean := sum / float64(len(x))
	for _, v := range x {
		squares += (float64(v) - mean) * (float64(v) - mean)
	}
	inv := 1 / math.Sqrt(squares/float64(len(x))+eps)
	for i, v := range x {
		y[i] = float32(affine(i, (float64(v)-mean)*inv))
	}
}

// layerNorm normalises over trailing axes, then scales by gamma and shifts by
// beta of those axes' shape.
func layerNorm(c *call) (work, *refusal) {
	x := c.tensor("x")
	axes := c.axes("axes", len(x.shape))
	first := len(x.shape) - len(axes)
	for _, a := range axes {
		if a < first {
			return work{}, c.notImplemented("normalisation of axes that are not the last")
		}
	}
	inner, eps := elems(x.shape[first:]), float64(c.num("epsilon", 1e-5))
	gamma, beta := 0, 0 // places in the operand list; 0 is x
	if c.has("gamma") {
		c.tensor("gamma")
		gamma = len(c.in) - 1
	}
	if c.has("beta") {
		c.tensor("beta")
		beta = len(c.in) - 1
	}
	return work{round: nearest, run: func(out, in [][]float32, _ []float32) {
		for lo := 0; lo < len(in[0]); lo += inner {
			normalise(out[0][lo:lo+inner], in[0][lo:lo+inner], eps, func(i int, v float64) float64 {
				if gamma > 0 {
					v *= float64(in[gamma][i])
				}
				if beta > 0 {
					v += float64(in[beta][i])
				}
				return v
			})
		}
	}}, nil
}

// localResponseNorm is x/(k + alpha/size·Σ x²)^beta over size neighbouring
// channels.
func localResponseNorm(c *call) (work, *refusal) {
	x := c.tensor("x")
	size, channels, inner := c.stmt.Int("size", 5), x.shape[1], elems(x.shape[2:])
	alpha, beta, k := float64(c.num("alpha", 1e-4)), float64(c.num("beta", 0.75)), float64(c.num("k", 1))
	return work{round: nearest, run: func(out, in [][]float32, _ []float32) {
		for i, v := range in[0] {
			ch := i / inner % channels
			var sum float64
			for o := max(0, ch-(size-1)/2); o <= min(channels-1, ch+size/2); o++ {
				n := float64(in[0][i+(o-ch)*inner])
				sum += n * n
			}
			out[0][i] = float32(float64(v) / math.Pow(k+alpha/float64(size)*sum, beta))
		}
	}}, nil
}

// softmax is exp(x−max)/Σ exp along an axis.
func softmax(c *call) (work, *refusal) {
	x := c.tensor("x")
	axis := c.axis("axis", len(x.shape))
	n, step := x.shape[axis], elems(x.shape[axis+1:])
	return work{round: nearest, run: func(out, in [][]float32, _ []float32) {
		rows := len(in[0]) / n
		inParallel(rows, 1+(1<<13)/n, func(_, lo, hi int) {
			for r := lo; r < hi; r++ {
				at := r/step*n*step + r%step
				end := at + (n-1)*step + 1
				softmaxRow(out[0][at:end], in[0][at:end], step)
			}
		})
	}}, nil
}
