package reference

import "math"

// RelL2 is ‖got − ref‖₂/‖ref‖₂, or ‖got − ref‖₂ where ref is zero. A NaN or
// infinity in got gives NaN or infinity.
func RelL2(got []float32, ref []float64) float64 {
	mustMatch(len(got), len(ref))
	var num, den float64
	for i, r := range ref {
		d := float64(got[i]) - r
		num += d * d
		den += r * r
	}
	if den == 0 {
		return math.Sqrt(num)
	}
	return math.Sqrt(num) / math.Sqrt(den)
}

// RelMax is max|got − ref|/(max|ref| + 1e−6), the corpus's measure. A NaN or
// infinity in got gives NaN or infinity.
func RelMax(got []float32, ref []float64) float64 {
	mustMatch(len(got), len(ref))
	var num, den float64
	for i, r := range ref {
		num = max(num, math.Abs(float64(got[i])-r)) // max keeps a NaN
		den = max(den, math.Abs(r))
	}
	return num / (den + 1e-6)
}

func mustMatch(got, ref int) {
	if got != ref {
		panic("reference: results of different lengths are compared")
	}
}
