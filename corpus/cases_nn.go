package corpus

import "devicemap/internal/graph"

// nn are 15 published cases, 18 variants: blocks of networks.
func nn(rule Scaling) []*Case {
	return cases("nn", &stream{seed: 7, rule: rule}, append(nnBlocks(), nnImages()...))
}

func convStack(n *net) *graph.Value {
	h := n.relu(n.conv(n.v("x"), "W1", "b1", 1, 1))
	return n.relu(n.conv(h, "W2", "b2", 1, 2))
}

func nnBlocks() []*Case {
	stack := func(more ...*array) []*array {
		return append([]*array{
			w("W1", normal(0.2), 8, 3, 3, 3), w("b1", normal(0.1), 8),
			w("W2", normal(0.2), 16, 8, 3, 3), w("b2", normal(0.1), 16)}, more...)
	}
	return []*Case{
		{Name: "conv_stack_bias_relu", Tol: 0.03, Int8Tol: 0.06,
			arrays: stack(in("x", normal(1), 1, 3, 16, 16)), build: convStack},
		{Name: "cnn_gap_fc_classifier", Tol: 0.03, Int8Tol: 0.06,
			arrays: stack(w("Wfc", normal(0.2), 16, 10), in("x", normal(1), 1, 3, 16, 16)),
			build: func(n *net) *graph.Value {
				return n.times(n.Reshape(n.fold(graph.Mean, convStack(n), 2, 3), 1, 16), "Wfc")
			}},
		{Name: "transformer_encoder_block", Tol: 0.04,
			arrays: append(projections(16, normal(0.2)),
				w("g1", positive(1), 16), w("b1", normal(0.1), 16), w("g2", positive(1), 16), w("b2", normal(0.1), 16),
				w("Wg", normal(0.15), 64, 16), w("bg", normal(0.1), 64),
				w("Wp", normal(0.15), 16, 32), w("bp", normal(0.1), 16), in("x", normal(1), 8, 16)),
			build: encoderBlock},
		{Name: "rms_norm_linear_silu", Tol: 0.03,
			arrays: []*array{w("g", positive(1), 32), w("Wp", normal(0.2), 32, 32), in("x", normal(1), 6, 32)},
			build: func(n *net) *graph.Value {
				h := n.Apply(graph.RMSNorm{Eps: 1e-5}, n.v("x"), n.v("g"))
				return n.Unary(graph.SiLU, n.times(h, "Wp"))
			}},
		{Name: "group_norm_conv_relu", Tol: 0.04,
			arrays: []*array{w("g", positive(1), 8), w("b", normal(0.1), 8), w("W", normal(0.2), 8, 8, 3, 3), in("x", normal(1), 1, 8, 12, 12)},
			build: func(n *net) *graph.Value {
				h := n.Apply(graph.GroupNorm{Groups: 4, Eps: 1e-5}, n.v("x"), n.v("g"), n.v("b"))
				return n.relu(n.conv(h, "W", "", 1, 1))
			}},
		{Name: "batch_norm_conv_relu", Tol: 0.04,
			arrays: []*array{w("g", positive(1), 8), w("b", normal(0.1), 8), w("m", normal(0.5), 8), w("v", positive(1), 8),
				w("W", normal(0.2), 16, 8, 3, 3), in("x", normal(1), 1, 8, 12, 12)},
			build: func(n *net) *graph.Value {
				h := n.Apply(graph.BatchNorm{Eps: 1e-3}, n.v("x"), n.v("g"), n.v("b"), n.v("m"), n.v("v"))
				return n.relu(n.conv(h, "W", "", 1, 1))
			}},
	}
}

// projections declares the weights and biases of multi-head attention.
func projections(d int, weight dist) (list []*array) {
	for _, name := range []string{"q", "k", "v", "o"} {
		list = append(list, w("W"+name, weight, d, d), w("b"+name, normal(0.1), d))
	}
	return list
}

func (n *net) attention(x *graph.Value, heads int) *graph.Value {
	return n.MultiHeadAttention(x, graph.Projections{
		Wq: n.v("Wq"), Wk: n.v("Wk"), Wv: n.v("Wv"), Wo: n.v("Wo"),
		Bq: n.v("bq"), Bk: n.v("bk"), Bv: n.v("bv"), Bo: n.v("bo")}, heads)
}

func encoderBlock(n *net) *graph.Value {
	x := n.v("x")
	r := n.Add(x, n.attention(n.LayerNorm(x, n.v("g1"), n.v("b1"), 1e-5), 2))
	h := n.LayerNorm(r, n.v("g2"), n.v("b2"), 1e-5)
	// geglu: the first half of the rows gives the value, the second the gate.
	value := n.Linear(h, n.half("Wg", 0), n.half("bg", 0))
	gate := n.Unary(graph.GELU, n.Linear(h, n.half("Wg", 1), n.half("bg", 1)))
	return n.Add(r, n.linear(n.Binary(graph.Mul, value, gate), "Wp", "bp"))
}

func nnImages() []*Case {
	return []*Case{
		{Name: "upsample_conv_sr", Tol: 0.03, Int8Tol: 0.06,
			arrays: []*array{w("W", normal(0.2), 3, 4, 3, 3), w("b", normal(0.1), 3), in("x", normal(1), 1, 4, 8, 8)},
			build: func(n *net) *graph.Value {
				up := n.Apply(graph.Resize{Fn: graph.UpsampleNearest, Scale: [2]int{2, 2}}, n.v("x"))
				return n.relu(n.conv(up, "W", "b", 1, 1))
			}},
		{Name: "pixel_shuffle_subpixel_sr", Tol: 0.03,
			arrays: []*array{w("W", normal(0.2), 12, 4, 3, 3), w("b", normal(0.1), 12), in("x", normal(1), 1, 4, 8, 8)},
			build: func(n *net) *graph.Value {
				return n.Apply(graph.PixelShuffle{R: 2}, n.conv(n.v("x"), "W", "b", 1, 1))
			}},
		{Name: "conv_transpose_decoder", Tol: 0.03,
			arrays: []*array{w("W", normal(0.2), 4, 3, 2, 2), in("x", normal(1), 1, 4, 8, 8)},
			build: func(n *net) *graph.Value {
				return n.relu(n.Apply(graph.ConvTranspose{Stride: [2]int{2, 2}}, n.v("x"), n.v("W")))
			}},
		{Name: "instance_norm_block", Tol: 0.03,
			arrays: []*array{w("g", positive(0.5), 8), w("b", normal(0.3), 8), in("x", normal(1), 1, 8, 8, 8)},
			build: func(n *net) *graph.Value {
				return n.relu(n.Apply(graph.InstanceNorm{Eps: round16(1e-5)}, n.v("x"), n.v("g"), n.v("b")))
			}},
		{Name: "local_response_norm_block", Tol: 0.03,
			arrays: []*array{in("x", shifted(0.5), 1, 8, 4, 4)},
			build: func(n *net) *graph.Value {
				op := graph.LocalResponseNorm{Size: 3, Alpha: round16(1e-4), Beta: round16(0.75), K: 1}
				return n.Apply(op, n.v("x"))
			}},
		{Name: "einsum_native_block", Tol: 0.03,
			arrays: []*array{w("B", normal(0.3), 1, 6, 3, 5), in("x", normal(1), 1, 4, 3, 6)},
			build:  func(n *net) *graph.Value { return n.relu(n.Apply(graph.Einsum{}, n.v("x"), n.v("B"))) }},
		// A tight limit instead of equality: a residual of the order of 1e−5
		// was seen on the device.
		{Name: "space_depth_roundtrip", Tol: 1e-4,
			arrays: []*array{in("x", normal(1), 1, 4, 8, 8)},
			build: func(n *net) *graph.Value {
				return n.Apply(graph.DepthToSpace{Block: 2}, n.Apply(graph.SpaceToDepth{Block: 2}, n.v("x")))
			}},
		{Name: "crop_resize_nn_block",
			arrays: []*array{in("x", normal(1), 1, 3, 8, 8)},
			build: func(n *net) *graph.Value {
				c := n.Apply(graph.Crop{Top: 1, Bottom: 1, Left: 1, Right: 1}, n.v("x"))
				return n.Apply(graph.Resize{Fn: graph.ResizeNearest, Size: [2]int{12, 12}}, c)
			}},
		{Name: "upsample_bilinear_block",
			arrays: []*array{in("x", normal(1), 1, 3, 4, 4)},
			build: func(n *net) *graph.Value {
				return n.Apply(graph.Resize{Fn: graph.UpsampleBilinear, Scale: [2]int{2, 2}}, n.v("x"))
			}},
	}
}
