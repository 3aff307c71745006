package power

import (
	"math"
	"testing"
)

// The wanted numbers are numpy's: np.percentile(x, p), np.std(x)/np.mean(x).
func TestPercentileInterpolates(t *testing.T) {
	tests := []struct {
		xs   []float64
		p    float64
		want float64
	}{
		{[]float64{7}, 90, 7},
		{[]float64{4, 1}, 50, 2.5},
		{[]float64{3, 1, 2}, 50, 2},
		{[]float64{4, 1, 3, 2}, 50, 2.5},
		{[]float64{10, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 90, 9.1},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 90, 10.9},
		{[]float64{5, 3, 9}, 0, 3},
		{[]float64{5, 3, 9}, 100, 9},
	}
	for _, tt := range tests {
		got, ok := percentile(tt.xs, tt.p)
		if !ok || math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("percentile(%v, %v) = %v, %v, want %v", tt.xs, tt.p, got, ok, tt.want)
		}
	}
	if got, ok := percentile(nil, 50); ok {
		t.Errorf("percentile of nothing = %v, want not ok", got)
	}
}

func TestVariationUsesPopulationDeviation(t *testing.T) {
	// Deviations from 5 are 3 1 1 1 0 0 2 4; the population variance is 4.
	got, ok := variation([]float64{2, 4, 4, 4, 5, 5, 7, 9})
	if want := 40.0; !ok || math.Abs(got-want) > 1e-12 {
		t.Errorf("variation = %v, %v, want %v", got, ok, want)
	}
	for _, xs := range [][]float64{nil, {0, 0}} {
		if got, ok := variation(xs); ok {
			t.Errorf("variation(%v) = %v, want not ok", xs, got)
		}
	}
}

func TestMADIsRobust(t *testing.T) {
	got, ok := mad([]float64{1, 1, 2, 2, 4, 6, 9}, 2)
	if !ok || got != 1 {
		t.Errorf("mad = %v, %v, want 1", got, ok)
	}
}
