package cpu_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"devicemap/device/cpu"
	"devicemap/internal/graph"
)

// BenchmarkOneDNN compares the oneDNN set with oneDNN called from C on as many
// threads, in one run: square products of two inputs and of constant weights
// with sgemm, the deep convolution with the primitive in its own layouts. %-of-C
// is the ratio.
func BenchmarkOneDNN(b *testing.B) {
	openOneDNN(b, cpu.Config{})
	sgemm := compileC(b, filepath.Join("testdata", "sgemm.c"), "-DONEDNN", "-ldnnl", "-fopenmp")
	for _, n := range []int{512, 1024, 2048, 4096} {
		for _, right := range []string{"input", "constant"} {
			b.Run(fmt.Sprintf("product/right=%s/N=%d", right, n), func(b *testing.B) {
				build := func(g *graph.Builder) *graph.Value {
					y := g.Const("y", graph.F32(ramp(n*n)), n, n)
					if right == "input" {
						y = g.Input("z", n, n)
					}
					return g.MatMul(g.Input("x", n, n), y)
				}
				gflop := 2e-9 * float64(n) * float64(n) * float64(n)
				besideC(b, max(1, (4096/n)*(4096/n)/4), gflop, build, fromC(b, sgemm, n, n, n, runtime.GOMAXPROCS(0), "N"))
			})
		}
	}
	conv := compileC(b, filepath.Join("testdata", "conv.c"), "-ldnnl", "-fopenmp")
	for _, l := range []layers{{"deep", 16, 1, 256, 32, 256, 3, 1, 1, 1, 3}, {"28", 1, 1, 128, 28, 128, 3, 1, 1, 1, 20}} {
		b.Run("conv/layers="+l.name, func(b *testing.B) {
			besideC(b, l.reps, l.gflop(), l.build, fromC(b, conv, l.depth, l.n, l.cin, l.side, l.side, l.cout, l.kernel,
				l.stride, l.pad, l.groups, runtime.GOMAXPROCS(0)))
		})
	}
}

// besideC races the engine on oneDNN with a C program.
func besideC(b *testing.B, reps int, gflop float64, build func(g *graph.Builder) *graph.Value, c contender) {
	best := race(b, reps, ours(b, "onednn", build), c)
	b.ReportMetric(gflop/best[0], "GFLOP/s")
	b.ReportMetric(gflop/best[1], "C-GFLOP/s")
	b.ReportMetric(100*best[1]/best[0], "%-of-C")
}
