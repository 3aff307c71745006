package graph_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/graph"
)

// refused holds at least one invalid application of every operation, with what
// the error must say.
var refused = []struct {
	op   graph.Op
	in   []graph.Type
	want string
}{
	{graph.Not{}, ops(f(2)), "want bool, got [2]"},
	{graph.Not{}, ops(bo(2), bo(2)), "want 1 operands, got 2"},
	{graph.Select{}, ops(f(2), f(2), f(2)), "want bool cond and float a, b"},
	{graph.Select{}, ops(bo(2), f(2), f(3)), "cannot broadcast [2] with [3]"},
	{graph.Select{}, ops(bo(4), f(2), f(2)), "cannot broadcast [4] with [2]"},
	{graph.Select{}, ops(bo(4)), "want 3 operands, got 1"},
	{graph.PReLU{}, ops(f(2, 4), f(4)), "want x of rank 3 or more, got [2,4]"},
	{graph.PReLU{}, ops(f(2, 4, 3), f(3)), "operand 1: want [4], got [3]"},
	{graph.Cast{}, ops(f(2)), "want uint8, got [2]: only image inputs are cast"},
	{graph.Cast{}, nil, "want 1 operands, got 0"},
	{graph.Unary{Fn: "cbrt"}, ops(f(2)), `no elementwise function "cbrt"`},
	{graph.Unary{Fn: graph.Clip, A: 2, B: 1}, ops(f(2)), "clip to [2, 1]: the lower bound is above the upper"},
	{graph.Binary{Fn: "mod"}, ops(f(2), f(2)), `no elementwise function "mod"`},
	{graph.Compare{Fn: "near"}, ops(f(2), f(2)), `no comparison "near"`},

	{graph.MatMul{}, ops(f(13), f(13, 5)), "want operands of rank 2 or more, got x [13], y [13,5]"},
	{graph.MatMul{}, ops(f(7, 13), f(12, 5)), "inner dimensions differ: x has K=13, y has K=12"},
	{graph.MatMul{TransposeX: true}, ops(f(7, 13), f(13, 5)), "x has K=7, y has K=13"},
	{graph.MatMul{}, ops(f(2, 7, 13), f(3, 13, 5)), "cannot broadcast [2] with [3]"},
	{graph.Linear{}, ops(f(5, 12), f(12, 7)), "want x [..., K], W [N, K]; got x [5,12], W [12,7]"},
	{graph.Linear{}, ops(f(5, 12), f(7, 12), f(12)), "operand 2: want [7], got [12]"},
	{graph.Linear{}, ops(f(5, 12)), "want 2 to 3 operands, got 1"},
	{graph.Einsum{}, ops(f(1, 4, 3, 6), f(1, 6, 4, 5)), "want x [N,C,H,W], B [N,W,H,U]"},
	{graph.CumSum{Axis: 2}, ops(f(2, 3)), "axis 2, want 0 to 1"},
	{graph.SDPA{}, ops(f(2, 2, 3, 4), f(2, 2, 7, 5), f(2, 2, 7, 4)), "want q [B,H,Sq,D], k [B,H,Sk,D], v [B,H,Sk,Dv]"},
	{graph.SDPA{Causal: true}, ops(f(1, 1, 3, 4), f(1, 1, 7, 4), f(1, 1, 7, 4)), "causal attention wants Sq = Sk, got 3 and 7"},
	{graph.SDPA{}, ops(f(1, 1, 3, 4), f(1, 1, 7, 4), f(1, 1, 7, 4), f(7, 3)), "mask [7,3] does not broadcast to the scores [1,1,3,7]"},
	{graph.SDPA{}, ops(f(1, 1, 1, 4), f(1, 1, 7, 4), f(1, 1, 7, 4), f(3, 7)), "mask [3,7] does not broadcast to the scores [1,1,1,7]"},

	{graph.Conv{}, ops(f(3, 8, 8), f(4, 3, 3, 3)), "want x of rank 4, got [3,8,8]"},
	{graph.Conv{}, ops(f(1, 4, 8, 8), f(4, 3, 3, 3)), "want x [N,Cin,H,W], W [Cout,Cin/1,kH,kW]; got x [1,4,8,8], W [4,3,3,3]"},
	{graph.Conv{Groups: 2}, ops(f(1, 6, 8, 8), f(3, 3, 3, 3)), "W [Cout,Cin/2,kH,kW]"},
	{graph.Conv{}, ops(f(1, 3, 8, 8), f(4, 3, 9, 3)), "filter [4,3,9,3] is larger than the padded input of [1,3,8,8]"},
	{graph.Conv{Stride: [2]int{-1, 1}}, ops(f(1, 3, 8, 8), f(4, 3, 3, 3)), "stride [-1 1] and window or dilation [1 1] must be at least 1"},
	{graph.Conv{Pad: [4]int{0, 0, -1, 0}}, ops(f(1, 3, 8, 8), f(4, 3, 3, 3)), "padding [0 0 -1 0] must not be negative"},
	{graph.Conv{}, ops(f(1, 3, 8, 8), f(4, 3, 3, 3), f(3)), "operand 2: want [4], got [3]"},
	{graph.ConvTranspose{}, ops(f(1, 3, 4, 4), f(4, 3, 3, 3)), "want x [N,Cin,H,W], W [Cin,Cout/1,kH,kW]"},
	{graph.ConvTranspose{Pad: [4]int{4, 4, 0, 0}}, ops(f(1, 3, 4, 4), f(3, 4, 3, 3)), "result: dimension -2 in [1,4,-2,6], want at least 1"},
	{graph.ConvTranspose{Groups: 2}, ops(f(1, 4, 4, 4), f(4, 3, 3, 3), f(3)), "operand 2: want [6], got [3]"},
	{graph.Pool{Fn: graph.MaxPool, Kernel: [2]int{2, 2}, Pad: [4]int{2, 0, 0, 0}}, ops(f(1, 1, 8, 8)), "padding [2 0 0 0] is more than half of the window [2 2]"},
	{graph.Pool{Fn: graph.AvgPool, Kernel: [2]int{9, 2}}, ops(f(1, 1, 8, 8)), "window [9 2] is larger than the padded input of [1,1,8,8]"},
	{graph.Pool{Fn: graph.L2Pool}, ops(f(1, 1, 8, 8)), "must be at least 1"},
	{graph.Pool{Fn: "min_pool"}, ops(f(1, 1, 8, 8)), `no pooling function "min_pool"`},

	{graph.Softmax{Axis: 2}, ops(f(2, 3)), "axis 2, want 0 to 1"},
	{graph.Softmax{Axis: -1, Log: true}, ops(f(2, 3)), "axis -1, want 0 to 1"},
	{graph.LayerNorm{Axis: 1}, ops(f(2, 3), f(2), f(3)), "operand 1: want [3], got [2]"},
	{graph.LayerNorm{Axis: 3}, ops(f(2, 3), f(2), f(3)), "axis 3, want 0 to 1"},
	{graph.RMSNorm{}, ops(f(2, 3), f(2)), "operand 1: want [3], got [2]"},
	{graph.GroupNorm{Groups: 3}, ops(f(1, 4, 2, 2), f(4), f(4)), "4 channels do not divide into 3 groups"},
	{graph.GroupNorm{}, ops(f(1, 4, 2, 2), f(4), f(4)), "4 channels do not divide into 0 groups"},
	{graph.InstanceNorm{}, ops(f(1, 4, 2), f(4), f(4)), "want x of rank 4, got [1,4,2]"},
	{graph.BatchNorm{}, ops(f(1, 4), f(4), f(4), f(4), f(4)), "want x of rank 3 or more, got [1,4]"},
	{graph.BatchNorm{}, ops(f(1, 4, 2), f(4), f(4), f(4), f(2)), "operand 4: want [4], got [2]"},
	{graph.L2Norm{Axis: 1}, ops(f(4)), "axis 1, want 0 to 0"},
	{graph.LocalResponseNorm{}, ops(f(1, 4, 2, 2)), "window of 0 channels, want at least 1"},

	{graph.Arg{Fn: graph.ArgMax, Axis: 1}, ops(f(4)), "axis 1, want 0 to 0"},
	{graph.Arg{Fn: graph.ArgMin}, ops(bo(4)), "operand 0 is bool, want float"},
	{graph.Arg{Fn: "argmid"}, ops(f(4)), `no index reduction "argmid"`},
	{graph.TopK{K: 5}, ops(f(4)), "k=5, want 1 to 4"},
	{graph.TopK{K: 1, Axis: 1}, ops(f(4)), "axis 1, want 0 to 0"},
	{graph.Sort{Axis: 1}, ops(f(4)), "axis 1, want 0 to 0"},
	{graph.Reduce{Fn: "reduce_prod", Axes: []int{0}}, ops(f(4)), `no reduction "reduce_prod"`},
	{graph.Reduce{Fn: graph.Sum}, ops(f(4)), "no axes given"},
	{graph.Reduce{Fn: graph.Sum, Axes: []int{0, 0}}, ops(f(4)), "axis 0 is given twice"},

	{graph.Reshape{Shape: graph.Shape{5}}, ops(f(2, 3)), "[2,3] has 6 elements, [5] has 5"},
	{graph.Reshape{Shape: graph.Shape{-2, -3}}, ops(f(2, 3)), "dimension -2 in [-2,-3], want at least 1"},
	{graph.Reshape{Shape: graph.Shape{1, 1, 1, 1, 2, 3}}, ops(f(2, 3)), "rank of [1,1,1,1,2,3] is 6, want 1 to 5"},
	{graph.Transpose{Perm: []int{0}}, ops(f(2, 3)), "permutation [0] of a tensor of rank 2"},
	{graph.Transpose{Perm: []int{0, 0}}, ops(f(2, 3)), "axis 0 is given twice"},
	{graph.Squeeze{Axes: []int{1}}, ops(f(1, 3)), "axis 1 of [1,3] has length 3, want 1"},
	{graph.ExpandDims{Axes: []int{3}}, ops(f(2, 3)), "axis 3, want 0 to 2"},
	{graph.ExpandDims{Axes: []int{0, 1}}, ops(f(1, 2, 3, 4)), "rank of [1,1,1,2,3,4] is 6, want 1 to 5"},
	{graph.Flatten2D{Axis: 3}, ops(f(2, 3)), "axis 3, want 0 to 2"},
	{graph.Slice{Begin: []int{2}, Size: []int{2}}, ops(f(3)), "axis 0: 2 elements from 2 in steps of 1 leave 0..2"},
	{graph.Slice{Begin: []int{0}, Size: []int{3}, Stride: []int{2}}, ops(f(4)), "axis 0: 3 elements from 0 in steps of 2 leave 0..3"},
	{graph.Slice{Begin: []int{0}, Size: []int{1, 1}}, ops(f(2, 2)), "want one number per axis"},
	{graph.Concat{}, nil, "want 1 to 1048576 operands, got 0"},
	{graph.Concat{Axis: 0}, ops(f(2, 3), f(2, 4)), "[2,3] and [2,4] differ outside axis 0"},
	{graph.Concat{Axis: 0}, ops(f(2, 3), f(2)), "ranks of [2,3] and [2] differ"},
	{graph.Stack{}, ops(f(2), f(3)), "shapes [2] and [3] differ"},
	{graph.Stack{Axis: 2}, ops(f(2), f(2)), "axis 2, want 0 to 1"},
	{graph.Split{Sizes: []int{2, 3}}, ops(f(4)), "sizes [2 3] do not add up to 4, the length of axis 0"},
	{graph.Split{Sizes: []int{5, -1}}, ops(f(4)), "result: dimension -1 in [-1], want at least 1"},
	{graph.Reverse{Axes: []int{1}}, ops(f(4)), "axis 1, want 0 to 0"},
	{graph.Tile{Reps: []int{2}}, ops(f(2, 3)), "1 repetitions for rank 2"},
	{graph.Tile{Reps: []int{0}}, ops(f(2)), "result: dimension 0 in [0], want at least 1"},
	{graph.Tile{Reps: []int{1 << 40}}, ops(f(2)), "has more than 2^40 elements"},
	{graph.Pad{Pads: [][2]int{{0, 0}}, Mode: graph.PadConstant}, ops(f(2, 3)), "1 pads for rank 2"},
	{graph.Pad{Pads: [][2]int{{0, 0}}, Mode: "wrap"}, ops(f(2)), `no padding mode "wrap"`},
	{graph.Pad{Pads: [][2]int{{0, 2}}, Mode: graph.PadReflect}, ops(f(2)), "axis 0 of length 2: cannot pad [0 2] by reflect"},
	{graph.Gather{Indices: []int{4}}, ops(f(4)), "index 4, want 0 to 3"},
	{graph.Gather{}, ops(f(4)), "result: dimension 0 in [0], want at least 1"},
	{graph.GatherAlongAxis{}, ops(f(3, 4), f(4)), "ranks of x [3,4] and indices [4] differ"},
	{graph.GatherAlongAxis{Axis: 1}, ops(f(3, 4), f(2, 4)), "x [3,4] and indices [2,4] differ outside axis 1"},

	{graph.PixelShuffle{R: 2}, ops(f(1, 6, 2, 2)), "channels of [1,6,2,2] do not divide by the square of the block 2"},
	{graph.PixelUnshuffle{R: 2}, ops(f(1, 1, 3, 2)), "height and width of [1,1,3,2] do not divide by the block 2"},
	{graph.SpaceToDepth{}, ops(f(1, 1, 2, 2)), "do not divide by the block 0"},
	{graph.SpaceToDepth{Block: 2, Bridge: true}, ops(f(1, 2, 2)), "want x of rank 4, got [1,2,2]"},
	{graph.DepthToSpace{}, ops(f(1, 4, 2, 2)), "do not divide by the square of the block 0"},
	{graph.DepthToSpace{Block: 2, Bridge: true}, ops(f(1, 4, 2)), "want x of rank 4, got [1,4,2]"},
	{graph.SpaceToBatch{Block: [2]int{2, 2}}, ops(f(1, 1, 3, 4)), "padded size 3×4 does not divide by the block [2 2]"},
	{graph.SpaceToBatch{}, ops(f(1, 1, 3, 4)), "must be at least 1"},
	{graph.BatchToSpace{Block: [2]int{2, 2}}, ops(f(6, 1, 2, 2)), "batch 6 does not divide by the block's 4 offsets"},
	{graph.BatchToSpace{Block: [2]int{1, 1}, Crop: [4]int{1, 1, 0, 0}}, ops(f(1, 1, 2, 2)), "result: dimension 0 in [1,1,0,2]"},
	{graph.Crop{Left: -1}, ops(f(1, 1, 2, 2)), "cannot crop by"},
	{graph.Crop{Top: 2}, ops(f(1, 1, 2, 2)), "result: dimension 0 in [1,1,0,2]"},
	{graph.Resize{Fn: graph.UpsampleNearest}, ops(f(1, 1, 2, 2)), "result: dimension 0 in [1,1,0,0]"},
	{graph.Resize{Fn: graph.UpsampleBilinear, Scale: [2]int{2, 2}}, ops(f(1, 2, 2)), "want x of rank 4, got [1,2,2]"},
	{graph.Resize{Fn: graph.ResizeNearest, Size: [2]int{-1, 2}}, ops(f(1, 1, 2, 2)), "result: dimension -1"},
	{graph.Resize{Fn: graph.ResizeBilinear}, ops(f(1, 1, 2, 2)), "result: dimension 0"},
	{graph.Resize{Fn: "cubic"}, ops(f(1, 1, 2, 2)), `no resampling function "cubic"`},
	{graph.Affine{Size: [2]int{2, 2}}, ops(f(1, 1, 2, 2), f(2, 6)), "want x [N,C,H,W], T [N,6]; got x [1,1,2,2], T [2,6]"},

	{graph.Flatten{}, ops(u8(4)), "operand 0 is uint8, want float"},
	{graph.MinMaxNorm{Axis: 1}, ops(f(4)), "axis 1, want 0 to 0"},
	{graph.LRN{}, ops(f(4)), "want x of rank 4, got [4]"},
	{graph.CrossProduct{}, ops(f(3), f(4)), "operand 1: want [3], got [4]"},
	{graph.CrossCorrelation{}, ops(f(3, 3), f(4, 1)), "want x [H,W] and a smaller template; got x [3,3], t [4,1]"},
	{graph.CostVolume{Range: 2}, ops(f(4), f(5)), "want aux [W], ref [W+2 or more]; got aux [4], ref [5]"},
	{graph.FurthestPoints{K: 5}, ops(f(4, 3)), "want at most 8192 points [N,3] and k of 1 to min(N,1024); got [4,3], k=5"},
	{graph.FurthestPoints{K: 1}, ops(f(8193, 3)), "want at most 8192 points"},
	{graph.RadiusSearch{}, ops(f(4, 3), f(4, 2)), "want p [N,3], c [M,3]; got p [4,3], c [4,2]"},
	{graph.InputView{Offset: 5, Size: 2}, ops(f(2, 3)), "window [5, +2) leaves the 6 elements"},
	{graph.DynamicSlice{Size: 2}, ops(f(2, 2)), "want x of rank 1, got [2,2]"},
	{graph.DynamicSlice{Start: -1, Size: 2}, ops(f(4)), "window [-1, +2) leaves the 4 elements"},
	{graph.ScaledElementwise{Fn: graph.Div}, ops(f(2), f(2)), `no scaled form of "real_div"`},
	{graph.ScaledElementwise{Fn: graph.Add}, ops(f(2), f(3)), "operands have 2 and 3 elements"},
}

// A refusal is a graph.Error that names the graph, the node, the operation and
// the operands, and the builder stays broken.
func TestRefusedShapes(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range refused {
		seen[c.op.Name()] = true
		refuse(t, c.op, c.in, c.want)
	}
	for _, fn := range graph.UnaryFns() {
		seen[string(fn)] = true
		refuse(t, graph.Unary{Fn: fn}, ops(bo(2)), "operand 0 is bool, want float")
		refuse(t, graph.Unary{Fn: fn}, ops(f(2), f(2)), "want 1 operands, got 2")
	}
	for _, fn := range graph.BinaryFns() {
		seen[string(fn)] = true
		refuse(t, graph.Binary{Fn: fn}, ops(f(2), f(3)), "cannot broadcast [2] with [3]")
	}
	for _, fn := range graph.CompareFns() {
		seen[string(fn)] = true
		refuse(t, graph.Compare{Fn: fn}, ops(f(2)), "want 2 operands, got 1")
	}
	for _, fn := range graph.ReduceFns() {
		seen[string(fn)] = true
		refuse(t, graph.Reduce{Fn: fn, Axes: []int{2}}, ops(f(2, 3)), "axis 2, want 0 to 1")
	}
	for _, op := range graph.Catalog() {
		if !seen[op.Name()] {
			t.Errorf("no refused case of %s", op.Name())
		}
	}
}

func refuse(t *testing.T, op graph.Op, in []graph.Type, want string) {
	t.Helper()
	_, err := apply(op, in)
	require.ErrorContains(t, err, want, "%s %+v of %v", op.Name(), op, in)
	var e *graph.Error
	require.True(t, errors.As(err, &e), "%T is no graph.Error", err)
	require.Equal(t, "g", e.Graph)
	require.Equal(t, op.Name(), e.Op)
	require.ErrorContains(t, err, "graph g: "+e.Node+" ("+op.Name()+") of [")
	require.ErrorIs(t, err, e.Rule)
}
