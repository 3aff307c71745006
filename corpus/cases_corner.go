package corpus

import (
	"math"

	"devicemap/internal/graph"
)

// corner are 10 published cases, 13 variants: odd shapes, long chains, graph
// cuts.
func corner(rule Scaling) []*Case {
	return cases("corner", &stream{seed: 23, rule: rule}, append(cornerShapes(), cornerCuts()...))
}

func cornerShapes() []*Case {
	return []*Case{
		{Name: "tall_skinny_4096x1", arrays: []*array{in("x", normal(1), 4096, 1)},
			build: func(n *net) *graph.Value { return n.Add(n.relu(n.Scale(n.v("x"), 2)), n.v("x")) }},
		{Name: "wide_K_matmul_1x4096x8", Tol: 0.04, Int8Tol: 0.08,
			arrays: []*array{in("x", normal(0.05), 1, 4096), w("W", normal(0.02), 4096, 8)},
			build:  func(n *net) *graph.Value { return n.times(n.v("x"), "W") }},
		{Name: "singleton_axis_reduce", arrays: []*array{in("x", normal(1), 1, 1, 64)},
			build: func(n *net) *graph.Value { return n.fold(graph.Mean, n.fold(graph.Sum, n.v("x"), 0), 2) }},
		{Name: "conv1x1_256ch", Tol: 0.05, Int8Tol: 0.10,
			arrays: []*array{w("W", normal(0.03), 256, 256, 1, 1), in("x", normal(0.5), 1, 256, 4, 4)},
			build:  func(n *net) *graph.Value { return n.relu(n.conv(n.v("x"), "W", "", 0, 1)) }},
		{Name: "deep_chain_32ops", Tol: 0.03, arrays: []*array{in("x", normal(1), 4, 16)},
			build: func(n *net) *graph.Value {
				h := n.v("x")
				for i := range 32 {
					switch i % 4 {
					case 0:
						h = n.Unary(graph.Sin, h)
					case 1:
						h = n.Unary(graph.Cos, h)
					case 2:
						h = n.Unary(graph.Tanh, h)
					case 3:
						h = n.Scale(h, 1.4)
					}
				}
				return h
			}},
	}
}

func cornerCuts() []*Case {
	return []*Case{
		{Name: "conv_to_argmax_cut", Exact: true,
			arrays: []*array{w("W", normal(0.2), 4, 3, 3, 3), in("x", normal(1), 1, 3, 8, 8)},
			build: func(n *net) *graph.Value {
				h := n.fold(graph.Mean, n.relu(n.conv(n.v("x"), "W", "", 1, 1)), 2)
				return n.Apply(graph.Arg{Fn: graph.ArgMax, Axis: 1}, n.Reshape(h, 4, 8))
			}},
		{Name: "sdpa_region_cut_region", Tol: 0.04,
			arrays: []*array{w("Wi", normal(0.2), 16, 16), w("Wo", normal(0.2), 16, 16), in("x", normal(0.5), 6, 16)},
			build: func(n *net) *graph.Value {
				h := n.Transpose(n.Reshape(n.linear(n.v("x"), "Wi", ""), 1, 6, 2, 8), 0, 2, 1, 3)
				h = n.Apply(graph.SDPA{Scale: 1 / math.Sqrt(8)}, h, h, h)
				return n.linear(n.Reshape(n.Transpose(h, 0, 2, 1, 3), 6, 16), "Wo", "")
			}},
		{Name: "multi_input_3", arrays: append(ab48(), in("c", normal(0.3), 8, 5)),
			build: func(n *net) *graph.Value { return n.MatMul(n.relu(n.Add(n.v("a"), n.v("b"))), n.v("c")) }},
		// Two graph inputs; the third that the published text speaks of does
		// not exist.
		{Name: "multi_input_image_max", Tol: 0.03,
			arrays: []*array{in("x1", normal(1), 1, 3, 8, 8), in("x2", normal(1), 1, 3, 8, 8), w("W", normal(0.2), 6, 3, 3, 3)},
			build: func(n *net) *graph.Value {
				return n.relu(n.conv(n.Binary(graph.Maximum, n.v("x1"), n.v("x2")), "W", "", 1, 1))
			}},
		{Name: "int8_vs_fp16_deep_linear", Tol: 0.04, Int8Tol: 0.10,
			arrays: []*array{w("W1", normal(0.12), 64, 64), w("W2", normal(0.12), 64, 64), w("W3", normal(0.12), 64, 64), in("x", normal(0.5), 8, 64)},
			build: func(n *net) *graph.Value {
				h := n.v("x")
				for _, name := range []string{"W1", "W2", "W3"} {
					h = n.relu(n.linear(h, name, ""))
				}
				return h
			}},
	}
}
