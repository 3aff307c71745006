package reference

import (
	"math"

	"devicemap/internal/graph"
)

// alongLines applies f to every line of x along an axis; f reads x and writes
// y of the same length.
func alongLines(x tensor, axis int, f func(x, y []float64)) []float64 {
	n, inner := x.shape[axis], x.shape[axis+1:].Elems()
	out := make([]float64, x.len())
	lines := len(out) / n
	const group = 64
	parallel((lines+group-1)/group, func(g int) {
		buf, res := make([]float64, n), make([]float64, n)
		for l := g * group; l < min(lines, (g+1)*group); l++ {
			base := l/inner*n*inner + l%inner
			for i := range buf {
				buf[i] = x.at(base + i*inner)
			}
			f(buf, res)
			for i, v := range res {
				out[base+i*inner] = v
			}
		}
	})
	return out
}

func softmax(op graph.Softmax, in []tensor, _ graph.Shape) []float64 {
	return alongLines(in[0], op.Axis, func(x, y []float64) { softmaxLine(x, y, op.Log) })
}

// softmaxLine is e^(x−max)/Σe^(x−max), or its logarithm. y may be x.
func softmaxLine(x, y []float64, log bool) {
	top := math.Inf(-1)
	for _, v := range x {
		top = max(top, v)
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(v - top)
	}
	for i, v := range x {
		if log {
			y[i] = v - top - math.Log(sum)
		} else {
			y[i] = math.Exp(v-top) / sum
		}
	}
}

// moments are the mean and the population variance.
func moments(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, v := range x {
		variance += (v - mean) * (v - mean)
	}
	return mean, variance / float64(len(x))
}

func layerNorm(op graph.LayerNorm, in []tensor, _ graph.Shape) []float64 {
	gamma, beta := in[1].floats(), in[2].floats()
	return alongLines(in[0], op.Axis, func(x, y []float64) {
		mean, variance := moments(x)
		r := 1 / math.Sqrt(variance+op.Eps)
		for i, v := range x {
			y[i] = (v-mean)*r*gamma[i] + beta[i]
		}
	})
}

func rmsNorm(op graph.RMSNorm, in []tensor, out graph.Shape) []float64 {
	gamma := in[1].floats()
	return alongLines(in[0], len(out)-1, func(x, y []float64) {
		sum := 0.0
		for _, v := range x {
			sum += v * v
		}
		r := 1 / math.Sqrt(sum/float64(len(x))+op.Eps)
		for i, v := range x {
			y[i] = v * r * gamma[i]
		}
	})
}

func groupNorm(op graph.GroupNorm, in []tensor, out graph.Shape) []float64 {
	return normalised(in, out, out[1]/op.Groups, op.Eps)
}

func instanceNorm(op graph.InstanceNorm, in []tensor, out graph.Shape) []float64 {
	return normalised(in, out, 1, op.Eps)
}

// normalised takes mean and variance over each run of channels of x
// [N, C, H, W] and applies the per-channel γ, β.
func normalised(in []tensor, out graph.Shape, channels int, eps float64) []float64 {
	gamma, beta := in[1].floats(), in[2].floats()
	plane := out[2] * out[3]
	y := in[0].copied()
	parallel(len(y)/(channels*plane), func(g int) {
		part := y[g*channels*plane:][:channels*plane]
		mean, variance := moments(part)
		r := 1 / math.Sqrt(variance+eps)
		for i, v := range part {
			c := (g*channels + i/plane) % out[1]
			part[i] = (v-mean)*r*gamma[c] + beta[c]
		}
	})
	return y
}

func batchNorm(op graph.BatchNorm, in []tensor, out graph.Shape) []float64 {
	gamma, beta, mean, variance := in[1].floats(), in[2].floats(), in[3].floats(), in[4].floats()
	inner := out[2:].Elems()
	y := in[0].copied()
	for i, v := range y {
		c := i / inner % out[1]
		y[i] = (v-mean[c])/math.Sqrt(variance[c]+op.Eps)*gamma[c] + beta[c]
	}
	return y
}

func l2Norm(op graph.L2Norm, in []tensor, _ graph.Shape) []float64 {
	return alongLines(in[0], op.Axis, func(x, y []float64) {
		sum := 0.0
		for _, v := range x {
			sum += v * v
		}
		norm := max(math.Sqrt(sum), op.Floor)
		for i, v := range x {
			y[i] = v / norm
		}
	})
}

func localResponseNorm(op graph.LocalResponseNorm, in []tensor, _ graph.Shape) []float64 {
	return acrossChannels(in[0], op.Size, op.Alpha/float64(op.Size), op.Beta, op.K)
}

// acrossChannels is x_c/(k + alpha·Σx_j²)^beta over the channels j from
// c−⌊(size−1)/2⌋ to c+⌊size/2⌋ that exist.
func acrossChannels(x tensor, size int, alpha, beta, k float64) []float64 {
	return alongLines(x, 1, func(x, y []float64) {
		for c := range x {
			sum := 0.0
			for j := max(0, c-(size-1)/2); j <= min(len(x)-1, c+size/2); j++ {
				sum += x[j] * x[j]
			}
			y[c] = x[c] / math.Pow(k+alpha*sum, beta)
		}
	})
}
