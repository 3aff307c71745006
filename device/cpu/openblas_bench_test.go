package cpu_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"devicemap/device/cpu"
	"devicemap/internal/graph"
)

// BenchmarkOpenBLAS compares products of the openblas set with the library
// called from C with as many threads of its own, in one run. %-of-C is the
// ratio of the rates.
func BenchmarkOpenBLAS(b *testing.B) {
	e, err := cpu.Open(cpu.Config{Library: "openblas"})
	if err != nil {
		b.Skip(err)
	}
	e.Close()
	program := compileC(b, filepath.Join("testdata", "sgemm.c"), "-lopenblas")
	tests := []struct{ m, n, reps int }{{512, 512, 20}, {1024, 1024, 5}, {2048, 2048, 2}, {4096, 4096, 1}, {256, 4096, 3}}
	for _, tt := range tests {
		b.Run(fmt.Sprintf("M=%d/N=K=%d", tt.m, tt.n), func(b *testing.B) {
			best := race(b, tt.reps, ours(b, "openblas", func(g *graph.Builder) *graph.Value {
				return g.MatMul(g.Input("x", tt.m, tt.n), g.Input("y", tt.n, tt.n))
			}), fromC(b, program, tt.m, tt.n, tt.n, runtime.GOMAXPROCS(0), "N"))
			gflop := 2 * float64(tt.m) * float64(tt.n) * float64(tt.n) / 1e9
			b.ReportMetric(gflop/best[0], "GFLOP/s")
			b.ReportMetric(100*best[1]/best[0], "%-of-C")
		})
	}
}
