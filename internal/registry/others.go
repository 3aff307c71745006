package registry

import "strings"

// cracked are native layers that work and that nobody needs.
func cracked() []Entry {
	list := []Entry{
		{Name: "Broadcast", Note: "add, sub and mul broadcast in the fused route already"},
		{Name: "Dropout", Note: "identity at rate 0; an inference engine has no use for it"},
		{Name: "DynamicGOC", Note: "gain, offset and clamp; it is no scatter"},
		{Name: "RandomGenerator", Note: "four distributions compile; seeding and streaming are unsettled"},
		{Name: "Resample", Note: "nearest mode only; the bilinear mode is the fused resize_bilinear and upsample_bilinear"},
		{Name: "Shape", Note: "shapes are static"},
		{Name: "Tile", Note: "factors are keyed by the dimension's name; the MIL operation is offered as tile"},
	}
	for i := range list {
		list[i].Status, list[i].Verified, list[i].RelErr = Cracked, "silicon", -1
	}
	return list
}

// reachable operations compile and run and are not offered by the graph.
func reachable() []Entry {
	list := []Entry{
		{Name: "constexpr_affine_dequantize", RelErr: 5e-4},
		{Name: "constexpr_blockwise_shift_scale", RelErr: 3.8e-4, Note: "cannot feed a product directly, so that it saves disk and no bandwidth"},
		{Name: "constexpr_cast", RelErr: 0},
		{Name: "constexpr_lut_to_dense", RelErr: 0, AliasOf: "int4 palette weights"},
		{Name: "constexpr_lut_to_sparse", RelErr: -1, Note: presence},
		{Name: "constexpr_sparse_blockwise_shift_scale", RelErr: -1, Note: presence},
		{Name: "constexpr_sparse_to_dense", RelErr: 0, AliasOf: "sparse weights"},
		{Name: "dequantize", RelErr: 2.7e-4},
		{Name: "quantize", RelErr: 2.7e-4},
		{Name: "fill", RelErr: 3.4e-4},
		{Name: "fill_like", RelErr: 2.9e-4},
		{Name: "floor_div", RelErr: 0},
		{Name: "gelu_exact", RelErr: 2.39e-3},
		{Name: "non_maximum_suppression", RelErr: -1, Note: presence},
		{Name: "range_1d", RelErr: 2.5e-4},
		{Name: "resize", RelErr: -1, AliasOf: "resize_bilinear, resize_nearest_neighbor", Note: presence},
		{Name: "scaled_dot_product_attention", RelErr: 2.7e-4, AliasOf: "sdpa"},
		{Name: "softplus_parametric", RelErr: -1, Note: presence},
		{Name: "upsample_nearest_neighbor", RelErr: 0, AliasOf: "upsample, resize_nearest_neighbor"},
	}
	for i := range list {
		list[i].Status, list[i].Verified = Reachable, "silicon"
	}
	return list
}

// The walls of the single-operation sweep.
const (
	notImplemented = "the MIL operation is not implemented on the Neural Engine; what it computes may have a substitute"
	failsCompile   = "the smallest program with the operation fails to compile"
)

// negatives were shown not to work.
func negatives() []Entry {
	var list []Entry
	for _, name := range strings.Fields(`acos asin atanh band_part cosh crop_resize gather_nd logical_and logical_or logical_xor
		mod non_zero one_hot random_bernoulli random_categorical random_normal random_uniform reduce_argmax
		reverse_sequence scatter_along_axis scatter_nd shape sinh slice_update sliding_windows tan`) {
		list = append(list, Entry{Name: name, Wall: notImplemented})
	}
	for _, name := range []string{"argsort", "conv_quantized", "identity", "reshape_like"} {
		list = append(list, Entry{Name: name, Wall: failsCompile})
	}
	list = append(list,
		Entry{Name: "gather_along_axis", Ops: []string{"gather_along_axis"}, Wall: notImplemented,
			Substitute: "a one-hot selection of the index, where the lowering offers one"},
		Entry{Name: "reduce_argmin", Ops: []string{"argmin"}, Wall: notImplemented,
			Substitute: "reduce_min, less_equal, select of indices, reduce_min"},
	)
	list = append(list, layerWalls()...)
	list = append(list, capabilityWalls()...)
	for i := range list {
		list[i].Status, list[i].Verified, list[i].RelErr = Negative, "negative-confirmed", -1
	}
	return list
}

// layerWalls are native layers and opcodes that cannot be reached.
func layerWalls() []Entry {
	return []Entry{
		{Name: "CropResize", Wall: "fails to compile as a layer (texture unit, plane-equation coefficients)"},
		{Name: "KernelRasterizer", Wall: "compiles only as the identity; a real unfold always fails"},
		{Name: "MATDECOMP_MATMULT_0x19", Wall: "emitted only by an internal pass on a batched topology that a layer list cannot express"},
		{Name: "MatrixDecomposition_factorization", Wall: "carriers compile, the factorisation is not callable"},
		{Name: "PEFUSED_GOC_0x5C", Wall: "emitted only by an internal pass"},
		{Name: "RCAS", Wall: "has no exported validator: not reachable as a layer"},
		{Name: "Reverse", Wall: "has no exported validator and no opcode; the MIL operation reverse works"},
		{Name: "RingBufferWriter", Wall: "needs several procedures; one procedure always fails"},
		{Name: "Unflatten", Wall: "fails to compile in all variants; reshape and transpose work"},
	}
}

// capabilityWalls are limits of what was tried, each with its own probe.
func capabilityWalls() []Entry {
	return []Entry{
		{Name: "batch_to_space_indivisible", Probe: "batch_to_space_indivisible", Wall: "the batch must divide by the block's size"},
		{Name: "bf16_compute", Wall: "bf16 is refused"},
		{Name: "bitwise_logical", Wall: "and, or, xor are no operations of the fp16 surface"},
		{Name: "conv_kernel_ge16", Wall: "a convolution kernel of width 16 and more fails to compile (M5)"},
		{Name: "cumsum", Ops: []string{"cumsum"}, Wall: notImplemented, Substitute: "product with a triangular matrix of ones; relerr 3e-4"},
		{Name: "custom_hwx_load", Wall: "loading compiled programs of one's own needs an entitlement"},
		{Name: "fp32_compute", Wall: "fp32 arithmetic is refused; fp32 weights are rounded to halves"},
		{Name: "gather", Ops: []string{"gather"}, Wall: notImplemented, Substitute: "slices and a concat, or a one-hot product, for constant indices; bit-exact"},
		{Name: "group_norm_large_featuremap", Wall: "refused only where max(C/groups, H·W) exceeds 65536; the census of M5 refused 640 channels at 64×64"},
		{Name: "iir_recurrence", Wall: "each output depends on the one before: no loop over data"},
		{Name: "int32_compute", Probe: "int32_weight", Wall: "int32 arithmetic is refused"},
		{Name: "lrn_channels_ge16", Probe: "lrn_c16", Wall: "the native layer takes at most 15 channels"},
		{Name: "minmax_norm_channel_axis", Probe: "minmax_norm_channel", Wall: "the native layer takes width and height only"},
		{Name: "nan_to_num", Wall: "NaN is not propagated"},
		{Name: "on_device_rng_seeded", Wall: "seeding and streaming of the generator layer are unsettled"},
		{Name: "rank5_transpose_matmul", Wall: "a transpose feeding a product fails to compile at rank 5"},
		{Name: "reduce_prod", Wall: notImplemented, Substitute: "exp(Σ ln x) for positive x; relerr 1e-3"},
		{Name: "scaled_elementwise_sub", Probe: "scaled_elementwise_sub", Wall: "the native layer refuses subtraction, and its multiplication ignores the scale"},
		{Name: "scan", Wall: "no loop over data in a graph"},
		{Name: "scatter", Wall: "no scattered write: DynamicGOC is gain, offset and clamp only"},
		{Name: "square_opcode_tiling", Wall: "square, then a nonlinearity, fails to compile where (W mod 128) > 64; mul(x, x) works"},
		{Name: "topk_k3_k4", Probe: "topk_k3", Wall: "the native layer refuses k = 3 and k = 4"},
	}
}

// notAuthorable have no single-operation form in a feed-forward program.
func notAuthorable() []Entry {
	var list []Entry
	for _, name := range strings.Fields(`classify cond gru list_gather list_length list_read list_scatter list_write lstm
		make_list read_state rnn while_loop`) {
		list = append(list, Entry{Name: name, Status: NotAuthorable, Verified: "negative-confirmed", RelErr: -1,
			Wall: "control flow, list or state: no form in one feed-forward procedure"})
	}
	return list
}

func predicted() []Entry {
	return []Entry{{Name: "Pad", Status: Predicted, Verified: "no", RelErr: -1,
		Note: "the layer's validator accepts it, about 13 spellings fail to compile; the MIL operation is offered as pad"}}
}
