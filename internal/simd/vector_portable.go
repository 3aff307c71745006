package simd

import "math"

// portableVector is plain Go. Functions of one or two instructions stay in
// float32; the others are computed in float64 and rounded once.
var portableVector = Vector{
	Level: Portable,

	Affine: func(dst, x []float32, p Params) {
		for i := range dst {
			dst[i] = min(max(fused(p[0], x[i], p[1]), p[2]), p[3])
		}
	},
	Scale:    func(dst, x []float32, p Params) { each(dst, x, func(v float32) float32 { return p[0] * v }) },
	Shift:    func(dst, x []float32, p Params) { each(dst, x, func(v float32) float32 { return v + p[0] }) },
	DivideBy: func(dst, x []float32, p Params) { each(dst, x, func(v float32) float32 { return v / p[0] }) },
	Quotient: wide(func(x, a, b float64) float64 { return a / rounded(x+b) }),
	Rsqrt:    wide(func(x, a, _ float64) float64 { return 1 / math.Sqrt(rounded(x+a)) }),
	Leaky: func(dst, x []float32, p Params) { // no branch: signs of activations are unpredictable
		for i := range dst {
			v := x[i]
			dst[i] = min(max(v, 0)+p[0]*min(v, 0), p[1])
		}
	},
	Threshold: func(dst, x []float32, p Params) {
		for i := range dst {
			v := x[i]
			if v < p[0] {
				v = 0
			}
			dst[i] = v
		}
	},
	Abs:    wide(func(x, _, _ float64) float64 { return math.Abs(x) }),
	Square: func(dst, x []float32, _ Params) { each(dst, x, func(v float32) float32 { return v * v }) },
	Sqrt:   wide(func(x, _, _ float64) float64 { return math.Sqrt(x) }),
	Softsign: func(dst, x []float32, _ Params) {
		each(dst, x, func(v float32) float32 { return v / (1 + max(v, -v)) })
	},
	Floor: wide(func(x, _, _ float64) float64 { return math.Floor(x) }),
	Ceil:  wide(func(x, _, _ float64) float64 { return math.Ceil(x) }),
	Round: wide(func(x, _, _ float64) float64 { return math.RoundToEven(x) }),
	Sign:  wide(sign),

	Exp:      wide(func(x, _, _ float64) float64 { return exp(x) }),
	Exp2:     wide(func(x, _, _ float64) float64 { return math.Exp2(x) }),
	Log:      wide(func(x, a, _ float64) float64 { return math.Log(rounded(x + a)) }),
	Tanh:     wide(func(x, a, b float64) float64 { return a * math.Tanh(b*x) }),
	Sigmoid:  wide(func(x, _, _ float64) float64 { return 1 / (1 + exp(-x)) }),
	SiLU:     wide(func(x, a, _ float64) float64 { return gate(x, a*x) }),
	GELU:     wide(func(x, _, _ float64) float64 { return x / 2 * math.Erfc(-x/math.Sqrt2) }),
	GELUTanh: wide(func(x, _, _ float64) float64 { return gate(x, geluTanhSlope*(x+0.044715*x*x*x)) }),
	Erf:      wide(func(x, _, _ float64) float64 { return math.Erf(x) }),
	Softplus: wide(func(x, _, _ float64) float64 { return max(x, 0) + math.Log1p(exp(-math.Abs(x))) }),
	ELU:      wide(elu),
	Sin:      wide(func(x, _, _ float64) float64 { return math.Sin(x) }),
	Cos:      wide(func(x, _, _ float64) float64 { return math.Cos(x) }),
	Atan:     wide(func(x, _, _ float64) float64 { return math.Atan(x) }),

	Add:       func(dst, x, y []float32) { both(dst, x, y, func(v, w float32) float32 { return v + w }) },
	Sub:       func(dst, x, y []float32) { both(dst, x, y, func(v, w float32) float32 { return v - w }) },
	Mul:       func(dst, x, y []float32) { both(dst, x, y, func(v, w float32) float32 { return v * w }) },
	Div:       func(dst, x, y []float32) { both(dst, x, y, func(v, w float32) float32 { return v / w }) },
	Max:       func(dst, x, y []float32) { both(dst, x, y, func(v, w float32) float32 { return max(v, w) }) },
	Min:       func(dst, x, y []float32) { both(dst, x, y, func(v, w float32) float32 { return min(v, w) }) },
	Less:      func(dst, x, y []float32) { both(dst, x, y, func(v, w float32) float32 { return truth(v < w) }) },
	LessEqual: func(dst, x, y []float32) { both(dst, x, y, func(v, w float32) float32 { return truth(v <= w) }) },
	Equal:     func(dst, x, y []float32) { both(dst, x, y, func(v, w float32) float32 { return truth(v == w) }) },
	NotEqual:  func(dst, x, y []float32) { both(dst, x, y, func(v, w float32) float32 { return truth(v != w) }) },
	Pow: func(dst, x, y []float32) {
		both(dst, x, y, func(v, w float32) float32 { return float32(math.Pow(float64(v), float64(w))) })
	},
	Select: func(dst, cond, x, y []float32) {
		for i := range dst {
			if cond[i] != 0 {
				dst[i] = x[i]
			} else {
				dst[i] = y[i]
			}
		}
	},
	Axpy: func(dst []float32, k float32, x []float32) {
		for i := range dst {
			dst[i] = fused(k, x[i], dst[i])
		}
	},
	Fill: func(dst []float32, v float32) {
		for i := range dst {
			dst[i] = v
		}
	},

	Normalize: func(dst, x []float32, p Params) {
		each(dst, x, func(v float32) float32 { return fused(v-p[0], p[1], p[2]) })
	},
	NormalizeAffine: func(dst, x, gamma, beta []float32, p Params) {
		for i := range dst {
			dst[i] = fused(fused(x[i]-p[0], p[1], p[2]), gamma[i], beta[i])
		}
	},
	NormalizeScale: func(dst, x, gamma []float32, p Params) {
		both(dst, x, gamma, func(v, g float32) float32 { return p[0] * v * g })
	},

	Sum:    func(x []float32) float64 { return total(x, func(v float32) float64 { return float64(v) }) },
	SumAbs: func(x []float32) float64 { return total(x, func(v float32) float64 { return math.Abs(float64(v)) }) },
	SumSquares: func(x []float32, shift float32) float64 {
		return total(x, func(v float32) float64 { d := float64(v - shift); return d * d })
	},
	Dot: func(x, y []float32) float64 {
		s := 0.0
		for i, v := range x {
			s += float64(v) * float64(y[i])
		}
		return s
	},
	Largest: func(x []float32) float32 {
		return extreme(x, float32(math.Inf(-1)), func(v, w float32) float32 { return max(v, w) })
	},
	Smallest: func(x []float32) float32 {
		return extreme(x, float32(math.Inf(1)), func(v, w float32) float32 { return min(v, w) })
	},
	ExpSum: func(dst, x []float32, shift float32) float64 {
		sum := 0.0
		for i := range dst {
			e := exp(float64(x[i]) - float64(shift))
			sum += e
			dst[i] = float32(e)
		}
		return sum
	},
	SumExp: func(x []float32, shift float32) float64 {
		return total(x, func(v float32) float64 { return exp(float64(v) - float64(shift)) })
	},

	AddRows: func(acc []float64, r0, r1, r2, r3 []float32) {
		rows(acc, r0, r1, r2, r3, func(v float32) float64 { return float64(v) })
	},
	AddAbsRows: func(acc []float64, r0, r1, r2, r3 []float32) {
		rows(acc, r0, r1, r2, r3, func(v float32) float64 { return math.Abs(float64(v)) })
	},
	AddSquaresRows: func(acc []float64, r0, r1, r2, r3 []float32) {
		rows(acc, r0, r1, r2, r3, func(v float32) float64 { return float64(v) * float64(v) })
	},

	Stream: func(dst, x []float32) { copy(dst, x[:len(dst)]) },
}

// geluTanhSlope is 2·√(2/π).
const geluTanhSlope = 1.5957691216057308

// each and the other loops below are inlined with their function, so that a
// kernel is one loop without calls.
func each(dst, x []float32, f func(float32) float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = f(v)
	}
}

func both(dst, x, y []float32, f func(x, y float32) float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i, v := range x {
		dst[i] = f(v, y[i])
	}
}

func wide(f func(x, a, b float64) float64) Map {
	return func(dst, x []float32, p Params) {
		a, b := float64(p[0]), float64(p[1])
		for i := range dst {
			dst[i] = float32(f(float64(x[i]), a, b))
		}
	}
}

// total has four lanes, as extreme: one would wait for itself.
func total(x []float32, f func(float32) float64) float64 {
	var s [4]float64
	i := 0
	for ; i+4 <= len(x); i += 4 {
		p := x[i : i+4 : i+4]
		s[0] += f(p[0])
		s[1] += f(p[1])
		s[2] += f(p[2])
		s[3] += f(p[3])
	}
	for ; i < len(x); i++ {
		s[0] += f(x[i])
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}

func extreme(x []float32, none float32, f func(x, y float32) float32) float32 {
	s := [4]float32{none, none, none, none}
	i := 0
	for ; i+4 <= len(x); i += 4 {
		p := x[i : i+4 : i+4]
		s[0], s[1], s[2], s[3] = f(s[0], p[0]), f(s[1], p[1]), f(s[2], p[2]), f(s[3], p[3])
	}
	for ; i < len(x); i++ {
		s[0] = f(s[0], x[i])
	}
	return f(f(s[0], s[1]), f(s[2], s[3]))
}

func rows(acc []float64, r0, r1, r2, r3 []float32, f func(float32) float64) {
	n := len(acc)
	r0, r1, r2, r3 = r0[:n], r1[:n], r2[:n], r3[:n]
	for i, v := range r0 {
		acc[i] += (f(v) + f(r1[i])) + (f(r2[i]) + f(r3[i]))
	}
}

// fused is x·y + z: exact in float64 but for the sum, then rounded.
func fused(x, y, z float32) float32 { return float32(float64(x)*float64(y) + float64(z)) }

func rounded(x float64) float64 { return float64(float32(x)) }

func truth(b bool) float32 {
	if b {
		return 1
	}
	return 0
}

// gate is x·sigmoid(z).
func gate(x, z float64) float64 { return x / (1 + exp(-z)) }

func elu(x, a, _ float64) float64 {
	if x > 0 {
		return x
	}
	return a * math.Expm1(x)
}

func sign(x, _, _ float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x // a zero or NaN
}
