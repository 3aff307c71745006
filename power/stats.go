package power

import (
	"math"
	"slices"
)

// percentile returns the p-th percentile, p in 0..100, of xs by linear
// interpolation at index p/100·(n−1), as numpy.percentile does by default.
// It reorders nothing; ok is false for an empty xs.
func percentile(xs []float64, p float64) (x float64, ok bool) {
	if len(xs) == 0 {
		return 0, false
	}
	s := slices.Sorted(slices.Values(xs))
	at := p / 100 * float64(len(s)-1)
	lo := int(at)
	if lo+1 == len(s) {
		return s[lo], true
	}
	return s[lo] + (at-float64(lo))*(s[lo+1]-s[lo]), true
}

func median(xs []float64) (float64, bool) { return percentile(xs, 50) }

// mad returns the median absolute deviation from the median m of xs.
func mad(xs []float64, m float64) (float64, bool) {
	d := make([]float64, len(xs))
	for i, x := range xs {
		d[i] = math.Abs(x - m)
	}
	return median(d)
}

func mean(xs []float64) (float64, bool) {
	if len(xs) == 0 {
		return 0, false
	}
	sum := 0.0
	for _, x := range xs {
		sum += x
	}
	return sum / float64(len(xs)), true
}

// variation returns the coefficient of variation of xs in percent,
//
//	100·sqrt(Σ(x−mean)²/n)/mean
//
// with the population's deviation. ok is false if the mean is not above 0.
func variation(xs []float64) (float64, bool) {
	m, ok := mean(xs)
	if !ok || m <= 0 {
		return 0, false
	}
	sum := 0.0
	for _, x := range xs {
		sum += (x - m) * (x - m)
	}
	return 100 * math.Sqrt(sum/float64(len(xs))) / m, true
}
