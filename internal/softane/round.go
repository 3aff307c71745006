package softane

import (
	"math"

	"devicemap/internal/fp16"
)

// rounding says how a kernel's float32 results become fp16 values.
type rounding uint8

const (
	exact      rounding = iota // results are fp16 values already: moves, comparisons, picks
	nearest                    // to nearest, ties to even; overflow to infinity
	saturating                 // as nearest, but infinite from 2^15 on (see quantiseProduct)
)

// block is the number of values rounded at a time, so that the halves stay in
// the first-level cache.
const block = 1024

// quantise rounds v to the fp16 grid in place. The basic operations are correct
// to the last bit: float32 has more than twice fp16's digits, so rounding twice
// equals rounding once.
func (r rounding) quantise(v []float32) {
	switch {
	case r == exact:
	case len(v) <= 16*block: // too little work for two goroutines
		r.quantiseRange(v)
	default:
		inParallel(len(v), 8*block, func(_, lo, hi int) { r.quantiseRange(v[lo:hi]) })
	}
}

func (r rounding) quantiseRange(v []float32) {
	var half [block]uint16
	for len(v) > 0 {
		n := min(block, len(v))
		part := v[:n]
		fp16.Encode(half[:n], part)
		fp16.Decode(part, half[:n])
		if r == saturating {
			saturateProduct(part)
		}
		v = v[n:]
	}
}

// productLimit is the first fp16 value that the output stage of products and
// convolutions cannot hold. Source: measured on seven chips from M1 to M5, the
// largest finite result was 32758.8 before rounding, whatever the inner length.
const productLimit = 32768

func saturateProduct(v []float32) {
	for i, x := range v {
		switch {
		case x >= productLimit:
			v[i] = float32(math.Inf(1))
		case x <= -productLimit:
			v[i] = float32(math.Inf(-1))
		}
	}
}

// narrow rounds to fp16 with ties away from zero, as the reduction unit does:
// a sum of 2049 was measured to read 2050, where ties to even give 2048.
func narrow(x float32) float32 {
	const (
		minNormal = 0x1p-14
		overflow  = 65520
		unit      = 0x1p-24 // of the subnormals
	)
	switch a := max(x, -x); {
	case a >= overflow:
		return x * float32(math.Inf(1))
	case a < minNormal:
		return float32(math.Round(float64(x)/unit)) * unit
	case a != a:
		return x
	}
	return math.Float32frombits((math.Float32bits(x) + 0x1000) &^ 0x1fff)
}

// clampInput copies src to dst; values beyond limit become infinite.
func clampInput(dst, src []float32, limit float32) {
	inf := float32(math.Inf(1))
	for i, x := range src {
		switch {
		case x > limit:
			x = inf
		case x < -limit:
			x = -inf
		}
		dst[i] = x
	}
}

// narrowPath is the largest magnitude that an fp16 value keeps on the paths
// that scale by 16 internally: 65504/16. Source: measured.
const narrowPath = 4094
