package mil

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// opCases has an accepted statement for every row of the table: the operands
// x, y … are inputs of the given shapes, and want is the type worked out by
// hand from the operation's definition.
var opCases = []struct {
	op   string
	make func(k *kit) *Value
	want string
}{
	{"gelu", func(k *kit) *Value { return k.Op("gelu", k.x(2, 3), Word("mode", "EXACT")) }, "[2, 3]"},
	{"log", func(k *kit) *Value { return k.Op("log", k.x(2, 3), Half("epsilon", 1e-3)) }, "[2, 3]"},
	{"rsqrt", func(k *kit) *Value { return k.Op("rsqrt", k.x(2, 3), Half("epsilon", 0)) }, "[2, 3]"},
	{"inverse", func(k *kit) *Value { return k.Op("inverse", k.x(2, 3), Half("epsilon", 0)) }, "[2, 3]"},
	{"elu", func(k *kit) *Value { return k.Op("elu", k.x(2, 3), Half("alpha", 1)) }, "[2, 3]"},
	{"leaky_relu", func(k *kit) *Value { return k.Op("leaky_relu", k.x(2, 3), Half("alpha", .01)) }, "[2, 3]"},
	{"threshold", func(k *kit) *Value { return k.Op("threshold", k.x(2, 3), Half("alpha", .5)) }, "[2, 3]"},
	{"thresholded_relu", func(k *kit) *Value { return k.Op("thresholded_relu", k.x(2, 3), Half("alpha", 1)) }, "[2, 3]"},
	{"clip", func(k *kit) *Value { return k.Op("clip", k.x(2, 3), Half("alpha", -1), Half("beta", 1)) }, "[2, 3]"},
	{"scaled_tanh", func(k *kit) *Value { return k.Op("scaled_tanh", k.x(2, 3), Half("alpha", 1), Half("beta", 2)) }, "[2, 3]"},
	{"clamped_relu", func(k *kit) *Value { return k.Op("clamped_relu", k.x(2, 3), Half("alpha", 0), Half("beta", 6)) }, "[2, 3]"},
	{"sigmoid_hard", func(k *kit) *Value { return k.Op("sigmoid_hard", k.x(2, 3), Half("alpha", .2), Half("beta", .5)) }, "[2, 3]"},
	{"linear_activation", func(k *kit) *Value { return k.Op("linear_activation", k.x(2, 3), Half("alpha", 2), Half("beta", 1)) }, "[2, 3]"},
	{"prelu", func(k *kit) *Value { return k.Op("prelu", k.x(1, 3, 4, 4), k.w("alpha", 3)) }, "[1, 3, 4, 4]"},
	{"logical_not", func(k *kit) *Value {
		m := k.Op("less", k.x(2, 3), k.in("y", 2, 3))
		n := k.Op("logical_not", In("x", m))
		return k.Op("select", In("cond", n), k.in("a", 2, 3), k.in("b", 2, 3))
	}, "[2, 3]"},
	{"cast", func(k *kit) *Value {
		return k.Op("cast", In("x", k.Input("img", Tensor(UInt8, 1, 3, 8, 8))), Word("dtype", "fp16"))
	}, "[1, 3, 8, 8]"},
	{"select", func(k *kit) *Value {
		m := k.Op("greater", k.x(1, 3), In("y", k.Half(0)))
		return k.Op("select", In("cond", m), k.in("a", 2, 3), In("b", k.Half(0)))
	}, "[2, 3]"},
	{"matmul", func(k *kit) *Value {
		return k.Op("matmul", k.x(5, 3, 4), k.in("y", 5, 4, 7), Flag("transpose_x", false), Flag("transpose_y", false))
	}, "[5, 3, 7]"},
	{"matmul", func(k *kit) *Value {
		return k.Op("matmul", k.x(2, 4, 3), k.w("y", 7, 4), Flag("transpose_x", true), Flag("transpose_y", true))
	}, "[2, 3, 7]"},
	{"linear", func(k *kit) *Value { return k.Op("linear", k.x(2, 5, 4), k.w("weight", 7, 4), k.w("bias", 7)) }, "[2, 5, 7]"},
	{"einsum", func(k *kit) *Value {
		return k.Op("einsum", Word("equation", "nchw,nwhu->nchu"), List("values", k.val(2, 3, 4, 5), k.val(2, 5, 4, 6)))
	}, "[2, 3, 4, 6]"},
	{"scaled_dot_product_attention", func(k *kit) *Value {
		return k.Op("scaled_dot_product_attention", k.in("query", 1, 2, 5, 8), k.in("key", 1, 2, 7, 8), k.in("value", 1, 2, 7, 8), k.in("attn_mask", 5, 7))
	}, "[1, 2, 5, 8]"},
	{"conv", func(k *kit) *Value {
		return k.conv("conv", k.x(2, 4, 9, 10), k.w("weight", 6, 2, 3, 3), 2, [4]int{1, 1, 2, 0}, [2]int{2, 1}, [2]int{1, 2})
	}, "[2, 6, 5, 8]"}, // (9+2−2−1)/2+1, (10+2−4−1)/1+1
	{"conv_transpose", func(k *kit) *Value {
		return k.conv("conv_transpose", k.x(1, 4, 5, 6), k.w("weight", 4, 3, 3, 2), 2, [4]int{1, 1, 0, 0}, [2]int{2, 2}, [2]int{1, 3})
	}, "[1, 6, 9, 14]"}, // 4·2−2+2+1, 5·2+3+1
	{"max_pool", func(k *kit) *Value { return k.pool("max_pool", k.x(1, 3, 7, 8), 3, 2, 1, false) }, "[1, 3, 4, 4]"},
	{"max_pool", func(k *kit) *Value { return k.pool("max_pool", k.x(1, 3, 8, 6), 3, 2, 0, true) }, "[1, 3, 4, 3]"},
	{"avg_pool", func(k *kit) *Value {
		return k.pool("avg_pool", k.x(1, 3, 8, 8), 2, 2, 0, false, Flag("exclude_padding_from_average", true))
	}, "[1, 3, 4, 4]"},
	{"l2_pool", func(k *kit) *Value { return k.pool("l2_pool", k.x(1, 3, 8, 8), 2, 2, 0, false) }, "[1, 3, 4, 4]"},
	{"batch_norm", func(k *kit) *Value {
		return k.Op("batch_norm", k.x(1, 3, 4, 4), k.w("gamma", 3), k.w("beta", 3), k.w("mean", 3), k.w("variance", 3), Half("epsilon", 1e-5))
	}, "[1, 3, 4, 4]"},
	{"instance_norm", func(k *kit) *Value {
		return k.Op("instance_norm", k.x(1, 3, 4, 4), k.w("gamma", 3), k.w("beta", 3), Half("epsilon", 1e-5))
	}, "[1, 3, 4, 4]"},
	{"layer_norm", func(k *kit) *Value {
		return k.Op("layer_norm", k.x(4, 8), k.w("gamma", 8), k.w("beta", 8), Ints("axes", -1), Half("epsilon", 1e-5))
	}, "[4, 8]"},
	{"local_response_norm", func(k *kit) *Value {
		return k.Op("local_response_norm", k.x(1, 8, 4, 4), Half("alpha", 1e-4), Half("beta", .75), Half("k", 1), Int("size", 5))
	}, "[1, 8, 4, 4]"},
	{"softmax", func(k *kit) *Value { return k.Op("softmax", k.x(4, 8), Int("axis", -1)) }, "[4, 8]"},
	{"topk", func(k *kit) *Value {
		v, _ := k.TopK(k.val(4, 8), 1, 3)
		return v
	}, "[4, 3]"},
	{"reshape", func(k *kit) *Value { return k.Op("reshape", k.x(4, 6), Ints("shape", 2, 12)) }, "[2, 12]"},
	{"transpose", func(k *kit) *Value { return k.Op("transpose", k.x(2, 3, 4), Ints("perm", 2, 0, 1)) }, "[4, 2, 3]"},
	{"squeeze", func(k *kit) *Value { return k.Op("squeeze", k.x(1, 3, 1, 4), Ints("axes", 0, 2)) }, "[3, 4]"},
	{"expand_dims", func(k *kit) *Value { return k.Op("expand_dims", k.x(3, 4), Ints("axes", 0, 2)) }, "[1, 3, 1, 4]"},
	{"flatten2d", func(k *kit) *Value { return k.Op("flatten2d", k.x(2, 3, 4), Int("axis", 1)) }, "[2, 12]"},
	{"slice_by_size", func(k *kit) *Value { return k.Op("slice_by_size", k.x(4, 6), Ints("begin", 1, 0), Ints("size", 3, 2)) }, "[3, 2]"},
	{"slice_by_index", func(k *kit) *Value {
		return k.Op("slice_by_index", k.x(4, 9, 3), Ints("begin", 1, 0, 1), Ints("end", -1, 0, 0), Ints("stride", 1, 4, 1),
			Flags("end_mask", false, true, false), Flags("squeeze_mask", false, false, true))
	}, "[2, 3]"},
	{"concat", func(k *kit) *Value {
		return k.Op("concat", List("values", k.val(2, 3), k.val(2, 5)), Int("axis", 1), Flag("interleave", false))
	}, "[2, 8]"},
	{"stack", func(k *kit) *Value { return k.Op("stack", List("values", k.val(2, 3), k.val(2, 3)), Int("axis", 1)) }, "[2, 2, 3]"},
	{"split", func(k *kit) *Value { return k.Split(k.val(2, 6), 1, 3)[2] }, "[2, 2]"},
	{"reverse", func(k *kit) *Value { return k.Op("reverse", k.x(2, 6), Ints("axes", 1)) }, "[2, 6]"},
	{"tile", func(k *kit) *Value { return k.Op("tile", k.x(2, 6), Ints("reps", 3, 1)) }, "[6, 6]"},
	{"pad", func(k *kit) *Value {
		return k.Op("pad", k.x(2, 6), Ints("pad", 0, 1, 2, 3), Word("mode", "reflect"), Half("constant_val", 0))
	}, "[3, 11]"},
	{"fill", func(k *kit) *Value { return k.Op("fill", Ints("shape", 2, 3), Half("value", 7)) }, "[2, 3]"},
	{"fill_like", func(k *kit) *Value { return k.Op("fill_like", In("ref_tensor", k.val(2, 3)), Half("value", 7)) }, "[2, 3]"},
	{"range_1d", func(k *kit) *Value { return k.Op("range_1d", Half("start", 1), Half("end", 8), Half("step", 2)) }, "[4]"},
	{"pixel_shuffle", func(k *kit) *Value { return k.Op("pixel_shuffle", k.x(1, 8, 3, 4), Int("upscale_factor", 2)) }, "[1, 2, 6, 8]"},
	{"pixel_unshuffle", func(k *kit) *Value { return k.Op("pixel_unshuffle", k.x(1, 2, 6, 8), UInt("downscale_factor", 2)) }, "[1, 8, 3, 4]"},
	{"space_to_depth", func(k *kit) *Value { return k.Op("space_to_depth", k.x(1, 2, 6, 8), Int("block_size", 2)) }, "[1, 8, 3, 4]"},
	{"depth_to_space", func(k *kit) *Value { return k.Op("depth_to_space", k.x(1, 8, 3, 4), Int("block_size", 2)) }, "[1, 2, 6, 8]"},
	{"space_to_batch", func(k *kit) *Value {
		return k.Op("space_to_batch", k.x(2, 3, 5, 6), Ints("block_shape", 2, 3), Pairs("paddings", [2]int{0, 1}, [2]int{2, 1}))
	}, "[12, 3, 3, 3]"},
	{"batch_to_space", func(k *kit) *Value {
		return k.Op("batch_to_space", k.x(12, 3, 3, 3), Ints("block_shape", 2, 3), Pairs("crops", [2]int{0, 1}, [2]int{2, 1}))
	}, "[2, 3, 5, 6]"},
	{"crop", func(k *kit) *Value {
		return k.Op("crop", k.x(1, 3, 8, 9), Ints("crop_height", 1, 2), Ints("crop_width", 0, 3))
	}, "[1, 3, 5, 6]"},
	{"upsample_nearest_neighbor", func(k *kit) *Value {
		return k.Op("upsample_nearest_neighbor", k.x(1, 3, 4, 5), Int("scale_factor_height", 2), Int("scale_factor_width", 3))
	}, "[1, 3, 8, 15]"},
	{"upsample_bilinear", func(k *kit) *Value {
		return k.Op("upsample_bilinear", k.x(1, 3, 4, 5), Flag("align_corners", false), Single("scale_factor_height", 2), Single("scale_factor_width", 3))
	}, "[1, 3, 8, 15]"},
	{"resize_nearest_neighbor", func(k *kit) *Value {
		return k.Op("resize_nearest_neighbor", k.x(1, 3, 4, 5), Int("target_size_height", 7), Int("target_size_width", 2))
	}, "[1, 3, 7, 2]"},
	{"resize_bilinear", func(k *kit) *Value {
		return k.Op("resize_bilinear", k.x(1, 3, 4, 5), Int("target_size_height", 7), Int("target_size_width", 2), Word("sampling_mode", "DEFAULT"))
	}, "[1, 3, 7, 2]"},
	{"affine", func(k *kit) *Value {
		return k.Op("affine", k.x(1, 3, 4, 5), k.w("transform_matrix", 1, 6), Flag("align_corners", true), Word("coordinates_mode", "normalized_minus_one_to_one"),
			Int("output_height", 6), Int("output_width", 7), Word("padding_mode", "constant"), Half("padding_value", 0), Word("sampling_mode", "bilinear"))
	}, "[1, 3, 6, 7]"},
	{"dequantize", func(k *kit) *Value {
		q := k.Op("quantize", In("input", k.val(2, 6)), Half("scale", .5), Word("output_dtype", "int8"))
		return k.Op("dequantize", In("input", q), k.w("scale", 6), Int("axis", 1))
	}, "[2, 6]"},
	{"constexpr_affine_dequantize", func(k *kit) *Value {
		return k.product(k.Int8Weight("q", make([]int8, 12), make([]float32, 2), 2, 6))
	}, "[3, 2]"},
	{"constexpr_lut_to_dense", func(k *kit) *Value {
		return k.product(k.PaletteWeight("q", make([]uint8, 12), make([]float32, 16), 2, 6))
	}, "[3, 2]"},
	{"constexpr_sparse_to_dense", func(k *kit) *Value {
		return k.product(k.SparseWeight("q", []float32{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 2, 6))
	}, "[3, 2]"},
	{"constexpr_blockwise_shift_scale", func(k *kit) *Value {
		return k.product(k.BlockWeight("q", make([]int8, 12), make([]float32, 4), 2, 6, 2))
	}, "[3, 2]"},
}

// kit shortens the cases.
type kit struct{ *Builder }

func (k *kit) val(shape ...int) *Value          { return k.Input("in", Tensor(FP16, shape...)) }
func (k *kit) in(name string, shape ...int) Arg { return In(name, k.val(shape...)) }
func (k *kit) x(shape ...int) Arg               { return k.in("x", shape...) }
func (k *kit) w(name string, shape ...int) Arg {
	return In(name, k.Weight(name, make([]float32, product(shape)), shape...))
}

func (k *kit) product(w *Value) *Value {
	return k.Op("matmul", k.x(3, 6), In("y", w), Flag("transpose_x", false), Flag("transpose_y", true))
}

func (k *kit) conv(op string, x, w Arg, groups int, pad [4]int, stride, dilation [2]int) *Value {
	return k.Op(op, x, w, Int("groups", groups), Ints("pad", pad[:]...), Word("pad_type", "custom"),
		Ints("strides", stride[:]...), Ints("dilations", dilation[:]...))
}

func (k *kit) pool(op string, x Arg, size, stride, pad int, ceil bool, more ...Arg) *Value {
	return k.Op(op, append([]Arg{x, Ints("kernel_sizes", size, size), Ints("strides", stride, stride),
		Ints("pad", pad, pad, pad, pad), Word("pad_type", "custom"), Flag("ceil_mode", ceil)}, more...)...)
}

// allOpCases adds the uniform families.
func allOpCases() map[string]func(k *kit) (*Value, string) {
	out := map[string]func(k *kit) (*Value, string){}
	for i, c := range opCases {
		out[fmt.Sprintf("%s#%d", c.op, i)] = func(k *kit) (*Value, string) { return c.make(k), c.want }
	}
	for _, op := range strings.Fields("relu relu6 abs sign floor ceil round sigmoid tanh silu exp exp2 sqrt square erf softplus softsign atan sin cos") {
		out[op] = func(k *kit) (*Value, string) { return k.Op(op, k.x(2, 3)), "[2, 3]" }
	}
	for _, op := range strings.Fields("add sub mul real_div floor_div maximum minimum pow") {
		out[op] = func(k *kit) (*Value, string) { return k.Op(op, k.x(2, 1, 3), k.in("y", 4, 1)), "[2, 4, 3]" }
	}
	for _, op := range strings.Fields("less less_equal greater greater_equal equal not_equal") {
		out[op] = func(k *kit) (*Value, string) {
			m := k.Op(op, k.x(2, 3), In("y", k.Half(1)))
			return k.Op("select", In("cond", m), k.in("a", 2, 3), In("b", k.Half(2))), "[2, 3]"
		}
	}
	for _, op := range strings.Fields("sum mean max min l1_norm l2_norm sum_square log_sum log_sum_exp") {
		op = "reduce_" + op
		out[op] = func(k *kit) (*Value, string) {
			return k.Op(op, k.x(2, 3, 4), Ints("axes", 0, -1), Flag("keep_dims", true)), "[1, 3, 1]"
		}
	}
	return out
}

// TestEveryOperation builds, spells, reads back and checks a program for every
// row of the table.
func TestEveryOperation(t *testing.T) {
	used := map[string]bool{}
	for name, make := range allOpCases() {
		b := NewBuilder()
		v, want := make(&kit{b})
		if got := dims(v.Type.Shape); got != want || v.Type.DType != FP16 {
			t.Errorf("%s: result %v, want fp16 %s (%v)", name, v.Type, want, b.Err())
			continue
		}
		b.Output("result", v)
		p, w, err := b.Build()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var file bytes.Buffer
		_, err = w.WriteTo(&file)
		require.NoError(t, err, name)
		text := spell(t, p)
		again, _, err := Load(text, file.Bytes())
		if err != nil {
			t.Errorf("%s: %v in\n%s", name, err, text)
			continue
		}
		if got := spell(t, again); got != text {
			t.Errorf("%s: spelled as\n%s\nand again as\n%s", name, text, got)
		}
		for _, s := range p.Func.Body {
			used[s.Op] = true
		}
	}
	for _, row := range table {
		if !used[row.op] {
			t.Errorf("%s has a row but no case", row.op)
		}
	}
}

// TestTable holds the rows to their own conventions.
func TestTable(t *testing.T) {
	for i, row := range table {
		for _, other := range table[:i] {
			if row.op == other.op {
				t.Errorf("%s has two rows", row.op)
			}
		}
		if refused[row.op] != "" {
			t.Errorf("%s is both accepted and refused", row.op)
		}
		if !slices.IsSortedFunc(row.params, func(a, b param) int { return strings.Compare(a.name, b.name) }) {
			t.Errorf("%s: parameters are not in alphabetical order", row.op)
		}
	}
}
