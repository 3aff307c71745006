package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/amx"
	"devicemap/internal/amx/tile"
	"devicemap/internal/graph"
)

// tileKernels are what bf16 plans are tested on: the processor's unit where it
// has one, and the model of it everywhere.
func tileKernels(t *testing.T) map[string]amx.Kernel {
	list := map[string]amx.Kernel{"model": tile.Kernel}
	if k, err := amx.Open(); err == nil {
		list["processor"] = k
	} else {
		t.Log(err)
	}
	return list
}

// rounded replaces v by its bf16 values.
func rounded(v []float32) []float32 {
	for i, x := range v {
		v[i] = math.Float32frombits(uint32(amx.Half(x)) << 16)
	}
	return v
}

// onKernels runs g on k with noise as inputs.
func onKernels(t *testing.T, k *kernels, threads int, g *graph.Graph) []float32 {
	t.Helper()
	opened, err := Open(Config{Threads: threads, Library: "gonum"})
	require.NoError(t, err)
	defer func() { require.NoError(t, opened.Close()) }()
	p, err := compile(opened.(*engine), k, g)
	require.NoError(t, err)
	for i, v := range g.Inputs {
		copy(p.Input(i), rounded(noise(v.Shape.Elems())))
	}
	for range 2 { // the second run must not depend on the first
		require.NoError(t, p.Run())
	}
	return append([]float32(nil), p.Output(0)...)
}

// againstFloat32 compares g on the tile unit with g in float32. All operands
// are bf16 values, so that only the order of sums differs. Results do not
// depend on the number of threads.
func againstFloat32(t *testing.T, build func(b *graph.Builder) *graph.Value) {
	t.Helper()
	b := graph.New("bf16")
	b.Output("y", build(b))
	g, err := b.Build()
	require.NoError(t, err)
	want := onKernels(t, gonumKernels(), 1, g)
	for name, kernel := range tileKernels(t) {
		k := bf16Kernels(gonumKernels(), kernel)
		got := onKernels(t, k, 1, g)
		var diff, norm float64
		for i, w := range want {
			diff += math.Pow(float64(got[i]-w), 2)
			norm += math.Pow(float64(w), 2)
		}
		if !(math.Sqrt(diff) <= 1e-6*math.Sqrt(norm)) { // NaN fails
			t.Errorf("%s: relerr %.3g, want at most 1e-6", name, math.Sqrt(diff/norm))
		}
		require.Equal(t, got, onKernels(t, k, 3, g), "%s: one and three threads", name)
	}
}

// weights adds a constant of bf16 values.
func weights(b *graph.Builder, name string, shape ...int) *graph.Value {
	return b.Const(name, graph.F32(rounded(noise(graph.Shape(shape).Elems()))), shape...)
}

func TestBF16Linear(t *testing.T) {
	for _, s := range []struct{ m, k, n int }{
		{1, 1, 1}, {1, 40, 70}, {32, 32, 32}, {33, 31, 65}, {5, 600, 33}, {64, 1100, 96}, {31, 513, 3}, {300, 33, 40}, {3, 20, 600},
	} {
		for _, bias := range []bool{false, true} {
			t.Run(fmt.Sprintf("%dx%dx%d/bias=%t", s.m, s.k, s.n, bias), func(t *testing.T) {
				againstFloat32(t, func(b *graph.Builder) *graph.Value {
					var v *graph.Value
					if bias {
						v = weights(b, "bias", s.n)
					}
					return b.Linear(b.Input("x", s.m, s.k), weights(b, "w", s.n, s.k), v)
				})
			})
		}
	}
}

// TestBF16MatMul: transposed and broadcast operands, constant and not.
func TestBF16MatMul(t *testing.T) {
	const m, k, n = 35, 50, 67
	for _, op := range []graph.MatMul{{}, {TransposeX: true}, {TransposeY: true}, {TransposeX: true, TransposeY: true}} {
		x, y := []int{m, k}, []int{k, n}
		if op.TransposeX {
			x = []int{k, m}
		}
		if op.TransposeY {
			y = []int{n, k}
		}
		for _, batch := range [][2][]int{{nil, nil}, {{3}, {3}}, {{2, 1}, {1, 3}}, {{4}, nil}, {nil, {2}}} {
			for _, fixed := range []bool{false, true} {
				t.Run(fmt.Sprintf("%+v/batch=%v/const=%t", op, batch, fixed), func(t *testing.T) {
					againstFloat32(t, func(b *graph.Builder) *graph.Value {
						left := b.Input("x", append(append([]int(nil), batch[0]...), x...)...)
						shape := append(append([]int(nil), batch[1]...), y...)
						if fixed {
							return b.Apply(op, left, weights(b, "y", shape...))
						}
						return b.Apply(op, left, b.Input("y", shape...))
					})
				})
			}
		}
	}
}

func TestBF16Conv(t *testing.T) {
	type shape struct{ n, in, h, w, out, kh, kw int }
	tests := []struct {
		shape
		op graph.Conv
	}{
		{shape{1, 3, 20, 21, 10, 7, 7}, graph.Conv{Stride: [2]int{2, 2}, Pad: [4]int{3, 3, 3, 3}}},
		{shape{1, 64, 9, 10, 40, 3, 3}, graph.Conv{Pad: [4]int{1, 1, 1, 1}}},
		{shape{2, 33, 7, 7, 65, 1, 1}, graph.Conv{}},
		{shape{1, 130, 5, 4, 33, 3, 3}, graph.Conv{Pad: [4]int{1, 1, 1, 1}}},
		{shape{1, 16, 6, 9, 32, 1, 1}, graph.Conv{Stride: [2]int{2, 2}}},
		{shape{1, 3, 32, 32, 48, 16, 16}, graph.Conv{Stride: [2]int{16, 16}}},
		{shape{1, 20, 12, 11, 8, 3, 2}, graph.Conv{Dilation: [2]int{2, 3}, Pad: [4]int{0, 2, 3, 1}}},
		{shape{2, 48, 6, 6, 96, 3, 3}, graph.Conv{Groups: 3, Pad: [4]int{1, 1, 1, 1}}},
		{shape{1, 8, 6, 6, 8, 3, 3}, graph.Conv{Groups: 8, Pad: [4]int{1, 1, 1, 1}}},
		{shape{1, 2, 1, 50, 5, 1, 3}, graph.Conv{Stride: [2]int{1, 3}, Pad: [4]int{0, 0, 2, 2}}},
	}
	for _, tt := range tests {
		for _, bias := range []bool{false, true} {
			t.Run(fmt.Sprintf("%+v/%+v/bias=%t", tt.shape, tt.op, bias), func(t *testing.T) {
				againstFloat32(t, func(b *graph.Builder) *graph.Value {
					var v *graph.Value
					if bias {
						v = weights(b, "bias", tt.out)
					}
					groups := max(tt.op.Groups, 1)
					return b.Conv(tt.op, b.Input("x", tt.n, tt.in, tt.h, tt.w), weights(b, "w", tt.out, tt.in/groups, tt.kh, tt.kw), v)
				})
			})
		}
	}
}

// TestBF16Shared: the nodes of a program share their memory; the padding of one
// must not hold what another left there.
func TestBF16Shared(t *testing.T) {
	againstFloat32(t, func(b *graph.Builder) *graph.Value {
		x := b.Input("x", 1, 20, 9, 9)
		y := b.Conv(graph.Conv{Pad: [4]int{1, 1, 1, 1}}, x, weights(b, "w0", 4, 20, 3, 3), nil)
		z := b.Conv(graph.Conv{Pad: [4]int{2, 0, 0, 2}}, x, weights(b, "w1", 4, 20, 3, 3), nil)
		return b.Add(b.Add(y, z), b.MatMul(b.Input("e", 4, 9, 9), b.Input("f", 9, 9)))
	})
}

// TestBF16Random draws products and convolutions.
func TestBF16Random(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 1))
	rounds := 20
	if testing.Short() {
		rounds = 6
	}
	for i := range rounds {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			againstFloat32(t, func(b *graph.Builder) *graph.Value {
				if i%2 == 0 {
					m, k, n := 1+rnd.IntN(80), 1+rnd.IntN(200), 1+rnd.IntN(80)
					return b.Linear(b.Input("x", m, k), weights(b, "w", n, k), nil)
				}
				in, out, kernel := 1+rnd.IntN(70), 1+rnd.IntN(70), 1+rnd.IntN(4)
				op := graph.Conv{Stride: [2]int{1 + rnd.IntN(3), 1 + rnd.IntN(3)},
					Pad: [4]int{rnd.IntN(3), rnd.IntN(3), rnd.IntN(3), rnd.IntN(3)}}
				return b.Conv(op, b.Input("x", 1, in, kernel+rnd.IntN(9), kernel+rnd.IntN(9)), weights(b, "w", out, in, kernel, kernel), nil)
			})
		})
	}
}

// TestBF16Rounds: operands are rounded, and so is nothing else.
func TestBF16Rounds(t *testing.T) {
	b := graph.New("rounds")
	x := float32(1 + 0x1p-9) // between two bf16 values, nearer to 1
	y := b.Linear(b.Const("x", graph.F32([]float32{x}), 1, 1), b.Const("w", graph.F32([]float32{3}), 1, 1), nil)
	b.Output("y", b.Add(y, b.Const("c", graph.F32([]float32{x}), 1, 1)))
	g, err := b.Build()
	require.NoError(t, err)
	for name, kernel := range tileKernels(t) {
		got := onKernels(t, bf16Kernels(gonumKernels(), kernel), 1, g)
		require.Equal(t, []float32{3 + x}, got, name)
	}
}
