package lower_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/chip"
	"devicemap/internal/golden"
	"devicemap/internal/graph"
	"devicemap/internal/lower"
	"devicemap/internal/mil"
	"devicemap/internal/reference"
)

// TestWrittenProgramsLoad writes the program of every golden case, for every
// chip, and loads text and weights again with the independent reader.
func TestWrittenProgramsLoad(t *testing.T) {
	set, err := golden.Open("")
	require.NoError(t, err)
	ops, err := set.Ops()
	require.NoError(t, err)
	require.NotEmpty(t, ops.Cases)
	for _, c := range ops.Cases {
		g, _, err := c.Graph()
		require.NoError(t, err)
		for _, arch := range chip.Archs() {
			l, err := lower.Lower(g, chipOf(t, arch))
			if g.Nodes[0].Op.Name() == "conv_transpose" && len(g.Consts) == 0 {
				require.Error(t, err, "computed filters have no form")
				continue
			}
			require.NoError(t, err, "%s on %s", c.Name(), arch)
			text, weights := written(t, l)
			p, _, err := mil.Load(text, weights)
			require.NoError(t, err, "%s on %s", c.Name(), arch)
			if got, want := len(p.Func.Params), len(g.Inputs); got != want {
				t.Errorf("%s on %s: %d parameters, want %d", c.Name(), arch, got, want)
			}
			for i, v := range p.Func.Outputs {
				if got, want := v.Type.Shape, g.Outputs[i].Value.Shape; !slices.Equal(got, want) {
					t.Errorf("%s on %s: output %d is %v, want %v", c.Name(), arch, i, got, want)
				}
			}
		}
	}
}

// TestUint8Inputs keeps the type of image ports.
func TestUint8Inputs(t *testing.T) {
	g := build(t, func(b *graph.Builder) {
		img := b.InputOf("img", graph.Type{DType: graph.Uint8, Shape: graph.Shape{1, 3, 4, 4}})
		b.Output("y", b.Scale(b.Apply(graph.Cast{}, img), 1.0/255))
	})
	l, err := lower.Lower(g, chipOf(t, "h13"))
	require.NoError(t, err)
	require.Equal(t, mil.UInt8, l.Inputs[0].Type.DType)
	require.Equal(t, "cast", l.Program.Func.Body[1].Op)
}

// weighted has one weight of each kind that may be encoded, of even rows.
func weighted(b *graph.Builder) {
	x := b.Linear(b.Input("x", 4, 16), constant(b, "w", 1, 8, 16), constant(b, "bias", 2, 8))
	x = b.MatMul(x, constant(b, "m", 3, 8, 16))
	img := b.Reshape(x, 1, 4, 4, 4)
	b.Output("y", b.Conv(graph.Conv{}, img, constant(b, "f", 4, 6, 4, 2, 2), nil))
}

// perRow is the symmetric int8 code of each row of w.
func perRow(w []float32, rows int) (q []int8, scale []float32) {
	for row := range slices.Chunk(w, len(w)/rows) {
		top := 0.0
		for _, v := range row {
			top = max(top, math.Abs(float64(v)))
		}
		s := top / 127
		scale = append(scale, float32(s))
		for _, v := range row {
			q = append(q, int8(math.RoundToEven(float64(v)/s)))
		}
	}
	return q, scale
}

// TestEncodedWeights passes every weight, in its stored shape, to the encoder
// of the options, and biases not.
func TestEncodedWeights(t *testing.T) {
	g := build(t, weighted)
	x := [][]float32{halves(9, 64)}
	want := meaning(t, g, x)
	shapes := map[string][]int{}
	encodings := []struct {
		name  string
		limit float64
		write func(b *mil.Builder, name string, w []float32, shape []int) *mil.Value
	}{
		{"declined", several, func(_ *mil.Builder, name string, w []float32, shape []int) *mil.Value {
			shapes[name] = shape
			require.Equal(t, graph.Shape(shape).Elems(), len(w))
			return nil
		}},
		{"int8", 2e-2, func(b *mil.Builder, name string, w []float32, shape []int) *mil.Value {
			q, scale := perRow(w, shape[0])
			return b.Int8Weight(name, q, scale, shape...)
		}},
	}
	for _, tt := range encodings {
		l, err := lower.LowerWith(g, chipOf(t, "h14"), lower.Options{Weight: tt.write})
		require.NoError(t, err)
		if e := reference.RelL2(run(t, "h14", l, x)[0], want[0]); !(e <= tt.limit) {
			t.Errorf("%s: relerr %.3g, limit %.3g", tt.name, e, tt.limit)
		}
	}
	require.Equal(t, map[string][]int{"w": {8, 16}, "m": {16, 8}, "f": {6, 4, 2, 2}}, shapes)
}

// TestWideSums sums beyond what an fp16 accumulator holds exactly.
func TestWideSums(t *testing.T) {
	const n = 4097
	ones := slices.Repeat([]float32{1}, 2*n)
	g := build(t, func(b *graph.Builder) {
		x := b.Input("x", 2, n)
		b.Output("sum", b.Apply(graph.Reduce{Fn: graph.Sum, Axes: []int{1}}, x))
		b.Output("mean", b.Apply(graph.Reduce{Fn: graph.Mean, Axes: []int{1}, Drop: true}, x))
		b.Output("other axis", b.Apply(graph.Reduce{Fn: graph.Sum, Axes: []int{0}}, x))
	})
	l, err := lower.LowerWith(g, chipOf(t, "h13"), lower.Options{WideSums: true})
	require.NoError(t, err)
	got := run(t, "h13", l, [][]float32{ones})
	require.Equal(t, []float32{4096, 4096}, got[0], "4097, rounded once")
	require.InDeltaSlice(t, []float32{1, 1}, got[1], 0x1p-10)
	require.Equal(t, float32(2), got[2][0])
}

// TestWeightsAreWrittenOnce: a constant product operand takes its own size.
func TestWeightsAreWrittenOnce(t *testing.T) {
	g := build(t, func(b *graph.Builder) {
		w := constant(b, "w", 1, 64, 32)
		b.Output("y", b.MatMul(b.Input("x", 2, 64), w))
		b.Output("z", b.MatMul(b.Input("u", 3, 64), w))
	})
	l, err := lower.Lower(g, chipOf(t, "h13"))
	require.NoError(t, err)
	if got, want := l.Weights.Len(), 1; got != want {
		t.Errorf("%d tensors in the weight file, want %d", got, want)
	}
}
