package reference

import (
	"math"

	"devicemap/internal/graph"
)

// unaryFuncs gives f(x) with the parameters a, b of [graph.Unary].
var unaryFuncs = map[graph.UnaryFn]func(x, a, b float64) float64{
	graph.ReLU:  func(x, _, _ float64) float64 { return max(x, 0) },
	graph.ReLU6: func(x, _, _ float64) float64 { return min(max(x, 0), 6) },
	graph.LeakyReLU: func(x, a, _ float64) float64 {
		if x > 0 {
			return x
		}
		return a * x
	},
	graph.ELU: func(x, a, _ float64) float64 {
		if x > 0 {
			return x
		}
		return a * math.Expm1(x)
	},
	graph.GELU: func(x, _, _ float64) float64 { return x / 2 * math.Erfc(-x/math.Sqrt2) },
	graph.GELUTanh: func(x, _, _ float64) float64 {
		return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	},
	graph.GELUSigmoid: func(x, _, _ float64) float64 { return x * sigmoid(1.702*x) },
	graph.SiLU:        func(x, _, _ float64) float64 { return x * sigmoid(x) },
	graph.Sigmoid:     func(x, _, _ float64) float64 { return sigmoid(x) },
	graph.Tanh:        func(x, _, _ float64) float64 { return math.Tanh(x) },
	graph.Softplus:    func(x, _, _ float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) },
	graph.Softsign:    func(x, _, _ float64) float64 { return x / (1 + math.Abs(x)) },
	graph.Exp:         func(x, _, _ float64) float64 { return math.Exp(x) },
	graph.Exp2:        func(x, _, _ float64) float64 { return math.Exp2(x) },
	graph.Log:         func(x, a, _ float64) float64 { return math.Log(x + a) },
	graph.Sqrt:        func(x, _, _ float64) float64 { return math.Sqrt(x) },
	graph.Rsqrt:       func(x, a, _ float64) float64 { return 1 / math.Sqrt(x+a) },
	graph.Inverse:     func(x, a, _ float64) float64 { return 1 / (x + a) },
	graph.Abs:         func(x, _, _ float64) float64 { return math.Abs(x) },
	graph.Square:      func(x, _, _ float64) float64 { return x * x },
	graph.Erf:         func(x, _, _ float64) float64 { return math.Erf(x) },
	graph.Sin:         func(x, _, _ float64) float64 { return math.Sin(x) },
	graph.Cos:         func(x, _, _ float64) float64 { return math.Cos(x) },
	graph.Atan:        func(x, _, _ float64) float64 { return math.Atan(x) },
	graph.Sign: func(x, _, _ float64) float64 {
		switch {
		case x > 0:
			return 1
		case x < 0:
			return -1
		}
		return x // 0 or NaN
	},
	graph.Floor:     func(x, _, _ float64) float64 { return math.Floor(x) },
	graph.Ceil:      func(x, _, _ float64) float64 { return math.Ceil(x) },
	graph.Round:     func(x, _, _ float64) float64 { return math.RoundToEven(x) },
	graph.Clip:      func(x, a, b float64) float64 { return min(max(x, a), b) },
	graph.Threshold: func(x, a, _ float64) float64 { return max(x, a) },
	graph.ThresholdedReLU: func(x, a, _ float64) float64 {
		if x >= a {
			return x
		}
		return 0
	},
	graph.ScaledTanh:  func(x, a, b float64) float64 { return a * math.Tanh(b*x) },
	graph.SigmoidHard: func(x, a, b float64) float64 { return min(max(a*x+b, 0), 1) },
	graph.LinearAct:   func(x, a, b float64) float64 { return a*x + b },
	graph.ClampedReLU: func(x, a, b float64) float64 {
		if x >= 0 {
			return min(x, b)
		}
		return min(a*x, b)
	},
	graph.MulScalar: func(x, a, _ float64) float64 { return a * x },
	graph.AddScalar: func(x, a, _ float64) float64 { return x + a },
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func unary(op graph.Unary, in []tensor, _ graph.Shape) []float64 {
	f, x := unaryFuncs[op.Fn], in[0]
	out := make([]float64, x.len())
	chunks(len(out), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			out[i] = f(x.at(i), op.A, op.B)
		}
	})
	return out
}

var binaryFuncs = map[graph.BinaryFn]func(a, b float64) float64{
	graph.Add:     func(a, b float64) float64 { return a + b },
	graph.Sub:     func(a, b float64) float64 { return a - b },
	graph.Mul:     func(a, b float64) float64 { return a * b },
	graph.Div:     func(a, b float64) float64 { return a / b },
	graph.Pow:     math.Pow,
	graph.Maximum: func(a, b float64) float64 { return max(a, b) },
	graph.Minimum: func(a, b float64) float64 { return min(a, b) },
}

func binary(op graph.Binary, in []tensor, out graph.Shape) []float64 {
	return broadcast(out, in[0], in[1], binaryFuncs[op.Fn])
}

var compareFuncs = map[graph.CompareFn]func(a, b float64) bool{
	graph.Less:         func(a, b float64) bool { return a < b },
	graph.LessEqual:    func(a, b float64) bool { return a <= b },
	graph.Greater:      func(a, b float64) bool { return a > b },
	graph.GreaterEqual: func(a, b float64) bool { return a >= b },
	graph.Equal:        func(a, b float64) bool { return a == b },
	graph.NotEqual:     func(a, b float64) bool { return a != b },
}

func compare(op graph.Compare, in []tensor, out graph.Shape) []float64 {
	holds := compareFuncs[op.Fn]
	return broadcast(out, in[0], in[1], func(a, b float64) float64 { return truth(holds(a, b)) })
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func logicalNot(_ graph.Not, in []tensor, _ graph.Shape) []float64 {
	out := in[0].copied()
	for i, v := range out {
		out[i] = truth(v == 0)
	}
	return out
}

func selectOp(_ graph.Select, in []tensor, out graph.Shape) []float64 {
	cond, a, b := steps(in[0].shape, out), steps(in[1].shape, out), steps(in[2].shape, out)
	y := make([]float64, out.Elems())
	walk(out, func(i int, at []int) {
		if in[0].at(dot(at, cond)) != 0 {
			y[i] = in[1].at(dot(at, a))
		} else {
			y[i] = in[2].at(dot(at, b))
		}
	})
	return y
}

func prelu(_ graph.PReLU, in []tensor, out graph.Shape) []float64 {
	x, slope := in[0], in[1].floats()
	y := make([]float64, out.Elems())
	inner := out[2:].Elems()
	for i := range y {
		if y[i] = x.at(i); !(y[i] > 0) {
			y[i] *= slope[i/inner%out[1]]
		}
	}
	return y
}

func cast(_ graph.Cast, in []tensor, _ graph.Shape) []float64 { return in[0].copied() }

// broadcast applies f to two operands under the shape out.
func broadcast(out graph.Shape, a, b tensor, f func(a, b float64) float64) []float64 {
	y := make([]float64, out.Elems())
	if a.len() == len(y) && b.len() == len(y) {
		chunks(len(y), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				y[i] = f(a.at(i), b.at(i))
			}
		})
		return y
	}
	sa, sb := steps(a.shape, out), steps(b.shape, out)
	walk(out, func(i int, at []int) { y[i] = f(a.at(dot(at, sa)), b.at(dot(at, sb))) })
	return y
}

// steps are the element strides of an operand of shape s along the axes of
// out: right-aligned, and 0 where it is repeated.
func steps(s, out graph.Shape) []int {
	st := make([]int, len(out))
	own := s.Strides()
	for i := range s {
		if s[i] != 1 {
			st[len(out)-len(s)+i] = own[i]
		}
	}
	return st
}

func dot(at, strides []int) int {
	n := 0
	for i, a := range at {
		n += a * strides[i]
	}
	return n
}

// walk calls f for every element of shape s in row-major order, with its flat
// index and its position; f must not keep at.
func walk(s graph.Shape, f func(i int, at []int)) {
	at := make([]int, len(s))
	for i := range s.Elems() {
		f(i, at)
		for d := len(s) - 1; d >= 0; d-- {
			if at[d]++; at[d] < s[d] {
				break
			}
			at[d] = 0
		}
	}
}
