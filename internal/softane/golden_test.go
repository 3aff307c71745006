package softane_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/golden"
	"devicemap/internal/mil"
	"devicemap/internal/softane"
)

// spelling is a golden case while it is spelled in MIL.
type spelling struct {
	*mil.Builder
	c       golden.Case
	tensors [][]float32
	fed     [][]float32 // inputs in the order of their ports
}

// in is operand i as a port.
func (s *spelling) in(i int) *mil.Value {
	s.fed = append(s.fed, s.tensors[i])
	return s.Input("in", mil.Tensor(mil.FP16, s.c.Inputs[i].Shape...))
}

// weight is operand i as a baked constant.
func (s *spelling) weight(i int) *mil.Value {
	return s.Weight("w", s.tensors[i], s.c.Inputs[i].Shape...)
}

func (s *spelling) x() mil.Arg { return mil.In("x", s.in(0)) }

// biased adds operand i, [C], to the channels of y if the case has it.
func (s *spelling) biased(y *mil.Value, i int) *mil.Value {
	if len(s.tensors) <= i {
		return y
	}
	b := s.Weight("b", s.tensors[i], 1, len(s.tensors[i]), 1, 1)
	return s.Op("add", mil.In("x", y), mil.In("y", b))
}

func (s *spelling) ints(name string) []int { return s.c.Params.Ints(name) }

func (s *spelling) half(name, param string, absent float64) mil.Arg {
	return mil.Half(name, s.c.Params.Float(param, absent))
}

// spell gives the MIL form of the golden operations that are one operation of
// MIL.
var spell = map[string]func(s *spelling) *mil.Value{
	"leaky_relu":        alphaBeta("leaky_relu", "alpha", ""),
	"elu":               alphaBeta("elu", "alpha", ""),
	"threshold":         alphaBeta("threshold", "alpha", ""),
	"thresholded_relu":  alphaBeta("thresholded_relu", "alpha", ""),
	"clip":              alphaBeta("clip", "lo", "hi"),
	"scaled_tanh":       alphaBeta("scaled_tanh", "a", "b"),
	"sigmoid_hard":      alphaBeta("sigmoid_hard", "a", "b"),
	"linear_activation": alphaBeta("linear_activation", "a", "b"),
	"clamped_relu":      alphaBeta("clamped_relu", "a", "b"),
	"gelu":              func(s *spelling) *mil.Value { return s.Op("gelu", mil.Word("mode", "EXACT"), s.x()) },
	"gelu_tanh":         func(s *spelling) *mil.Value { return s.Op("gelu", mil.Word("mode", "TANH_APPROXIMATION"), s.x()) },
	"softplus":          spellSoftplus,
	"log":               withEpsilon("log"),
	"rsqrt":             withEpsilon("rsqrt"),
	"inverse":           withEpsilon("inverse"),
	"prelu":             func(s *spelling) *mil.Value { return s.Op("prelu", s.x(), mil.In("alpha", s.weight(1))) },
	"div":               func(s *spelling) *mil.Value { return s.Op("real_div", s.x(), mil.In("y", s.in(1))) },
	"where_greater": func(s *spelling) *mil.Value {
		cond := s.Op("greater", s.x(), mil.In("y", s.in(1)))
		return s.Op("select", mil.In("cond", cond), mil.In("a", s.in(2)), mil.In("b", s.in(3)))
	},
	"matmul": func(s *spelling) *mil.Value {
		p := s.c.Params
		return s.Op("matmul", mil.Flag("transpose_x", p.True("transpose_x")), mil.Flag("transpose_y", p.True("transpose_y")),
			s.x(), mil.In("y", s.in(1)))
	},
	"linear": func(s *spelling) *mil.Value {
		args := []mil.Arg{s.x(), mil.In("weight", s.weight(1))}
		if len(s.tensors) > 2 {
			args = append(args, mil.In("bias", s.weight(2)))
		}
		return s.Op("linear", args...)
	},
	"einsum_nchw_nwhu": func(s *spelling) *mil.Value {
		return s.Op("einsum", mil.Word("equation", "nchw,nwhu->nchu"), mil.List("values", s.in(0), s.in(1)))
	},
	"conv": func(s *spelling) *mil.Value {
		return s.biased(s.Op("conv", append(s.windows(), s.x(), mil.In("weight", s.weight(1)))...), 2)
	},
	"conv_transpose": spellConvTranspose,
	"avg_pool":       spellPool("avg_pool"),
	"max_pool":       spellPool("max_pool"),
	"softmax": func(s *spelling) *mil.Value {
		return s.Op("softmax", mil.Int("axis", s.c.Params.Int("axis", 0)), s.x())
	},
	"layer_norm":          spellLayerNorm,
	"instance_norm":       channelNorm("instance_norm", "gamma", "beta"),
	"batch_norm":          channelNorm("batch_norm", "gamma", "beta", "mean", "variance"),
	"local_response_norm": spellLRN,
	"topk": func(s *spelling) *mil.Value {
		p := s.c.Params
		return s.Op("topk", s.x(), mil.Int("axis", p.Int("axis", 0)), mil.Int("k", p.Int("k", 0)),
			mil.Flag("ascending", !p.True("largest")), mil.Flag("return_indices", false))
	},
	"transpose": func(s *spelling) *mil.Value { return s.Op("transpose", s.x(), mil.Ints("perm", s.ints("perm")...)) },
	"reshape":   func(s *spelling) *mil.Value { return s.Op("reshape", s.x(), mil.Ints("shape", s.ints("shape")...)) },
	"flatten2d": func(s *spelling) *mil.Value {
		return s.Op("flatten2d", s.x(), mil.Int("axis", s.c.Params.Int("axis", 0)))
	},
	"reverse":     func(s *spelling) *mil.Value { return s.Op("reverse", s.x(), mil.Ints("axes", s.ints("axes")...)) },
	"tile":        func(s *spelling) *mil.Value { return s.Op("tile", s.x(), mil.Ints("reps", s.ints("reps")...)) },
	"expand_dims": func(s *spelling) *mil.Value { return s.Op("expand_dims", s.x(), mil.Ints("axes", s.ints("axes")...)) },
	"squeeze":     func(s *spelling) *mil.Value { return s.Op("squeeze", s.x(), mil.Ints("axes", s.ints("axes")...)) },
	"concat":      func(s *spelling) *mil.Value { return s.Op("concat", s.axis(), mil.Flag("interleave", false), s.all()) },
	"stack":       func(s *spelling) *mil.Value { return s.Op("stack", s.axis(), s.all()) },
	"slice": func(s *spelling) *mil.Value {
		return s.Op("slice_by_index", s.x(), mil.Ints("begin", s.ints("begin")...), mil.Ints("end", s.ints("end")...),
			mil.Ints("stride", s.ints("stride")...))
	},
	"pad": func(s *spelling) *mil.Value {
		return s.Op("pad", s.x(), mil.Ints("pad", s.ints("pad")...), mil.Word("mode", s.c.Params.Text("mode")),
			s.half("constant_val", "value", 0))
	},
	"pixel_shuffle": func(s *spelling) *mil.Value {
		return s.Op("pixel_shuffle", s.x(), mil.Int("upscale_factor", s.c.Params.Int("r", 0)))
	},
	"pixel_unshuffle": func(s *spelling) *mil.Value {
		return s.Op("pixel_unshuffle", s.x(), mil.UInt("downscale_factor", uint32(s.c.Params.Int("r", 0))))
	},
	"space_to_depth": blocks("space_to_depth"),
	"depth_to_space": blocks("depth_to_space"),
	"space_to_batch": borders("space_to_batch", "pad", "paddings"),
	"batch_to_space": borders("batch_to_space", "crop", "crops"),
	"crop": func(s *spelling) *mil.Value {
		p := s.c.Params
		return s.Op("crop", s.x(), mil.Ints("crop_height", p.Int("top", 0), p.Int("bottom", 0)),
			mil.Ints("crop_width", p.Int("left", 0), p.Int("right", 0)))
	},
	"upsample_nearest": func(s *spelling) *mil.Value {
		k := s.ints("scale")
		return s.Op("upsample_nearest_neighbor", s.x(), mil.Int("scale_factor_height", k[0]), mil.Int("scale_factor_width", k[1]))
	},
	"resize_nearest": func(s *spelling) *mil.Value {
		k := s.ints("size")
		return s.Op("resize_nearest_neighbor", s.x(), mil.Int("target_size_height", k[0]), mil.Int("target_size_width", k[1]))
	},
	"upsample_bilinear": func(s *spelling) *mil.Value {
		k := s.ints("scale")
		return s.Op("upsample_bilinear", s.x(), mil.Flag("align_corners", s.c.Params.True("align_corners")),
			mil.Single("scale_factor_height", float32(k[0])), mil.Single("scale_factor_width", float32(k[1])))
	},
	"resize_bilinear": func(s *spelling) *mil.Value {
		if !s.c.Params.True("align_corners") {
			return nil // MIL's DEFAULT is another grid than the half-pixel one
		}
		k := s.ints("size")
		return s.Op("resize_bilinear", s.x(), mil.Word("sampling_mode", "ALIGN_CORNERS"),
			mil.Int("target_size_height", k[0]), mil.Int("target_size_width", k[1]))
	},
	"sdpa": func(s *spelling) *mil.Value {
		if s.c.Params.True("causal") || s.c.Params.Float("scale", 0) != 0 {
			return nil // MIL has neither parameter
		}
		args := []mil.Arg{mil.In("query", s.in(0)), mil.In("key", s.in(1)), mil.In("value", s.in(2))}
		if len(s.tensors) > 3 {
			args = append(args, mil.In("attn_mask", s.in(3)))
		}
		return s.Op("scaled_dot_product_attention", args...)
	},
}

func (s *spelling) axis() mil.Arg { return mil.Int("axis", s.c.Params.Int("axis", 0)) }

func (s *spelling) all() mil.Arg {
	var vs []*mil.Value
	for i := range s.tensors {
		vs = append(vs, s.in(i))
	}
	return mil.List("values", vs...)
}

func alphaBeta(op, alpha, beta string) func(*spelling) *mil.Value {
	return func(s *spelling) *mil.Value {
		args := []mil.Arg{s.x(), s.half("alpha", alpha, 0)}
		if beta != "" {
			args = append(args, s.half("beta", beta, 0))
		}
		return s.Op(op, args...)
	}
}

// spellSoftplus is the documented form around the native cliff at 11.09.
func spellSoftplus(s *spelling) *mil.Value {
	x := s.in(0)
	small := s.Op("softplus", mil.In("x", s.Op("minimum", mil.In("x", x), mil.In("y", s.Half(10)))))
	rest := s.Op("relu", mil.In("x", s.Op("sub", mil.In("x", x), mil.In("y", s.Half(10)))))
	return s.Op("add", mil.In("x", small), mil.In("y", rest))
}

func withEpsilon(op string) func(*spelling) *mil.Value {
	return func(s *spelling) *mil.Value { return s.Op(op, mil.Half("epsilon", 0), s.x()) }
}

// pair is a parameter of two numbers.
func (s *spelling) pair(name string, absent int) []int {
	p := s.c.Params.Pair(name, absent)
	return p[:]
}

// windows are the arguments that convolutions share.
func (s *spelling) windows() []mil.Arg {
	pad := s.ints("pad")
	switch len(pad) {
	case 0:
		pad = []int{0, 0, 0, 0}
	case 2:
		pad = []int{pad[0], pad[0], pad[1], pad[1]}
	}
	return []mil.Arg{mil.Ints("strides", s.pair("stride", 1)...), mil.Ints("dilations", s.pair("dilation", 1)...),
		mil.Ints("pad", pad...), mil.Word("pad_type", "custom"), mil.Int("groups", s.c.Params.Int("groups", 1))}
}

// spellConvTranspose puts the output padding, which MIL lacks, into a smaller
// trailing pad.
func spellConvTranspose(s *spelling) *mil.Value {
	args := s.windows()
	pad, extra := s.pair("pad", 0), s.pair("output_pad", 0)
	args[2] = mil.Ints("pad", pad[0], pad[0]-extra[0], pad[1], pad[1]-extra[1])
	return s.biased(s.Op("conv_transpose", append(args, s.x(), mil.In("weight", s.weight(1)))...), 2)
}

func spellPool(op string) func(*spelling) *mil.Value {
	return func(s *spelling) *mil.Value {
		pad := s.pair("pad", 0)
		args := []mil.Arg{s.x(), mil.Ints("kernel_sizes", s.ints("kernel")...), mil.Ints("strides", s.ints("stride")...),
			mil.Ints("pad", pad[0], pad[0], pad[1], pad[1]), mil.Word("pad_type", "custom"), mil.Flag("ceil_mode", s.c.Params.True("ceil"))}
		if op == "avg_pool" {
			args = append(args, mil.Flag("exclude_padding_from_average", s.c.Params.True("exclude_pad")))
		}
		return s.Op(op, args...)
	}
}

func channelNorm(op string, params ...string) func(*spelling) *mil.Value {
	return func(s *spelling) *mil.Value {
		args := []mil.Arg{s.x(), s.half("epsilon", "eps", 0)}
		for i, name := range params {
			args = append(args, mil.In(name, s.weight(i+1)))
		}
		return s.Op(op, args...)
	}
}

func spellLayerNorm(s *spelling) *mil.Value {
	return s.Op("layer_norm", s.x(), mil.Ints("axes", len(s.c.Inputs[0].Shape)-1), s.half("epsilon", "eps", 0),
		mil.In("gamma", s.weight(1)), mil.In("beta", s.weight(2)))
}

func spellLRN(s *spelling) *mil.Value {
	return s.Op("local_response_norm", s.x(), s.half("alpha", "alpha", 0), s.half("beta", "beta", 0), s.half("k", "k", 0),
		mil.Int("size", s.c.Params.Int("size", 0)))
}

func blocks(op string) func(*spelling) *mil.Value {
	return func(s *spelling) *mil.Value {
		return s.Op(op, s.x(), mil.Int("block_size", s.c.Params.Int("block", 0)))
	}
}

func borders(op, param, name string) func(*spelling) *mil.Value {
	return func(s *spelling) *mil.Value {
		p := s.ints(param)
		return s.Op(op, s.x(), mil.Ints("block_shape", s.ints("block")...), mil.Pairs(name, [2]int{p[0], p[1]}, [2]int{p[2], p[3]}))
	}
}

// sameName lists golden operations whose MIL form has the same name and no
// parameters but operands.
var sameName = map[string]int{
	"relu": 1, "relu6": 1, "silu": 1, "sigmoid": 1, "tanh": 1, "exp": 1, "exp2": 1, "sqrt": 1, "abs": 1,
	"square": 1, "erf": 1, "sin": 1, "cos": 1, "atan": 1, "sign": 1, "floor": 1, "ceil": 1, "softsign": 1,
	"add": 2, "sub": 2, "mul": 2, "pow": 2, "maximum": 2, "minimum": 2,
}

// noOperation lists golden operations that MIL has no single operation for:
// the lowering composes them.
var noOperation = map[string]bool{
	"round":  true, // MIL's rounds ties away from zero; see TestNativeRound
	"split":  true, // unequal parts
	"gather": true, "gather_along_axis": true, "argmax": true, "argmin": true, "sort": true, "cumsum": true, "conv1d": true,
	"log_softmax": true, "rms_norm": true, "group_norm": true, "l2_norm": true,
}

// value spells the case, or gives nil if MIL cannot say it.
func (s *spelling) value() *mil.Value {
	op := s.c.Op
	if n := sameName[op]; n > 0 {
		args := []mil.Arg{s.x()}
		if n == 2 {
			args = append(args, mil.In("y", s.in(1)))
		}
		return s.Op(op, args...)
	}
	switch op {
	case "greater", "less", "equal", "not_equal", "less_equal", "greater_equal":
		cond := s.Op(op, s.x(), mil.In("y", s.in(1)))
		ones := ramp(len(s.c.Outputs[0].Integers), 0)
		for i := range ones {
			ones[i] = 1
		}
		return s.Op("select", mil.In("cond", cond), mil.In("a", s.Weight("ones", ones, s.c.Outputs[0].Shape...)), mil.In("b", s.Half(0)))
	case "reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_sum_square", "reduce_l1_norm", "reduce_l2_norm",
		"reduce_log_sum", "reduce_log_sum_exp":
		return s.Op(op, s.x(), mil.Ints("axes", s.ints("axes")...), mil.Flag("keep_dims", true))
	}
	if f := spell[op]; f != nil {
		return f(s)
	}
	return nil
}

// narrowErr gives the published errors of the reductions that accumulate in
// fp16 (M5, macOS 26); the golden tolerance assumes a wide accumulator.
var narrowErr = map[string]float64{"reduce_sum": 8e-4, "reduce_mean": 8e-4, "reduce_l1_norm": 7e-4, "reduce_log_sum": 9e-4,
	"reduce_sum_square": 5e-4}

// TestOpsAgreeWithPyTorch runs every golden case that MIL has an operation for
// through files, compiler and interface, and holds it to the tolerance that the
// golden set recommends for fp16 storage with a wide accumulator.
func TestOpsAgreeWithPyTorch(t *testing.T) {
	set, err := golden.Open("")
	require.NoError(t, err)
	ops, err := set.Ops()
	require.NoError(t, err)
	_, l := engine(t, softane.H16)
	ran := 0
	for _, c := range ops.Cases {
		tensors, err := c.Tensors()
		require.NoError(t, err)
		s := &spelling{Builder: mil.NewBuilder(), c: c, tensors: tensors}
		v := s.value()
		if v == nil {
			if !noOperation[c.Op] && c.Op != "sdpa" && c.Op != "resize_bilinear" {
				t.Errorf("%s: no spelling", c.Name())
			}
			continue
		}
		ran++
		t.Run(c.Name(), func(t *testing.T) {
			s.Output("y", v)
			got := compute(t, l, s.Builder, s.fed...)
			want := c.Outputs[0]
			limit := max(1.5*want.RelErrFP16+2e-4, narrowErr[c.Op])
			if want.Integers != nil {
				limit = 0
			}
			if e := relL2(t, got, want.Floats()); !(e <= limit) {
				t.Errorf("%s %v: relL2 %.3g, limit %.3g\n got %v\nwant %v", c.Name(), c.Params, e, limit, got, want.Floats())
			}
		})
	}
	require.GreaterOrEqual(t, ran, 130, "golden cases that ran")
}

// relL2 is ‖got−want‖/‖want‖, or ‖got‖ where want is all zeros.
func relL2(t testing.TB, got []float32, want []float64) float64 {
	t.Helper()
	require.Len(t, got, len(want))
	var num, den float64
	for i, w := range want {
		num += (float64(got[i]) - w) * (float64(got[i]) - w)
		den += w * w
	}
	if den == 0 {
		den = 1
	}
	return math.Sqrt(num / den)
}
