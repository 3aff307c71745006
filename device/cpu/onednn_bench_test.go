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
// threads, in one run: square products of two inputs and with constant weights,
// which C packs before its clock starts, and the deep convolution, which C runs
// in the library's own layouts. %-of-C is the ratio.
func BenchmarkOneDNN(b *testing.B) {
	openOneDNN(b, cpu.Config{})
	matmul := compileC(b, filepath.Join("testdata", "onednn.c"), "-ldnnl", "-fopenmp")
	for _, n := range []int{512, 1024, 2048, 4096} {
		for _, right := range []string{"input", "constant"} {
			b.Run(fmt.Sprintf("product/right=%s/N=%d", right, n), func(b *testing.B) {
				form := "packed"
				if right == "input" {
					form = "plain"
				}
				build := func(g *graph.Builder) *graph.Value {
					x := g.Input("x", n, n)
					if right == "input" {
						return g.MatMul(x, g.Input("y", n, n))
					}
					return g.MatMul(x, g.Const("y", graph.F32(ramp(n*n)), n, n))
				}
				gflop := 2e-9 * float64(n) * float64(n) * float64(n)
				besideC(b, max(1, (4096/n)*(4096/n)/4), gflop, build, fromC(b, matmul, n, n, n, runtime.GOMAXPROCS(0), form))
			})
		}
	}
	conv := compileC(b, filepath.Join("testdata", "conv.c"), "-ldnnl", "-fopenmp")
	deep := layers{"deep", 16, 1, 256, 32, 256, 3, 1, 1, 1, 3} // E01
	b.Run("conv/layers=deep", func(b *testing.B) {
		besideC(b, deep.reps, deep.gflop(), deep.build, fromC(b, conv, deep.depth, deep.n, deep.cin, deep.side, deep.side,
			deep.cout, deep.kernel, deep.stride, deep.pad, deep.groups, runtime.GOMAXPROCS(0)))
	})
}

// besideC races the engine on oneDNN with a C program.
func besideC(b *testing.B, reps int, gflop float64, build func(g *graph.Builder) *graph.Value, c contender) {
	best := race(b, reps, ours(b, "onednn", build), c)
	b.ReportMetric(gflop/best[0], "GFLOP/s")
	b.ReportMetric(gflop/best[1], "C-GFLOP/s")
	b.ReportMetric(100*best[1]/best[0], "%-of-C")
}
