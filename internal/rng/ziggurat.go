package rng

import (
	"math"
	"math/big"
	"sync"
)

// levels is the number of strips of equal area under the density exp(−x²/2).
const levels = 256

// The constants of the 256-level ziggurat, with NumPy's digits: the last
// strip's rectangle ends at r = tailStart, where the tail begins; every strip
// has area v = stripArea = r·f(r) + ∫_r^∞ f (NumPy's is four units in the last
// place below the exact value).
const (
	tailStart    = 3.6541528853610087963519472518
	invTailStart = 0.27366123732975827203338247596
	stripArea    = 0.0049286732339746519
)

// ziggurat holds the strips: level i has the right edge x_i, widest at 255.
// Level 0 is the base strip with the tail, as if it were a rectangle.
type ziggurat struct {
	inside  [levels]uint64  // x_{i−1}/x_i·2^52: smaller magnitudes lie under the curve
	width   [levels]float64 // x_i/2^52
	density [levels]float64 // exp(−x_i²/2)
}

// normalZiggurat computes the tables once (a few milliseconds).
var normalZiggurat = sync.OnceValue(computeZiggurat)

// computeZiggurat follows the recurrence of Marsaglia and Tsang,
//
//	x_255 = r,  f(x) = exp(−x²/2),  x_{i−1} = √(−2 ln(f(x_i) + v/x_i)),
//
// from the edge to the top in float64. The tables are part of the stream: one
// unit in the last place of one x changes all later ones and 0.4 % of the
// normals. So exp and ln are rounded correctly here, as no processor's math
// library promises, and one rounding error of the machine that made NumPy's
// tables is repeated.
func computeZiggurat() *ziggurat {
	// f(x_38) lies 0.498 units in the last place above a float64; NumPy's
	// table has the next one. All other levels agree with correct rounding.
	const roundedUp = 38
	z := new(ziggurat)
	x := tailStart
	for i := levels - 1; i > 0; i-- {
		f := exp(-0.5 * x * x)
		if i == roundedUp {
			f = math.Nextafter(f, 1)
		}
		z.width[i], z.density[i] = x*0x1p-52, f
		inner := math.Sqrt(-2 * log(f+stripArea/x))
		if i > 1 {
			z.inside[i] = magnitude(inner / x)
		}
		x = inner
	}
	base := stripArea / z.density[levels-1]
	z.width[0], z.density[0] = base*0x1p-52, 1
	z.inside[0] = magnitude(float64(tailStart*z.density[levels-1]) / stripArea)
	return z
}

// magnitude is the 52-bit integer nearest to a ratio below 1.
func magnitude(ratio float64) uint64 { return uint64(math.RoundToEven(ratio * 0x1p52)) }

// exp is e^x, correctly rounded, for −8 < x ≤ 0.
func exp(x float64) float64 {
	v, _ := bigExp(bigFloat(x)).Float64()
	return v
}

// log is ln x, correctly rounded. One step of Halley's method triples the
// correct bits of the float64 logarithm.
func log(x float64) float64 {
	y, bx := bigFloat(math.Log(x)), bigFloat(x)
	e := bigExp(y)
	step := quo(newBig().Sub(bx, e), add(bx, e))
	v, _ := add(y, mul(bigFloat(2), step)).Float64()
	return v
}

// bigExp halves x until a short Taylor series reaches the precision.
func bigExp(x *big.Float) *big.Float {
	const halvings, terms = 12, 16
	small := newBig().SetMantExp(x, -halvings)
	sum := bigFloat(1)
	for n := terms; n > 0; n-- {
		sum = add(bigFloat(1), quo(mul(small, sum), bigFloat(float64(n))))
	}
	for range halvings {
		sum = mul(sum, sum)
	}
	return sum
}

func newBig() *big.Float             { return new(big.Float).SetPrec(160) }
func bigFloat(v float64) *big.Float  { return newBig().SetFloat64(v) }
func add(a, b *big.Float) *big.Float { return newBig().Add(a, b) }
func mul(a, b *big.Float) *big.Float { return newBig().Mul(a, b) }
func quo(a, b *big.Float) *big.Float { return newBig().Quo(a, b) }
