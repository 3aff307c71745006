package devicemap

import (
	"testing"

	"devicemap/results"
)

// BenchmarkSaturation is the compute saturation sweep (measurement E02): square
// products and 3×3 convolutions from sizes that leave an engine idle to sizes
// that fill it, with the error and the power at every size.
//
// The CPU computes in true fp32 (trap T1) and convolves the whole batch with
// its engine's own kernel (trap T7).
func BenchmarkSaturation(b *testing.B) { suite.sweep(b, results.SaturationBench) }
