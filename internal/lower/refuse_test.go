package lower_test

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/graph"
	"devicemap/internal/lower"
)

func reduceMax(axis int) graph.Reduce { return graph.Reduce{Fn: graph.Max, Axes: []int{axis}} }

// TestLimits refuses what exceeds a limit of the chip, and takes what meets it.
func TestLimits(t *testing.T) {
	tests := []struct {
		name, arch string
		got, limit int
		make       func(b *graph.Builder, n int) // n is at the limit, then beyond it
	}{
		{"input axis", "h13", 16385, 16384, func(b *graph.Builder, n int) { b.Output("y", b.Unary(graph.ReLU, b.Input("x", 2, n))) }},
		{"input axis", "h16", 65537, 65536, func(b *graph.Builder, n int) { b.Output("y", b.Unary(graph.ReLU, b.Input("x", 2, n))) }},
		{"channels", "h13", 65537, 65536, func(b *graph.Builder, n int) { b.Output("y", b.Unary(graph.ReLU, b.Input("x", 1, n, 1, 2))) }},
		{"intermediate", "h14", 16385, 16384, func(b *graph.Builder, n int) {
			x := b.Input("x", 1, n)
			b.Output("y", b.Apply(reduceMax(1), b.Unary(graph.Exp, x)))
		}},
		{"concat", "h15", 16385, 16384, func(b *graph.Builder, n int) {
			both := b.Apply(graph.Concat{Axis: 1}, b.Input("x", 1, 16000), b.Input("z", 1, n-16000))
			b.Output("y", b.Apply(reduceMax(1), both))
		}},
		{"weight", "h13", 16385, 16384, func(b *graph.Builder, n int) {
			b.Output("y", b.Apply(reduceMax(1), b.Linear(b.Input("x", 1, 2), constant(b, "w", 1, n, 2), nil)))
		}},
		{"reshape inside group_norm", "h13", 16385, 16384, func(b *graph.Builder, n int) {
			b.Output("y", b.Apply(graph.GroupNorm{Groups: 1}, b.Input("x", n, 1, 1, 2), constant(b, "g", 1, 1), constant(b, "b", 2, 1)))
		}},
		{"transposed filter width", "h13", 14, 13, func(b *graph.Builder, n int) {
			b.Output("y", b.Apply(graph.ConvTranspose{}, b.Input("x", 1, 1, 2, 2), constant(b, "w", 1, 1, 1, 1, n)))
		}},
		{"transposed filter width", "h17", 16, 15, func(b *graph.Builder, n int) {
			b.Output("y", b.Apply(graph.ConvTranspose{}, b.Input("x", 1, 1, 2, 2), constant(b, "w", 1, 1, 1, 1, n)))
		}},
		{"index", "h16", 2049, 2048, func(b *graph.Builder, n int) {
			b.Output("y", b.Apply(graph.Arg{Fn: graph.ArgMax, Axis: 1}, b.Input("x", 1, n)))
		}},
		{"gathered axis", "h16", 2049, 2048, func(b *graph.Builder, n int) {
			b.Output("y", b.Apply(graph.GatherAlongAxis{Axis: 1}, b.Input("x", 1, n), b.Input("i", 1, 2)))
		}},
		{"sorted axis", "h16", 513, 512, func(b *graph.Builder, n int) {
			b.Output("y", b.ApplyMany(graph.Sort{Axis: 1}, b.Input("x", 1, n))[0])
		}},
		{"sorted rows", "h16", 1<<24 + 1<<18, 1 << 24, func(b *graph.Builder, n int) {
			b.Output("y", b.ApplyMany(graph.Sort{Axis: 1}, b.Input("x", n>>18, 512))[0])
		}},
		{"summed axis", "h13", 16385, 16384, func(b *graph.Builder, n int) {
			if n == 16384 {
				n = 4 // the weights at the limit take 512 MB
			}
			b.Output("y", b.Apply(graph.CumSum{Axis: 0}, b.Input("x", n, 1)))
		}},
		{"sampled points", "h16", 65, 64, func(b *graph.Builder, n int) {
			b.Output("y", b.Apply(graph.FurthestPoints{K: n}, b.Input("x", 70, 3)))
		}},
		{"points", "h16", 2049, 2048, func(b *graph.Builder, n int) {
			b.Output("y", b.Apply(graph.FurthestPoints{K: 2}, b.Input("x", n, 3)))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name+"/"+tt.arch, func(t *testing.T) {
			c := chipOf(t, tt.arch)
			_, err := lower.Lower(build(t, func(b *graph.Builder) { tt.make(b, tt.limit) }), c)
			require.NoError(t, err, "at the limit")
			_, err = lower.Lower(build(t, func(b *graph.Builder) { tt.make(b, tt.got) }), c)
			var limit *lower.LimitError
			require.ErrorAs(t, err, &limit)
			require.Equal(t, []int{tt.got, tt.limit}, []int{limit.Got, limit.Limit}, err)
			require.Equal(t, c.String(), limit.Chip)
			require.NotEmpty(t, limit.Node)
			require.NotEmpty(t, limit.What)
			require.NotEmpty(t, limit.Hint)
		})
	}
}

// TestTransposesReachFurther: operands and results of a transpose have a limit
// of their own.
func TestTransposesReachFurther(t *testing.T) {
	g := build(t, func(b *graph.Builder) { b.Output("y", b.Transpose(b.Input("x", 2, 20000), 1, 0)) })
	_, err := lower.Lower(g, chipOf(t, "h13"))
	require.NoError(t, err)
}

// TestRefusals are operations without a form, each with its reason.
func TestRefusals(t *testing.T) {
	tests := []struct {
		op, arch string
		make     func(b *graph.Builder)
	}{
		{"affine", "h13", func(b *graph.Builder) {
			b.Output("y", b.Apply(graph.Affine{Size: [2]int{2, 2}}, b.Input("x", 1, 1, 4, 4), constant(b, "t", 1, 1, 6)))
		}},
		{"affine", "h16", func(b *graph.Builder) {
			b.Output("y", b.Apply(graph.Affine{Size: [2]int{2, 2}}, b.Input("x", 1, 1, 4, 4), b.Input("t", 1, 6)))
		}},
		{"conv_transpose", "h16", func(b *graph.Builder) {
			b.Output("y", b.Apply(graph.ConvTranspose{}, b.Input("x", 1, 1, 4, 4), b.Input("w", 1, 1, 2, 2)))
		}},
		{"muls", "h16", func(b *graph.Builder) { b.Output("y", b.Scale(b.Input("x", 2), 1e6)) }},
		{"adds", "h16", func(b *graph.Builder) { b.Output("y", b.Apply(unary(graph.AddScalar, math.NaN()), b.Input("x", 2))) }},
		{"elu", "h16", func(b *graph.Builder) { b.Output("y", b.Apply(unary(graph.ELU, math.Inf(1)), b.Input("x", 2))) }},
		{"conv", "h13", func(b *graph.Builder) {
			c := graph.Conv{Stride: [2]int{1, 99}, Pad: [4]int{0, 0, 30, 69}}
			b.Output("y", b.Conv(c, b.Input("x", 1, 1, 1, 1), constant(b, "w", 1, 1, 1, 1, 20), nil))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.op+"/"+tt.arch, func(t *testing.T) {
			c := chipOf(t, tt.arch)
			_, err := lower.Lower(build(t, tt.make), c)
			var none *lower.NoLoweringError
			require.ErrorAs(t, err, &none)
			require.Equal(t, tt.op, none.Op)
			require.Equal(t, c.String(), none.Chip)
			require.NotEmpty(t, none.Node)
			require.NotEmpty(t, none.Reason)
			var limit *lower.LimitError
			require.False(t, errors.As(err, &limit))
		})
	}
}

// TestClipBeyondTheNumbers: bounds that no half reaches are no mistake.
func TestClipBeyondTheNumbers(t *testing.T) {
	g := build(t, func(b *graph.Builder) {
		b.Output("y", b.Apply(graph.Unary{Fn: graph.Clip, A: 0, B: math.MaxFloat32}, b.Input("x", 2)))
	})
	l, err := lower.Lower(g, chipOf(t, "h13"))
	require.NoError(t, err)
	require.Equal(t, []float32{0, 5}, run(t, "h13", l, [][]float32{{-3, 5}})[0])
}
