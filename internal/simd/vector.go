package simd

// Params are the parameters of a Map; one that is not named is not read.
type Params = [4]float32

// Map is dst[i] = f(x[i]), with a, b, c and d for the parameters p[0] to p[3].
type Map func(dst, x []float32, p Params)

// Zip is dst[i] = f(x[i], y[i]).
type Zip func(dst, x, y []float32)

// Vector is the loops over contiguous values of one level.
//
// Results number len(dst), or len(x) without dst; every operand is at least as
// long. Any alignment and any length, 0 included, will do. dst may be one of
// the operands; otherwise they do not overlap. A NaN operand gives NaN unless
// stated otherwise.
//
// Errors are in units in the last place of the exact result of the float32
// operands, and hold for every float32, subnormal operands and results
// included, unless the thread flushes those to zero.
type Vector struct {
	Level Level

	// One rounding unless stated, ½ ulp; a·x + b is fused.
	Affine    Map // min(max(a·x + b, c), d); −0 counts as 0
	Scale     Map // a·x
	Shift     Map // x + a
	DivideBy  Map // x/a
	Quotient  Map // a/(x + b), two roundings: ½ ulp of the rounded sum
	Rsqrt     Map // 1/√(x + a), three roundings: 1.5 ulp of the rounded sum
	Leaky     Map // min(x if x > 0 else a·x, b)
	Threshold Map // 0 if x < a else x
	Abs       Map
	Square    Map
	Sqrt      Map
	Softsign  Map // x/(1 + |x|), two roundings
	Floor     Map
	Ceil      Map
	Round     Map // to even
	Sign      Map // −1, 1, or x itself where that is a zero

	// Within the given error. SiLU, GELU and GELUTanh have a factor e^−|z|,
	// which in the far left tail is a multiple of 2^−149; of −Inf they are NaN or
	// 0.
	Exp      Map // 1.5 ulp
	Exp2     Map // 1.5 ulp
	Log      Map // ln(x + a) of the rounded sum, 1.5 ulp
	Tanh     Map // a·tanh(b·x) with b·x rounded, 3 ulp for a = b = 1
	Sigmoid  Map // 1/(1 + e^−x), 2.5 ulp
	SiLU     Map // x/(1 + e^−z) with z = a·x rounded: 3 ulp, and |z| more unless a = 1
	GELU     Map // x/2·(1 + erf(x/√2)), 6 ulp
	GELUTanh Map // x/(1 + e^−z), z = 2√(2/π)·(x + 0.044715x³): 3 ulp and 3|z| more
	Erf      Map // 3 ulp
	Softplus Map // ln(1 + e^x), 3 ulp
	ELU      Map // x if x > 0 else a·(e^x − 1), 3 ulp
	Sin      Map // 2 ulp for |x| ≤ 4, beyond 1e-7 more
	Cos      Map // 2 ulp for |x| ≤ 4, beyond 1e-7 more
	Atan     Map // ½ ulp, plain Go at every level

	Add, Sub, Mul, Div Zip
	Max, Min           Zip
	Less, LessEqual    Zip                                         // 1 or 0; 0 for a NaN
	Equal, NotEqual    Zip                                         // 1 or 0; NotEqual is 1 for a NaN
	Pow                Zip                                         // as math.Pow, ½ ulp, plain Go at every level
	Select             func(dst, cond, x, y []float32)             // x where cond is not 0, else y
	Axpy               func(dst []float32, k float32, x []float32) // dst + k·x, fused
	Fill               func(dst []float32, v float32)

	// Normalize is (x − a)·b + c, with x − a rounded.
	Normalize Map
	// NormalizeAffine is ((x − a)·b + c)·gamma + beta.
	NormalizeAffine func(dst, x, gamma, beta []float32, p Params)
	// NormalizeScale is (a·x)·gamma.
	NormalizeScale func(dst, x, gamma []float32, p Params)

	// Reductions sum in float64 and have no error beyond that of a float64 sum
	// in another order. Sums of nothing are 0, the largest of nothing is −Inf.
	Sum        func(x []float32) float64
	SumAbs     func(x []float32) float64
	SumSquares func(x []float32, shift float32) float64 // Σ(x − shift)², differences rounded to float32
	Dot        func(x, y []float32) float64
	Largest    func(x []float32) float32
	Smallest   func(x []float32) float32
	// ExpSum is dst = e^(x − shift) and returns the sum; SumExp only returns it.
	ExpSum func(dst, x []float32, shift float32) float64
	SumExp func(x []float32, shift float32) float64

	// Columns of several rows, for reductions over a leading axis:
	// acc[i] += Σ f(row[i]) over four rows of at least len(acc) values.
	AddRows        func(acc []float64, r0, r1, r2, r3 []float32)
	AddAbsRows     func(acc []float64, r0, r1, r2, r3 []float32)
	AddSquaresRows func(acc []float64, r0, r1, r2, r3 []float32)

	// Stream copies x to dst past the caches: for results that are larger than
	// the last one. Another thread sees them after an atomic operation of this
	// one.
	Stream func(dst, x []float32)
}

// VectorFor is the kernels of l, which must be one of Levels.
func VectorFor(l Level) *Vector {
	if v := vectorOf(l); v != nil {
		return v
	}
	return &portableVector
}

// assembled is the kernels of a level: those that set fills in, and plain Go.
func assembled(l Level, set func(v *Vector)) Vector {
	v := portableVector
	v.Level = l
	set(&v)
	v.Sin, v.Cos = v.within(v.Sin, portableVector.Sin), v.within(v.Cos, portableVector.Cos)
	return v
}

// waveLimit bounds the operands of the level's sine and cosine: the parts of π/2
// in their reduction leave no error that shows below it.
const waveLimit = 1 << 13

// within takes near for stretches of values up to ±waveLimit and far for others
// and NaN.
func (v *Vector) within(near, far Map) Map {
	const stretch = 1024
	largest, smallest := v.Largest, v.Smallest
	return func(dst, x []float32, p Params) {
		for len(dst) > 0 {
			n := min(stretch, len(dst))
			f := far
			if part := x[:n]; largest(part) <= waveLimit && smallest(part) >= -waveLimit {
				f = near
			}
			f(dst[:n], x[:n], p)
			dst, x = dst[n:], x[n:]
		}
	}
}
