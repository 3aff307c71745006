package cpu

import (
	"math"

	"devicemap/internal/graph"
	"devicemap/internal/simd"
)

var inf = float32(math.Inf(1))

// unaryLoops gives the vector loop of each elementwise function of one operand
// and its parameters, from the function's A and B.
var unaryLoops = map[graph.UnaryFn]func(v *simd.Vector, a, b float32) (simd.Map, simd.Params){
	// Affine between bounds.
	graph.ReLU:        func(v *simd.Vector, _, _ float32) (simd.Map, simd.Params) { return v.Affine, simd.Params{1, 0, 0, inf} },
	graph.ReLU6:       func(v *simd.Vector, _, _ float32) (simd.Map, simd.Params) { return v.Affine, simd.Params{1, 0, 0, 6} },
	graph.Threshold:   func(v *simd.Vector, a, _ float32) (simd.Map, simd.Params) { return v.Affine, simd.Params{1, 0, a, inf} },
	graph.Clip:        func(v *simd.Vector, a, b float32) (simd.Map, simd.Params) { return v.Affine, simd.Params{1, 0, a, b} },
	graph.SigmoidHard: func(v *simd.Vector, a, b float32) (simd.Map, simd.Params) { return v.Affine, simd.Params{a, b, 0, 1} },
	graph.LinearAct: func(v *simd.Vector, a, b float32) (simd.Map, simd.Params) {
		return v.Affine, simd.Params{a, b, -inf, inf}
	},

	graph.LeakyReLU:   func(v *simd.Vector, a, _ float32) (simd.Map, simd.Params) { return v.Leaky, simd.Params{a, inf} },
	graph.ClampedReLU: func(v *simd.Vector, a, b float32) (simd.Map, simd.Params) { return v.Leaky, simd.Params{a, b} },
	graph.SiLU:        func(v *simd.Vector, _, _ float32) (simd.Map, simd.Params) { return v.SiLU, simd.Params{1} },
	graph.GELUSigmoid: func(v *simd.Vector, _, _ float32) (simd.Map, simd.Params) { return v.SiLU, simd.Params{1.702} },
	graph.Tanh:        func(v *simd.Vector, _, _ float32) (simd.Map, simd.Params) { return v.Tanh, simd.Params{1, 1} },
	graph.Inverse:     func(v *simd.Vector, a, _ float32) (simd.Map, simd.Params) { return v.Quotient, simd.Params{1, a} },

	// Those that take A and B as they are.
	graph.MulScalar:       plainLoop(func(v *simd.Vector) simd.Map { return v.Scale }),
	graph.AddScalar:       plainLoop(func(v *simd.Vector) simd.Map { return v.Shift }),
	graph.ThresholdedReLU: plainLoop(func(v *simd.Vector) simd.Map { return v.Threshold }),
	graph.ScaledTanh:      plainLoop(func(v *simd.Vector) simd.Map { return v.Tanh }),
	graph.ELU:             plainLoop(func(v *simd.Vector) simd.Map { return v.ELU }),
	graph.Log:             plainLoop(func(v *simd.Vector) simd.Map { return v.Log }),
	graph.Rsqrt:           plainLoop(func(v *simd.Vector) simd.Map { return v.Rsqrt }),
	graph.GELU:            plainLoop(func(v *simd.Vector) simd.Map { return v.GELU }),
	graph.GELUTanh:        plainLoop(func(v *simd.Vector) simd.Map { return v.GELUTanh }),
	graph.Sigmoid:         plainLoop(func(v *simd.Vector) simd.Map { return v.Sigmoid }),
	graph.Softplus:        plainLoop(func(v *simd.Vector) simd.Map { return v.Softplus }),
	graph.Softsign:        plainLoop(func(v *simd.Vector) simd.Map { return v.Softsign }),
	graph.Exp:             plainLoop(func(v *simd.Vector) simd.Map { return v.Exp }),
	graph.Exp2:            plainLoop(func(v *simd.Vector) simd.Map { return v.Exp2 }),
	graph.Sqrt:            plainLoop(func(v *simd.Vector) simd.Map { return v.Sqrt }),
	graph.Abs:             plainLoop(func(v *simd.Vector) simd.Map { return v.Abs }),
	graph.Square:          plainLoop(func(v *simd.Vector) simd.Map { return v.Square }),
	graph.Erf:             plainLoop(func(v *simd.Vector) simd.Map { return v.Erf }),
	graph.Sin:             plainLoop(func(v *simd.Vector) simd.Map { return v.Sin }),
	graph.Cos:             plainLoop(func(v *simd.Vector) simd.Map { return v.Cos }),
	graph.Atan:            plainLoop(func(v *simd.Vector) simd.Map { return v.Atan }),
	graph.Sign:            plainLoop(func(v *simd.Vector) simd.Map { return v.Sign }),
	graph.Floor:           plainLoop(func(v *simd.Vector) simd.Map { return v.Floor }),
	graph.Ceil:            plainLoop(func(v *simd.Vector) simd.Map { return v.Ceil }),
	graph.Round:           plainLoop(func(v *simd.Vector) simd.Map { return v.Round }),
}

func plainLoop(pick func(v *simd.Vector) simd.Map) func(v *simd.Vector, a, b float32) (simd.Map, simd.Params) {
	return func(v *simd.Vector, a, b float32) (simd.Map, simd.Params) { return pick(v), simd.Params{a, b} }
}

// unaryKernel gives the loop of u: dst[i] = u(x[i]); dst may be x.
func unaryKernel(v *simd.Vector, u graph.Unary) func(dst, x []float32) {
	loop := unaryLoops[u.Fn]
	if loop == nil {
		panic("cpu: no kernel for elementwise function " + string(u.Fn))
	}
	f, p := loop(v, float32(u.A), float32(u.B))
	return func(dst, x []float32) { f(dst, x, p) }
}
