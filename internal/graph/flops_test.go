package graph_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/graph"
)

// flops of one operation on operands of the given types.
func flops(t *testing.T, op graph.Op, in ...graph.Type) float64 {
	t.Helper()
	out, err := apply(op, in)
	require.NoError(t, err)
	return out[0].Node.FLOPs()
}

// The counts that the paper's measurements print (measurements.md E01, E05,
// E13).
func TestPublishedFLOPs(t *testing.T) {
	same := graph.Conv{Pad: [4]int{1, 1, 1, 1}}
	heads := f(1, 12, 512, 64)
	for _, c := range []struct {
		name string
		op   graph.Op
		in   []graph.Type
		want float64
	}{
		{"GEMM floor", graph.Linear{}, ops(f(64, 256), f(256, 256)), 8_388_608},
		{"GEMM bandwidth", graph.Linear{}, ops(f(128, 1024), f(1024, 1024)), 268_435_456},
		{"GEMM compute", graph.Linear{}, ops(f(256, 4096), f(4096, 4096)), 8_589_934_592},
		{"square GEMM 2048", graph.MatMul{}, ops(f(2048, 2048), f(2048, 2048)), 2 * 2048 * 2048 * 2048},
		{"GEMV", graph.MatMul{}, ops(f(1, 4096), f(4096, 4096)), 2 * 4096 * 4096},
		{"conv single", same, ops(f(1, 16, 32, 32), f(64, 16, 3, 3)), 18_874_368},
		{"attention, native", graph.SDPA{}, ops(heads, heads, heads), 821_035_008},
		{"streaming", graph.Unary{Fn: graph.ReLU}, ops(f(64, 4096)), 1 << 18},
		{"gelu", graph.Unary{Fn: graph.GELU}, ops(f(64, 4096)), 10 << 18},
		{"silu", graph.Unary{Fn: graph.SiLU}, ops(f(64, 4096)), 10 << 18},
		{"softmax", graph.Softmax{Axis: 1}, ops(f(64, 4096)), 5 << 18},
		{"layer_norm", graph.LayerNorm{Axis: 1}, ops(f(64, 4096), f(4096), f(4096)), 10 << 18},
		{"sum", graph.Reduce{Fn: graph.Sum, Axes: []int{1}}, ops(f(64, 4096)), 1 << 18},
	} {
		if got := flops(t, c.op, c.in...); got != c.want {
			t.Errorf("%s: got %.0f, want %.0f", c.name, got, c.want)
		}
	}
}

// Whole graphs add up to the published counts; those of stacks leave the
// activations out.
func TestPublishedFLOPsOfGraphs(t *testing.T) {
	stack := func(x graph.Shape, channels, depth int) float64 {
		total := 0.0
		for range depth {
			total += flops(t, graph.Conv{Pad: [4]int{1, 1, 1, 1}}, f(x...), f(channels, x[1], 3, 3))
			x = graph.Shape{x[0], channels, x[2], x[3]}
		}
		return total
	}
	require.Equal(t, 18_421_383_168.0, stack(graph.Shape{1, 64, 32, 32}, 256, 16), "conv resnet-ish")
	require.Equal(t, 57_982_058_496.0, stack(graph.Shape{4, 256, 64, 64}, 256, 3), "fused block")
	stencil := flops(t, graph.Conv{Pad: [4]int{1, 1, 1, 1}}, f(1, 1, 256, 256), f(1, 1, 3, 3))
	require.Equal(t, 37_748_736.0, 32*stencil, "stencil")

	// E13: 2C²HW + (8+10+10)·C·HW
	const c, hw = 256, 32
	b := graph.New("neck")
	vec := func(name string) *graph.Value { return b.Input(name, c) }
	y := b.Conv(graph.Conv{}, b.Input("x", 1, c, hw, hw), b.Input("W", c, c, 1, 1), nil)
	y = b.Apply(graph.GroupNorm{Groups: 32, Eps: 1e-5}, y, vec("gamma"), vec("beta"))
	b.Output("y", b.Unary(graph.GELU, b.Unary(graph.GELU, y)))
	g, err := b.Build()
	require.NoError(t, err)
	require.Equal(t, float64(2*c*c*hw*hw+28*c*hw*hw), g.FLOPs(), "neck")

	// E01: 8SD² + 4HS²d, and 1 for the scaling and 5 for the softmax per score.
	for s, want := range map[int]float64{197: 1_048_783_872, 512: 3_221_225_472} {
		const d, heads = 768, 12
		b := graph.New("attention")
		w := func(name string) *graph.Value { return b.Input(name, d, d) }
		v := func(name string) *graph.Value { return b.Input(name, d) }
		b.Output("y", b.MultiHeadAttention(b.Input("x", s, d), graph.Projections{
			Wq: w("Wq"), Wk: w("Wk"), Wv: w("Wv"), Wo: w("Wo"), Bq: v("bq"), Bk: v("bk"), Bv: v("bv"), Bo: v("bo")}, heads))
		g, err := b.Build()
		require.NoError(t, err)
		require.Equal(t, want+float64(6*heads*s*s), g.FLOPs(), "attention of %d", s)
	}
}

// Every operation counts nothing or a positive number; data movement counts
// nothing.
func TestFLOPsOfEveryOperation(t *testing.T) {
	moves := map[string]bool{}
	for _, name := range []string{"cast", "reshape", "transpose", "squeeze", "expand_dims", "flatten2d", "flatten", "slice_by_size",
		"slice_by_index", "concat", "stack", "split", "reverse", "tile", "pad", "gather", "gather_along_axis", "pixel_shuffle",
		"pixel_unshuffle", "space_to_depth", "space_to_channel", "depth_to_space", "channel_to_space", "space_to_batch",
		"batch_to_space", "crop", "upsample", "resize_nearest_neighbor", "input_view", "dynamic_slice"} {
		moves[name] = true
	}
	for _, c := range accepted {
		got := flops(t, c.op, c.in...)
		if name := c.op.Name(); moves[name] != (got == 0) || got < 0 {
			t.Errorf("%s of %v: %v FLOPs; moves data: %v", name, c.in, got, moves[name])
		}
	}
	for _, fn := range graph.UnaryFns() {
		require.Positive(t, flops(t, graph.Unary{Fn: fn}, f(2)), fn)
	}
	for _, fn := range graph.BinaryFns() {
		require.Positive(t, flops(t, graph.Binary{Fn: fn}, f(2), f(2)), fn)
	}
	for _, fn := range graph.CompareFns() {
		require.Equal(t, 6.0, flops(t, graph.Compare{Fn: fn}, f(2, 1), f(3)), fn)
	}
	for _, fn := range graph.ReduceFns() {
		require.GreaterOrEqual(t, flops(t, graph.Reduce{Fn: fn, Axes: []int{0}}, f(7)), 7.0, fn)
	}
}
