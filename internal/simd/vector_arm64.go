package simd

var neonVector = Vector{
	Level: NEON,

	Affine:    affineNEON,
	Scale:     scaleNEON,
	Shift:     shiftNEON,
	DivideBy:  divideByNEON,
	Quotient:  quotientNEON,
	Rsqrt:     rsqrtNEON,
	Leaky:     leakyNEON,
	Threshold: thresholdNEON,
	Abs:       absNEON,
	Square:    squareNEON,
	Sqrt:      sqrtNEON,
	Softsign:  softsignNEON,
	Floor:     floorNEON,
	Ceil:      ceilNEON,
	Round:     roundNEON,
	Sign:      signNEON,
	Exp:       expNEON,
	Exp2:      exp2NEON,
	Log:       logNEON,
	Tanh:      tanhNEON,
	Sigmoid:   sigmoidNEON,
	SiLU:      siluNEON,
	GELU:      geluNEON,
	GELUTanh:  geluTanhNEON,
	Erf:       erfNEON,
	Softplus:  softplusNEON,
	ELU:       eluNEON,
	Sin:       withinWave(sinNEON, portableVector.Sin),
	Cos:       withinWave(cosNEON, portableVector.Cos),
	Normalize: normalizeNEON,

	Add:       addNEON,
	Sub:       subNEON,
	Mul:       mulNEON,
	Div:       divNEON,
	Max:       maxNEON,
	Min:       minNEON,
	Less:      lessNEON,
	LessEqual: lessEqualNEON,
	Equal:     equalNEON,
	NotEqual:  notEqualNEON,
	Pow:       portableVector.Pow,

	Select:          selectNEON,
	Axpy:            axpyNEON,
	Fill:            fillNEON,
	NormalizeAffine: normalizeAffineNEON,
	NormalizeScale:  normalizeScaleNEON,
	Sum:             sumNEON,
	SumAbs:          sumAbsNEON,
	Largest:         largestNEON,
	Smallest:        smallestNEON,
	SumSquares:      sumSquaresNEON,
	SumExp:          sumExpNEON,
	Dot:             dotNEON,
	ExpSum:          expSumNEON,
	Stream:          portableVector.Stream, // the architecture has no store past the caches

	AddRows:        addRowsNEON,
	AddAbsRows:     addAbsRowsNEON,
	AddSquaresRows: addSquaresRowsNEON,
}

func vectorOf(l Level) *Vector {
	if l == NEON {
		return &neonVector
	}
	return nil
}

// withinWave is near for operands of up to 2^13 in size, which its reduction
// is made for, and far for every block with a larger one.
func withinWave(near, far Map) Map {
	const limit, block = 1 << 13, 1024
	return func(dst, x []float32, p Params) {
		for i := 0; i < len(dst); i += block {
			end := min(i+block, len(dst))
			part := x[i:end]
			f := far
			if largestNEON(part) <= limit && smallestNEON(part) >= -limit {
				f = near
			}
			f(dst[i:end], part, p)
		}
	}
}

// The assembly. vector_arm64.s has one loop for each function of Vector.

//go:noescape
func affineNEON(dst, x []float32, p Params)

//go:noescape
func scaleNEON(dst, x []float32, p Params)

//go:noescape
func shiftNEON(dst, x []float32, p Params)

//go:noescape
func divideByNEON(dst, x []float32, p Params)

//go:noescape
func quotientNEON(dst, x []float32, p Params)

//go:noescape
func rsqrtNEON(dst, x []float32, p Params)

//go:noescape
func leakyNEON(dst, x []float32, p Params)

//go:noescape
func thresholdNEON(dst, x []float32, p Params)

//go:noescape
func absNEON(dst, x []float32, p Params)

//go:noescape
func squareNEON(dst, x []float32, p Params)

//go:noescape
func sqrtNEON(dst, x []float32, p Params)

//go:noescape
func softsignNEON(dst, x []float32, p Params)

//go:noescape
func floorNEON(dst, x []float32, p Params)

//go:noescape
func ceilNEON(dst, x []float32, p Params)

//go:noescape
func roundNEON(dst, x []float32, p Params)

//go:noescape
func signNEON(dst, x []float32, p Params)

//go:noescape
func expNEON(dst, x []float32, p Params)

//go:noescape
func exp2NEON(dst, x []float32, p Params)

//go:noescape
func logNEON(dst, x []float32, p Params)

//go:noescape
func tanhNEON(dst, x []float32, p Params)

//go:noescape
func sigmoidNEON(dst, x []float32, p Params)

//go:noescape
func siluNEON(dst, x []float32, p Params)

//go:noescape
func geluNEON(dst, x []float32, p Params)

//go:noescape
func geluTanhNEON(dst, x []float32, p Params)

//go:noescape
func erfNEON(dst, x []float32, p Params)

//go:noescape
func softplusNEON(dst, x []float32, p Params)

//go:noescape
func eluNEON(dst, x []float32, p Params)

//go:noescape
func sinNEON(dst, x []float32, p Params)

//go:noescape
func cosNEON(dst, x []float32, p Params)

//go:noescape
func normalizeNEON(dst, x []float32, p Params)

//go:noescape
func addNEON(dst, x, y []float32)

//go:noescape
func subNEON(dst, x, y []float32)

//go:noescape
func mulNEON(dst, x, y []float32)

//go:noescape
func divNEON(dst, x, y []float32)

//go:noescape
func maxNEON(dst, x, y []float32)

//go:noescape
func minNEON(dst, x, y []float32)

//go:noescape
func lessNEON(dst, x, y []float32)

//go:noescape
func lessEqualNEON(dst, x, y []float32)

//go:noescape
func equalNEON(dst, x, y []float32)

//go:noescape
func notEqualNEON(dst, x, y []float32)

//go:noescape
func selectNEON(dst, cond, x, y []float32)

//go:noescape
func axpyNEON(dst []float32, k float32, x []float32)

//go:noescape
func fillNEON(dst []float32, v float32)

//go:noescape
func normalizeAffineNEON(dst, x, gamma, beta []float32, p Params)

//go:noescape
func normalizeScaleNEON(dst, x, gamma []float32, p Params)

//go:noescape
func sumNEON(x []float32) float64

//go:noescape
func sumAbsNEON(x []float32) float64

//go:noescape
func largestNEON(x []float32) float32

//go:noescape
func smallestNEON(x []float32) float32

//go:noescape
func sumSquaresNEON(x []float32, shift float32) float64

//go:noescape
func sumExpNEON(x []float32, shift float32) float64

//go:noescape
func dotNEON(x, y []float32) float64

//go:noescape
func expSumNEON(dst, x []float32, shift float32) float64

//go:noescape
func addRowsNEON(acc []float64, r0, r1, r2, r3 []float32)

//go:noescape
func addAbsRowsNEON(acc []float64, r0, r1, r2, r3 []float32)

//go:noescape
func addSquaresRowsNEON(acc []float64, r0, r1, r2, r3 []float32)
