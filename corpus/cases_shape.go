package corpus

import (
	"fmt"

	"devicemap/internal/graph"
)

// shape are 22 published cases: one operation over a ladder of sizes. broad
// continues its generator.
func shape(s *stream) []*Case {
	var list []*Case
	for _, seq := range []int{256, 1024, 2048, 4096} {
		list = append(list, &Case{Name: fmt.Sprintf("sdpa_S%d", seq), Tol: 0.03,
			arrays: []*array{in("q", normal(1), 1, 4, seq, 64), in("k", normal(1), 1, 4, seq, 64), in("v", normal(1), 1, 4, seq, 64)},
			build:  func(n *net) *graph.Value { return n.Apply(graph.SDPA{Scale: 0.125}, n.v("q"), n.v("k"), n.v("v")) }})
	}
	for _, k := range []int{512, 2048, 5632} {
		list = append(list, &Case{Name: fmt.Sprintf("matmul_K%d", k), Tol: 0.03,
			arrays: []*array{in("x", normal(1), 1, k), w("W", rooted(k), 256, k)},
			build:  func(n *net) *graph.Value { return n.linear(n.v("x"), "W", "") }})
	}
	for _, p := range [][2]int{{64, 32}, {256, 32}, {512, 64}} {
		c, hw := p[0], p[1]
		list = append(list, &Case{Name: fmt.Sprintf("conv_C%d_%dx%d", c, hw, hw), Tol: 0.04,
			arrays: []*array{in("x", normal(1), 1, c, hw, hw), w("W", rooted(9*c), c, c, 3, 3)},
			build:  func(n *net) *graph.Value { return n.conv(n.v("x"), "W", "", 1, 1) }})
	}
	for _, p := range [][3]int{{32, 32, 8}, {256, 32, 32}, {512, 64, 32}, {512, 128, 32}, {640, 64, 32}} {
		c, hw, groups := p[0], p[1], p[2]
		list = append(list, &Case{Name: fmt.Sprintf("group_norm_C%d_%dx%d", c, hw, hw), Tol: 0.03,
			arrays: []*array{w("g", positive(1), c), w("b", normal(0.1), c), in("x", normal(1), 1, c, hw, hw)},
			build: func(n *net) *graph.Value {
				return n.Apply(graph.GroupNorm{Groups: groups, Eps: 1e-5}, n.v("x"), n.v("g"), n.v("b"))
			}})
	}
	return cases("shape", s, append(list, shapeRows()...))
}

func shapeRows() (list []*Case) {
	for _, d := range []int{256, 1024, 4096} {
		list = append(list, &Case{Name: fmt.Sprintf("layer_norm_D%d", d),
			arrays: []*array{w("g", positive(1), d), w("b", normal(0.1), d), in("x", normal(1), 8, d)},
			build:  func(n *net) *graph.Value { return n.LayerNorm(n.v("x"), n.v("g"), n.v("b"), 1e-5) }})
	}
	for _, cols := range []int{1024, 4096} {
		list = append(list, &Case{Name: fmt.Sprintf("softmax_N%d", cols),
			arrays: []*array{in("x", normal(2), 4, cols)},
			build:  func(n *net) *graph.Value { return n.Softmax(n.v("x")) }})
	}
	for _, cols := range []int{1024, 8192} {
		list = append(list, &Case{Name: fmt.Sprintf("reduce_mean_N%d", cols),
			arrays: []*array{in("x", positive(1), 1, cols)},
			build:  func(n *net) *graph.Value { return n.fold(graph.Mean, n.v("x"), 1) }})
	}
	return list
}
