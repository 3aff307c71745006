package lower_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/chip"
	"devicemap/internal/fp16"
	"devicemap/internal/graph"
	"devicemap/internal/lower"
	"devicemap/internal/reference"
	"devicemap/internal/rng"
)

// edge is a graph at the edge of what a rule has to handle. Its inputs are
// normals, rounded to halves, unless given.
type edge struct {
	name   string
	limit  float64 // of the relative error; 0: equal
	make   func(b *graph.Builder)
	inputs [][]float32
}

// Limits of the relative error: a rounding to a half is 5e-4 at worst.
const (
	equal    = 0
	rounding = 6e-4
	several  = 3e-3 // roundings in a row
	narrow   = 5e-3 // and sums in fp16
)

func unary(fn graph.UnaryFn, a float64) graph.Unary { return graph.Unary{Fn: fn, A: a} }

func constant(b *graph.Builder, name string, seed uint64, shape ...int) *graph.Value {
	return b.Const(name, graph.F32(halves(seed, graph.Shape(shape).Elems())), shape...)
}

// halves draws n normals, rounded to halves.
func halves(seed uint64, n int) []float32 {
	v := rng.New(seed).Float32s(n, 1, 0)
	for i, x := range v {
		v[i] = fp16.Float32(fp16.Bits(x))
	}
	return v
}

func edges() []edge {
	return []edge{
		{"rank 5 product of transposes", rounding, func(b *graph.Builder) {
			x := b.Transpose(b.Input("x", 2, 2, 3, 5, 4), 0, 1, 2, 4, 3)
			y := b.Input("y", 2, 2, 3, 5, 6)
			b.Output("z", b.MatMul(x, y))
		}, nil},
		{"rank 5 product with a constant", rounding, func(b *graph.Builder) {
			x := b.Transpose(b.Input("x", 2, 2, 3, 5, 4), 0, 1, 2, 4, 3)
			b.Output("z", b.MatMul(x, constant(b, "w", 5, 5, 6)))
		}, nil},
		{"rank 5 linear of a transpose", rounding, func(b *graph.Builder) {
			x := b.Transpose(b.Input("x", 2, 2, 3, 5, 4), 0, 1, 2, 4, 3)
			b.Output("z", b.Linear(x, constant(b, "w", 5, 6, 5), constant(b, "bias", 6, 6)))
		}, nil},
		{"product with broadcast batches", rounding, func(b *graph.Builder) {
			b.Output("z", b.MatMul(b.Input("x", 3, 1, 4, 5), b.Input("y", 2, 5, 6)))
		}, nil},
		{"constant batches, transposed", rounding, func(b *graph.Builder) {
			b.Output("z", b.Apply(graph.MatMul{TransposeX: true, TransposeY: true}, b.Input("x", 3, 5, 4), constant(b, "y", 5, 3, 6, 5)))
		}, nil},
		{"constant on the left", rounding, func(b *graph.Builder) {
			b.Output("z", b.MatMul(constant(b, "x", 5, 4, 5), b.Input("y", 5, 6)))
		}, nil},
		{"linear of a vector", rounding, func(b *graph.Builder) {
			b.Output("z", b.Linear(b.Input("x", 5), constant(b, "w", 5, 6, 5), constant(b, "bias", 6, 6)))
		}, nil},
		{"computed einsum", rounding, func(b *graph.Builder) {
			b.Output("z", b.Apply(graph.Einsum{}, b.Input("x", 2, 4, 3, 6), b.Input("y", 2, 6, 3, 5)))
		}, nil},
		{"computed slopes", rounding, func(b *graph.Builder) {
			b.Output("z", b.Apply(graph.PReLU{}, b.Input("x", 2, 3, 5), b.Input("slope", 3)))
		}, nil},
		{"computed batch norm", several, func(b *graph.Builder) {
			variance := b.Apply(unary(graph.AddScalar, 1), b.Unary(graph.Square, b.Input("v", 3)))
			b.Output("z", b.Apply(graph.BatchNorm{Eps: 1e-3}, b.Input("x", 2, 3, 5), b.Input("gamma", 3), b.Input("beta", 3), b.Input("mean", 3), variance))
		}, nil},
		{"computed instance norm", narrow, func(b *graph.Builder) {
			b.Output("z", b.Apply(graph.InstanceNorm{Eps: 1e-3}, b.Input("x", 2, 3, 5, 4), b.Input("gamma", 3), b.Input("beta", 3)))
		}, nil},
		{"computed layer norm", narrow, func(b *graph.Builder) {
			b.Output("z", b.LayerNorm(b.Input("x", 4, 16), b.Input("gamma", 16), b.Input("beta", 16), 1e-3))
		}, nil},
		{"l2_norm of zeros", equal, func(b *graph.Builder) {
			b.Output("z", b.Apply(graph.L2Norm{Axis: 1, Floor: 1e-12}, b.Input("x", 2, 4)))
		}, [][]float32{make([]float32, 8)}},
		{"rms_norm of zeros", equal, func(b *graph.Builder) {
			b.Output("z", b.Apply(graph.RMSNorm{Eps: 1e-12}, b.Input("x", 2, 4), constant(b, "g", 3, 4)))
		}, [][]float32{make([]float32, 8)}},
		{"layer_norm of equal values", equal, func(b *graph.Builder) {
			b.Output("z", b.LayerNorm(b.Input("x", 2, 4), constant(b, "g", 3, 4), constant(b, "b", 4, 4), 1e-12))
		}, [][]float32{{1, 1, 1, 1, -2, -2, -2, -2}}},
		{"group_norm of equal values", equal, func(b *graph.Builder) {
			b.Output("z", b.Apply(graph.GroupNorm{Groups: 2, Eps: 1e-12}, b.Input("x", 1, 4, 1, 2), constant(b, "g", 3, 4), constant(b, "b", 4, 4)))
		}, [][]float32{{1, 1, 1, 1, -2, -2, -2, -2}}},
		{"instance_norm of equal values", equal, func(b *graph.Builder) {
			b.Output("z", b.Apply(graph.InstanceNorm{Eps: 1e-12}, b.Input("x", 1, 2, 2, 2), constant(b, "g", 3, 2), constant(b, "b", 4, 2)))
		}, [][]float32{{1, 1, 1, 1, -2, -2, -2, -2}}},
		{"minmax_norm of equal values", equal, func(b *graph.Builder) {
			b.Output("z", b.Apply(graph.MinMaxNorm{Axis: 1, Eps: 1e-12}, b.Input("x", 2, 4)))
		}, [][]float32{{1, 1, 1, 1, -2, -2, -2, -2}}},
		{"a factor that rounds to 0, after a reduction", equal, func(b *graph.Builder) {
			b.Output("z", b.Scale(b.Apply(graph.Reduce{Fn: graph.Max, Axes: []int{1}}, b.Input("x", 2, 4)), 0))
			b.Output("w", b.Scale(b.Apply(graph.Reduce{Fn: graph.Min, Axes: []int{1}}, b.Input("y", 2, 4)), math.SmallestNonzeroFloat64))
		}, nil},
		{"a constant 0, after a reduction", equal, func(b *graph.Builder) {
			b.Output("z", b.Binary(graph.Mul, b.Apply(graph.Reduce{Fn: graph.Max, Axes: []int{1}}, b.Input("x", 2, 4)), b.Const("zero", graph.F32([]float32{0}), 1)))
		}, nil},
		{"factors after rounding", equal, func(b *graph.Builder) {
			x := b.Input("x", 3, 4)
			three := b.Const("three", graph.F32([]float32{3}), 1)
			b.Output("a", b.Scale(b.Unary(graph.Floor, x), 3))
			b.Output("b", b.Binary(graph.Mul, three, b.Unary(graph.Ceil, x)))
			b.Output("c", b.Scale(b.Reshape(b.Unary(graph.Floor, x), 4, 3), 3))
			b.Output("d", b.Binary(graph.Mul, b.Transpose(b.Unary(graph.Ceil, x), 1, 0), three))
			b.Output("e", b.Scale(b.Unary(graph.Round, x), 3))
		}, nil},
		{"round", equal, func(b *graph.Builder) { b.Output("z", b.Unary(graph.Round, b.Input("x", 12))) },
			[][]float32{{-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 1023.5, 1024, 1025, -2047, 40000, 0.499755859375}}},
		{"softplus far out", rounding, func(b *graph.Builder) { b.Output("z", b.Unary(graph.Softplus, b.Input("x", 6))) },
			[][]float32{{-20, -1, 0, 9.5, 12, 1000}}},
		{"outputs that are inputs, constants and each other", equal, func(b *graph.Builder) {
			x := b.Input("x", 2, 3)
			y := b.Unary(graph.ReLU, x)
			b.Output("same", x)
			b.Output("const", constant(b, "w", 4, 5))
			b.Output("y", y)
			b.Output("again", y)
			b.Output("renamed", b.Reshape(y, 2, 3))
		}, nil},
		{"names that are words of the language", rounding, func(b *graph.Builder) {
			b.Output("add", b.Add(b.Input("tensor", 2), b.Input("3 x", 2)))
		}, nil},
		{"average pool with a cut last window", several, func(b *graph.Builder) {
			x := b.Input("x", 1, 2, 7, 8)
			b.Output("a", b.Apply(graph.Pool{Fn: graph.AvgPool, Kernel: [2]int{3, 2}, Stride: [2]int{2, 3}, Pad: [4]int{1, 0, 0, 1}, Ceil: true}, x))
			b.Output("b", b.Apply(graph.Pool{Fn: graph.AvgPool, Kernel: [2]int{3, 3}, Stride: [2]int{3, 2}, Pad: [4]int{1, 1, 0, 0}, Ceil: true, ExcludePad: true}, x))
			b.Output("c", b.Apply(graph.Pool{Fn: graph.L2Pool, Kernel: [2]int{2, 2}, Stride: [2]int{3, 3}, Ceil: true}, x))
		}, nil},
		{"maximum pool with a cut last window", equal, func(b *graph.Builder) {
			x := b.Input("x", 1, 2, 7, 8)
			b.Output("a", b.Apply(graph.Pool{Fn: graph.MaxPool, Kernel: [2]int{3, 2}, Stride: [2]int{2, 3}, Pad: [4]int{1, 0, 0, 1}, Ceil: true}, x))
			b.Output("b", b.Apply(graph.Pool{Fn: graph.MaxPool, Kernel: [2]int{2, 2}, Stride: [2]int{3, 3}, Ceil: true}, x))
		}, nil},
		{"pads of every reach", equal, func(b *graph.Builder) {
			x := b.Input("x", 2, 3, 2)
			for _, mode := range []graph.PadMode{graph.PadConstant, graph.PadReplicate} {
				b.Output(string(mode), b.Apply(graph.Pad{Pads: [][2]int{{3, 0}, {0, 5}, {4, 4}}, Mode: mode, Value: 0.5}, x))
			}
			b.Output("reflect", b.Apply(graph.Pad{Pads: [][2]int{{1, 0}, {2, 2}, {1, 1}}, Mode: graph.PadReflect}, x))
		}, nil},
		{"no padding at all", equal, func(b *graph.Builder) {
			b.Output("z", b.Apply(graph.Pad{Pads: [][2]int{{0, 0}}, Mode: graph.PadReflect}, b.Input("x", 3)))
		}, nil},
		{"a mask of infinities", several, func(b *graph.Builder) {
			hidden := float32(math.Inf(-1))
			mask := b.Const("mask", graph.F32([]float32{0, hidden, hidden, 0, 0, hidden, 0, 0, 0}), 3, 3)
			b.Output("z", b.Apply(graph.SDPA{Causal: true}, b.Input("q", 1, 2, 3, 4), b.Input("k", 1, 2, 3, 4), b.Input("v", 1, 2, 3, 4), mask))
		}, nil},
		{"attention in tiles with a mask", several, func(b *graph.Builder) {
			q, k, v := b.Input("q", 1, 1, 800, 4), b.Input("k", 1, 1, 800, 4), b.Input("v", 1, 1, 800, 4)
			b.Output("z", b.Apply(graph.SDPA{Causal: true}, q, k, v, b.Input("mask", 1, 1, 800, 800)))
		}, nil},
		{"radius beyond the numbers", equal, func(b *graph.Builder) {
			b.Output("z", b.Apply(graph.RadiusSearch{R: 1e4}, b.Input("p", 4, 3), b.Input("c", 2, 3)))
		}, nil},
		{"indices between integers", equal, func(b *graph.Builder) {
			b.Output("z", b.Apply(graph.GatherAlongAxis{Axis: 1}, b.Input("x", 1, 4), b.Input("i", 1, 5)))
		}, [][]float32{{1, 2, 3, 4}, {0.5, 2.75, -3.5, 9, 3}}},
		{"a wide filter", rounding, func(b *graph.Builder) {
			c := graph.Conv{Stride: [2]int{1, 2}, Pad: [4]int{1, 0, 9, 3}}
			b.Output("z", b.Conv(c, b.Input("x", 2, 3, 5, 40), constant(b, "w", 5, 4, 3, 2, 21), constant(b, "bias", 6, 4)))
			c = graph.Conv{Dilation: [2]int{1, 2}, Groups: 2}
			b.Output("y", b.Conv(c, b.Input("u", 1, 4, 3, 45), constant(b, "k", 7, 4, 2, 1, 20), nil))
		}, nil},
		{"a wide computed filter", rounding, func(b *graph.Builder) {
			b.Output("z", b.Apply(graph.CrossCorrelation{}, b.Input("x", 6, 40), b.Input("t", 3, 21)))
		}, nil},
		{"patches", rounding, func(b *graph.Builder) {
			b.Output("z", b.Conv(graph.Conv{Stride: [2]int{16, 16}}, b.Input("x", 1, 3, 32, 48), constant(b, "w", 5, 4, 3, 16, 16), constant(b, "bias", 6, 4)))
			b.Output("y", b.Conv(graph.Conv{Stride: [2]int{16, 16}}, b.Input("u", 1, 3, 37, 33), constant(b, "k", 7, 4, 3, 16, 16), nil))
		}, nil},
		{"transposed convolution with much output padding", rounding, func(b *graph.Builder) {
			c := graph.ConvTranspose{Stride: [2]int{3, 2}, OutputPad: [2]int{2, 1}, Pad: [4]int{1, 0, 0, 0}}
			b.Output("z", b.Apply(c, b.Input("x", 1, 2, 4, 5), constant(b, "w", 5, 2, 3, 3, 3), constant(b, "bias", 6, 3)))
		}, nil},
		{"tiles of five and seven", equal, func(b *graph.Builder) {
			b.Output("z", b.Apply(graph.Tile{Reps: []int{5, 1, 14}}, b.Input("x", 2, 3, 2)))
		}, nil},
		{"dead ends", equal, func(b *graph.Builder) {
			x := b.Input("x", 2, 3)
			b.Unary(graph.Exp, x)
			b.Apply(graph.Reshape{Shape: graph.Shape{6}}, b.Unary(graph.Exp, x))
			b.Output("z", b.Unary(graph.ReLU, x))
		}, nil},
	}
}

// TestEdges holds every edge, on every chip, to the float64 meaning.
func TestEdges(t *testing.T) {
	for _, e := range edges() {
		g := build(t, e.make)
		inputs := e.inputs
		if inputs == nil {
			for i, v := range g.Inputs {
				inputs = append(inputs, halves(uint64(100+i), v.Shape.Elems()))
			}
		}
		want := meaning(t, g, inputs)
		for _, arch := range chip.Archs() {
			t.Run(e.name+"/"+arch, func(t *testing.T) {
				l, err := lower.Lower(g, chipOf(t, arch))
				require.NoError(t, err)
				for i, got := range run(t, arch, l, inputs) {
					if err := reference.RelL2(got, want[i]); !(err <= e.limit) {
						t.Errorf("output %s: relerr %.3g, limit %.3g", g.Outputs[i].Name, err, e.limit)
					}
				}
			})
		}
	}
}
