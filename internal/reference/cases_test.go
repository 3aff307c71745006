package reference_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/graph"
	"devicemap/internal/reference"
)

// operand is an input of a hand-computed case.
type operand struct {
	shape  graph.Shape
	values []float64
}

func vec(values ...float64) operand { return operand{graph.Shape{len(values)}, values} }

func tensor(shape graph.Shape, values ...float64) operand { return operand{shape, values} }

// handCase is one operation with operands whose result was computed by hand.
type handCase struct {
	name string
	op   graph.Op
	in   []operand
	want []float64
}

// eval applies op to inputs and gives all results, truth values as 1 and 0.
func eval(t *testing.T, op graph.Op, in ...operand) [][]float64 {
	t.Helper()
	b := graph.New("case")
	var values []*graph.Value
	var data []graph.Data
	for i, x := range in {
		values = append(values, b.Input(fmt.Sprintf("x%d", i), x.shape...))
		data = append(data, graph.F64(x.values))
	}
	for i, y := range b.ApplyMany(op, values...) {
		b.Output(fmt.Sprintf("y%d", i), asFloat(b, y))
	}
	g, err := b.Build()
	require.NoError(t, err)
	got, err := reference.Eval(g, data)
	require.NoError(t, err)
	return got
}

// asFloat turns truth values into 1 and 0.
func asFloat(b *graph.Builder, y *graph.Value) *graph.Value {
	if y.DType != graph.Bool {
		return y
	}
	return b.Apply(graph.Select{}, y, b.Const("one", graph.F32([]float32{1}), 1), b.Const("zero", graph.F32([]float32{0}), 1))
}

func checkCases(t *testing.T, cases []handCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := eval(t, c.op, c.in...)[0]
			require.Len(t, got, len(c.want))
			for i, w := range c.want {
				if !(math.Abs(got[i]-w) <= 1e-12*max(1, math.Abs(w))) {
					t.Fatalf("%s: value %d: got %v, want %v", c.name, i, got, c.want)
				}
			}
		})
	}
}

func TestElementwiseByHand(t *testing.T) {
	two, mixed := vec(1, -2), vec(1, -2, 3)
	checkCases(t, []handCase{
		{"muls", graph.Unary{Fn: graph.MulScalar, A: -3}, []operand{two}, []float64{-3, 6}},
		{"adds", graph.Unary{Fn: graph.AddScalar, A: 0.5}, []operand{two}, []float64{1.5, -1.5}},
		{"log of x + A", graph.Unary{Fn: graph.Log, A: math.E - 1}, []operand{vec(1)}, []float64{1}},
		{"rsqrt of x + A", graph.Unary{Fn: graph.Rsqrt, A: 1}, []operand{vec(3)}, []float64{0.5}},
		{"inverse of x + A", graph.Unary{Fn: graph.Inverse, A: 3}, []operand{vec(1)}, []float64{0.25}},
		// 1/(1+e^−1.702) and −2/(1+e^3.404)
		{"gelu by sigmoid", graph.Unary{Fn: graph.GELUSigmoid}, []operand{two}, []float64{0.8457957659328212, -0.06434137685579186}},
		// Φ(1) and −2Φ(−2) of the normal distribution's tables
		{"gelu", graph.Unary{Fn: graph.GELU}, []operand{two}, []float64{0.8413447460685429, -0.0455002638963584}},
		{"clip", graph.Unary{Fn: graph.Clip, A: -1, B: 2}, []operand{mixed}, []float64{1, -1, 2}},
		{"clamped relu", graph.Unary{Fn: graph.ClampedReLU, A: 0.5, B: 2}, []operand{mixed}, []float64{1, -1, 2}},
		{"clamped relu, negative slope", graph.Unary{Fn: graph.ClampedReLU, A: -5, B: 2}, []operand{mixed}, []float64{1, 2, 2}},
		{"prelu, rank 4", graph.PReLU{}, []operand{tensor(graph.Shape{1, 2, 1, 2}, -1, 2, -3, -0.5), vec(0.5, 0.1)},
			[]float64{-0.5, 2, -0.3, -0.05}},
		{"prelu, rank 3", graph.PReLU{}, []operand{tensor(graph.Shape{2, 1, 2}, -1, 2, 0, -4), vec(2)}, []float64{-2, 2, 0, -8}},
		{"prelu, rank 5", graph.PReLU{}, []operand{tensor(graph.Shape{1, 2, 1, 1, 2}, -1, -1, -1, 1), vec(2, 3)}, []float64{-2, -2, -3, 1}},
		{"pow", graph.Binary{Fn: graph.Pow}, []operand{vec(2, 3), vec(10, -1)}, []float64{1024, 1.0 / 3}},
		{"less, broadcast", graph.Compare{Fn: graph.Less}, []operand{tensor(graph.Shape{2, 1}, 1, 2), vec(1, 2)}, []float64{0, 1, 0, 0}},
	})
}

func TestLogicalNot(t *testing.T) {
	b := graph.New("not")
	x, y := b.Input("x", 3), b.Input("y", 3)
	b.Output("z", asFloat(b, b.Apply(graph.Not{}, b.Apply(graph.Compare{Fn: graph.Less}, x, y))))
	g, err := b.Build()
	require.NoError(t, err)
	got, err := reference.Eval(g, []graph.Data{graph.F32([]float32{1, 2, 3}), graph.F32([]float32{2, 2, 2})})
	require.NoError(t, err)
	require.Equal(t, [][]float64{{0, 1, 1}}, got)
}

func TestCastReadsBytes(t *testing.T) {
	b := graph.New("cast")
	b.Output("y", b.Apply(graph.Cast{}, b.InputOf("image", graph.Type{DType: graph.Uint8, Shape: graph.Shape{3}})))
	g, err := b.Build()
	require.NoError(t, err)
	got, err := reference.Eval(g, []graph.Data{graph.F32([]float32{0, 7, 255})})
	require.NoError(t, err)
	require.Equal(t, [][]float64{{0, 7, 255}}, got)
	for _, bad := range []float32{-1, 256, 0.5, float32(math.NaN())} {
		_, err = reference.Eval(g, []graph.Data{graph.F32([]float32{0, bad, 0})})
		require.ErrorContains(t, err, "input image: value 1 is", "of %v", bad)
	}
}

func TestProductsByHand(t *testing.T) {
	checkCases(t, []handCase{
		{"matmul", graph.MatMul{}, []operand{tensor(graph.Shape{2, 2}, 1, 2, 3, 4), tensor(graph.Shape{2, 1}, 5, 6)}, []float64{17, 39}},
		{"matmul, both transposed", graph.MatMul{TransposeX: true, TransposeY: true},
			[]operand{tensor(graph.Shape{2, 2}, 1, 2, 3, 4), tensor(graph.Shape{1, 2}, 5, 6)}, []float64{23, 34}},
		{"matmul, broadcast", graph.MatMul{}, []operand{tensor(graph.Shape{2, 1, 1, 1}, 2, 3), tensor(graph.Shape{2, 1, 1}, 5, 7)},
			[]float64{10, 14, 15, 21}},
		{"linear with bias", graph.Linear{}, []operand{vec(1, 2), tensor(graph.Shape{2, 2}, 1, 1, 1, -1), vec(10, 20)}, []float64{13, 19}},
		{"einsum", graph.Einsum{}, []operand{tensor(graph.Shape{1, 1, 2, 2}, 1, 2, 3, 4), tensor(graph.Shape{1, 2, 2, 1}, 10, 20, 30, 40)},
			[]float64{1*10 + 2*30, 3*20 + 4*40}},
		{"cumsum", graph.CumSum{Axis: 0}, []operand{tensor(graph.Shape{2, 2}, 1, 2, 3, 4)}, []float64{1, 2, 4, 6}},
		{"sdpa of equal keys", graph.SDPA{}, []operand{tensor(graph.Shape{1, 1, 1, 2}, 1, 1), tensor(graph.Shape{1, 1, 2, 2}, 1, 1, 1, 1),
			tensor(graph.Shape{1, 1, 2, 1}, 2, 4)}, []float64{3}},
		{"sdpa, mask per head", graph.SDPA{Scale: 1}, []operand{tensor(graph.Shape{1, 2, 1, 1}, 0, 0), tensor(graph.Shape{1, 2, 2, 1}, 0, 0, 0, 0),
			tensor(graph.Shape{1, 2, 2, 1}, 2, 4, 6, 8), tensor(graph.Shape{1, 2, 1, 2}, -1e9, 0, 0, -1e9)}, []float64{4, 6}},
		{"conv, asymmetric padding", graph.Conv{Pad: [4]int{0, 0, 1, 0}}, []operand{tensor(graph.Shape{1, 1, 1, 3}, 1, 2, 3),
			tensor(graph.Shape{1, 1, 1, 2}, 10, 1), vec(0.5)}, []float64{1.5, 12.5, 23.5}},
		{"conv, stride and dilation", graph.Conv{Stride: [2]int{1, 2}, Dilation: [2]int{1, 2}}, []operand{
			tensor(graph.Shape{1, 1, 1, 5}, 1, 2, 3, 4, 5), tensor(graph.Shape{1, 1, 1, 2}, 10, 1)}, []float64{13, 35}},
		{"conv_transpose", graph.ConvTranspose{Stride: [2]int{1, 2}, OutputPad: [2]int{0, 1}}, []operand{tensor(graph.Shape{1, 1, 1, 2}, 1, 2),
			tensor(graph.Shape{1, 1, 1, 3}, 1, 10, 100), vec(0.5)}, []float64{1.5, 10.5, 102.5, 20.5, 200.5, 0.5}},
		{"conv_transpose, asymmetric padding", graph.ConvTranspose{Stride: [2]int{1, 2}, Pad: [4]int{0, 0, 1, 0}}, []operand{
			tensor(graph.Shape{1, 1, 1, 2}, 1, 2), tensor(graph.Shape{1, 1, 1, 3}, 1, 10, 100)}, []float64{10, 102, 20, 200}},
	})
}

func TestPoolsByHand(t *testing.T) {
	row := tensor(graph.Shape{1, 1, 1, 3}, 1, 2, 3)
	left := [4]int{0, 0, 1, 0}
	checkCases(t, []handCase{
		{"l2", graph.Pool{Fn: graph.L2Pool, Kernel: [2]int{2, 2}}, []operand{tensor(graph.Shape{1, 1, 2, 2}, 3, 4, 0, 0)}, []float64{5}},
		{"l2, padded", graph.Pool{Fn: graph.L2Pool, Kernel: [2]int{1, 2}, Pad: left}, []operand{row}, []float64{1, math.Sqrt(13)}},
		{"average over padding", graph.Pool{Fn: graph.AvgPool, Kernel: [2]int{1, 2}, Pad: left}, []operand{row}, []float64{0.5, 2.5}},
		{"average without padding", graph.Pool{Fn: graph.AvgPool, Kernel: [2]int{1, 2}, Pad: left, ExcludePad: true}, []operand{row}, []float64{1, 2.5}},
		{"average, cut window", graph.Pool{Fn: graph.AvgPool, Kernel: [2]int{1, 2}, Ceil: true}, []operand{row}, []float64{1.5, 3}},
		{"maximum of negatives", graph.Pool{Fn: graph.MaxPool, Kernel: [2]int{1, 2}, Pad: left}, []operand{tensor(graph.Shape{1, 1, 1, 3}, -1, -2, -3)},
			[]float64{-1, -2}},
	})
}

func TestNormsByHand(t *testing.T) {
	column := func(v ...float64) operand { return tensor(graph.Shape{1, len(v), 1, 1}, v...) }
	checkCases(t, []handCase{
		{"layer_norm over channels", graph.LayerNorm{Axis: 1}, []operand{tensor(graph.Shape{1, 2, 2}, 1, 2, 3, 6), vec(2, 3), vec(0, 1)},
			[]float64{-2, -2, 4, 4}},
		{"rms_norm", graph.RMSNorm{Eps: 0.75}, []operand{vec(1, 0, 0, 0), vec(2, 2, 2, 2)}, []float64{2, 0, 0, 0}},
		{"l2_norm below the floor", graph.L2Norm{Floor: 10}, []operand{vec(3, 4)}, []float64{0.3, 0.4}},
		{"batch_norm, rank 3", graph.BatchNorm{Eps: 1}, []operand{tensor(graph.Shape{1, 2, 1}, 5, 6), vec(2, 1), vec(1, 0), vec(1, 0), vec(3, 8)},
			[]float64{5, 2}},
		{"local_response_norm, even size", graph.LocalResponseNorm{Size: 2, Alpha: 2, Beta: 1, K: 1}, []operand{column(1, 2)}, []float64{1.0 / 6, 0.4}},
		{"lrn, 2 channels", graph.LRN{Alpha: 1, Beta: 1, K: 1}, []operand{column(1, 2)}, []float64{1.0 / 6, 0.4}},
		{"lrn, 3 channels", graph.LRN{Alpha: 1, Beta: 1, K: 1}, []operand{column(1, 2, 3)}, []float64{1.0 / 6, 2.0 / 15, 3.0 / 14}},
		{"lrn, 4 channels", graph.LRN{Alpha: 1, Beta: 1, K: 1}, []operand{column(1, 1, 1, 1)}, []float64{1.0 / 4, 1.0 / 5, 1.0 / 4, 1.0 / 3}},
		{"minmax_norm", graph.MinMaxNorm{Eps: 0.5}, []operand{vec(1, 2, 4, 3)}, []float64{0, 1 / 3.5, 3 / 3.5, 2 / 3.5}},
		{"log_softmax of large values", graph.Softmax{Log: true}, []operand{vec(1e4, 1e4)}, []float64{-math.Ln2, -math.Ln2}},
	})
}

func TestMovesByHand(t *testing.T) {
	nine := tensor(graph.Shape{1, 1, 3, 3}, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	pairs := tensor(graph.Shape{2, 1, 2, 2}, 1, 2, 3, 4, 5, 6, 7, 8)
	batch := func(v ...float64) operand { return tensor(graph.Shape{8, 1, 1, 1}, v...) }
	depth := tensor(graph.Shape{1, 2, 2, 2}, 1, 2, 3, 4, 5, 6, 7, 8)
	checkCases(t, []handCase{
		{"crop", graph.Crop{Top: 1, Right: 1}, []operand{nine}, []float64{4, 5, 7, 8}},
		{"slice_by_size", graph.Slice{Begin: []int{0, 0, 1, 0}, Size: []int{1, 1, 2, 2}}, []operand{nine}, []float64{4, 5, 7, 8}},
		{"flatten", graph.Flatten{}, []operand{pairs}, pairs.values},
		{"input_view", graph.InputView{Offset: 2, Size: 3}, []operand{tensor(graph.Shape{2, 3}, 1, 2, 3, 4, 5, 6)}, []float64{3, 4, 5}},
		{"dynamic_slice", graph.DynamicSlice{Start: 1, Size: 2}, []operand{vec(1, 2, 3, 4)}, []float64{2, 3}},
		{"gather_along_axis clamps", graph.GatherAlongAxis{Axis: 1}, []operand{tensor(graph.Shape{1, 3}, 10, 20, 30),
			tensor(graph.Shape{1, 4}, -2, 5, 1, math.NaN())}, []float64{10, 30, 20, 10}},
		{"space_to_batch, offset-major", graph.SpaceToBatch{Block: [2]int{2, 2}}, []operand{pairs}, []float64{1, 5, 2, 6, 3, 7, 4, 8}},
		{"space_to_batch, batch-major", graph.SpaceToBatch{Block: [2]int{2, 2}, Order: graph.BatchMajor}, []operand{pairs}, pairs.values},
		{"space_to_batch, padded", graph.SpaceToBatch{Block: [2]int{1, 2}, Pad: [4]int{0, 0, 1, 0}, Order: graph.BatchMajor},
			[]operand{tensor(graph.Shape{1, 1, 1, 3}, 1, 2, 3)}, []float64{0, 2, 1, 3}},
		{"batch_to_space, offset-major", graph.BatchToSpace{Block: [2]int{2, 2}}, []operand{batch(1, 5, 2, 6, 3, 7, 4, 8)}, pairs.values},
		{"batch_to_space, batch-major", graph.BatchToSpace{Block: [2]int{2, 2}, Order: graph.BatchMajor}, []operand{batch(pairs.values...)}, pairs.values},
		{"batch_to_space, cropped", graph.BatchToSpace{Block: [2]int{2, 2}, Crop: [4]int{1, 0, 0, 1}, Order: graph.BatchMajor},
			[]operand{batch(pairs.values...)}, []float64{3, 7}},
		{"space_to_channel", graph.SpaceToDepth{Block: 2, Bridge: true}, []operand{depth}, []float64{1, 5, 2, 6, 3, 7, 4, 8}},
		{"channel_to_space", graph.DepthToSpace{Block: 2, Bridge: true}, []operand{tensor(graph.Shape{1, 8, 1, 1}, 1, 5, 2, 6, 3, 7, 4, 8)}, depth.values},
	})
}

func TestAffineByHand(t *testing.T) {
	square := tensor(graph.Shape{1, 1, 2, 2}, 1, 2, 3, 4)
	matrix := func(m ...float64) operand { return tensor(graph.Shape{1, 6}, m...) }
	identity := matrix(1, 0, 0, 0, 1, 0)
	size := [2]int{2, 2}
	checkCases(t, []handCase{
		{"identity, corners", graph.Affine{Size: size, AlignCorners: true}, []operand{square, identity}, square.values},
		{"identity, edges", graph.Affine{Size: size}, []operand{square, identity}, square.values},
		{"half a width, corners", graph.Affine{Size: size, AlignCorners: true}, []operand{square, matrix(1, 0, 1, 0, 1, 0)}, []float64{1.5, 1, 3.5, 2}},
		{"mirrored", graph.Affine{Size: size}, []operand{square, matrix(-1, 0, 0, 0, 1, 0)}, []float64{2, 1, 4, 3}},
		{"transposed", graph.Affine{Size: size}, []operand{square, matrix(0, 1, 0, 1, 0, 0)}, []float64{1, 3, 2, 4}},
		{"outside", graph.Affine{Size: size}, []operand{square, matrix(1, 0, 10, 0, 1, 0)}, []float64{0, 0, 0, 0}},
		{"larger, edges", graph.Affine{Size: [2]int{1, 4}}, []operand{tensor(graph.Shape{1, 1, 1, 2}, 4, 8), identity}, []float64{3, 5, 7, 6}},
	})
}

func TestBridgeOperationsByHand(t *testing.T) {
	points := tensor(graph.Shape{5, 3}, 0, 0, 0, 1, 0, 0, 5, 0, 0, -5, 0, 0, 0, 4, 0)
	a, b := vec(1, 2), tensor(graph.Shape{1, 2}, 3, 4)
	checkCases(t, []handCase{
		{"cross_product", graph.CrossProduct{}, []operand{vec(1, 2, 3), vec(4, 5, 6)}, []float64{-3, 6, -3}},
		{"cross_correlation", graph.CrossCorrelation{}, []operand{tensor(graph.Shape{2, 3}, 1, 2, 3, 4, 5, 6), tensor(graph.Shape{2, 2}, 1, 2, 3, 4)},
			[]float64{37, 47}},
		{"cost_volume", graph.CostVolume{Range: 1}, []operand{vec(1, 2), vec(1, 4, 0)}, []float64{0, 2, 3, 2}},
		{"fps, the first of equals", graph.FurthestPoints{K: 4}, []operand{points}, []float64{0, 0, 0, 5, 0, 0, -5, 0, 0, 0, 4, 0}},
		{"radius_search", graph.RadiusSearch{R: 5}, []operand{tensor(graph.Shape{3, 3}, 0, 0, 0, 3, 4, 0, 0, 0, 5.1), tensor(graph.Shape{2, 3}, 0, 0, 0, 3, 0, 0)},
			[]float64{1, 1, 1, 1, 0, 0}},
		{"scaled add", graph.ScaledElementwise{Fn: graph.Add, Scale: 2}, []operand{a, b}, []float64{8, 12}},
		{"scaled sub", graph.ScaledElementwise{Fn: graph.Sub, Scale: 2}, []operand{a, b}, []float64{-4, -4}},
		{"scaled mul", graph.ScaledElementwise{Fn: graph.Mul, Scale: 2}, []operand{a, b}, []float64{6, 16}},
		{"scaled maximum", graph.ScaledElementwise{Fn: graph.Maximum, Scale: 2}, []operand{a, b}, []float64{6, 8}},
		{"scaled minimum", graph.ScaledElementwise{Fn: graph.Minimum, Scale: 2}, []operand{a, b}, []float64{2, 4}},
	})
}

// Ties keep their order in both directions.
func TestOrderIsStable(t *testing.T) {
	x := tensor(graph.Shape{1, 5}, 2, 1, 2, 1, 3)
	require.Equal(t, [][]float64{{1, 1, 2, 2, 3}, {1, 3, 0, 2, 4}}, eval(t, graph.Sort{Axis: 1}, x))
	require.Equal(t, [][]float64{{3, 2, 2, 1, 1}, {4, 0, 2, 1, 3}}, eval(t, graph.Sort{Axis: 1, Descending: true}, x))
	require.Equal(t, [][]float64{{3, 2}, {4, 0}}, eval(t, graph.TopK{Axis: 1, K: 2}, x))
	require.Equal(t, [][]float64{{1, 1, 2}, {1, 3, 0}}, eval(t, graph.TopK{Axis: 1, K: 3, Smallest: true}, x))
	require.Equal(t, [][]float64{{1}}, eval(t, graph.Arg{Fn: graph.ArgMin, Axis: 1}, x))
}
