package devicemap

import (
	"testing"

	"devicemap/results"
)

// BenchmarkGEMV is the weight-stream bandwidth (measurement E06): one row times
// a matrix that the program holds, so that the time is that of reading the
// weights once. GB/s count KN + K + N elements of the arm's own dtype; the
// CPU's are fp32, in arithmetic and in bytes (trap T1). GB/s/W is sustained,
// peak-GB/s/W the published quotient of the minimum latency's rate and the
// window's power.
func BenchmarkGEMV(b *testing.B) { suite.sweep(b, results.GEMVBench) }
