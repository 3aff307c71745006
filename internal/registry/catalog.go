package registry

import (
	"slices"
	"strings"
)

// Support is how a chip runs an operation of the compiler's vocabulary.
type Support byte

// The kinds of support.
const (
	Native  Support = 'Y'
	Partial Support = '~' // by a bridge, a decomposition or a software route
	Walled  Support = 'N'
)

// Chips are the columns of the catalogue: M1, M2, M3, and M4 with M5.
var Chips = [4]string{"M1", "M2", "M3", "M4/M5"}

// Op is one operation of the compiler's vocabulary.
type Op struct {
	Name    string
	Group   string
	Support [4]Support // by Chips
}

// On is the support on a chip family: "A13" (M1), "A14", "A15" or "A16".
func (o Op) On(tier string) (Support, bool) {
	i := slices.Index([]string{"A13", "A14", "A15", "A16"}, tier)
	if i < 0 {
		return 0, false
	}
	return o.Support[i], true
}

// groups is the vocabulary by kind: 187 operations in 14 groups.
// Source: the publication's operation catalogue (docs/op-catalog.md), facts
// only.
var groups = []struct{ name, ops string }{
	{"activations", `ceil clamped_relu clip elu erf exp exp2 floor gelu leaky_relu log prelu relu relu6 round scaled_tanh
		sigmoid sigmoid_hard sign silu softmax softplus softplus_parametric softsign tanh threshold thresholded_relu`},
	{"comparison and logical", `equal greater greater_equal less less_equal logical_and logical_not logical_or logical_xor
		not_equal select`},
	{"control flow", `call cond while_loop`},
	{"conv, matmul, pooling", `avg_pool conv conv_transpose einsum l2_pool linear linear_activation matmul max_pool ne_bypass
		ne_conv ne_matmul ne_pool pe_elementwise pe_goc pe_pool scaled_dot_product_attention`},
	{"detection and sampling", `argsort list_gather list_length list_read list_scatter list_write make_list
		non_maximum_suppression random_bernoulli random_categorical random_normal random_uniform topk`},
	{"elementwise", `abs add cumsum floor_div inverse maximum minimum mod mul pow real_div rsqrt sqrt square sub`},
	{"image", `affine crop_resize degamma gamma pixel_buffer_to_tensor resample resize resize_bilinear
		resize_nearest_neighbor tensor_to_pixel_buffer upsample_bilinear upsample_nearest_neighbor`},
	{"normalization", `batch_norm instance_norm l2_norm layer_norm local_response_norm`},
	{"quantization", `cast const constexpr_affine_dequantize constexpr_blockwise_shift_scale constexpr_cast
		constexpr_lut_to_dense constexpr_lut_to_sparse constexpr_sparse_blockwise_shift_scale constexpr_sparse_to_dense
		dequantize quantize`},
	{"recurrent", `gru lstm rnn`},
	{"reductions", `reduce_argmax reduce_argmin reduce_l1_norm reduce_l2_norm reduce_log_sum reduce_log_sum_exp reduce_max
		reduce_mean reduce_min reduce_prod reduce_sum reduce_sum_square`},
	{"special math", `acos acosh asin asinh atan atanh cos cosh cost_volume cross_product matrix_decomposition sin sinh tan`},
	{"stateful", `circular_buffer_to_tensor read_state tensor_buffer_to_tensor tensor_to_circular_buffer
		tensor_to_tensor_buffer write_state`},
	{"structural", `band_part batch_to_space concat crop depth_to_space expand_dims fill fill_like flatten2d gather
		gather_along_axis gather_nd identity non_zero one_hot pad pixel_shuffle pixel_unshuffle range_1d reshape
		reshape_like reverse reverse_sequence scatter scatter_along_axis scatter_nd shape slice_by_index slice_by_size
		slice_update sliding_windows space_to_batch space_to_depth split squeeze stack tile transpose`},
}

// exceptions are the operations that are not native on every chip.
var exceptions = []struct{ support, ops string }{
	{"NNNN", `logical_and logical_or logical_xor list_gather list_length list_read list_scatter list_write make_list
		random_bernoulli random_categorical random_normal mod constexpr_cast gru lstm rnn reduce_prod acos acosh asin asinh
		atanh cosh sinh tan band_part non_zero one_hot reverse_sequence scatter scatter_along_axis scatter_nd shape
		sliding_windows`},
	{"~~~~", `call cond while_loop ne_bypass pe_goc degamma gamma pixel_buffer_to_tensor tensor_to_pixel_buffer const
		constexpr_affine_dequantize constexpr_lut_to_sparse cost_volume cross_product matrix_decomposition
		circular_buffer_to_tensor tensor_buffer_to_tensor tensor_to_circular_buffer tensor_to_tensor_buffer range_1d
		slice_by_index`},
	{"NYYY", `argsort topk affine crop_resize resample`},
	{"~YYY", `resize resize_bilinear resize_nearest_neighbor upsample_bilinear upsample_nearest_neighbor gather_nd`},
	{"~~YY", `sin cos random_uniform reduce_argmin constexpr_blockwise_shift_scale constexpr_sparse_blockwise_shift_scale
		constexpr_sparse_to_dense`},
}

// Catalog is the vocabulary, by group, then by name.
func Catalog() []Op {
	support := map[string][4]Support{}
	for _, e := range exceptions {
		for _, name := range strings.Fields(e.ops) {
			support[name] = [4]Support([]Support{Support(e.support[0]), Support(e.support[1]), Support(e.support[2]), Support(e.support[3])})
		}
	}
	var list []Op
	for _, g := range groups {
		for _, name := range strings.Fields(g.ops) {
			s, ok := support[name]
			if !ok {
				s = [4]Support{Native, Native, Native, Native}
			}
			list = append(list, Op{Name: name, Group: g.name, Support: s})
		}
	}
	return list
}
