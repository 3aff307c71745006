package graph_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/graph"
)

func f(dims ...int) graph.Type  { return graph.Type{DType: graph.Float, Shape: dims} }
func bo(dims ...int) graph.Type { return graph.Type{DType: graph.Bool, Shape: dims} }
func u8(dims ...int) graph.Type { return graph.Type{DType: graph.Uint8, Shape: dims} }

func ops(t ...graph.Type) []graph.Type { return t }

// apply runs op through a builder, on inputs of the given types. Booleans come
// from a comparison.
func apply(op graph.Op, in []graph.Type) ([]*graph.Value, error) {
	b := graph.New("g")
	var values []*graph.Value
	for i, t := range in {
		name := fmt.Sprintf("x%d", i)
		if t.DType == graph.Bool {
			x := b.Input(name, t.Shape...)
			values = append(values, b.Apply(graph.Compare{Fn: graph.Less}, x, x))
			continue
		}
		values = append(values, b.InputOf(name, t))
	}
	out := b.ApplyMany(op, values...)
	return out, b.Err()
}

// accepted holds at least one valid application of every operation, with the
// types of the results.
var accepted = []struct {
	op   graph.Op
	in   []graph.Type
	want string
}{
	{graph.Not{}, ops(bo(2, 3)), "[bool[2,3]]"},
	{graph.Select{}, ops(bo(2, 1), f(3), f(1)), "[[2,3]]"},
	{graph.PReLU{}, ops(f(2, 4, 3, 3), f(4)), "[[2,4,3,3]]"},
	{graph.Cast{}, ops(u8(1, 3, 8, 8)), "[[1,3,8,8]]"},

	{graph.MatMul{}, ops(f(7, 13), f(13, 5)), "[[7,5]]"},
	{graph.MatMul{TransposeX: true, TransposeY: true}, ops(f(2, 1, 13, 7), f(3, 5, 13)), "[[2,3,7,5]]"},
	{graph.Linear{}, ops(f(2, 3, 12), f(7, 12), f(7)), "[[2,3,7]]"},
	{graph.Linear{}, ops(f(12), f(7, 12)), "[[7]]"},
	{graph.Einsum{}, ops(f(1, 4, 3, 6), f(1, 6, 3, 5)), "[[1,4,3,5]]"},
	{graph.CumSum{Axis: 1}, ops(f(2, 3)), "[[2,3]]"},
	{graph.SDPA{}, ops(f(2, 2, 3, 4), f(2, 2, 7, 4), f(2, 2, 7, 5), f(3, 7)), "[[2,2,3,5]]"},
	{graph.SDPA{Causal: true}, ops(f(1, 2, 6, 8), f(1, 2, 6, 8), f(1, 2, 6, 8)), "[[1,2,6,8]]"},

	{graph.Conv{}, ops(f(1, 3, 8, 8), f(4, 3, 3, 3)), "[[1,4,6,6]]"},
	{graph.Conv{Stride: [2]int{2, 2}, Pad: [4]int{1, 1, 1, 1}}, ops(f(2, 3, 9, 7), f(4, 3, 3, 3), f(4)), "[[2,4,5,4]]"},
	{graph.Conv{Dilation: [2]int{2, 1}, Groups: 2, Pad: [4]int{0, 0, 1, 2}}, ops(f(1, 4, 6, 6), f(6, 2, 3, 3)), "[[1,6,2,7]]"},
	{graph.ConvTranspose{Stride: [2]int{2, 2}, Pad: [4]int{1, 1, 1, 1}, OutputPad: [2]int{1, 1}}, ops(f(1, 3, 4, 5), f(3, 4, 3, 3), f(4)), "[[1,4,8,10]]"},
	{graph.ConvTranspose{Groups: 2, Dilation: [2]int{2, 2}}, ops(f(1, 4, 3, 3), f(4, 3, 2, 2)), "[[1,6,5,5]]"},
	{graph.Pool{Fn: graph.MaxPool, Kernel: [2]int{2, 2}}, ops(f(1, 3, 8, 9)), "[[1,3,4,4]]"},
	{graph.Pool{Fn: graph.MaxPool, Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Ceil: true}, ops(f(1, 2, 8, 8)), "[[1,2,4,4]]"},
	// The window that rounding up would add starts behind the map: not added.
	{graph.Pool{Fn: graph.AvgPool, Kernel: [2]int{2, 2}, Stride: [2]int{3, 3}, Pad: [4]int{0, 1, 0, 1}, Ceil: true}, ops(f(1, 1, 3, 3)), "[[1,1,1,1]]"},
	{graph.Pool{Fn: graph.L2Pool, Kernel: [2]int{3, 3}, Stride: [2]int{1, 1}, Pad: [4]int{1, 1, 1, 1}}, ops(f(1, 1, 3, 3)), "[[1,1,3,3]]"},

	{graph.Softmax{Axis: 1}, ops(f(2, 3)), "[[2,3]]"},
	{graph.Softmax{Log: true}, ops(f(2, 3)), "[[2,3]]"},
	{graph.LayerNorm{Axis: 1}, ops(f(2, 3, 4), f(3), f(3)), "[[2,3,4]]"},
	{graph.RMSNorm{}, ops(f(2, 3), f(3)), "[[2,3]]"},
	{graph.GroupNorm{Groups: 2}, ops(f(1, 4, 2, 2), f(4), f(4)), "[[1,4,2,2]]"},
	{graph.InstanceNorm{}, ops(f(1, 4, 2, 2), f(4), f(4)), "[[1,4,2,2]]"},
	{graph.BatchNorm{}, ops(f(1, 4, 2), f(4), f(4), f(4), f(4)), "[[1,4,2]]"},
	{graph.L2Norm{Axis: 0}, ops(f(4)), "[[4]]"},
	{graph.LocalResponseNorm{Size: 5}, ops(f(1, 7, 2, 3)), "[[1,7,2,3]]"},

	{graph.Arg{Fn: graph.ArgMax, Axis: 1}, ops(f(5, 9)), "[[5,1]]"},
	{graph.Arg{Fn: graph.ArgMin, Drop: true}, ops(f(9)), "[[1]]"},
	{graph.TopK{K: 3, Axis: 1}, ops(f(4, 10)), "[[4,3] [4,3]]"},
	{graph.Sort{Axis: 1}, ops(f(4, 9)), "[[4,9] [4,9]]"},
	{graph.Reduce{Fn: graph.Sum, Axes: []int{0, 2}}, ops(f(3, 4, 5)), "[[1,4,1]]"},
	{graph.Reduce{Fn: graph.Sum, Axes: []int{0, 2}, Drop: true}, ops(f(3, 4, 5)), "[[4]]"},
	{graph.Reduce{Fn: graph.Mean, Axes: []int{0, 1}, Drop: true}, ops(f(3, 4)), "[[1]]"},

	{graph.Reshape{Shape: graph.Shape{4, 6}}, ops(f(2, 3, 4)), "[[4,6]]"},
	{graph.Transpose{Perm: []int{2, 0, 1}}, ops(f(2, 3, 4)), "[[4,2,3]]"},
	{graph.Squeeze{Axes: []int{0, 2}}, ops(f(1, 4, 1, 8)), "[[4,8]]"},
	{graph.ExpandDims{Axes: []int{0, 2}}, ops(f(3, 4)), "[[1,3,1,4]]"},
	{graph.Flatten2D{Axis: 1}, ops(f(2, 3, 4)), "[[2,12]]"},
	{graph.Flatten2D{}, ops(f(2, 3)), "[[1,6]]"},
	{graph.Slice{Begin: []int{1, 2}, Size: []int{2, 3}}, ops(f(3, 5)), "[[2,3]]"},
	{graph.Slice{Begin: []int{1, 2}, Size: []int{3, 3}, Stride: []int{2, 3}}, ops(f(6, 10)), "[[3,3]]"},
	{graph.Concat{Axis: 1}, ops(f(2, 3), f(2, 5), f(2, 1)), "[[2,9]]"},
	{graph.Stack{Axis: 1}, ops(f(3, 4), f(3, 4)), "[[3,2,4]]"},
	{graph.Split{Axis: 1, Sizes: []int{2, 3, 4}}, ops(f(4, 9)), "[[4,2] [4,3] [4,4]]"},
	{graph.Reverse{Axes: []int{1}}, ops(f(3, 5)), "[[3,5]]"},
	{graph.Tile{Reps: []int{2, 3}}, ops(f(2, 3)), "[[4,9]]"},
	{graph.Pad{Pads: [][2]int{{1, 0}, {2, 1}}, Mode: graph.PadConstant}, ops(f(2, 3)), "[[3,6]]"},
	{graph.Pad{Pads: [][2]int{{1, 1}}, Mode: graph.PadReflect}, ops(f(2)), "[[4]]"},
	{graph.Gather{Axis: 1, Indices: []int{2, 2, 0, 7}}, ops(f(4, 8)), "[[4,4]]"},
	{graph.GatherAlongAxis{Axis: 1}, ops(f(3, 4), f(3, 7)), "[[3,7]]"},

	{graph.PixelShuffle{R: 2}, ops(f(1, 12, 3, 4)), "[[1,3,6,8]]"},
	{graph.PixelUnshuffle{R: 2}, ops(f(1, 3, 4, 6)), "[[1,12,2,3]]"},
	{graph.SpaceToDepth{Block: 2}, ops(f(1, 3, 4, 6)), "[[1,12,2,3]]"},
	{graph.SpaceToDepth{Block: 3, Bridge: true}, ops(f(1, 1, 3, 3)), "[[1,9,1,1]]"},
	{graph.DepthToSpace{Block: 2}, ops(f(1, 12, 2, 3)), "[[1,3,4,6]]"},
	{graph.DepthToSpace{Block: 3, Bridge: true}, ops(f(1, 9, 1, 1)), "[[1,1,3,3]]"},
	{graph.SpaceToBatch{Block: [2]int{2, 2}, Pad: [4]int{1, 0, 0, 2}}, ops(f(1, 2, 3, 4)), "[[4,2,2,3]]"},
	{graph.BatchToSpace{Block: [2]int{2, 2}, Crop: [4]int{0, 1, 1, 0}}, ops(f(8, 3, 2, 3)), "[[2,3,3,5]]"},
	{graph.Crop{Top: 1, Bottom: 2, Left: 2, Right: 1}, ops(f(1, 3, 6, 6)), "[[1,3,3,3]]"},
	{graph.Resize{Fn: graph.UpsampleNearest, Scale: [2]int{2, 3}}, ops(f(1, 2, 3, 4)), "[[1,2,6,12]]"},
	{graph.Resize{Fn: graph.UpsampleBilinear, Scale: [2]int{2, 2}}, ops(f(1, 2, 4, 4)), "[[1,2,8,8]]"},
	{graph.Resize{Fn: graph.ResizeNearest, Size: [2]int{8, 4}}, ops(f(1, 2, 5, 7)), "[[1,2,8,4]]"},
	{graph.Resize{Fn: graph.ResizeBilinear, Size: [2]int{3, 4}}, ops(f(1, 2, 5, 6)), "[[1,2,3,4]]"},
	{graph.Affine{Size: [2]int{5, 6}}, ops(f(2, 3, 4, 4), f(2, 6)), "[[2,3,5,6]]"},

	{graph.Flatten{}, ops(f(2, 3, 4)), "[[24]]"},
	{graph.MinMaxNorm{Axis: 3}, ops(f(1, 2, 3, 4)), "[[1,2,3,4]]"},
	{graph.LRN{}, ops(f(1, 4, 2, 2)), "[[1,4,2,2]]"},
	{graph.CrossProduct{}, ops(f(3), f(3)), "[[3]]"},
	{graph.CrossCorrelation{}, ops(f(6, 7), f(3, 2)), "[[4,6]]"},
	{graph.CostVolume{Range: 2}, ops(f(4), f(6)), "[[3,4]]"},
	{graph.FurthestPoints{K: 4}, ops(f(10, 3)), "[[4,3]]"},
	{graph.RadiusSearch{R: 1}, ops(f(10, 3), f(2, 3)), "[[10,2]]"},
	{graph.InputView{Offset: 2, Size: 4}, ops(f(2, 3)), "[[4]]"},
	{graph.DynamicSlice{Start: 1, Size: 2}, ops(f(4)), "[[2]]"},
	{graph.ScaledElementwise{Fn: graph.Mul, Scale: 2}, ops(f(2, 3), f(6)), "[[6]]"},
}

func TestAcceptedShapes(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range accepted {
		seen[c.op.Name()] = true
		out, err := apply(c.op, c.in)
		require.NoError(t, err, "%s %+v of %v", c.op.Name(), c.op, c.in)
		var types []graph.Type
		for _, v := range out {
			types = append(types, v.Type)
		}
		if got := fmt.Sprint(types); got != c.want {
			t.Errorf("%s %+v of %v: got %s, want %s", c.op.Name(), c.op, c.in, got, c.want)
		}
	}
	for _, fn := range graph.UnaryFns() {
		seen[string(fn)] = true
		sameShape(t, graph.Unary{Fn: fn}, ops(f(2, 3)), f(2, 3))
	}
	for _, fn := range graph.BinaryFns() {
		seen[string(fn)] = true
		sameShape(t, graph.Binary{Fn: fn}, ops(f(2, 1, 4), f(3, 1)), f(2, 3, 4))
	}
	for _, fn := range graph.CompareFns() {
		seen[string(fn)] = true
		sameShape(t, graph.Compare{Fn: fn}, ops(f(6), f(4, 1)), bo(4, 6))
	}
	for _, fn := range graph.ReduceFns() {
		seen[string(fn)] = true
		sameShape(t, graph.Reduce{Fn: fn, Axes: []int{1}}, ops(f(2, 3)), f(2, 1))
	}
	for _, op := range graph.Catalog() {
		if !seen[op.Name()] {
			t.Errorf("no accepted case of %s", op.Name())
		}
	}
}

func sameShape(t *testing.T, op graph.Op, in []graph.Type, want graph.Type) {
	t.Helper()
	out, err := apply(op, in)
	require.NoError(t, err, op.Name())
	require.Equal(t, want, out[0].Type, op.Name())
}

func TestBroadcast(t *testing.T) {
	for _, c := range []struct{ a, b, want graph.Shape }{
		{graph.Shape{2, 3}, graph.Shape{3}, graph.Shape{2, 3}},
		{graph.Shape{2, 1}, graph.Shape{1, 4}, graph.Shape{2, 4}},
		{graph.Shape{}, graph.Shape{4}, graph.Shape{4}},
	} {
		for _, p := range [][2]graph.Shape{{c.a, c.b}, {c.b, c.a}} {
			got, err := graph.Broadcast(p[0], p[1])
			require.NoError(t, err)
			require.Equal(t, c.want, got, "%v with %v", p[0], p[1])
		}
	}
	_, err := graph.Broadcast(graph.Shape{2, 3}, graph.Shape{2})
	require.EqualError(t, err, "cannot broadcast [2,3] with [2]: dimensions must be equal or 1")
}

// Catalogue names are keys of the engines' tables: unique, sorted, and such
// that they can stand in a benchmark's name.
func TestCatalogNames(t *testing.T) {
	last := ""
	for _, op := range graph.Catalog() {
		name := op.Name()
		require.Regexp(t, `^[a-z][a-z0-9_]*$`, name)
		require.Less(t, last, name, "names are sorted and unique")
		last = name
	}
	require.Len(t, graph.Catalog(), 126)
}
