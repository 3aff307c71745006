package cpu_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/device/cpu"
	"devicemap/internal/graph"
	"devicemap/internal/reference"
)

// openOneDNN opens the engine on oneDNN, or skips.
func openOneDNN(t testing.TB, cfg cpu.Config) device.Engine {
	t.Helper()
	cfg.Library = "onednn"
	e, err := cpu.Open(cfg)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

// layoutCases are graphs in which values change between the plain layout and
// the library's: 20 channels do not fill its blocks of 8 or 16.
var layoutCases = []struct {
	name  string
	build func(b *graph.Builder)
}{
	{"chain", func(b *graph.Builder) {
		x := b.Unary(graph.ReLU, conv20(b, "a", b.Input("x", 2, 20, 9, 9)))
		b.Output("y", b.Unary(graph.ReLU, b.Add(conv20(b, "b", x), x)))
	}},
	{"zero of relu", func(b *graph.Builder) { // 1/0 is +Inf: relu gives no −0
		one := b.Const("one", graph.F32([]float32{1}), 1, 1)
		y := b.Unary(graph.ReLU, b.Linear(b.Input("x", 40, 1), one, nil))
		y = b.Apply(graph.Binary{Fn: graph.Div}, b.Const("minus", graph.F32([]float32{-1}), 1, 1), y)
		b.Output("y", b.Unary(graph.Exp, y))
	}},
	{"pools", func(b *graph.Builder) {
		x := conv20(b, "a", b.Input("x", 1, 20, 9, 9))
		x = b.Apply(graph.Pool{Fn: graph.MaxPool, Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Pad: [4]int{1, 1, 1, 1}}, x)
		x = b.Apply(graph.Pool{Fn: graph.AvgPool, Kernel: [2]int{2, 2}, Ceil: true}, conv20(b, "b", x))
		b.Output("y", x)
	}},
	{"result and operand", func(b *graph.Builder) {
		x := conv20(b, "a", b.Input("x", 1, 20, 9, 9))
		b.Output("x", x)
		b.Output("y", conv20(b, "b", x))
		b.Output("z", b.Unary(graph.Exp, x))
	}},
	{"read before and after a function", func(b *graph.Builder) {
		x := conv20(b, "a", b.Input("x", 1, 20, 9, 9))
		b.Output("y", b.Add(b.Unary(graph.ReLU, x), x))
	}},
	{"view", func(b *graph.Builder) {
		x := conv20(b, "a", b.Input("x", 1, 20, 9, 9))
		b.Output("y", b.Linear(b.Reshape(x, 20, 81), noiseConst(b, "w", 7, 81), nil))
		b.Output("z", b.Softmax(b.Reshape(x, 4, 405)))
	}},
	{"plain neighbours", func(b *graph.Builder) {
		x := b.Unary(graph.Softsign, b.Input("x", 1, 20, 9, 9))
		y := b.Add(conv20(b, "a", x), x)
		b.Output("y", b.Apply(graph.Reduce{Fn: graph.Mean, Axes: []int{2, 3}}, y))
	}},
	{"functions of a product", func(b *graph.Builder) {
		x := b.Linear(b.Input("x", 2, 5, 12), noiseConst(b, "v", 9, 12), noiseConst(b, "c", 9))
		x = b.Unary(graph.SiLU, b.Unary(graph.ReLU6, x))
		x = b.Unary(graph.GELU, b.MatMul(x, noiseConst(b, "w", 9, 33)))
		b.Output("y", x)
		b.Output("z", b.Add(x, b.Unary(graph.Softsign, x)))
	}},
	{"space that others still use", func(b *graph.Builder) {
		x := b.Unary(graph.Softsign, b.Input("x", 200, 200))
		y := b.Unary(graph.ReLU, b.Linear(x, noiseConst(b, "w", 200, 200), nil))
		z := b.Unary(graph.Tanh, b.Linear(b.Unary(graph.Softsign, y), noiseConst(b, "v", 200, 200), nil))
		b.Output("y", b.Unary(graph.Softsign, z))
	}},
	{"one constant in two forms", func(b *graph.Builder) {
		x, w := b.Input("x", 6, 6), noiseConst(b, "w", 6, 6)
		b.Output("y", b.MatMul(b.Linear(x, w, nil), w))
	}},
	{"computed filter", func(b *graph.Builder) {
		w := b.Unary(graph.Softsign, b.Input("w", 20, 20, 3, 3))
		b.Output("y", b.Conv(graph.Conv{Pad: [4]int{1, 1, 1, 1}}, b.Input("x", 1, 20, 9, 9), w, nil))
	}},
	{"NaN in windows", func(b *graph.Builder) {
		x := b.Unary(graph.Sqrt, b.Input("x", 1, 20, 9, 9)) // of negative values too
		for i, fn := range []graph.UnaryFn{graph.ReLU, graph.ReLU6, graph.Tanh, graph.SiLU} {
			x := b.Unary(fn, conv20(b, string(fn), x))
			b.Output(fmt.Sprint("y", i), x)
			b.Output(fmt.Sprint("z", i), b.Apply(graph.Pool{Fn: graph.MaxPool, Kernel: [2]int{2, 2}}, conv20(b, string(fn)+"2", x)))
		}
	}},
	{"NaN in rows", func(b *graph.Builder) {
		x := b.Unary(graph.Sqrt, b.Input("x", 6, 20))
		one := b.Const("one", graph.F32([]float32{1}), 1, 1)
		y := b.Unary(graph.ReLU, b.MatMul(b.Reshape(x, 120, 1), one))
		b.Output("y", y)
		b.Output("max", b.Apply(graph.Binary{Fn: graph.Maximum}, b.Reshape(y, 6, 20), x))
		b.Output("softmax", b.Softmax(x))
		b.Output("norm", b.LayerNorm(x, noiseConst(b, "gamma", 20), noiseConst(b, "beta", 20), 1e-5))
	}},
}

func conv20(b *graph.Builder, name string, x *graph.Value) *graph.Value {
	return b.Conv(graph.Conv{Pad: [4]int{1, 1, 1, 1}}, x, noiseConst(b, name, 20, 20, 3, 3), noiseConst(b, name+"-bias", 20))
}

func noiseConst(b *graph.Builder, name string, shape ...int) *graph.Value {
	v := ramp(graph.Shape(shape).Elems())
	for i := range v {
		v[i] /= 8
	}
	return b.Const(name, graph.F32(v), shape...)
}

// TestOneDNNLayouts holds the graphs to the float64 reference, twice, and a
// run to no allocation.
func TestOneDNNLayouts(t *testing.T) {
	for _, tt := range layoutCases {
		t.Run(tt.name, func(t *testing.T) {
			e := openOneDNN(t, cpu.Config{Threads: 2})
			b := graph.New("layouts")
			tt.build(b)
			g, err := b.Build()
			require.NoError(t, err)
			p, err := e.Compile(g, device.Options{})
			require.NoError(t, err)
			var data []graph.Data
			for i, v := range g.Inputs {
				data = append(data, graph.F32(ramp(v.Shape.Elems())))
				copy(p.Input(i), data[i].Narrow)
			}
			want, err := reference.Eval(g, data)
			require.NoError(t, err)
			for run := range 2 {
				require.NoError(t, p.Run())
				for i, w := range want {
					got := p.Output(i)
					for j, v := range w {
						require.Equal(t, v != v, got[j] != got[j], "run %d: output %d: NaN at %d", run, i, j)
						if v != v {
							w[j], got[j] = 0, 0
						}
					}
					require.LessOrEqual(t, reference.RelL2(got, w), 1e-6, fmt.Sprint("run ", run, ": output ", i))
				}
				for i := range data {
					require.Equal(t, data[i].Narrow, p.Input(i))
				}
				if run == 0 { // NaNs were replaced
					want, err = reference.Eval(g, data)
					require.NoError(t, err)
				}
			}
			require.Zero(t, testing.AllocsPerRun(20, func() {
				if p.Run() != nil {
					panic("failed")
				}
			}))
			require.NoError(t, p.Close())
			require.ErrorIs(t, p.Run(), device.ErrClosed)
		})
	}
}

// TestOneDNNBudget: copies in the library's layouts count.
func TestOneDNNBudget(t *testing.T) {
	e := openOneDNN(t, cpu.Config{Threads: 1, MaxBytes: 4 * 2 * 20 * 81})
	b := graph.New("budget")
	b.Output("y", conv20(b, "a", b.Input("x", 1, 20, 9, 9)))
	g, err := b.Build()
	require.NoError(t, err)
	_, err = e.Compile(g, device.Options{})
	require.ErrorIs(t, err, device.ErrOutOfMemory)
}
