package corpus

import "devicemap/internal/graph"

// smoke are the 22 published one-operation checks. They share the arrays of
// one generator, drawn in the order of its list.
func smoke(rule Scaling) []*Case {
	x, xp := in("x", normal(1), 4, 8), in("xp", positive(1), 4, 8)
	img := in("x", normal(1), 1, 4, 8, 8)
	filter := w("W", normal(1), 4, 3, 2, 2)
	norm := []*array{w("g", positive(1), 4), w("b", normal(1), 4), w("m", normal(1), 4), w("v", positive(1), 4)}
	s := &stream{seed: 0, rule: rule, arrays: append([]*array{x, xp, img, filter}, norm...)}

	var list []*Case
	add := func(name string, build func(n *net) *graph.Value, arrays ...*array) {
		list = append(list, &Case{Name: name, Category: "smoke", stream: s, arrays: arrays, build: build})
	}
	first := func(op graph.Op) func(n *net) *graph.Value {
		return func(n *net) *graph.Value { return n.Apply(op, n.v(n.c.arrays[0].name)) }
	}
	for _, fn := range []graph.UnaryFn{graph.Sigmoid, graph.Tanh, graph.Exp, graph.Softplus, graph.Erf} {
		add(string(fn), first(graph.Unary{Fn: fn}), x)
	}
	for _, fn := range []graph.UnaryFn{graph.Log, graph.Sqrt, graph.Rsqrt} {
		add(string(fn), first(graph.Unary{Fn: fn}), xp)
	}
	for _, u := range []graph.Unary{{Fn: graph.ELU, A: 1}, {Fn: graph.LeakyReLU, A: round16(0.01)},
		{Fn: graph.Clip, A: -1, B: 1}, {Fn: graph.ReLU6}, {Fn: graph.Square}} {
		add(u.Name(), first(u), x)
	}
	for _, fn := range []graph.BinaryFn{graph.Div, graph.Maximum, graph.Minimum} {
		add(string(fn), func(n *net) *graph.Value { return n.Binary(fn, n.v("x"), n.v("xp")) }, x, xp)
	}
	for _, fn := range []graph.ReduceFn{graph.Sum, graph.Max, graph.Min} {
		add(string(fn), first(graph.Reduce{Fn: fn, Axes: []int{1}}), x)
	}
	add("avg_pool", first(graph.Pool{Fn: graph.AvgPool, Kernel: [2]int{2, 2}, Stride: [2]int{2, 2}}), img)
	add("conv_transpose", func(n *net) *graph.Value {
		return n.Apply(graph.ConvTranspose{Stride: [2]int{2, 2}}, n.v("x"), n.v("W"))
	}, img, filter)
	add("batch_norm", func(n *net) *graph.Value {
		return n.Apply(graph.BatchNorm{Eps: 1e-3}, n.v("x"), n.v("g"), n.v("b"), n.v("m"), n.v("v"))
	}, append([]*array{img}, norm...)...)
	return list
}
