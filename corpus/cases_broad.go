package corpus

import (
	"fmt"

	"devicemap/internal/graph"
)

// broad are 13 published cases, 15 variants: compositions at real sizes. They
// draw from the generator of shape, after its last case; that is how the
// published inputs were made.
func broad(s *stream) []*Case {
	list := broadMoves()
	for _, p := range [][3]int{{128, 256, 4}, {512, 512, 8}} {
		seq, d, heads := p[0], p[1], p[2]
		list = append(list, &Case{Name: fmt.Sprintf("mha_S%d_D%d_H%d", seq, d, heads), Tol: 0.04,
			arrays: append(projections(d, rooted(d)), in("x", normal(1), seq, d)),
			build:  func(n *net) *graph.Value { return n.attention(n.v("x"), heads) }})
	}
	for _, p := range [][4]int{{8, 512, 2048, 512}, {64, 768, 3072, 768}} {
		rows, din, dff, dout := p[0], p[1], p[2], p[3]
		list = append(list, &Case{Name: fmt.Sprintf("mlp_N%d_%dx%dx%d", rows, din, dff, dout), Tol: 0.04, Int8Tol: 0.06,
			arrays: []*array{w("W1", rooted(din), dff, din), w("b1", normal(0.1), dff),
				w("W2", rooted(dff), dout, dff), w("b2", normal(0.1), dout), in("x", normal(1), rows, din)},
			build: func(n *net) *graph.Value {
				return n.linear(n.Unary(graph.GELU, n.linear(n.v("x"), "W1", "b1")), "W2", "b2")
			}})
	}
	for _, p := range [][2]int{{64, 64}, {256, 32}} {
		c, hw := p[0], p[1]
		list = append(list, &Case{Name: fmt.Sprintf("conv_block_C%d_%dx%d", c, hw, hw), Tol: 0.05,
			arrays: []*array{w("g", positive(1), c), w("b", normal(0.1), c),
				w("W1", rooted(9*c), c, c, 3, 3), w("W2", rooted(9*c), c, c, 3, 3), in("x", normal(1), 1, c, hw, hw)},
			build: func(n *net) *graph.Value {
				h := n.conv(n.v("x"), "W1", "", 1, 1)
				h = n.relu(n.Apply(graph.GroupNorm{Groups: min(32, c), Eps: 1e-5}, h, n.v("g"), n.v("b")))
				return n.Add(n.v("x"), n.conv(h, "W2", "", 1, 1))
			}})
	}
	for _, p := range [][4]int{{8, 128, 64, 128}, {16, 64, 256, 64}} {
		b, m, k, cols := p[0], p[1], p[2], p[3]
		list = append(list, &Case{Name: fmt.Sprintf("bmm_B%d_%dx%dx%d", b, m, k, cols), Tol: 0.03,
			arrays: []*array{in("a", normal(1), b, m, k), in("b", rooted(k), b, k, cols)},
			build:  func(n *net) *graph.Value { return n.MatMul(n.v("a"), n.v("b")) }})
	}
	return cases("broad", s, append(list, deepChain()))
}

func broadMoves() (list []*Case) {
	for _, p := range [][2]int{{4, 64}, {8, 256}} {
		list = append(list, &Case{Name: fmt.Sprintf("cumsum_%dx%d", p[0], p[1]),
			arrays: []*array{in("x", normal(1), p[0], p[1])},
			build:  func(n *net) *graph.Value { return n.Apply(graph.CumSum{Axis: 1}, n.v("x")) }})
	}
	for _, p := range []struct {
		name    string
		rows    int
		cols    int
		axis    int
		indices []int
	}{
		{"gather_ax0_16x32", 16, 32, 0, []int{5, 1, 0, 5, 3, 7, 15, 2}},
		{"gather_ax1_8x16", 8, 16, 1, []int{2, 2, 0, 1}},
	} {
		list = append(list, &Case{Name: p.name, Exact: true, arrays: []*array{in("x", normal(1), p.rows, p.cols)},
			build: func(n *net) *graph.Value { return n.Apply(graph.Gather{Axis: p.axis, Indices: p.indices}, n.v("x")) }})
	}
	return list
}

// deepChain drifts by about 0.15 on the device, hence its wide limit.
func deepChain() *Case {
	c := &Case{Name: "deep_chain_D512_d12", Tol: 0.2}
	for i := range 12 {
		c.arrays = append(c.arrays, w(fmt.Sprintf("W%d", i), rooted(512), 512, 512))
	}
	c.arrays = append(c.arrays, in("x", normal(1), 8, 512))
	c.build = func(n *net) *graph.Value {
		h := n.v("x")
		for i := range 12 {
			h = n.linear(h, fmt.Sprintf("W%d", i), "")
			if i%2 == 0 {
				h = n.Unary(graph.GELU, h)
			} else {
				h = n.relu(h)
			}
		}
		return h
	}
	return c
}
