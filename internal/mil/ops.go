package mil

// signature is an operation as the route accepts it.
type signature struct {
	op     string
	infer  func(s *Stmt) ([]Type, error) // the results' types, or the broken shape rule
	params []param
}

// table has one row per operation. Parameters are in alphabetical order, as
// the compiler prints them. Everything here is known to compile for the engine
// and to compute the right values; l2_norm, resize, softplus_parametric and
// non_maximum_suppression compile too, but nobody has checked their results.
// Source: the reference's emitter, and its sweep over all MIL operations
// (M5, macOS 26) for the last group; parameter names of that group are those
// of coremltools' operator sets.
var table = []signature{
	// Elementwise, one operand.
	{"relu", same, []param{tensor("x")}},
	{"relu6", same, []param{tensor("x")}},
	{"abs", same, []param{tensor("x")}},
	{"sign", same, []param{tensor("x")}},
	{"floor", same, []param{tensor("x")}},
	{"ceil", same, []param{tensor("x")}},
	{"round", same, []param{tensor("x")}},
	{"sigmoid", same, []param{tensor("x")}},
	{"tanh", same, []param{tensor("x")}},
	{"silu", same, []param{tensor("x")}},
	{"exp", same, []param{tensor("x")}},
	{"exp2", same, []param{tensor("x")}},
	{"sqrt", same, []param{tensor("x")}},
	{"square", same, []param{tensor("x")}},
	{"erf", same, []param{tensor("x")}},
	{"softplus", same, []param{tensor("x")}},
	{"softsign", same, []param{tensor("x")}},
	{"atan", same, []param{tensor("x")}},
	{"sin", same, []param{tensor("x")}},
	{"cos", same, []param{tensor("x")}},
	{"gelu", same, []param{word("mode", "EXACT", "TANH_APPROXIMATION", "SIGMOID_APPROXIMATION"), tensor("x")}},
	{"log", same, []param{inl("epsilon", FP16), tensor("x")}},
	{"rsqrt", same, []param{inl("epsilon", FP16), tensor("x")}},
	{"inverse", same, []param{inl("epsilon", FP16), tensor("x")}},
	{"elu", same, []param{inl("alpha", FP16), tensor("x")}},
	{"leaky_relu", same, []param{inl("alpha", FP16), tensor("x")}},
	{"threshold", same, []param{inl("alpha", FP16), tensor("x")}},
	{"thresholded_relu", same, []param{inl("alpha", FP16), tensor("x")}},
	{"clip", same, []param{inl("alpha", FP16), inl("beta", FP16), tensor("x")}},
	{"scaled_tanh", same, []param{inl("alpha", FP16), inl("beta", FP16), tensor("x")}},
	{"clamped_relu", same, []param{inl("alpha", FP16), inl("beta", FP16), tensor("x")}},
	{"sigmoid_hard", same, []param{inl("alpha", FP16), inl("beta", FP16), tensor("x")}},
	{"linear_activation", same, []param{inl("alpha", FP16), inl("beta", FP16), tensor("x")}},
	{"prelu", inferPReLU, []param{blob("alpha", 1), tensor("x")}},
	{"logical_not", same, []param{typed("x", Bool)}},
	{"cast", inferCast, []param{word("dtype", "fp16"), typed("x", UInt8)}},

	// Elementwise, two or three operands.
	{"add", broadcast, []param{operand("x"), operand("y")}},
	{"sub", broadcast, []param{operand("x"), operand("y")}},
	{"mul", broadcast, []param{operand("x"), operand("y")}},
	{"real_div", broadcast, []param{operand("x"), operand("y")}},
	{"floor_div", broadcast, []param{operand("x"), operand("y")}},
	{"maximum", broadcast, []param{operand("x"), operand("y")}},
	{"minimum", broadcast, []param{operand("x"), operand("y")}},
	{"pow", broadcast, []param{operand("x"), operand("y")}},
	{"less", compare, []param{operand("x"), operand("y")}},
	{"less_equal", compare, []param{operand("x"), operand("y")}},
	{"greater", compare, []param{operand("x"), operand("y")}},
	{"greater_equal", compare, []param{operand("x"), operand("y")}},
	{"equal", compare, []param{operand("x"), operand("y")}},
	{"not_equal", compare, []param{operand("x"), operand("y")}},
	{"select", inferSelect, []param{operand("a"), operand("b"), typed("cond", Bool)}},

	// Linear algebra.
	{"matmul", inferMatmul, []param{inl("transpose_x", Bool), inl("transpose_y", Bool), tensor("x"), weights("y", someRank)}},
	{"linear", inferLinear, []param{blob("bias", 1).opt(), weights("weight", 2), tensor("x")}},
	{"einsum", inferEinsum, []param{word("equation", "nchw,nwhu->nchu"), values()}},
	{"scaled_dot_product_attention", inferSDPA, []param{operand("attn_mask").opt(), tensor("key"), tensor("query"), tensor("value")}},

	// Convolution and pooling.
	{"conv", inferConv, []param{ints("dilations"), integer("groups"), ints("pad"), word("pad_type", "custom"),
		ints("strides"), weights("weight", 4), rank4("x")}},
	{"conv_transpose", inferConvTranspose, []param{ints("dilations"), integer("groups"), ints("pad"), word("pad_type", "custom"),
		ints("strides"), blob("weight", 4), rank4("x")}},
	{"max_pool", inferPool, []param{flag("ceil_mode"), ints("kernel_sizes"), ints("pad"), word("pad_type", "custom"),
		ints("strides"), rank4("x")}},
	{"avg_pool", inferPool, []param{flag("ceil_mode"), flag("exclude_padding_from_average").opt(), ints("kernel_sizes"), ints("pad"),
		word("pad_type", "custom"), ints("strides"), rank4("x")}},
	{"l2_pool", inferPool, []param{flag("ceil_mode").opt(), ints("kernel_sizes"), ints("pad"), word("pad_type", "custom"),
		ints("strides"), rank4("x")}},

	// Normalisation.
	{"batch_norm", inferChannelNorm, []param{blob("beta", 1), inl("epsilon", FP16), blob("gamma", 1), blob("mean", 1),
		blob("variance", 1), tensor("x")}},
	{"instance_norm", inferChannelNorm, []param{blob("beta", 1), inl("epsilon", FP16), blob("gamma", 1), rank4("x")}},
	{"layer_norm", inferLayerNorm, []param{ints("axes"), codes("beta", FP16).opt(), inl("epsilon", FP16), codes("gamma", FP16).opt(),
		tensor("x")}},
	{"local_response_norm", inferLRN, []param{inl("alpha", FP16), inl("beta", FP16), inl("k", FP16), integer("size"), tensor("x")}},
	{"softmax", inferAlongAxis, []param{integer("axis"), tensor("x")}},

	// Reductions.
	{"reduce_sum", inferReduce, []param{ints("axes"), flag("keep_dims"), tensor("x")}},
	{"reduce_mean", inferReduce, []param{ints("axes"), flag("keep_dims"), tensor("x")}},
	{"reduce_max", inferReduce, []param{ints("axes"), flag("keep_dims"), tensor("x")}},
	{"reduce_min", inferReduce, []param{ints("axes"), flag("keep_dims"), tensor("x")}},
	{"reduce_l1_norm", inferReduce, []param{ints("axes"), flag("keep_dims"), tensor("x")}},
	{"reduce_l2_norm", inferReduce, []param{ints("axes"), flag("keep_dims"), tensor("x")}},
	{"reduce_sum_square", inferReduce, []param{ints("axes"), flag("keep_dims"), tensor("x")}},
	{"reduce_log_sum", inferReduce, []param{ints("axes"), flag("keep_dims"), tensor("x")}},
	{"reduce_log_sum_exp", inferReduce, []param{ints("axes"), flag("keep_dims"), tensor("x")}},
	{"topk", inferTopK, []param{flag("ascending").opt(), integer("axis"), integer("k"), word("output_indices_dtype", "int32").opt(),
		flag("return_indices").opt(), flag("sort").opt(), tensor("x")}},

	// Structure.
	{"reshape", inferReshape, []param{ints("shape"), tensor("x")}},
	{"transpose", inferTranspose, []param{ints("perm"), tensor("x")}},
	{"squeeze", inferSqueeze, []param{ints("axes"), tensor("x")}},
	{"expand_dims", inferExpandDims, []param{ints("axes"), tensor("x")}},
	{"flatten2d", inferFlatten2D, []param{integer("axis"), tensor("x")}},
	{"slice_by_size", inferSliceBySize, []param{ints("begin"), ints("size"), tensor("x")}},
	{"slice_by_index", inferSliceByIndex, []param{ints("begin"), flags("begin_mask").opt(), ints("end"), flags("end_mask").opt(),
		flags("squeeze_mask").opt(), ints("stride").opt(), tensor("x")}},
	{"concat", inferConcat, []param{integer("axis"), flag("interleave"), values()}},
	{"stack", inferStack, []param{integer("axis"), values()}},
	{"split", inferSplit, []param{integer("axis"), integer("num_splits"), tensor("x")}},
	{"reverse", inferReverse, []param{ints("axes"), tensor("x")}},
	{"tile", inferTile, []param{ints("reps"), tensor("x")}},
	{"pad", inferPad, []param{half("constant_val"), word("mode", "constant", "reflect", "replicate"), ints("pad"), tensor("x")}},
	{"fill", inferFill, []param{ints("shape"), half("value")}},
	{"fill_like", inferFillLike, []param{tensor("ref_tensor"), half("value")}},
	{"range_1d", inferRange, []param{half("end"), half("start"), half("step")}},

	// Image.
	{"pixel_shuffle", inferPixelShuffle, []param{integer("upscale_factor"), rank4("x")}},
	{"pixel_unshuffle", inferPixelUnshuffle, []param{unsigned("downscale_factor"), rank4("x")}},
	{"space_to_depth", inferSpaceToDepth, []param{integer("block_size"), rank4("x")}},
	{"depth_to_space", inferDepthToSpace, []param{integer("block_size"), rank4("x")}},
	{"space_to_batch", inferSpaceToBatch, []param{ints("block_shape"), pairs("paddings"), rank4("x")}},
	{"batch_to_space", inferBatchToSpace, []param{ints("block_shape"), pairs("crops"), rank4("x")}},
	{"crop", inferCrop, []param{ints("crop_height"), ints("crop_width"), rank4("x")}},
	{"upsample_nearest_neighbor", inferUpsampleNearest, []param{inl("scale_factor_height", Int32), inl("scale_factor_width", Int32), rank4("x")}},
	{"upsample_bilinear", inferUpsampleBilinear, []param{flag("align_corners"), inl("scale_factor_height", FP32),
		inl("scale_factor_width", FP32), rank4("x")}},
	{"resize_nearest_neighbor", inferResize, []param{integer("target_size_height"), integer("target_size_width"), rank4("x")}},
	{"resize_bilinear", inferResize, []param{word("sampling_mode", "DEFAULT", "ALIGN_CORNERS"), integer("target_size_height"),
		integer("target_size_width"), rank4("x")}},
	{"affine", inferAffine, []param{flag("align_corners"), word("coordinates_mode", "normalized_minus_one_to_one"),
		integer("output_height"), integer("output_width"), word("padding_mode", "constant"), half("padding_value"),
		word("sampling_mode", "bilinear"), blob("transform_matrix", 2), rank4("x")}},

	// Quantisation and compressed weights.
	{"quantize", inferQuantize, []param{integer("axis").opt(), tensor("input"), word("output_dtype", "int8"),
		{name: "scale", kind: baked, dtype: FP16, rank: anyRank}, {name: "zero_point", kind: baked, dtype: Int8, rank: anyRank, optional: true}}},
	{"dequantize", inferDequantize, []param{integer("axis").opt(), typed("input", Int8),
		{name: "scale", kind: baked, dtype: FP16, rank: anyRank}, {name: "zero_point", kind: baked, dtype: Int8, rank: anyRank, optional: true}}},
	{"constexpr_affine_dequantize", inferAffineDequantize, []param{attr("axis", Int32, 0), attr("quantized_data", Int8, someRank),
		attr("scale", FP16, 1), attr("zero_point", Int8, 0)}},
	{"constexpr_lut_to_dense", inferLUT, []param{codes("indices", UInt4), codes("lut", FP16)}},
	{"constexpr_sparse_to_dense", inferSparse, []param{codes("mask", UInt1), blob("nonzero_data", 1)}},
	{"constexpr_blockwise_shift_scale", inferBlockwise, []param{{name: "data", kind: baked, dtype: Int8, rank: 2}, blob("scale", 2)}},
}

// signatures is the table by name.
var signatures = bySignature(table)

func bySignature(rows []signature) map[string]*signature {
	m := make(map[string]*signature, len(rows))
	for i := range rows {
		m[rows[i].op] = &rows[i]
	}
	return m
}

const (
	noANE     = "the engine has no implementation of it"
	unchecked = "it compiles, but its result was never validated"
)

// refused gives the operations of MIL that the engine does not take, each with
// the way out where one is known.
var refused = map[string]string{
	"acos": noANE, "asin": noANE, "atanh": noANE, "argsort": "build the rank by comparisons", "band_part": "bake the mask",
	"cosh": "use exp pairs", "sinh": "use exp pairs", "tan": "use sin/cos", "mod": "use x − floor(x/y)·y",
	"classify": noANE, "cond": noANE, "while_loop": noANE, "conv_quantized": noANE, "crop_resize": noANE,
	"cumsum": "use a triangular matmul", "gather": "use a baked one-hot matmul or slices", "gather_along_axis": noANE,
	"gather_nd": noANE, "gru": noANE, "lstm": noANE, "rnn": noANE, "identity": "use mul by 1", "make_list": noANE,
	"logical_and": "use mul of selected 1 and 0", "logical_or": "use maximum of selected 1 and 0",
	"logical_xor": "use abs(sub) of selected 1 and 0", "non_zero": noANE, "one_hot": "bake it",
	"read_state": noANE, "write_state": noANE, "coreml_update_state": noANE,
	"reduce_argmax": "use reduce_max, greater_equal and a baked index plane",
	"reduce_argmin": "use reduce_min, less_equal and a baked index plane", "reduce_prod": "use exp Σ log",
	"reshape_like": "use reshape", "reverse_sequence": noANE, "scatter": "use select with a baked mask",
	"scatter_along_axis": noANE, "scatter_nd": noANE, "shape": "shapes are static", "slice_update": "use select with a baked mask",
	"sliding_windows": noANE, "random_normal": noANE, "random_uniform": noANE, "random_bernoulli": noANE, "random_categorical": noANE,
	"l2_norm": unchecked + "; use reduce_l2_norm, maximum and real_div", "resize": unchecked + "; use resize_bilinear",
	"softplus_parametric": unchecked, "non_maximum_suppression": unchecked,
	"constexpr_cast": unchecked, "constexpr_lut_to_sparse": unchecked, "constexpr_sparse_blockwise_shift_scale": unchecked,
}
