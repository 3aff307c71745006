package golden

import (
	"fmt"
	"slices"

	"devicemap/internal/graph"
)

// Graph is the case as a graph whose inputs are the case's tensors, in order,
// and whose outputs are the case's results. Index operands of a gather become
// parameters; truth values become 1 and 0. inputs are the values to feed.
func (c Case) Graph() (g *graph.Graph, inputs [][]float32, err error) {
	tensors, err := c.Tensors()
	if err != nil {
		return nil, nil, err
	}
	if want := operands[c.Op]; len(c.Inputs) < want {
		return nil, nil, fmt.Errorf("golden: case %s: %d inputs, want %d", c.Name(), len(c.Inputs), want)
	}
	b := graph.New(c.Name())
	var in []*graph.Value
	for i, t := range c.Inputs {
		if c.Op == "gather" && i == 1 {
			break
		}
		in = append(in, b.Input(fmt.Sprintf("in%d", i), t.Shape...))
		inputs = append(inputs, tensors[i])
	}
	outs, err := c.apply(b, in, tensors)
	if err != nil {
		return nil, nil, fmt.Errorf("golden: case %s: %w", c.Name(), err)
	}
	for i, v := range outs {
		b.Output(fmt.Sprintf("out%d", i), v)
	}
	if g, err = b.Build(); err != nil {
		return nil, nil, err
	}
	return g, inputs, nil
}

// operands gives the number of inputs where it decides how the graph is built.
// The graph's own rules check all others.
var operands = map[string]int{"where_greater": 4, "gather": 2, "conv1d": 3}

// apply adds the case's operation to b.
func (c Case) apply(b *graph.Builder, in []*graph.Value, tensors [][]float32) ([]*graph.Value, error) {
	p := c.Params
	one := func(op graph.Op) ([]*graph.Value, error) { return b.ApplyMany(op, in...), nil }
	if op := c.elementwise(); op != nil {
		return one(op)
	}
	if fn := graph.CompareFn(c.Op); slices.Contains(graph.CompareFns(), fn) {
		yes, no := scalar(b, "one", 1), scalar(b, "zero", 0)
		return []*graph.Value{b.Apply(graph.Select{}, b.Apply(graph.Compare{Fn: fn}, in...), yes, no)}, nil
	}
	if fn := graph.ReduceFn(c.Op); slices.Contains(graph.ReduceFns(), fn) {
		return one(graph.Reduce{Fn: fn, Axes: p.Ints("axes"), Drop: !p.True("keepdims")})
	}
	if op := c.move(tensors); op != nil {
		return one(op)
	}
	if op := c.image(); op != nil {
		return one(op)
	}
	if op := c.norm(); op != nil {
		return one(op)
	}
	axis := p.Int("axis", 0)
	switch c.Op {
	case "where_greater":
		cond := b.Apply(graph.Compare{Fn: graph.Greater}, in[:2]...)
		return []*graph.Value{b.Apply(graph.Select{}, cond, in[2], in[3])}, nil
	case "prelu":
		return one(graph.PReLU{})
	case "matmul":
		return one(graph.MatMul{TransposeX: p.True("transpose_x"), TransposeY: p.True("transpose_y")})
	case "linear":
		return one(graph.Linear{})
	case "einsum_nchw_nwhu":
		return one(graph.Einsum{})
	case "cumsum":
		return one(graph.CumSum{Axis: axis})
	case "sdpa":
		return one(graph.SDPA{Scale: p.Float("scale", 0), Causal: p.True("causal")})
	case "conv1d":
		return []*graph.Value{c.conv1d(b, in)}, nil
	case "argmax", "argmin":
		return one(graph.Arg{Fn: graph.ArgFn(c.Op), Axis: axis, Drop: !p.True("keepdims")})
	case "topk":
		return one(graph.TopK{K: p.Int("k", 0), Axis: axis, Smallest: !p.True("largest")})
	case "sort":
		return one(graph.Sort{Axis: axis, Descending: p.True("descending")})
	}
	return nil, fmt.Errorf("no graph for operation %q", c.Op)
}

func scalar(b *graph.Builder, name string, v float32) *graph.Value {
	return b.Const(name, graph.F32([]float32{v}), 1)
}

// elementwise is the operation of one or two operands, or nil.
func (c Case) elementwise() graph.Op {
	name := c.Op
	if full, ok := map[string]string{"gelu_tanh": "gelu_tanh_approx", "div": "real_div"}[name]; ok {
		name = full
	}
	if slices.Contains(graph.BinaryFns(), graph.BinaryFn(name)) {
		return graph.Binary{Fn: graph.BinaryFn(name)}
	}
	if !slices.Contains(graph.UnaryFns(), graph.UnaryFn(name)) {
		return nil
	}
	u := graph.Unary{Fn: graph.UnaryFn(name), A: c.Params.Float("alpha", c.Params.Float("a", 0)), B: c.Params.Float("b", 0)}
	if u.Fn == graph.Clip {
		u.A, u.B = c.Params.Float("lo", 0), c.Params.Float("hi", 0)
	}
	return u
}

// norm is the normalisation, or nil.
func (c Case) norm() graph.Op {
	p := c.Params
	last, eps := len(c.Inputs[0].Shape)-1, p.Float("eps", 0)
	switch c.Op {
	case "softmax", "log_softmax":
		return graph.Softmax{Axis: p.Int("axis", last), Log: c.Op == "log_softmax"}
	case "layer_norm":
		return graph.LayerNorm{Axis: last, Eps: eps}
	case "rms_norm":
		return graph.RMSNorm{Eps: eps}
	case "group_norm":
		return graph.GroupNorm{Groups: p.Int("groups", 1), Eps: eps}
	case "instance_norm":
		return graph.InstanceNorm{Eps: eps}
	case "batch_norm":
		return graph.BatchNorm{Eps: eps}
	case "l2_norm":
		return graph.L2Norm{Axis: p.Int("axis", last), Floor: p.Float("floor", 0)}
	case "local_response_norm":
		return graph.LocalResponseNorm{Size: p.Int("size", 1), Alpha: p.Float("alpha", 0), Beta: p.Float("beta", 0), K: p.Float("k", 0)}
	}
	return nil
}

// move is the operation that only moves data, or nil.
func (c Case) move(tensors [][]float32) graph.Op {
	p := c.Params
	axis := p.Int("axis", 0)
	switch c.Op {
	case "transpose":
		return graph.Transpose{Perm: p.Ints("perm")}
	case "reshape":
		return graph.Reshape{Shape: p.Ints("shape")}
	case "flatten2d":
		return graph.Flatten2D{Axis: axis}
	case "concat":
		return graph.Concat{Axis: axis}
	case "stack":
		return graph.Stack{Axis: axis}
	case "split":
		return graph.Split{Axis: axis, Sizes: p.Ints("sizes")}
	case "slice":
		s := graph.Slice{Begin: p.Ints("begin"), Stride: p.Ints("stride")}
		for i, end := range p.Ints("end") {
			if i < min(len(s.Begin), len(s.Stride)) && s.Stride[i] > 0 {
				s.Size = append(s.Size, (end-s.Begin[i]+s.Stride[i]-1)/s.Stride[i])
			}
		}
		return s
	case "reverse":
		return graph.Reverse{Axes: p.Ints("axes")}
	case "pad":
		op := graph.Pad{Mode: graph.PadMode(p.Text("mode")), Value: p.Float("value", 0)}
		for ab := range slices.Chunk(p.Ints("pad"), 2) {
			op.Pads = append(op.Pads, [2]int{ab[0], ab[len(ab)-1]})
		}
		return op
	case "tile":
		return graph.Tile{Reps: p.Ints("reps")}
	case "expand_dims":
		return graph.ExpandDims{Axes: p.Ints("axes")}
	case "squeeze":
		return graph.Squeeze{Axes: p.Ints("axes")}
	case "gather":
		op := graph.Gather{Axis: axis}
		for _, v := range tensors[1] {
			op.Indices = append(op.Indices, int(v))
		}
		return op
	case "gather_along_axis":
		return graph.GatherAlongAxis{Axis: axis}
	}
	return nil
}

// image is the operation on NCHW maps, or nil.
func (c Case) image() graph.Op {
	p := c.Params
	block, r := p.Int("block", 0), p.Int("r", 0)
	switch c.Op {
	case "conv":
		return graph.Conv{Stride: p.Pair("stride", 1), Dilation: p.Pair("dilation", 1), Pad: sides(p.Ints("pad")), Groups: p.Int("groups", 1)}
	case "conv_transpose":
		return graph.ConvTranspose{Stride: p.Pair("stride", 1), Dilation: p.Pair("dilation", 1), Pad: sides(p.Ints("pad")),
			OutputPad: p.Pair("output_pad", 0), Groups: p.Int("groups", 1)}
	case "avg_pool", "max_pool":
		return graph.Pool{Fn: graph.PoolFn(c.Op), Kernel: p.Pair("kernel", 1), Stride: p.Pair("stride", 0), Pad: sides(p.Ints("pad")),
			Ceil: p.True("ceil"), ExcludePad: p.True("exclude_pad")}
	case "pixel_shuffle":
		return graph.PixelShuffle{R: r}
	case "pixel_unshuffle":
		return graph.PixelUnshuffle{R: r}
	case "space_to_depth":
		return graph.SpaceToDepth{Block: block}
	case "depth_to_space":
		return graph.DepthToSpace{Block: block}
	case "space_to_batch":
		return graph.SpaceToBatch{Block: p.Pair("block", 1), Pad: sides(p.Ints("pad"))}
	case "batch_to_space":
		return graph.BatchToSpace{Block: p.Pair("block", 1), Crop: sides(p.Ints("crop"))}
	case "crop":
		return graph.Crop{Top: p.Int("top", 0), Bottom: p.Int("bottom", 0), Left: p.Int("left", 0), Right: p.Int("right", 0)}
	case "upsample_nearest":
		return graph.Resize{Fn: graph.UpsampleNearest, Scale: p.Pair("scale", 1)}
	case "upsample_bilinear":
		return graph.Resize{Fn: graph.UpsampleBilinear, Scale: p.Pair("scale", 1), AlignCorners: p.True("align_corners")}
	case "resize_nearest":
		return graph.Resize{Fn: graph.ResizeNearest, Size: p.Pair("size", 1)}
	case "resize_bilinear":
		return graph.Resize{Fn: graph.ResizeBilinear, Size: p.Pair("size", 1), AlignCorners: p.True("align_corners")}
	}
	return nil
}

// conv1d adds the convolution over [N, C, L] as one over maps of height 1.
func (c Case) conv1d(b *graph.Builder, in []*graph.Value) *graph.Value {
	p, pad := c.Params, c.Params.Int("pad", 0)
	height := func(v *graph.Value) *graph.Value { return b.Apply(graph.ExpandDims{Axes: []int{2}}, v) }
	y := b.Apply(graph.Conv{Stride: [2]int{1, p.Int("stride", 1)}, Dilation: [2]int{1, p.Int("dilation", 1)},
		Pad: [4]int{0, 0, pad, pad}, Groups: p.Int("groups", 1)}, height(in[0]), height(in[1]), in[2])
	return b.Apply(graph.Squeeze{Axes: []int{2}}, y)
}

// sides spells paddings as top, bottom, left, right; two numbers are height
// and width, each on both sides.
func sides(v []int) [4]int {
	switch len(v) {
	case 2:
		return [4]int{v[0], v[0], v[1], v[1]}
	case 4:
		return [4]int(v)
	}
	return [4]int{}
}
