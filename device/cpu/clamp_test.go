package cpu

import (
	"math"
	"testing"
)

// TestClampLow holds the vector loop and its scalar tail to Go's max, for all
// classes of values, unaligned, in place and up to the next value, which must
// stay.
func TestClampLow(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	special := []float32{1.5, -1.5, 0, float32(math.Copysign(0, -1)), inf, -inf, nan, -nan,
		math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, math.MaxFloat32, -math.MaxFloat32, 1e-20, -1e-20}
	for _, low := range []float32{0, -0.25, 2} {
		for n := range 100 {
			for _, inPlace := range []bool{false, true} {
				x := make([]float32, n+2)
				for i := range x {
					x[i] = special[(i*5+n)%len(special)]
				}
				want := make([]float32, n)
				for i := range want {
					want[i] = max(x[1+i], low)
				}
				dst := make([]float32, n+2)
				if inPlace {
					dst = x
				}
				dst[n+1] = 77
				clampLow(dst[1:1+n], x[1:1+n], low)
				for i, w := range want {
					got := dst[1+i]
					if got != w && !(got != got && w != w) {
						t.Fatalf("low %v, n %d, in place %v: value %d = %v, want %v", low, n, inPlace, i, got, w)
					}
				}
				if dst[n+1] != 77 {
					t.Fatalf("low %v, n %d: the value behind the last became %v", low, n, dst[n+1])
				}
			}
		}
	}
}
