package cpu

import (
	"math"

	"devicemap/internal/graph"
)

// unaryKernel gives the loop of u: dst[i] = u(x[i]); dst may be x. Functions
// of one or two instructions stay in float32; the others are computed in
// float64 and rounded once.
func unaryKernel(u graph.Unary) func(dst, x []float32) {
	if f := narrowUnary(u); f != nil {
		return f
	}
	f := wideUnary(u)
	return func(dst, x []float32) {
		for i, v := range x {
			dst[i] = float32(f(float64(v)))
		}
	}
}

func narrowUnary(u graph.Unary) func(dst, x []float32) {
	if f := clampUnary(u); f != nil {
		return f
	}
	a := float32(u.A)
	switch u.Fn {
	case graph.MulScalar:
		return func(dst, x []float32) {
			for i, v := range x {
				dst[i] = a * v
			}
		}
	case graph.AddScalar:
		return func(dst, x []float32) {
			for i, v := range x {
				dst[i] = v + a
			}
		}
	case graph.Square:
		return func(dst, x []float32) {
			for i, v := range x {
				dst[i] = v * v
			}
		}
	case graph.Abs:
		return func(dst, x []float32) {
			for i, v := range x {
				dst[i] = math.Float32frombits(math.Float32bits(v) &^ (1 << 31))
			}
		}
	case graph.ThresholdedReLU:
		return func(dst, x []float32) {
			for i, v := range x {
				if v < a { // a NaN stays
					v = 0
				}
				dst[i] = v
			}
		}
	case graph.Sqrt:
		return func(dst, x []float32) {
			for i, v := range x {
				dst[i] = float32(math.Sqrt(float64(v)))
			}
		}
	case graph.Softsign:
		return func(dst, x []float32) {
			for i, v := range x {
				dst[i] = v / (1 + max(v, -v))
			}
		}
	}
	return nil
}

// clampUnary gives the functions that are affine between bounds.
func clampUnary(u graph.Unary) func(dst, x []float32) {
	a, b := float32(u.A), float32(u.B)
	inf := float32(math.Inf(1))
	switch u.Fn {
	case graph.ReLU:
		return func(dst, x []float32) { clampLow(dst, x, 0) }
	case graph.Threshold:
		return func(dst, x []float32) { clampLow(dst, x, a) }
	case graph.ReLU6:
		return func(dst, x []float32) { clamp(dst, x, 1, 0, 0, 6) }
	case graph.Clip:
		return func(dst, x []float32) { clamp(dst, x, 1, 0, a, b) }
	case graph.SigmoidHard:
		return func(dst, x []float32) { clamp(dst, x, a, b, 0, 1) }
	case graph.LinearAct:
		return func(dst, x []float32) { clamp(dst, x, a, b, -inf, inf) }
	case graph.LeakyReLU:
		return func(dst, x []float32) { leaky(dst, x, a) }
	case graph.ClampedReLU:
		return func(dst, x []float32) {
			leaky(dst, x, a)
			for i, v := range dst {
				dst[i] = min(v, b)
			}
		}
	}
	return nil
}

// clampLow is max(x, low); a NaN stays.
func clampLow(dst, x []float32, low float32) {
	dst = dst[:len(x)]
	for i := clampLowHead(dst, x, low); i < len(x); i++ {
		dst[i] = max(x[i], low)
	}
}

// clamp is min(max(scale·x + shift, low), high).
func clamp(dst, x []float32, scale, shift, low, high float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = min(max(scale*v+shift, low), high)
	}
}

// leaky is x if x>0 else slope·x, without a branch: signs of activations are
// unpredictable.
func leaky(dst, x []float32, slope float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = max(v, 0) + slope*min(v, 0)
	}
}

func wideUnary(u graph.Unary) func(x float64) float64 {
	a, b := u.A, u.B
	switch u.Fn {
	case graph.ELU:
		return func(x float64) float64 {
			if x > 0 {
				return x
			}
			return a * math.Expm1(x)
		}
	case graph.GELU:
		return func(x float64) float64 { return x / 2 * (1 + math.Erf(x/math.Sqrt2)) }
	case graph.GELUTanh: // (1 + tanh z)/2 = 1/(1 + e^−2z)
		k := math.Sqrt(2 / math.Pi)
		return func(x float64) float64 { return x / (1 + exp(-2*k*(x+0.044715*x*x*x))) }
	case graph.GELUSigmoid:
		return func(x float64) float64 { return x / (1 + exp(-1.702*x)) }
	case graph.SiLU:
		return func(x float64) float64 { return x / (1 + exp(-x)) }
	case graph.Sigmoid:
		return func(x float64) float64 { return 1 / (1 + exp(-x)) }
	case graph.Softplus:
		return func(x float64) float64 { return max(x, 0) + math.Log1p(exp(-math.Abs(x))) }
	case graph.Log:
		return func(x float64) float64 { return math.Log(x + a) }
	case graph.Rsqrt:
		return func(x float64) float64 { return 1 / math.Sqrt(x+a) }
	case graph.Inverse:
		return func(x float64) float64 { return 1 / (x + a) }
	case graph.ScaledTanh:
		return func(x float64) float64 { return a * math.Tanh(b*x) }
	case graph.Sign:
		return func(x float64) float64 {
			switch {
			case x > 0:
				return 1
			case x < 0:
				return -1
			}
			return x // a zero or NaN
		}
	}
	f := map[graph.UnaryFn]func(float64) float64{
		graph.Tanh: math.Tanh, graph.Exp: exp, graph.Exp2: math.Exp2, graph.Erf: math.Erf,
		graph.Sin: math.Sin, graph.Cos: math.Cos, graph.Atan: math.Atan,
		graph.Floor: math.Floor, graph.Ceil: math.Ceil, graph.Round: math.RoundToEven,
	}[u.Fn]
	if f == nil {
		panic("cpu: no kernel for elementwise function " + string(u.Fn))
	}
	return f
}
