package corpus

import (
	"math"

	"devicemap/internal/fp16"
)

// Int8Rows replaces w [rows, cols], row-major, by what an engine sees of it
// after symmetric int8 storage with one scale per row:
//
//	s[r]   = max(max_c |w[r,c]| / 127, 1e−8)          in float32
//	q[r,c] = clamp(roundEven(w[r,c] / s[r]), −127, 127)
//	w[r,c] = q[r,c] · half(s[r])
//
// The codes follow the unrounded scale and the stored scale is a half, as
// published.
func Int8Rows(w []float32, rows int) {
	cols := len(w) / rows
	for r := range rows {
		int8Row(w[r*cols:(r+1)*cols], 1)
	}
}

// int8Columns is [Int8Rows] for w [rows, cols] with one scale per column: a
// matrix product's constant is stored transposed.
func int8Columns(w []float32, cols int) {
	for c := range cols {
		int8Row(w[c:], cols)
	}
}

// int8Row quantises the elements of w at multiples of step.
func int8Row(w []float32, step int) {
	var top float32
	for i := 0; i < len(w); i += step {
		top = max(top, float32(math.Abs(float64(w[i]))))
	}
	scale := max(top/127, 1e-8)
	stored := fp16.Float32(fp16.Bits(scale))
	for i := 0; i < len(w); i += step {
		code := math.RoundToEven(float64(w[i] / scale))
		w[i] = float32(max(-127, min(127, code))) * stored
	}
}
