package simd

import (
	"math"
	"testing"
)

// TestExp measures the error against math.Exp over the whole range.
func TestExp(t *testing.T) {
	worst := 0.0
	for x := -690.0; x < 690; x += 0.00917 {
		worst = max(worst, math.Abs(exp(x)/math.Exp(x)-1))
	}
	if worst > 3e-10 {
		t.Errorf("largest relative error = %.3g, want at most 3e-10", worst)
	}
	for _, x := range []float64{0, 1000, -1000, math.Inf(1), math.Inf(-1)} {
		if got, want := exp(x), math.Exp(x); got != want {
			t.Errorf("exp(%g) = %g, want %g", x, got, want)
		}
	}
	if got := exp(math.NaN()); !math.IsNaN(got) {
		t.Errorf("exp(NaN) = %g", got)
	}
}
