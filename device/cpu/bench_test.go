package cpu

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"devicemap/device"
	"devicemap/internal/graph"
)

// compiled builds and compiles a graph of one output, and fills its inputs.
func compiled(tb testing.TB, cfg Config, build func(b *graph.Builder) *graph.Value) device.Program {
	tb.Helper()
	e, err := Open(cfg)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, e.Close()) })
	b := graph.New("test")
	b.Output("y", build(b))
	g, err := b.Build()
	require.NoError(tb, err)
	p, err := e.Compile(g, device.Options{})
	require.NoError(tb, err)
	for i, v := range g.Inputs {
		copy(p.Input(i), noise(v.Shape.Elems()))
	}
	return p
}

func timed(b *testing.B, p device.Program) {
	b.Helper()
	for b.Loop() {
		if err := p.Run(); err != nil {
			b.Fatal(err)
		}
	}
}

func rate(b *testing.B, flops float64) float64 {
	return flops * float64(b.N) / b.Elapsed().Seconds() / 1e9
}

// BenchmarkEmptyRun is the engine's own cost: one element through relu.
func BenchmarkEmptyRun(b *testing.B) {
	p := compiled(b, Config{}, func(g *graph.Builder) *graph.Value { return g.Unary(graph.ReLU, g.Input("x", 1)) })
	b.ReportAllocs()
	timed(b, p)
}

// BenchmarkForkJoin is the cost of a parallel loop without work.
func BenchmarkForkJoin(b *testing.B) {
	p := newPool(2)
	defer p.close()
	l := loop{items: 2, grain: 1, body: func(*worker, int, int) {}}
	ws := make([]worker, 2)
	b.ReportAllocs()
	for b.Loop() {
		p.run(&l, ws)
	}
}

// gonumSquare is gonum's own parallel Sgemm at M=N=K=1024, the yardstick of
// the products, with the right operand as it is or transposed.
func gonumSquare(b *testing.B, right blas.Transpose) float64 {
	const n = 1024
	x, y, c := noise(n*n), noise(n*n), make([]float32, n*n)
	for b.Loop() {
		gonum.Implementation{}.Sgemm(blas.NoTrans, right, n, n, n, 1, x, n, y, n, 0, c, n)
	}
	b.ReportMetric(rate(b, 2*n*n*n), "GFLOP/s")
	return rate(b, 2*n*n*n)
}

// besides runs ours and then gonum's Sgemm at 1024 in its two forms, whose
// lines carry the ratio of the rates.
func besides(b *testing.B, ours func(b *testing.B) (rate float64)) {
	var got float64
	b.Run("side=ours", func(b *testing.B) {
		got = ours(b)
		b.ReportMetric(got, "GFLOP/s")
	})
	for _, form := range []struct {
		name  string
		right blas.Transpose
	}{{"NN", blas.NoTrans}, {"NT", blas.Trans}} {
		b.Run("side=gonum/form="+form.name, func(b *testing.B) {
			b.ReportMetric(100*got/gonumSquare(b, form.right), "ratio-%")
		})
	}
}

// BenchmarkGEMM is E01's GEMM compute, y = x·Wᵀ with M=256, N=K=4096.
func BenchmarkGEMM(b *testing.B) {
	const m, n = 256, 4096
	besides(b, func(b *testing.B) float64 {
		p := compiled(b, Config{}, func(g *graph.Builder) *graph.Value {
			return g.Linear(g.Input("x", m, n), g.Const("w", graph.F32(noise(n*n)), n, n), nil)
		})
		timed(b, p)
		return rate(b, 2*m*n*n)
	})
}

// BenchmarkConv16 is E01's deep convolution: 16 layers 3×3 of 256 channels on
// 32×32.
func BenchmarkConv16(b *testing.B) {
	const ch, side, depth = 256, 32, 16
	besides(b, func(b *testing.B) float64 {
		p := compiled(b, Config{}, func(g *graph.Builder) *graph.Value {
			y := g.Input("x", 1, ch, side, side)
			w := noise(ch * ch * 9)
			for i := range w {
				w[i] /= 48
			}
			for i := range depth {
				y = g.Same3x3(y, g.Const(fmt.Sprint("w", i), graph.F32(w), ch, ch, 3, 3))
			}
			return y
		})
		timed(b, p)
		return rate(b, 2*depth*ch*ch*9*side*side)
	})
}

// BenchmarkGEMMForms is why products bring both operands to rows along k: one
// tile of 64 columns and depth 1024 per form, on one core.
func BenchmarkGEMMForms(b *testing.B) {
	const m, n, k = 192, 64, 1024
	forms := []struct {
		name   string
		tA, tB blas.Transpose
		lda    int
		ldb    int
	}{
		{"NN", blas.NoTrans, blas.NoTrans, k, n},
		{"NT", blas.NoTrans, blas.Trans, k, k},
		{"TN", blas.Trans, blas.NoTrans, m, n},
		{"TT", blas.Trans, blas.Trans, m, k},
	}
	x, y, c := noise(m*k), noise(n*k), make([]float32, m*n)
	for _, f := range forms {
		b.Run("form="+f.name, func(b *testing.B) {
			for b.Loop() {
				gonum.Implementation{}.Sgemm(f.tA, f.tB, m, n, k, 1, x, f.lda, y, f.ldb, 0, c, n)
			}
			b.ReportMetric(rate(b, 2*m*n*k), "GFLOP/s")
		})
	}
}

// bandwidth reports read and written bytes per second, and the share of what
// copy reaches on the same tensor.
func bandwidth(b *testing.B, build func(g *graph.Builder, x *graph.Value) *graph.Value) {
	const rows, cols = 4096, 1024
	var got float64
	b.Run("side=ours", func(b *testing.B) {
		p := compiled(b, Config{}, func(g *graph.Builder) *graph.Value { return build(g, g.Input("x", rows, cols)) })
		timed(b, p)
		got = rate(b, 8*rows*cols)
		b.ReportMetric(got, "GB/s")
	})
	b.Run("side=copy", func(b *testing.B) {
		x, y := noise(rows*cols), make([]float32, rows*cols)
		for b.Loop() {
			copy(y, x)
		}
		b.ReportMetric(rate(b, 8*rows*cols), "GB/s")
		b.ReportMetric(100*got/rate(b, 8*rows*cols), "ratio-%")
	})
}

// BenchmarkLayerNorm is a layer norm of [4096, 1024].
func BenchmarkLayerNorm(b *testing.B) {
	bandwidth(b, func(g *graph.Builder, x *graph.Value) *graph.Value {
		return g.LayerNorm(x, g.Const("gamma", graph.F32(noise(1024)), 1024), g.Const("beta", graph.F32(noise(1024)), 1024), 1e-5)
	})
}

// BenchmarkSoftmax is a softmax of [4096, 1024].
func BenchmarkSoftmax(b *testing.B) {
	bandwidth(b, func(g *graph.Builder, x *graph.Value) *graph.Value { return g.Softmax(x) })
}

// BenchmarkReLU is the elementwise floor on [4096, 1024].
func BenchmarkReLU(b *testing.B) {
	bandwidth(b, func(g *graph.Builder, x *graph.Value) *graph.Value { return g.Unary(graph.ReLU, x) })
}

// BenchmarkReduceSum sums [4096, 1024] to one value.
func BenchmarkReduceSum(b *testing.B) {
	bandwidth(b, func(g *graph.Builder, x *graph.Value) *graph.Value {
		return g.Apply(graph.Reduce{Fn: graph.Sum, Axes: []int{0, 1}}, x)
	})
}
