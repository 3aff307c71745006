package registry

import "strings"

// oneLowering is why every fused operation has a single route.
const oneLowering = "one lowering by construction: no graph cut to remove"

// fused lists the operations that become part of one program. Where the
// graph's operation has another name, it follows a colon.
func fused() []Entry {
	published := `abs add adds affine atan avg_pool batch_norm bmm:matmul clamped_relu clip concat conv conv_transpose cos
		crop depth_to_space einsum elu erf exp exp2 expand_dims flatten2d gelu greater group_norm instance_norm inverse
		l2_norm layer_norm leaky_relu linear_activation local_response_norm log matmul max_pool maximum minimum mul muls
		pixel_shuffle pixel_unshuffle pow real_div reduce_l1_norm reduce_log_sum reduce_max reduce_mean reduce_min
		reduce_sum reduce_sum_square relu relu6 reshape resize_bilinear resize_nearest_neighbor rms_norm rsqrt scaled_tanh
		select sigmoid sigmoid_hard silu sin slice_by_size softmax:softmax,log_softmax softplus softsign space_to_depth split
		sqrt square squeeze stack sub tanh threshold thresholded_relu transpose upsample upsample_bilinear`
	var list []Entry
	for _, word := range strings.Fields(published) {
		name, ops, renamed := strings.Cut(word, ":")
		if !renamed {
			ops = name
		}
		list = append(list, Entry{Name: name, Status: Fused, Ops: strings.Split(ops, ","), Verified: "silicon", RelErr: -1,
			Class: Single, Reason: oneLowering})
	}
	return append(list, promoted()...)
}

// promoted are fused here and not in the published census; see [Differences].
func promoted() []Entry {
	var list []Entry
	add := func(relErr float64, note string, names ...string) {
		for _, name := range names {
			list = append(list, Entry{Name: name, Status: Fused, Ops: []string{name}, Verified: "silicon", RelErr: relErr,
				Class: Single, Reason: oneLowering, Note: note})
		}
	}
	add(0, "", "ceil", "floor", "sign")
	add(0, "lowered with a select: the native kernel adds 0.5 wrongly from 1024 on", "round")
	add(-1, presence, "equal", "less", "less_equal", "greater_equal", "not_equal", "logical_not", "prelu",
		"gelu_tanh_approx", "gelu_sigmoid_approx")
	add(4.1e-4, "", "l2_pool")
	add(7.7e-4, "", "reduce_log_sum_exp")
	add(-1, "strided windows; the native InputView layer is the capability of input_view", "slice_by_index")
	add(-1, "uint8 images to halves only; fp32 and integer forms stay refused", "cast")
	for _, e := range []Entry{
		{Name: "reduce_l2_norm", RelErr: 5.1e-4, AliasOf: "l2_norm"},
		{Name: "linear", RelErr: 3e-4, AliasOf: "matmul, linear_activation"},
		{Name: "pad", RelErr: 2.1e-4, AliasOf: "Pad, the native layer, which is only predicted"},
		{Name: "reverse", RelErr: 0, AliasOf: "Reverse, the native layer, which is walled"},
		{Name: "tile", RelErr: 0, AliasOf: "Tile, the native layer"},
	} {
		e.Status, e.Ops, e.Verified, e.Class, e.Reason = Fused, []string{e.Name}, "silicon", Single, oneLowering
		list = append(list, e)
	}
	return list
}

// presence is the note of an operation that the sweep compiled and ran without
// holding its values to anything.
const presence = "compiles and runs; its values were not held to a reference on silicon"

// rankWall is why the channel rearrangements have no second route.
const rankWall = "the reshape and transpose form needs a rank-6 intermediate [N,C,H/r,r,W/r,r]; the compiler takes rank 5 at most"

// bridges are the native layers that the compiler's front end does not offer.
// This suite never builds them: Substitute is what it lowers them to.
func bridges() []Entry {
	single := func(name, reason, substitute string) Entry {
		return Entry{Name: name, Class: Single, Reason: reason, Substitute: substitute}
	}
	selectable := func(name, alternative, evidence string) Entry {
		return Entry{Name: name, Class: Selectable, Alternative: alternative, Loss: Lossless, Evidence: evidence, Substitute: alternative}
	}
	list := []Entry{
		selectable("sdpa", "softmax(s·q·kᵀ)·v of fused products", "bit-identical"),
		selectable("minmax_norm", "reduce_min, reduce_max, sub, sub, adds, real_div", "relerr at most 1.5e-3, degenerate row included"),
		selectable("flatten", "reshape to the same one-dimensional shape", "relerr 0"),
		selectable("lrn", "local_response_norm of size C with alpha·C, the same beta and k", "relerr 0 over C, alpha, beta and k"),
		single("argmax", "no fused index of a maximum: gather and argmax are not available", "reduce_max, greater_equal, select of indices, reduce_min"),
		single("topk", "no sorting or selection primitive in a graph", "first rows of the sort construction"),
		single("sort", "no sorting or selection primitive in a graph", "rank by comparison, then a one-hot product"),
		single("fps", "a greedy loop over data, not expressible feed-forward", "the loop unrolled k−1 times"),
		single("radius_search", "membership depends on data (a dynamic gather)", "squared distances, less_equal, select"),
		single("cross_product", "fixed native layer; the permute, multiply and subtract form was judged not worth a route", "rotated products and a sub"),
		single("cross_correlation", "becomes a conv with a kernel of at most 15; the native layer is the offered route", "conv with a computed weight"),
		single("cost_volume", "fixed native layer, no fused form offered", "shifted slices, sub, abs, concat"),
		single("input_view", "contiguous slice; no fused slice counted as its equivalent", "reshape, slice_by_size, reshape"),
		single("dynamic_slice", "slice at a run-time position, no fused form", "slice_by_size at a build-time position"),
		single("scaled_elementwise", "multiply, then binary, is fused by itself, but the native layer is the offered route; its subtract mode is not available", "binary, then muls"),
		single("space_to_channel", rankWall, "space_to_depth"),
		single("channel_to_space", "inverse of space_to_channel: "+rankWall, "depth_to_space"),
		single("space_to_batch", "block-to-batch order needs a chain of rank 5 or more, which does not compile", "reshapes and transposes of rank 4, a side at a time"),
		single("batch_to_space", "inverse of space_to_batch: the same limit of the rank", "the same steps backwards"),
	}
	for i := range list {
		list[i].Status, list[i].Ops, list[i].Verified, list[i].RelErr = Bridge, []string{list[i].Name}, "silicon", -1
	}
	return list
}
