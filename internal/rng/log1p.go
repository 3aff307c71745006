package rng

import "math"

// log1mU is ln(1−u) for u in [0, 1) that is a multiple of 2^−53, so that 1−u
// is exact. It is the log1p of FreeBSD's msun (s_log1p.c, Sun Microsystems
// 1993), which the C library under NumPy follows, with every product rounded:
// the tail's normals take its last bit.
func log1mU(u float64) float64 {
	const (
		ln2Hi = 6.93147180369123816490e-01
		ln2Lo = 1.90821492927058770002e-10
	)
	if u < 0x1p-29 {
		return -u - float64(u*u)*0.5
	}
	if u < 1-math.Sqrt2/2 {
		f := -u
		h, r := log1pParts(f)
		return f - (h - r)
	}
	f, k := math.Frexp(1 - u) // f in [1/2, 1)
	if f < math.Sqrt2/2 {
		f, k = 2*f, k-1
	}
	f--
	h, r := log1pParts(f)
	return float64(float64(k)*ln2Hi) - ((h - (r + float64(float64(k)*ln2Lo))) - f)
}

// log1pParts are f²/2 and s·(f²/2 + R(s²)) with s = f/(2+f), so that
// ln(1+f) = f − (f²/2 − s·(f²/2 + R)). For |f| < 2^−20 the second vanishes
// against the first.
func log1pParts(f float64) (half, rest float64) {
	c := [...]float64{
		1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
		2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01,
	}
	half = 0.5 * f * f
	s := f / (2 + f)
	z := s * s
	p := c[0]
	for _, next := range c[1:] {
		p = next + float64(z*p)
	}
	return half, s * (half + float64(z*p))
}
