package cpu_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"devicemap/internal/graph"
)

// layers is a chain of depth square convolutions of x [n, cin, side, side].
type layers struct {
	name                                                         string
	depth, n, cin, side, cout, kernel, stride, pad, groups, reps int
}

func (l layers) build(g *graph.Builder) *graph.Value {
	x := g.Input("x", l.n, l.cin, l.side, l.side)
	op := graph.Conv{Stride: [2]int{l.stride, l.stride}, Pad: [4]int{l.pad, l.pad, l.pad, l.pad}, Groups: l.groups}
	for i := range l.depth {
		w := ramp(l.cout * l.cin / l.groups * l.kernel * l.kernel)
		for j := range w {
			w[j] /= 48
		}
		x = g.Conv(op, x, g.Const(fmt.Sprint("w", i), graph.F32(w), l.cout, l.cin/l.groups, l.kernel, l.kernel), nil)
	}
	return x
}

func (l layers) gflop() float64 {
	out := (l.side+2*l.pad-l.kernel)/l.stride + 1
	return 2e-9 * float64(l.depth*l.n*l.cout*out*out) * float64(l.cin/l.groups*l.kernel*l.kernel)
}

// BenchmarkConvolution compares convolutions of the embedded set with oneDNN's
// called from C on as many threads, in one run. oneDNN works in its own
// layouts, which cost nothing here; ours are plain. %-of-C is the ratio.
func BenchmarkConvolution(b *testing.B) {
	program := compileC(b, filepath.Join("testdata", "conv.c"), "-ldnnl", "-fopenmp")
	tests := []layers{
		{"deep", 16, 1, 256, 32, 256, 3, 1, 1, 1, 3}, // E01
		{"batch8", 1, 8, 64, 56, 64, 3, 1, 1, 1, 5},
		{"stem", 1, 1, 3, 224, 64, 7, 2, 3, 1, 20},
		{"56", 1, 1, 64, 56, 64, 3, 1, 1, 1, 20},
		{"28", 1, 1, 128, 28, 128, 3, 1, 1, 1, 20},
		{"14", 1, 1, 256, 14, 256, 3, 1, 1, 1, 20},
		{"7", 1, 1, 512, 7, 512, 3, 1, 1, 1, 20},
		{"28s2", 1, 1, 64, 56, 128, 3, 2, 1, 1, 20},
		{"pointwise56", 1, 1, 64, 56, 256, 1, 1, 0, 1, 20},
		{"pointwise14", 1, 1, 1024, 14, 256, 1, 1, 0, 1, 20},
		{"pointwise14s2", 1, 1, 512, 28, 1024, 1, 2, 0, 1, 20},
		{"patches", 1, 1, 3, 224, 768, 16, 16, 0, 1, 20},
		{"grouped", 1, 1, 128, 56, 128, 3, 1, 1, 32, 20},
		{"depthwise112", 1, 1, 96, 112, 96, 3, 2, 1, 96, 20},
		{"depthwise56", 1, 1, 144, 56, 144, 3, 1, 1, 144, 20},
		{"depthwise14", 1, 1, 384, 14, 384, 3, 1, 1, 384, 20},
		{"depthwise7", 1, 1, 960, 7, 960, 3, 1, 1, 960, 20},
	}
	for _, tt := range tests {
		b.Run("layers="+tt.name, func(b *testing.B) {
			args := []any{tt.depth, tt.n, tt.cin, tt.side, tt.side, tt.cout, tt.kernel, tt.stride, tt.pad, tt.groups, runtime.GOMAXPROCS(0)}
			best := race(b, tt.reps, ours(b, "embedded", tt.build), fromC(b, program, args...))
			b.ReportMetric(tt.gflop()/best[0], "GFLOP/s")
			b.ReportMetric(tt.gflop()/best[1], "oneDNN-GFLOP/s")
			b.ReportMetric(100*best[1]/best[0], "%-of-C")
		})
	}
}

// BenchmarkAttention compares attention of the embedded set with gonum's, and
// with the embedded product that computes the scores alone, in one run.
func BenchmarkAttention(b *testing.B) {
	for _, s := range []struct{ heads, queries, d, reps int }{{12, 197, 64, 10}, {8, 1024, 64, 2}, {1, 4096, 128, 1}} {
		b.Run(fmt.Sprintf("heads=%d/queries=%d/d=%d", s.heads, s.queries, s.d), func(b *testing.B) {
			attention := func(g *graph.Builder) *graph.Value {
				in := func(name string) *graph.Value { return g.Input(name, 1, s.heads, s.queries, s.d) }
				return g.Apply(graph.SDPA{}, in("q"), in("k"), in("v"))
			}
			product := func(g *graph.Builder) *graph.Value {
				return g.Apply(graph.MatMul{TransposeY: true}, g.Input("x", s.heads, s.queries, s.d), g.Input("y", s.heads, s.queries, s.d))
			}
			best := race(b, s.reps, ours(b, "embedded", attention), ours(b, "gonum", attention), ours(b, "embedded", product))
			gflop := 2e-9 * float64(s.heads*s.queries) * float64(s.queries*s.d)
			b.ReportMetric(2*gflop/best[0], "GFLOP/s")
			b.ReportMetric(best[1]/best[0], "x-gonum")
			b.ReportMetric(gflop/best[2], "product-GFLOP/s")
		})
	}
}
