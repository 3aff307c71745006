package corpus

import (
	"slices"
	"strings"
	"testing"

	"devicemap/device"
	"devicemap/internal/fp16"
	"devicemap/internal/graph"
	"devicemap/internal/route"
)

// mutant is a lowering with one mistake. An engine whose lowering of the named
// operation made it would compute what edit builds.
type mutant struct {
	name string
	op   string // name of the operation that is lowered wrongly
	// edit builds the wrong result, or nil where the mistake would not show.
	edit func(b *graph.Builder, n *graph.Node, in []*graph.Value) []*graph.Value
}

// wrongOp replaces the operation by another on the same operands; f reports
// false where the two are the same.
func wrongOp[O graph.Op](name, op string, f func(o *O) bool) mutant {
	return mutant{name, op, func(b *graph.Builder, n *graph.Node, in []*graph.Value) []*graph.Value {
		o := n.Op.(O)
		if !f(&o) {
			return nil
		}
		return b.ApplyMany(o, in...)
	}}
}

// other computes another operation instead.
func other(name, op string, instead graph.Op) mutant {
	return mutant{name, op, func(b *graph.Builder, _ *graph.Node, in []*graph.Value) []*graph.Value {
		return b.ApplyMany(instead, in...)
	}}
}

// operands hands the operation other operands; f returns nil where the mistake
// would not show.
func operands(name, op string, f func(b *graph.Builder, in []*graph.Value) []*graph.Value) mutant {
	return mutant{name, op, func(b *graph.Builder, n *graph.Node, in []*graph.Value) []*graph.Value {
		if in = f(b, slices.Clone(in)); in == nil {
			return nil
		}
		return b.ApplyMany(n.Op, in...)
	}}
}

// dropped leaves out operands from the n-th on.
func dropped(name, op string, n int) mutant {
	return operands(name, op, func(_ *graph.Builder, in []*graph.Value) []*graph.Value {
		if len(in) <= n {
			return nil
		}
		return in[:n]
	})
}

func swapped(name, op string, i, j int) mutant {
	return operands(name, op, func(_ *graph.Builder, in []*graph.Value) []*graph.Value {
		if !slices.Equal(in[i].Shape, in[j].Shape) {
			return nil
		}
		in[i], in[j] = in[j], in[i]
		return in
	})
}

// changed edits one operand.
func changed(name, op string, i int, f func(b *graph.Builder, v *graph.Value) *graph.Value) mutant {
	return operands(name, op, func(b *graph.Builder, in []*graph.Value) []*graph.Value {
		if len(in) <= i {
			return nil
		}
		v := f(b, in[i])
		if v == nil {
			return nil
		}
		in[i] = v
		return in
	})
}

func mirrored(axes ...int) func(b *graph.Builder, v *graph.Value) *graph.Value {
	return func(b *graph.Builder, v *graph.Value) *graph.Value { return b.Apply(graph.Reverse{Axes: axes}, v) }
}

func turnedSquare(b *graph.Builder, v *graph.Value) *graph.Value {
	if len(v.Shape) != 2 || v.Shape[0] != v.Shape[1] {
		return nil
	}
	return b.Transpose(v, 1, 0)
}

func zeroed(b *graph.Builder, v *graph.Value) *graph.Value { return b.Scale(v, 0) }

func swapInts(a, b *int) bool { *a, *b = *b, *a; return *a != *b }

func productMutants() []mutant {
	return []mutant{
		dropped("linear drops the bias", "linear", 2),
		changed("linear takes the weight transposed", "linear", 1, turnedSquare),
		changed("linear mirrors the bias", "linear", 2, mirrored(0)),
		wrongOp("matmul ignores transpose_y", "matmul", func(o *graph.MatMul) bool { o.TransposeY = !o.TransposeY; return true }).onlySquare(),
		wrongOp("sdpa leaves out the scale", "sdpa", func(o *graph.SDPA) bool { o.Scale = 1; return true }),
		wrongOp("sdpa ignores a given scale", "sdpa", func(o *graph.SDPA) bool { was := o.Scale; o.Scale = 0; return was != 0 }),
		wrongOp("sdpa ignores causality", "sdpa", func(o *graph.SDPA) bool { was := o.Causal; o.Causal = false; return was }),
		dropped("sdpa drops the mask", "sdpa", 3),
		swapped("sdpa swaps keys and values", "sdpa", 1, 2),
		swapped("sdpa swaps queries and keys", "sdpa", 0, 1),
		{"cumsum is exclusive", "cumsum", func(b *graph.Builder, n *graph.Node, in []*graph.Value) []*graph.Value {
			return []*graph.Value{b.Binary(graph.Sub, b.Apply(n.Op, in...), in[0])}
		}},
		{"cumsum runs backwards", "cumsum", func(b *graph.Builder, n *graph.Node, in []*graph.Value) []*graph.Value {
			flip := mirrored(n.Op.(graph.CumSum).Axis)
			return []*graph.Value{flip(b, b.Apply(n.Op, flip(b, in[0])))}
		}},
		swapped("cross_product swaps its operands", "cross_product", 0, 1),
	}
}

// onlySquare keeps a mutant of matmul to products whose shape survives it.
func (m mutant) onlySquare() mutant {
	edit := m.edit
	m.edit = func(b *graph.Builder, n *graph.Node, in []*graph.Value) []*graph.Value {
		if y := in[1].Shape; len(y) < 2 || y[len(y)-1] != y[len(y)-2] {
			return nil
		}
		return edit(b, n, in)
	}
	return m
}

func convMutants() []mutant {
	return []mutant{
		dropped("conv drops the bias", "conv", 2),
		wrongOp("conv pads the bottom instead of the top", "conv", func(o *graph.Conv) bool { return swapInts(&o.Pad[0], &o.Pad[1]) }),
		wrongOp("conv pads the right instead of the left", "conv", func(o *graph.Conv) bool { return swapInts(&o.Pad[2], &o.Pad[3]) }),
		changed("conv flips its filter", "conv", 1, mirrored(2, 3)),
		changed("conv mirrors the output channels", "conv", 1, mirrored(0)),
		changed("conv mirrors the input channels", "conv", 0, mirrored(1)),
		dropped("conv_transpose drops the bias", "conv_transpose", 2),
		wrongOp("conv_transpose pads the wrong side", "conv_transpose", func(o *graph.ConvTranspose) bool {
			height := swapInts(&o.Pad[0], &o.Pad[1])
			return swapInts(&o.Pad[2], &o.Pad[3]) || height
		}),
		changed("conv_transpose flips its filter", "conv_transpose", 1, mirrored(2, 3)),
		wrongOp("max_pool averages", "max_pool", func(o *graph.Pool) bool { o.Fn = graph.AvgPool; return true }),
		wrongOp("max_pool pads the wrong side", "max_pool", func(o *graph.Pool) bool {
			height := swapInts(&o.Pad[0], &o.Pad[1])
			return swapInts(&o.Pad[2], &o.Pad[3]) || height
		}),
		wrongOp("avg_pool counts padding the other way", "avg_pool", func(o *graph.Pool) bool { o.ExcludePad = !o.ExcludePad; return true }),
		wrongOp("l2_pool averages", "l2_pool", func(o *graph.Pool) bool { o.Fn = graph.AvgPool; return true }),
	}
}

func normMutants() []mutant {
	eps := func(op string) string { return op + " leaves out eps" }
	return []mutant{
		wrongOp("softmax over another axis", "softmax", func(o *graph.Softmax) bool { was := o.Axis; o.Axis = 0; return was != 0 }),
		other("log_softmax leaves out the logarithm", "log_softmax", graph.Softmax{Axis: 1}),
		wrongOp(eps("layer_norm"), "layer_norm", func(o *graph.LayerNorm) bool { o.Eps = 0; return true }),
		changed("layer_norm drops beta", "layer_norm", 2, zeroed),
		changed("layer_norm mirrors gamma", "layer_norm", 1, mirrored(0)),
		swapped("layer_norm swaps gamma and beta", "layer_norm", 1, 2),
		changed("rms_norm mirrors gamma", "rms_norm", 1, mirrored(0)),
		wrongOp("group_norm takes one group", "group_norm", func(o *graph.GroupNorm) bool { was := o.Groups; o.Groups = 1; return was > 1 }),
		wrongOp(eps("group_norm"), "group_norm", func(o *graph.GroupNorm) bool { o.Eps = 0; return true }),
		changed("group_norm drops beta", "group_norm", 2, zeroed),
		wrongOp(eps("instance_norm"), "instance_norm", func(o *graph.InstanceNorm) bool { o.Eps = 0; return true }),
		swapped("instance_norm swaps gamma and beta", "instance_norm", 1, 2),
		wrongOp(eps("batch_norm"), "batch_norm", func(o *graph.BatchNorm) bool { o.Eps = 0; return true }),
		changed("batch_norm ignores the mean", "batch_norm", 3, zeroed),
		swapped("batch_norm swaps gamma and variance", "batch_norm", 1, 4),
		wrongOp("l2_norm leaves out the floor", "l2_norm", func(o *graph.L2Norm) bool { o.Floor = 0; return true }),
		wrongOp("local_response_norm does not divide alpha", "local_response_norm", func(o *graph.LocalResponseNorm) bool { o.Alpha *= float64(o.Size); return true }),
		wrongOp("local_response_norm leaves out beta", "local_response_norm", func(o *graph.LocalResponseNorm) bool { o.Beta = 1; return true }),
		wrongOp("local_response_norm takes a wider window", "local_response_norm", func(o *graph.LocalResponseNorm) bool { o.Size++; return true }),
		wrongOp("minmax_norm leaves out eps", "minmax_norm", func(o *graph.MinMaxNorm) bool { o.Eps = 0; return true }),
		{"lrn forgets that alpha is divided", "lrn", func(b *graph.Builder, n *graph.Node, in []*graph.Value) []*graph.Value {
			o := n.Op.(graph.LRN)
			return []*graph.Value{b.Apply(graph.LocalResponseNorm{Size: in[0].Shape[1], Alpha: o.Alpha, Beta: o.Beta, K: o.K}, in[0])}
		}},
		wrongOp("lrn leaves out k", "lrn", func(o *graph.LRN) bool { o.K = 0; return true }),
	}
}

func moveMutants() []mutant {
	backwards := func(name, op string) mutant {
		return operands(name, op, func(_ *graph.Builder, in []*graph.Value) []*graph.Value {
			if !slices.Equal(in[0].Shape, in[len(in)-1].Shape) {
				return nil
			}
			slices.Reverse(in)
			return in
		})
	}
	return []mutant{
		backwards("concat joins backwards", "concat"),
		backwards("stack joins backwards", "stack"),
		wrongOp("transpose takes the inverse permutation", "transpose", func(o *graph.Transpose) bool {
			inverse := make([]int, len(o.Perm))
			for i, p := range o.Perm {
				inverse[p] = i
			}
			same := slices.Equal(inverse, o.Perm)
			o.Perm = inverse
			return !same
		}),
		wrongOp("slice starts one early", "slice_by_size", func(o *graph.Slice) bool {
			o.Begin = slices.Clone(o.Begin)
			last := &o.Begin[len(o.Begin)-1]
			*last = max(0, *last-1)
			return true
		}),
		wrongOp("strided slice ignores an offset", "slice_by_index", func(o *graph.Slice) bool { o.Begin = make([]int, len(o.Begin)); return true }),
		wrongOp("crop cuts the wrong side", "crop", func(o *graph.Crop) bool {
			height := swapInts(&o.Top, &o.Bottom)
			return swapInts(&o.Left, &o.Right) || height
		}),
		{"split returns its parts backwards", "split", func(b *graph.Builder, n *graph.Node, in []*graph.Value) []*graph.Value {
			o := n.Op.(graph.Split)
			sizes := slices.Clone(o.Sizes)
			slices.Reverse(sizes)
			parts := b.ApplyMany(graph.Split{Axis: o.Axis, Sizes: sizes}, in...)
			slices.Reverse(parts)
			return parts
		}},
		wrongOp("gather reads the next index", "gather", func(o *graph.Gather) bool {
			o.Indices = append(slices.Clone(o.Indices[1:]), o.Indices[0])
			return true
		}),
		wrongOp("reverse forgets an axis", "reverse", func(o *graph.Reverse) bool { was := len(o.Axes); o.Axes = o.Axes[:1]; return was > 1 }),
		{"tile repeats elements instead of the tensor", "tile", func(b *graph.Builder, n *graph.Node, in []*graph.Value) []*graph.Value {
			r := n.Op.(graph.Tile).Reps
			if len(r) != 2 {
				return nil
			}
			x := b.Reshape(in[0], 1, 1, in[0].Shape[0], in[0].Shape[1])
			up := b.Apply(graph.Resize{Fn: graph.UpsampleNearest, Scale: [2]int{r[0], r[1]}}, x)
			return []*graph.Value{b.Reshape(up, n.Out[0].Shape...)}
		}},
		wrongOp("pad writes zeros", "pad", func(o *graph.Pad) bool { o.Mode, o.Value = graph.PadConstant, 0; return true }),
		wrongOp("pad repeats the edge", "pad", func(o *graph.Pad) bool { was := o.Mode; o.Mode = graph.PadReplicate; return was == graph.PadReflect }),
	}
}

func imageMutants() []mutant {
	align := func(op string) mutant {
		return wrongOp(op+" takes the other alignment", op, func(o *graph.Resize) bool { o.AlignCorners = !o.AlignCorners; return true })
	}
	return []mutant{
		{"pixel_shuffle takes the block-major order", "pixel_shuffle", func(b *graph.Builder, n *graph.Node, in []*graph.Value) []*graph.Value {
			return b.ApplyMany(graph.DepthToSpace{Block: n.Op.(graph.PixelShuffle).R}, in...)
		}},
		{"pixel_unshuffle takes the block-major order", "pixel_unshuffle", func(b *graph.Builder, n *graph.Node, in []*graph.Value) []*graph.Value {
			return b.ApplyMany(graph.SpaceToDepth{Block: n.Op.(graph.PixelUnshuffle).R}, in...)
		}},
		{"space_to_depth takes the channel-major order", "space_to_depth", func(b *graph.Builder, n *graph.Node, in []*graph.Value) []*graph.Value {
			return b.ApplyMany(graph.PixelUnshuffle{R: n.Op.(graph.SpaceToDepth).Block}, in...)
		}},
		{"depth_to_space takes the channel-major order", "depth_to_space", func(b *graph.Builder, n *graph.Node, in []*graph.Value) []*graph.Value {
			return b.ApplyMany(graph.PixelShuffle{R: n.Op.(graph.DepthToSpace).Block}, in...)
		}},
		wrongOp("space_to_batch takes the offset-major order", "space_to_batch", func(o *graph.SpaceToBatch) bool { o.Order = graph.OffsetMajor; return true }),
		wrongOp("batch_to_space takes the offset-major order", "batch_to_space", func(o *graph.BatchToSpace) bool { o.Order = graph.OffsetMajor; return true }),
		align("upsample_bilinear"),
		align("resize_bilinear"),
		wrongOp("affine takes the other alignment", "affine", func(o *graph.Affine) bool { o.AlignCorners = !o.AlignCorners; return true }),
		wrongOp("input_view starts one late", "input_view", func(o *graph.InputView) bool { o.Offset++; return true }),
		wrongOp("dynamic_slice starts one late", "dynamic_slice", func(o *graph.DynamicSlice) bool { o.Start++; return true }),
	}
}

func elementwiseMutants() []mutant {
	list := []mutant{
		wrongOp("muls drops the scalar", "muls", func(o *graph.Unary) bool { o.A = 1; return true }),
		wrongOp("adds drops the scalar", "adds", func(o *graph.Unary) bool { o.A = 0; return true }),
		wrongOp("leaky_relu forgets alpha", "leaky_relu", func(o *graph.Unary) bool { o.A = 0; return true }),
		wrongOp("gelu computes its sigmoid form", "gelu", func(o *graph.Unary) bool { o.Fn = graph.GELUSigmoid; return true }),
		wrongOp("elu forgets alpha", "elu", func(o *graph.Unary) bool { was := o.A; o.A = 1; return was != 1 }),
		wrongOp("clip forgets its lower bound", "clip", func(o *graph.Unary) bool { o.A = -1e4; return true }),
		wrongOp("scaled_tanh swaps its parameters", "scaled_tanh", func(o *graph.Unary) bool { o.A, o.B = o.B, o.A; return true }),
		wrongOp("sigmoid_hard forgets its offset", "sigmoid_hard", func(o *graph.Unary) bool { o.B = 0; return true }),
		wrongOp("linear_activation forgets its offset", "linear_activation", func(o *graph.Unary) bool { o.B = 0; return true }),
		wrongOp("clamped_relu forgets its upper bound", "clamped_relu", func(o *graph.Unary) bool { o.B = 1e4; return true }),
		wrongOp("thresholded_relu takes threshold 0", "thresholded_relu", func(o *graph.Unary) bool { o.A = 0; return true }),
		wrongOp("log leaves out eps", "log", func(o *graph.Unary) bool { was := o.A; o.A = 0; return was != 0 }),
		wrongOp("rsqrt leaves out eps", "rsqrt", func(o *graph.Unary) bool { was := o.A; o.A = 0; return was != 0 }),
		wrongOp("inverse leaves out eps", "inverse", func(o *graph.Unary) bool { was := o.A; o.A = 0; return was != 0 }),
		changed("prelu mirrors its slopes", "prelu", 1, mirrored(0)),
		swapped("sub swaps its operands", "sub", 0, 1),
		swapped("real_div swaps its operands", "real_div", 0, 1),
		swapped("pow swaps its operands", "pow", 0, 1),
		swapped("select swaps its values", "select", 1, 2),
		wrongOp("scaled_elementwise ignores the scale", "scaled_elementwise", func(o *graph.ScaledElementwise) bool { o.Scale = 1; return true }),
		wrongOp("radius_search compares with r²", "radius_search", func(o *graph.RadiusSearch) bool { o.R *= o.R; return true }),
		{"argmax takes the last of equals", "argmax", func(b *graph.Builder, n *graph.Node, in []*graph.Value) []*graph.Value {
			axis := n.Op.(graph.Arg).Axis
			last := b.Apply(n.Op, mirrored(axis)(b, in[0]))
			top := b.Apply(graph.Unary{Fn: graph.AddScalar, A: float64(in[0].Shape[axis] - 1)}, b.Scale(last, -1))
			return []*graph.Value{top}
		}},
		wrongOp("topk takes the other end", "topk", func(o *graph.TopK) bool { o.Smallest = !o.Smallest; return true }),
		wrongOp("sort runs the other way", "sort", func(o *graph.Sort) bool { o.Descending = !o.Descending; return true }),
		{"sort is not stable", "sort", func(b *graph.Builder, n *graph.Node, in []*graph.Value) []*graph.Value {
			o := n.Op.(graph.Sort)
			out := b.ApplyMany(o, mirrored(o.Axis)(b, in[0]))
			index := b.Apply(graph.Unary{Fn: graph.AddScalar, A: float64(in[0].Shape[o.Axis] - 1)}, b.Scale(out[1], -1))
			return []*graph.Value{out[0], index}
		}},
	}
	for op, instead := range map[graph.UnaryFn]graph.UnaryFn{
		graph.ReLU6: graph.ReLU, graph.SiLU: graph.Sigmoid, graph.GELU: graph.ReLU, graph.Round: graph.Floor,
		graph.Ceil: graph.Floor, graph.Exp2: graph.Exp, graph.Rsqrt: graph.Inverse, graph.Softsign: graph.Tanh,
	} {
		list = append(list, wrongOp(string(op)+" computes "+string(instead), string(op), func(o *graph.Unary) bool { o.Fn = instead; return true }))
	}
	for op, instead := range map[graph.CompareFn]graph.CompareFn{
		graph.Less: graph.LessEqual, graph.LessEqual: graph.Less, graph.Greater: graph.GreaterEqual,
		graph.GreaterEqual: graph.Greater, graph.Equal: graph.NotEqual,
	} {
		list = append(list, other(string(op)+" computes "+string(instead), string(op), graph.Compare{Fn: instead}))
	}
	for op, instead := range map[graph.ReduceFn]graph.ReduceFn{
		graph.Sum: graph.Mean, graph.Max: graph.Min, graph.L1Norm: graph.Sum, graph.SumSquare: graph.L1Norm,
		graph.LogSum: graph.Sum, graph.LogSumExp: graph.LogSum, graph.L2NormSum: graph.SumSquare,
	} {
		list = append(list, wrongOp(string(op)+" computes "+string(instead), string(op), func(o *graph.Reduce) bool { o.Fn = instead; return true }))
	}
	slices.SortStableFunc(list, func(a, b mutant) int { return strings.Compare(a.name, b.name) })
	return list
}

// mutated computes with the mutant's mistake; used counts where it was made.
func (m mutant) mutated(compute Computer, used *int) Computer {
	return func(g *graph.Graph, inputs [][]float32) ([]float32, error) {
		wrong, err := route.Rebuild(g, func(b *graph.Builder, _ int, n *graph.Node, in []*graph.Value) []*graph.Value {
			if n.Op.Name() != m.op {
				return nil
			}
			out := m.edit(b, n, in)
			if out != nil {
				*used++
			}
			return out
		})
		if err != nil {
			return nil, err
		}
		return compute(wrong, inputs)
	}
}

// mutationFLOPs bounds the cases of the mutation check.
const mutationFLOPs = 2e7

// small lists the cases that the mutation check runs, by operation.
func small(t *testing.T) map[string][]*Case {
	t.Helper()
	by := map[string][]*Case{}
	for _, c := range shared().All() {
		flops, err := c.FLOPs()
		if err != nil {
			t.Fatal(err)
		}
		if flops > mutationFLOPs {
			continue
		}
		ops, err := c.Ops()
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range ops {
			by[op] = append(by[op], c)
		}
	}
	return by
}

// TestMutationsCloseTheGate breaks one lowering at a time. The gate must go
// red for every one by a wrong value, not by a program that fails to build: a
// mutation that stays green means a missing case.
func TestMutationsCloseTheGate(t *testing.T) {
	compute := OnEngine(openCPU(t), device.FP32)
	by := small(t)
	list := slices.Concat(productMutants(), convMutants(), normMutants(), moveMutants(), imageMutants(), elementwiseMutants())
	for _, m := range list {
		t.Run(m.name, func(t *testing.T) {
			var used int
			var caught []string
			wrong := m.mutated(compute, &used)
			for _, c := range by[m.op] {
				for _, v := range c.Variants() {
					if r := c.Result(wrong, v, ""); r.Status == FAIL {
						caught = append(caught, c.Category+"/"+c.Name)
					}
				}
			}
			switch {
			case used == 0:
				t.Errorf("no case lowers %s so that the mistake could show", m.op)
			case caught == nil:
				t.Errorf("the gate stays green over %d cases: a case is missing", len(by[m.op]))
			default:
				t.Logf("red: %d, first %s", len(caught), caught[0])
			}
		})
	}
	if len(list) < 20 {
		t.Errorf("%d mutations, want at least 20", len(list))
	}
}

// TestNarrowAccumulatorsCloseTheGate: a half's running sum instead of a wide
// one is no rewrite of the graph, so that its arithmetic stands here.
func TestNarrowAccumulatorsCloseTheGate(t *testing.T) {
	narrow := func(g *graph.Graph, inputs [][]float32) ([]float32, error) {
		weight := g.Consts[0]
		rows, x := weight.Shape[0], inputs[0]
		y := make([]float32, rows)
		for r := range rows {
			var sum float64
			for k, v := range x {
				sum = fp16.Round(sum + float64(v)*float64(weight.Const.Narrow[r*len(x)+k]))
			}
			y[r] = float32(sum)
		}
		return y, nil
	}
	for _, name := range []string{"matmul_wide_accumulator", "conv_wide_accumulator"} {
		if r := find(t, "untouched", name).Result(narrow, FP16, ""); r.Status != FAIL {
			t.Errorf("%s: %s, want FAIL", name, r.Status)
		}
	}
}
