package corpus

import (
	"math"

	"devicemap/internal/graph"
)

// extra are this suite's own cases: numbers for operations and parameters that
// no published case computes, and stronger twins of weak published cases. The
// order decides the draws; new cases go to the end of their list.
func extra(rule Scaling) []*Case {
	untouched := append(extraBridge(), extraImages()...)
	untouched = append(untouched, extraParameters()...)
	untouched = append(untouched, extraMoves()...)
	untouched = append(untouched, extraElementwise()...)
	untouched = append(untouched, extraWide()...)
	untouched = append(untouched, extraEdges()...)
	list := cases("untouched", &stream{seed: 41, rule: rule}, untouched)
	return append(list, cases("twin", &stream{seed: 43, rule: rule}, twins())...)
}

// single is a case of one operation on x.
func single(name string, op graph.Op, shape ...int) *Case {
	return &Case{Name: name, arrays: []*array{in("x", normal(1), shape...)}, build: onX(op)}
}

// both is a case of one operation on a and b.
func both(name string, op graph.Op, a, b []int) *Case {
	return &Case{Name: name, arrays: []*array{in("a", normal(1), a...), in("b", normal(1), b...)},
		build: func(n *net) *graph.Value { return n.Apply(op, n.v("a"), n.v("b")) }}
}

func bitExact(c *Case) *Case { c.Exact = true; return c }

// extraBridge computes the native layers; argmax and sdpa have published
// cases.
func extraBridge() []*Case {
	ranked := func(name string, op graph.Op, x *array) *Case {
		return &Case{Name: name, arrays: []*array{x}, Exact: true,
			build: func(n *net) *graph.Value { // the values, then their indices
				return n.Apply(graph.Concat{Axis: 1}, n.ApplyMany(op, n.v("x"))...)
			}}
	}
	ties := []float32{2, -1, 2, 0.5, -1, 2, 7, 0, 0, 7, -3, 0.25}
	list := []*Case{
		single("minmax_norm_width", graph.MinMaxNorm{Axis: 3, Eps: 1e-4}, 1, 3, 4, 8),
		single("minmax_norm_height", graph.MinMaxNorm{Axis: 2, Eps: 1e-4}, 1, 4, 6, 5),
		single("lrn_C8", graph.LRN{Alpha: 0.5, Beta: 0.75, K: 1}, 1, 8, 3, 6),
		single("lrn_C5", graph.LRN{Alpha: 0.25, Beta: 0.5, K: 2}, 1, 5, 2, 7),
		bitExact(single("flatten", graph.Flatten{}, 2, 3, 5)),
		bitExact(single("argmin", graph.Arg{Fn: graph.ArgMin, Axis: 1}, 6, 12)),
		bitExact(single("argmax_axis0", graph.Arg{Fn: graph.ArgMax, Axis: 0}, 9, 5)),
		bitExact(&Case{Name: "argmax_first_of_equals", arrays: []*array{fixed("x", ties, 2, 6)},
			build: onX(graph.Arg{Fn: graph.ArgMax, Axis: 1})}),
		ranked("topk_k5", graph.TopK{K: 5, Axis: 1}, in("x", normal(1), 3, 16)),
		ranked("topk_k3_smallest", graph.TopK{K: 3, Axis: 1, Smallest: true}, in("x", normal(1), 3, 16)),
		ranked("sort_ascending", graph.Sort{Axis: 1}, in("x", normal(1), 3, 12)),
		ranked("sort_ties", graph.Sort{Axis: 1, Descending: true}, fixed("x", ties, 2, 6)),
		both("cross_product", graph.CrossProduct{}, []int{3}, []int{3}),
		both("cross_correlation", graph.CrossCorrelation{}, []int{9, 11}, []int{3, 4}),
		both("cost_volume", graph.CostVolume{Range: 4}, []int{10}, []int{15}),
		bitExact(single("fps", graph.FurthestPoints{K: 6}, 24, 3)),
		bitExact(both("radius_search", graph.RadiusSearch{R: 1.5}, []int{20, 3}, []int{7, 3})),
		bitExact(single("input_view", graph.InputView{Offset: 5, Size: 9}, 3, 8)),
		bitExact(single("dynamic_slice", graph.DynamicSlice{Start: 1, Size: 2}, 4)),
		bitExact(single("space_to_channel", graph.SpaceToDepth{Block: 2, Bridge: true}, 1, 3, 4, 6)),
		bitExact(single("channel_to_space", graph.DepthToSpace{Block: 2, Bridge: true}, 1, 12, 3, 2)),
		bitExact(single("space_to_batch", graph.SpaceToBatch{Block: [2]int{2, 3}, Order: graph.BatchMajor}, 2, 3, 4, 6)),
		bitExact(single("batch_to_space", graph.BatchToSpace{Block: [2]int{2, 3}, Order: graph.BatchMajor}, 12, 2, 2, 3)),
	}
	for _, fn := range []graph.BinaryFn{graph.Add, graph.Sub, graph.Mul, graph.Maximum, graph.Minimum} {
		list = append(list, both("scaled_elementwise_"+string(fn), graph.ScaledElementwise{Fn: fn, Scale: 1.5}, []int{4, 6}, []int{24}))
	}
	return list
}

// rotation is a transform of affine: a turn, a scale and a shift.
var rotation = []float32{0.75, -0.5, 0.125, 0.5, 0.75, -0.25}

func extraImages() []*Case {
	var list []*Case
	for _, aligned := range []bool{false, true} {
		suffix := map[bool]string{false: "", true: "_aligned"}[aligned]
		list = append(list,
			&Case{Name: "affine" + suffix, arrays: []*array{in("x", normal(1), 1, 3, 6, 8), held("T", rotation, 1, 6)},
				build: func(n *net) *graph.Value {
					return n.Apply(graph.Affine{Size: [2]int{5, 7}, AlignCorners: aligned}, n.v("x"), n.v("T"))
				}},
			single("resize_bilinear_up"+suffix, graph.Resize{Fn: graph.ResizeBilinear, Size: [2]int{9, 7}, AlignCorners: aligned}, 1, 3, 5, 4),
			single("resize_bilinear_down"+suffix, graph.Resize{Fn: graph.ResizeBilinear, Size: [2]int{3, 4}, AlignCorners: aligned}, 1, 3, 7, 8))
	}
	return append(list,
		single("upsample_bilinear_aligned", graph.Resize{Fn: graph.UpsampleBilinear, Scale: [2]int{2, 3}, AlignCorners: true}, 1, 2, 4, 3),
		bitExact(single("upsample_uneven", graph.Resize{Fn: graph.UpsampleNearest, Scale: [2]int{2, 3}}, 1, 2, 3, 4)),
		bitExact(single("resize_nearest_down", graph.Resize{Fn: graph.ResizeNearest, Size: [2]int{3, 5}}, 1, 2, 8, 7)),
		bitExact(single("crop_uneven", graph.Crop{Top: 1, Bottom: 2, Left: 0, Right: 3}, 1, 2, 6, 8)),
		bitExact(single("pixel_unshuffle", graph.PixelUnshuffle{R: 2}, 1, 3, 4, 6)),
		bitExact(single("pixel_shuffle_kept", graph.PixelShuffle{R: 2}, 1, 12, 3, 2)),
		bitExact(single("depth_to_space_kept", graph.DepthToSpace{Block: 2}, 1, 12, 3, 2)),
		bitExact(single("max_pool_padded", graph.Pool{Fn: graph.MaxPool, Kernel: [2]int{3, 2}, Stride: [2]int{2, 1}, Pad: [4]int{1, 0, 0, 1}}, 1, 3, 8, 7)),
		single("avg_pool_padded", graph.Pool{Fn: graph.AvgPool, Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Pad: [4]int{1, 1, 1, 1}}, 1, 3, 8, 7),
		single("avg_pool_real_elements", graph.Pool{Fn: graph.AvgPool, Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Pad: [4]int{1, 1, 1, 1}, ExcludePad: true}, 1, 3, 8, 7),
		single("l2_pool", graph.Pool{Fn: graph.L2Pool, Kernel: [2]int{2, 2}}, 1, 3, 6, 8),
		bitExact(&Case{Name: "cast_image", uint8s: []string{"x"}, arrays: []*array{fixed("x", bytesOf(48), 1, 3, 4, 4)}, build: onX(graph.Cast{})}))
}

// bytesOf are n different pixel values.
func bytesOf(n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(i * 37 % 256)
	}
	return out
}

// extraParameters computes the sides, steps and flags that square published
// cases cannot tell apart.
func extraParameters() []*Case {
	conv := func(name string, c graph.Conv, x, filter []int, bias bool) *Case {
		k := &Case{Name: name, Tol: 0.03, arrays: []*array{in("x", normal(1), x...), w("W", normal(0.3), filter...)}}
		b := ""
		if bias {
			k.arrays, b = append(k.arrays, w("b", normal(1), filter[0])), "b"
		}
		k.build = func(n *net) *graph.Value { return n.convOf(c, n.v("x"), "W", b) }
		return k
	}
	turned := func(name string, c graph.ConvTranspose, x, filter []int) *Case {
		return &Case{Name: name, Tol: 0.03,
			arrays: []*array{in("x", normal(1), x...), w("W", normal(0.3), filter...), w("b", normal(1), filter[1]*max(1, c.Groups))},
			build:  func(n *net) *graph.Value { return n.Apply(c, n.v("x"), n.v("W"), n.v("b")) }}
	}
	attention := func(name string, op graph.SDPA, v *array, mask ...*array) *Case {
		return &Case{Name: name, Tol: 0.03,
			arrays: append([]*array{in("q", normal(1), 1, 2, 6, 8), in("k", normal(1), 1, 2, 6, 8), v}, mask...),
			build: func(n *net) *graph.Value {
				operands := []*graph.Value{n.v("q"), n.v("k"), n.v("v")}
				for _, m := range mask {
					operands = append(operands, n.v(m.name))
				}
				return n.Apply(op, operands...)
			}}
	}
	value := func(d int) *array { return in("v", normal(1), 1, 2, 6, d) }
	return []*Case{
		conv("conv_uneven_pads", graph.Conv{Pad: [4]int{2, 0, 1, 3}}, []int{1, 3, 7, 6}, []int{4, 3, 3, 2}, false),
		conv("conv_strided_dilated", graph.Conv{Stride: [2]int{2, 1}, Dilation: [2]int{1, 2}, Pad: [4]int{1, 1, 2, 2}}, []int{1, 3, 9, 8}, []int{4, 3, 3, 3}, true),
		conv("conv_grouped_bias", graph.Conv{Groups: 2, Pad: [4]int{1, 1, 1, 1}}, []int{2, 4, 6, 5}, []int{6, 2, 3, 3}, true),
		conv("conv_depthwise", graph.Conv{Groups: 6, Pad: [4]int{1, 1, 1, 1}}, []int{1, 6, 7, 7}, []int{6, 1, 3, 3}, false),
		conv("conv_wide_kernel", graph.Conv{Pad: [4]int{0, 0, 6, 6}}, []int{1, 2, 3, 20}, []int{3, 2, 1, 13}, true),
		turned("conv_transpose_uneven", graph.ConvTranspose{Stride: [2]int{2, 1}, Pad: [4]int{1, 0, 0, 1}}, []int{1, 3, 5, 4}, []int{3, 4, 3, 2}),
		turned("conv_transpose_grouped", graph.ConvTranspose{Stride: [2]int{2, 2}, OutputPad: [2]int{1, 1}, Groups: 2, Pad: [4]int{1, 1, 1, 1}}, []int{1, 4, 4, 3}, []int{4, 3, 3, 3}),
		both("matmul_transpose_x", graph.MatMul{TransposeX: true}, []int{2, 7, 5}, []int{2, 7, 6}),
		both("matmul_transpose_y", graph.MatMul{TransposeY: true}, []int{2, 5, 7}, []int{2, 6, 7}),
		both("matmul_broadcast", graph.MatMul{}, []int{3, 4, 6}, []int{6, 5}),
		{Name: "linear_rank3_bias", Tol: 0.03, Int8Tol: 0.06, arrays: []*array{in("x", normal(1), 2, 5, 12), w("W", normal(0.3), 9, 12), w("b", normal(1), 9)},
			build: func(n *net) *graph.Value { return n.linear(n.v("x"), "W", "b") }},
		single("cumsum_axis0", graph.CumSum{Axis: 0}, 12, 5),
		attention("sdpa_causal", graph.SDPA{Causal: true}, value(8)),
		attention("sdpa_masked", graph.SDPA{}, value(8), w("m", normal(2), 1, 1, 6, 6)),
		attention("sdpa_wide_value_scaled", graph.SDPA{Scale: 0.5}, value(12)),
		single("softmax_axis1", graph.Softmax{Axis: 1}, 2, 6, 5),
		single("log_softmax", graph.Softmax{Axis: 1, Log: true}, 5, 9),
		{Name: "layer_norm_channels", arrays: []*array{in("x", normal(1), 1, 6, 1, 7), w("g", positive(1), 6), w("b", normal(1), 6)},
			build: func(n *net) *graph.Value {
				return n.Apply(graph.LayerNorm{Axis: 1, Eps: 1e-5}, n.v("x"), n.v("g"), n.v("b"))
			}},
		single("l2_norm_axis0", graph.L2Norm{Axis: 0, Floor: 1e-3}, 7, 5),
		single("local_response_norm_even", graph.LocalResponseNorm{Size: 4, Alpha: 1, Beta: 0.75, K: 2}, 1, 9, 3, 4),
		single("reduce_l2_norm_axis0", graph.Reduce{Fn: graph.L2NormSum, Axes: []int{0}}, 6, 5),
		single("reduce_sum_two_axes_dropped", graph.Reduce{Fn: graph.Sum, Axes: []int{0, 2}, Drop: true}, 3, 4, 5),
		single("reduce_mean_axis0", graph.Reduce{Fn: graph.Mean, Axes: []int{0}}, 6, 5),
	}
}

func extraMoves() []*Case {
	pads := [][2]int{{1, 0}, {2, 3}}
	along := []float32{3, 0, 1, 1, 2, 2, 4, 0, 0, 3, 1, 4}
	return []*Case{
		bitExact(single("pad_constant", graph.Pad{Pads: pads, Mode: graph.PadConstant, Value: 0.5}, 3, 5)),
		bitExact(single("pad_reflect", graph.Pad{Pads: pads, Mode: graph.PadReflect}, 3, 5)),
		bitExact(single("pad_replicate", graph.Pad{Pads: pads, Mode: graph.PadReplicate}, 3, 5)),
		bitExact(&Case{Name: "gather_along_axis", arrays: []*array{in("x", normal(1), 3, 5), fixed("i", along, 3, 4)},
			build: func(n *net) *graph.Value { return n.Apply(graph.GatherAlongAxis{Axis: 1}, n.v("x"), n.v("i")) }}),
		bitExact(single("gather_middle_axis", graph.Gather{Axis: 1, Indices: []int{3, 0, 3}}, 2, 4, 3)),
		bitExact(single("slice_strided", graph.Slice{Begin: []int{1, 0}, Size: []int{3, 4}, Stride: []int{2, 3}}, 7, 11)),
		bitExact(single("tile_two_axes", graph.Tile{Reps: []int{2, 3}}, 3, 4)),
		bitExact(single("reverse_two_axes", graph.Reverse{Axes: []int{0, 2}}, 2, 3, 4)),
		bitExact(both("concat_middle_axis", graph.Concat{Axis: 1}, []int{2, 3, 4}, []int{2, 5, 4})),
		bitExact(both("stack_last_axis", graph.Stack{Axis: 2}, []int{3, 4}, []int{3, 4})),
		bitExact(&Case{Name: "split_uneven", arrays: []*array{in("x", normal(1), 3, 9)},
			build: func(n *net) *graph.Value {
				parts := n.ApplyMany(graph.Split{Axis: 1, Sizes: []int{2, 4, 3}}, n.v("x"))
				return n.Apply(graph.Concat{Axis: 1}, parts[2], parts[0], parts[1])
			}}),
		bitExact(&Case{Name: "concat_of_slices", arrays: []*array{in("x", normal(1), 4, 10)},
			build: func(n *net) *graph.Value {
				window := func(from int) *graph.Value {
					return n.Apply(graph.Slice{Begin: []int{0, from}, Size: []int{4, 3}}, n.v("x"))
				}
				return n.Apply(graph.Concat{Axis: 1}, window(6), window(1))
			}}),
		bitExact(single("transpose_rank5", graph.Transpose{Perm: []int{3, 0, 4, 1, 2}}, 2, 3, 2, 4, 3)),
	}
}

func extraElementwise() []*Case {
	list := []*Case{
		single("gelu_tanh_approx", graph.Unary{Fn: graph.GELUTanh}, 4, 16),
		single("gelu_sigmoid_approx", graph.Unary{Fn: graph.GELUSigmoid}, 4, 16),
		{Name: "log_with_eps", arrays: []*array{in("x", positive(1), 4, 8)}, build: onX(graph.Unary{Fn: graph.Log, A: 0.25})},
		{Name: "rsqrt_with_eps", arrays: []*array{in("x", positive(1), 4, 8)}, build: onX(graph.Unary{Fn: graph.Rsqrt, A: 0.25})},
		{Name: "inverse_with_eps", arrays: []*array{in("x", positive(1), 4, 8)}, build: onX(graph.Unary{Fn: graph.Inverse, A: 0.25})},
		// The native kernels give 0 here, one more, or forget the factor.
		{Name: "softplus_large", arrays: []*array{fixed("x", []float32{-20, -11.5, -3, 0, 3, 10.5, 11.5, 14, 40, 900}, 10)}, build: onX(graph.Unary{Fn: graph.Softplus})},
		bitExact(&Case{Name: "round_large", arrays: []*array{fixed("x", []float32{0.75, -3.25, 1022.75, 1024, 1025, 2047, -1025, -2050}, 8)}, build: onX(graph.Unary{Fn: graph.Round})}),
		{Name: "prelu_image", arrays: []*array{in("x", normal(1), 2, 3, 4, 5), w("a", normal(1), 3)},
			build: func(n *net) *graph.Value { return n.Apply(graph.PReLU{}, n.v("x"), n.v("a")) }},
		{Name: "zero_after_reduction", arrays: []*array{in("x", normal(1), 4, 8)},
			build: func(n *net) *graph.Value {
				return n.Add(n.v("x"), n.Scale(n.fold(graph.Sum, n.v("x"), 1), 0))
			}},
		{Name: "select_broadcast", Exact: true, arrays: []*array{in("a", normal(1), 4, 6), in("b", normal(1), 1, 6), in("c", normal(1), 4, 1)},
			build: func(n *net) *graph.Value {
				cond := n.Apply(graph.Compare{Fn: graph.Less}, n.v("b"), n.v("c"))
				return n.Apply(graph.Select{}, cond, n.v("a"), n.v("b"))
			}},
	}
	for _, fn := range []graph.UnaryFn{graph.Floor, graph.Ceil, graph.Round} {
		list = append(list, &Case{Name: string(fn) + "_times_scalar", arrays: []*array{in("x", normal(3), 4, 8)},
			build: func(n *net) *graph.Value { return n.Scale(n.Unary(fn, n.v("x")), 0.75) }})
	}
	return list
}

// extraWide tells a wide accumulator from a half's: every addend is below half
// a step of the running sum.
func extraWide() []*Case {
	addends := append([]float32{16000}, repeated(1, 64)...)
	return []*Case{
		{Name: "matmul_wide_accumulator", Exact: true, arrays: []*array{fixed("x", addends, 1, 65), held("W", repeated(1, 65*4), 4, 65)},
			build: func(n *net) *graph.Value { return n.linear(n.v("x"), "W", "") }},
		{Name: "conv_wide_accumulator", Exact: true, arrays: []*array{fixed("x", addends, 1, 65, 1, 1), held("W", repeated(1, 65*2), 2, 65, 1, 1)},
			build: func(n *net) *graph.Value { return n.conv(n.v("x"), "W", "", 0, 1) }},
	}
}

// extraEdges are cases that a mutation of a lowering asked for: without them
// it stayed unnoticed.
func extraEdges() []*Case {
	norm := func(name string, op graph.Op, arrays ...*array) *Case {
		return &Case{Name: name, Tol: 0.05, arrays: arrays, build: func(n *net) *graph.Value {
			var in []*graph.Value
			for _, a := range arrays {
				in = append(in, n.v(a.name))
			}
			return n.Apply(op, in...)
		}}
	}
	tied := func(fn graph.CompareFn) *Case {
		a, b := []float32{1, 2, 2, -3, 0, 0.5}, []float32{1, 3, 1, -3, -0.25, 0.5}
		return &Case{Name: string(fn) + "_ties", Exact: true, arrays: []*array{fixed("a", a, 6), fixed("b", b, 6)},
			build: func(n *net) *graph.Value {
				yes, no := n.Const("yes", graph.F32([]float32{1}), 1), n.Const("no", graph.F32([]float32{0}), 1)
				return n.Apply(graph.Select{}, n.Apply(graph.Compare{Fn: fn}, n.v("a"), n.v("b")), yes, no)
			}}
	}
	list := []*Case{
		// eps matters where the variance is as small.
		norm("batch_norm_small_variance", graph.BatchNorm{Eps: 1e-3}, in("x", normal(0.05), 1, 4, 5, 6), w("g", positive(1), 4),
			w("b", normal(0.1), 4), w("m", normal(0.02), 4), held("v", []float32{0.0005, 0.001, 0.002, 0.0015}, 4)),
		norm("layer_norm_small_variance", graph.LayerNorm{Axis: 1, Eps: 1e-3}, in("x", normal(0.03), 6, 64), w("g", positive(1), 64), w("b", normal(0.1), 64)),
		norm("instance_norm_small_variance", graph.InstanceNorm{Eps: 1e-3}, in("x", normal(0.03), 1, 3, 8, 8), w("g", positive(1), 3), w("b", normal(0.1), 3)),
		norm("group_norm_small_variance", graph.GroupNorm{Groups: 2, Eps: 1e-3}, in("x", normal(0.03), 1, 4, 8, 8), w("g", positive(1), 4), w("b", normal(0.1), 4)),
		norm("l2_norm_floor", graph.L2Norm{Axis: 1, Floor: 0.25}, fixed("x", []float32{0, 0, 0, 0, 0.125, 0, -0.0625, 0, 3, 4, 0, 0}, 3, 4)),
		norm("minmax_norm_constant_row", graph.MinMaxNorm{Axis: 3, Eps: 1e-2}, fixed("x", []float32{2, 2, 2, 2, 1, 1.0078125, 1, 1.015625}, 1, 1, 2, 4)),
		norm("minmax_norm_channel", graph.MinMaxNorm{Axis: 1, Eps: 1e-4}, in("x", normal(1), 1, 6, 3, 4)),
		norm("lrn_C20", graph.LRN{Alpha: 0.125, Beta: 0.75, K: 1}, in("x", normal(1), 1, 20, 2, 3)),
	}
	for _, fn := range graph.CompareFns() {
		list = append(list, tied(fn))
	}
	// Where gelu is small, an approximation of it is large: the sigmoid form
	// is off by an eighth of the largest magnitude here.
	small := ramp(48)[13:24] // −4 to 0
	list = append(list, &Case{Name: "gelu_negative", Tol: 0.05, arrays: []*array{fixed("x", small, 11)}, build: onX(graph.Unary{Fn: graph.GELU})})
	// Normal draws rarely reach the bounds and bends of these.
	for _, op := range []graph.Unary{{Fn: graph.ReLU6}, {Fn: graph.ELU, A: 0.5}, {Fn: graph.Clip, A: -2, B: 5},
		{Fn: graph.ClampedReLU, A: 0.25, B: 4}, {Fn: graph.ThresholdedReLU, A: 0.5}, {Fn: graph.SigmoidHard, A: 0.25, B: 0.5}} {
		list = append(list, &Case{Name: op.Name() + "_range", arrays: []*array{fixed("x", ramp(48), 4, 12)}, build: onX(op)})
	}
	return list
}

// ramp runs from below −9 to above 9 in n steps that are halves.
func ramp(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = (float32(i)+0.5-float32(n)/2)*0.375 + 0.0625
	}
	return x
}

// twins do what a weak published case seems to do.
func twins() []*Case {
	list := []*Case{
		{Name: "deep_chain_32_kept", Tol: 0.03, arrays: []*array{in("x", normal(1), 4, 16)},
			build: func(n *net) *graph.Value {
				h := n.v("x")
				for range 8 { // 32 operations; adding x keeps the data
					h = n.Unary(graph.Tanh, n.Scale(n.Unary(graph.Sin, h), 1.375))
					h = n.Add(h, n.v("x"))
				}
				return h
			}},
		{Name: "singleton_axis_reduce_positive", arrays: []*array{in("x", positive(1), 1, 1, 64)},
			build: func(n *net) *graph.Value { return n.fold(graph.Mean, n.fold(graph.Sum, n.v("x"), 0), 2) }},
		bitExact(single("transpose_kept", graph.Transpose{Perm: []int{2, 0, 1}}, 2, 3, 4)),
		bitExact(single("space_to_depth_kept", graph.SpaceToDepth{Block: 2}, 1, 4, 8, 6)),
	}
	return append(list, deepChainKept())
}

// deepChainKept is deep_chain_D512_d12 with weights that keep the size of the
// activations, √(2/512).
func deepChainKept() *Case {
	c := deepChain()
	c.Name, c.Tol, c.Int8Tol = "deep_chain_D512_kept", 0.05, 0.1
	for _, a := range c.arrays {
		if !a.input {
			a.dist = normal(math.Sqrt(2.0 / 512))
		}
	}
	return c
}
