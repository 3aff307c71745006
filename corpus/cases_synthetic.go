package corpus

import "devicemap/internal/graph"

// synthetic are 20 published cases, 22 variants: chains of small operations.
func synthetic(rule Scaling) []*Case {
	list := append(synthElementwise(), synthReduce()...)
	list = append(list, synthProducts()...)
	list = append(list, synthActivations()...)
	return cases("synthetic", &stream{seed: 11, rule: rule}, append(list, synthMoves()...))
}

func x48() []*array { return []*array{in("x", normal(1), 4, 8)} }

func ab48() []*array { return []*array{in("a", normal(1), 4, 8), in("b", normal(1), 4, 8)} }

func synthElementwise() []*Case {
	return []*Case{
		{Name: "elementwise_chain", arrays: append(ab48(), in("c", positive(1), 4, 8)),
			build: func(n *net) *graph.Value {
				a, b, c := n.v("a"), n.v("b"), n.v("c")
				h := n.Binary(graph.Mul, n.Add(a, b), c)
				h = n.Binary(graph.Minimum, n.Binary(graph.Maximum, h, b), c)
				return n.Unary(graph.Tanh, n.Binary(graph.Div, n.Binary(graph.Sub, h, a), c))
			}},
		{Name: "activation_zoo", arrays: x48(),
			build: func(n *net) *graph.Value {
				x := n.v("x")
				h := n.Add(n.Unary(graph.SiLU, x), n.Unary(graph.GELU, x))
				h = n.Binary(graph.Mul, n.Unary(graph.Sigmoid, h), n.Unary(graph.ReLU6, x))
				h = n.Add(n.with(graph.ELU, h, 0.5, 0), n.with(graph.LeakyReLU, x, 0.1, 0))
				return n.Unary(graph.Square, n.with(graph.Clip, h, -2, 2))
			}},
		{Name: "broadcast_rowvec", arrays: []*array{in("x", normal(1), 6, 12), in("r", normal(1), 1, 12)},
			build: func(n *net) *graph.Value {
				h := n.Binary(graph.Mul, n.Add(n.v("x"), n.v("r")), n.v("r"))
				return n.relu(n.Scale(h, 2))
			}},
		{Name: "broadcast_3d_bias", arrays: []*array{in("x", normal(1), 2, 5, 8), in("b", normal(1), 1, 1, 8)},
			build: func(n *net) *graph.Value { return n.Unary(graph.SiLU, n.Add(n.v("x"), n.v("b"))) }},
		{Name: "reshape_transpose_cancel", Tol: 0.01, arrays: []*array{in("x", normal(1), 2, 3, 4)},
			build: func(n *net) *graph.Value {
				h := n.Reshape(n.Reshape(n.v("x"), 6, 4), 2, 3, 4)
				return n.Add(n.Transpose(n.Transpose(h, 2, 0, 1), 1, 2, 0), n.v("x"))
			}},
		{Name: "transpose_then_matmul", arrays: []*array{in("x", normal(1), 4, 6), w("W", normal(0.3), 4, 5)},
			build: func(n *net) *graph.Value { return n.times(n.Transpose(n.v("x"), 1, 0), "W") }},
	}
}

func synthReduce() []*Case {
	return []*Case{
		{Name: "reduce_sum_mean_axes", arrays: []*array{in("x", normal(1), 3, 4, 5)},
			build: func(n *net) *graph.Value {
				return n.Add(n.fold(graph.Sum, n.v("x"), 2), n.fold(graph.Mean, n.v("x"), 1))
			}},
		{Name: "reduce_amax_amin", arrays: []*array{in("x", normal(1), 4, 16)},
			build: func(n *net) *graph.Value {
				low := n.Scale(n.fold(graph.Min, n.v("x"), 1), -1)
				return n.Binary(graph.Maximum, n.fold(graph.Max, n.v("x"), 1), low)
			}},
		{Name: "center_softmax", arrays: []*array{in("x", normal(1), 5, 10)},
			build: func(n *net) *graph.Value {
				return n.Softmax(n.Binary(graph.Sub, n.v("x"), n.fold(graph.Mean, n.v("x"), 1)))
			}},
	}
}

func synthProducts() []*Case {
	return []*Case{
		{Name: "matmul_rect_7x13x5", Int8Tol: 0.06, arrays: []*array{in("x", normal(1), 7, 13), w("W", normal(0.3), 13, 5)},
			build: func(n *net) *graph.Value { return n.times(n.v("x"), "W") }},
		{Name: "bmm_rect_3x6x9x4", arrays: []*array{in("a", normal(0.5), 3, 6, 9), in("b", normal(0.5), 3, 9, 4)},
			build: func(n *net) *graph.Value { return n.MatMul(n.v("a"), n.v("b")) }},
		{Name: "linear_relu_linear", Tol: 0.03, Int8Tol: 0.06,
			arrays: []*array{w("W1", normal(0.2), 20, 12), w("b1", normal(0.1), 20), w("W2", normal(0.2), 7, 20),
				w("b2", normal(0.1), 7), in("x", normal(1), 5, 12)},
			build: func(n *net) *graph.Value {
				return n.linear(n.relu(n.linear(n.v("x"), "W1", "b1")), "W2", "b2")
			}},
	}
}

func synthActivations() []*Case {
	return []*Case{
		{Name: "extra_activation_zoo", Tol: 0.03, arrays: x48(),
			build: func(n *net) *graph.Value {
				x := n.v("x")
				h := n.Add(n.Unary(graph.Softsign, x), n.Unary(graph.Atan, x))
				h = n.Add(n.with(graph.ScaledTanh, h, 1.5, 0.5), n.with(graph.Threshold, x, 0, 0))
				h = n.Add(n.with(graph.ThresholdedReLU, h, 0.1, 0), n.with(graph.LinearAct, x, 0.5, 0.25))
				h = n.Add(n.with(graph.SigmoidHard, h, round16(0.2), 0.5), n.with(graph.ClampedReLU, x, round16(0.1), 4))
				return n.Unary(graph.Exp2, h)
			}},
		{Name: "inverse_recip", arrays: []*array{in("x", positive(1), 4, 8)},
			build: func(n *net) *graph.Value {
				return n.Add(n.Unary(graph.Inverse, n.v("x")), n.Unary(graph.Inverse, n.Unary(graph.Sqrt, n.v("x"))))
			}},
		{Name: "reduce_l1_sumsq", arrays: x48(),
			build: func(n *net) *graph.Value {
				return n.Add(n.fold(graph.L1Norm, n.v("x"), 1), n.fold(graph.SumSquare, n.v("x"), 1))
			}},
		{Name: "reduce_log_sum", arrays: []*array{in("x", positive(1), 4, 8)},
			build: func(n *net) *graph.Value { return n.fold(graph.LogSum, n.v("x"), 1) }},
	}
}

func synthMoves() []*Case {
	return []*Case{
		{Name: "squeeze_expand_flatten2d", Tol: 0.01, arrays: []*array{in("x", normal(1), 1, 4, 1, 8)},
			build: func(n *net) *graph.Value {
				h := n.Apply(graph.Squeeze{Axes: []int{0, 2}}, n.v("x"))
				h = n.Apply(graph.ExpandDims{Axes: []int{1}}, h)
				return n.Scale(n.Apply(graph.Flatten2D{Axis: 2}, h), 2)
			}},
		{Name: "slice_by_size_window", Tol: 0.01, arrays: x48(),
			build: func(n *net) *graph.Value {
				return n.relu(n.Apply(graph.Slice{Begin: []int{1, 2}, Size: []int{2, 5}}, n.v("x")))
			}},
		{Name: "stack_split", Tol: 0.01, arrays: ab48(),
			build: func(n *net) *graph.Value {
				s := n.Apply(graph.Stack{Axis: 0}, n.v("a"), n.v("b"))
				parts := n.ApplyMany(graph.Split{Axis: 0, Sizes: []int{1, 1}}, s)
				return n.Reshape(n.Add(parts[0], parts[1]), 4, 8)
			}},
		{Name: "select_greater_max", Exact: true, arrays: ab48(),
			build: func(n *net) *graph.Value {
				a, b := n.v("a"), n.v("b")
				return n.Apply(graph.Select{}, n.Apply(graph.Compare{Fn: graph.Greater}, a, b), a, b)
			}},
	}
}
