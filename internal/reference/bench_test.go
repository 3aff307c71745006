package reference_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/graph"
	"devicemap/internal/reference"
	"devicemap/internal/rng"
)

func BenchmarkEval(b *testing.B) {
	s := rng.New(0)
	draw := func(shape ...int) graph.Data { return graph.F32(s.Float32s(graph.Shape(shape).Elems(), 0.05, 0)) }
	for _, c := range []struct {
		name  string
		build func(b *graph.Builder) (graph.Data, *graph.Value)
	}{
		{"op=gemm/M=256/K=4096/N=4096", func(b *graph.Builder) (graph.Data, *graph.Value) {
			return draw(256, 4096), b.Linear(b.Input("x", 256, 4096), b.Const("W", draw(4096, 4096), 4096, 4096), nil)
		}},
		{"op=gemv/K=4096/N=4096", func(b *graph.Builder) (graph.Data, *graph.Value) {
			return draw(1, 4096), b.Linear(b.Input("x", 1, 4096), b.Const("W", draw(4096, 4096), 4096, 4096), nil)
		}},
		{"op=matmul/N=1024", func(b *graph.Builder) (graph.Data, *graph.Value) {
			return draw(1024, 1024), b.MatMul(b.Input("x", 1024, 1024), b.Const("W", draw(1024, 1024), 1024, 1024))
		}},
		{"op=conv3x3/C=256/HW=32", func(b *graph.Builder) (graph.Data, *graph.Value) {
			return draw(1, 256, 32, 32), b.Same3x3(b.Input("x", 1, 256, 32, 32), b.Const("W", draw(256, 256, 3, 3), 256, 256, 3, 3))
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			builder := graph.New("bench")
			x, y := c.build(builder)
			builder.Output("y", y)
			g, err := builder.Build()
			require.NoError(b, err)
			for b.Loop() {
				_, err := reference.Eval(g, []graph.Data{x})
				require.NoError(b, err)
			}
			b.ReportMetric(g.FLOPs()*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
