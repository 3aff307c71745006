package corpus

import (
	"math"

	"devicemap/internal/graph"
)

// covered is one case of the published coverage suite before its two forms are
// made of it.
type covered struct {
	name    string
	arrays  []*array
	build   func(n *net) *graph.Value
	meaning func(n *net) *graph.Value // of the published reference, where it differs
	finite  bool                      // published without a reference
	mayFail string
}

// coverage are the 77 published cases, each followed by its strict twin: the
// same graph held to relerr 0.02 of its exact meaning on the same halves.
func coverage(rule Scaling) []*Case {
	s := &stream{seed: 0, rule: rule, keep: true}
	var list []*Case
	for _, c := range coverageList() {
		s.arrays = append(s.arrays, c.arrays...)
		published := &Case{Name: c.name, Category: "coverage", stream: s, arrays: c.arrays, build: c.build,
			meaning: c.meaning, MayFail: c.mayFail, unhalf: true, accept: closeOrAligned}
		switch {
		case c.finite:
			published.accept = finiteOnly
		case c.mayFail != "": // native on later chips only; not asked to be finite
			published.accept = closeOrAlignedAny
		}
		strict := &Case{Name: c.name, Category: "coverage-strict", stream: s, arrays: c.arrays, build: c.build}
		list = append(list, published, strict)
	}
	return list
}

func coverageList() []covered {
	list := append(coverUnary(), coverParameters()...)
	list = append(list, coverBinary()...)
	list = append(list, coverReduce()...)
	list = append(list, coverNorms()...)
	list = append(list, coverMoves()...)
	return append(list, coverFinite()...)
}

// row is the suite's usual input.
func row(name string, d dist) *array { return in(name, d, 1, 8) }

func onX(op graph.Op) func(n *net) *graph.Value {
	return func(n *net) *graph.Value { return n.Apply(op, n.v("x")) }
}

// oldChips is why sin, cos and atan may fail.
const oldChips = "native on later chips only; older ones use a polynomial"

func coverUnary() (list []covered) {
	pos := map[graph.UnaryFn]bool{graph.Log: true, graph.Sqrt: true, graph.Rsqrt: true, graph.Inverse: true}
	may := map[graph.UnaryFn]string{graph.Sin: oldChips, graph.Cos: oldChips, graph.Atan: oldChips}
	for _, fn := range []graph.UnaryFn{graph.ReLU, graph.Sigmoid, graph.Tanh, graph.SiLU, graph.GELU, graph.Exp, graph.Log,
		graph.Sqrt, graph.Rsqrt, graph.Inverse, graph.Abs, graph.Square, graph.Erf, graph.Softplus, graph.Softsign,
		graph.Exp2, graph.Floor, graph.Ceil, graph.Round, graph.Sign, graph.ReLU6, graph.Sin, graph.Cos, graph.Atan} {
		d := normal(1)
		if pos[fn] {
			d = positive(1)
		}
		c := covered{name: string(fn), arrays: []*array{row("x", d)}, build: onX(graph.Unary{Fn: fn}), mayFail: may[fn]}
		if fn == graph.GELU {
			c.meaning = onX(graph.Unary{Fn: graph.GELUTanh}) // as published; the wide limit hides it
		}
		list = append(list, c)
	}
	return list
}

func coverParameters() (list []covered) {
	for _, c := range []struct {
		name string
		op   graph.Unary
	}{
		{"elu", graph.Unary{Fn: graph.ELU, A: 1}},
		{"leaky_relu", graph.Unary{Fn: graph.LeakyReLU, A: round16(0.1)}},
		{"clip", graph.Unary{Fn: graph.Clip, A: -1, B: 1}},
		{"clamp", graph.Unary{Fn: graph.Clip, A: -1, B: 1}},
		{"scaled_tanh", graph.Unary{Fn: graph.ScaledTanh, A: 1.5, B: round16(0.7)}},
		{"sigmoid_hard", graph.Unary{Fn: graph.SigmoidHard, A: round16(0.2), B: 0.5}},
		{"clamped_relu", graph.Unary{Fn: graph.ClampedReLU, A: 0, B: 6}},
	} {
		list = append(list, covered{name: c.name, arrays: []*array{row("x", normal(1))}, build: onX(c.op)})
	}
	return append(list, covered{name: "prelu",
		arrays: []*array{in("x", normal(1), 1, 4, 8, 8), held("a", []float32{0.1, 0.2, 0.3, 0.4}, 4)},
		build:  func(n *net) *graph.Value { return n.Apply(graph.PReLU{}, n.v("x"), n.v("a")) }})
}

func coverBinary() (list []covered) {
	add := func(name string, d dist, build func(n *net, a, b *graph.Value) *graph.Value) {
		list = append(list, covered{name: name, arrays: []*array{row("a", d), row("b", d)},
			build: func(n *net) *graph.Value { return build(n, n.v("a"), n.v("b")) }})
	}
	for _, c := range []struct {
		name string
		fn   graph.BinaryFn
		d    dist
	}{
		{"add", graph.Add, normal(1)}, {"sub", graph.Sub, normal(1)}, {"mul", graph.Mul, normal(1)},
		{"truediv", graph.Div, normal(1)}, {"maximum", graph.Maximum, normal(1)}, {"minimum", graph.Minimum, normal(1)},
		{"pow", graph.Pow, positive(1)},
	} {
		add(c.name, c.d, func(n *net, a, b *graph.Value) *graph.Value { return n.Binary(c.fn, a, b) })
	}
	list = append(list, covered{name: "adds", arrays: []*array{row("x", normal(1))}, build: onX(graph.Unary{Fn: graph.AddScalar, A: 2})})
	for _, fn := range []graph.CompareFn{graph.Greater, graph.Less, graph.Equal, graph.NotEqual, graph.LessEqual, graph.GreaterEqual} {
		add(string(fn), normal(1), func(n *net, a, b *graph.Value) *graph.Value {
			return n.Apply(graph.Select{}, n.Apply(graph.Compare{Fn: fn}, a, b), a, b)
		})
	}
	add("logical_not", normal(1), func(n *net, a, b *graph.Value) *graph.Value {
		return n.Apply(graph.Select{}, n.Apply(graph.Not{}, n.Apply(graph.Compare{Fn: graph.Less}, a, b)), a, b)
	})
	add("where", normal(1), func(n *net, a, b *graph.Value) *graph.Value {
		return n.Apply(graph.Select{}, n.Apply(graph.Compare{Fn: graph.Greater}, a, b), a, b)
	})
	return list
}

func coverReduce() (list []covered) {
	for _, c := range []struct {
		name string
		fn   graph.ReduceFn
	}{{"sum", graph.Sum}, {"mean", graph.Mean}, {"amax", graph.Max}, {"amin", graph.Min},
		{"sum_square", graph.SumSquare}, {"reduce_log_sum_exp", graph.LogSumExp}} {
		list = append(list, covered{name: c.name, arrays: []*array{in("x", normal(1), 2, 8)},
			build: onX(graph.Reduce{Fn: c.fn, Axes: []int{1}})})
	}
	return append(list, covered{name: "l2_norm", arrays: []*array{row("x", normal(1))},
		build: onX(graph.L2Norm{Axis: 1, Floor: math.Sqrt(1e-12)})})
}

// repeated is v, n times.
func repeated(v float32, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func coverNorms() []covered {
	g, b := held("g", repeated(1, 8), 8), held("b", repeated(0, 8), 8)
	return []covered{
		{name: "layer_norm", arrays: []*array{row("x", normal(1)), g, b},
			build: func(n *net) *graph.Value { return n.LayerNorm(n.v("x"), n.v("g"), n.v("b"), 1e-5) }},
		{name: "rms_norm", arrays: []*array{row("x", normal(1)), g},
			build: func(n *net) *graph.Value { return n.Apply(graph.RMSNorm{Eps: 1e-5}, n.v("x"), n.v("g")) }},
		{name: "softmax", arrays: []*array{row("x", normal(1))}, build: onX(graph.Softmax{Axis: 1})},
	}
}

func coverMoves() []covered {
	return []covered{
		{name: "reshape", arrays: []*array{in("x", normal(1), 2, 6)}, build: onX(graph.Reshape{Shape: graph.Shape{3, 4}})},
		{name: "transpose", arrays: []*array{in("x", normal(1), 2, 3, 4)}, build: onX(graph.Transpose{Perm: []int{2, 1, 0}})},
		{name: "tile", arrays: []*array{row("x", normal(1))}, build: onX(graph.Tile{Reps: []int{1, 2}})},
		{name: "reverse", arrays: []*array{row("x", normal(1))}, build: onX(graph.Reverse{Axes: []int{1}})},
		{name: "slice_by_size", arrays: []*array{in("x", normal(1), 2, 8)},
			build: onX(graph.Slice{Begin: []int{0, 2}, Size: []int{2, 4}})},
		{name: "concat", arrays: []*array{row("a", normal(1)), row("b", normal(1))},
			build: func(n *net) *graph.Value { return n.Apply(graph.Concat{Axis: 1}, n.v("a"), n.v("b")) }},
		{name: "flatten2d", arrays: []*array{in("x", normal(1), 2, 3, 4)}, build: onX(graph.Flatten2D{Axis: 1})},
	}
}

// coverFinite are the cases that the published suite asks for finite values
// only, and l1_norm, which it lists among them with a reference.
func coverFinite() []covered {
	image := func() []*array { return []*array{in("x", normal(1), 1, 4, 8, 8)} }
	pool := func(fn graph.PoolFn) graph.Op { return graph.Pool{Fn: fn, Kernel: [2]int{2, 2}} }
	return []covered{
		{name: "avg_pool", finite: true, arrays: image(), build: onX(pool(graph.AvgPool))},
		{name: "max_pool", finite: true, arrays: image(), build: onX(pool(graph.MaxPool))},
		// Two graph inputs: a batched product, not a product with a weight.
		{name: "matmul", finite: true, arrays: []*array{in("a", normal(1), 2, 8), in("b", normal(1), 8, 5)},
			build: func(n *net) *graph.Value { return n.MatMul(n.v("a"), n.v("b")) }},
		{name: "group_norm", finite: true,
			arrays: append(image(), held("g", repeated(1, 4), 4), held("b", repeated(0, 4), 4)),
			build: func(n *net) *graph.Value {
				return n.Apply(graph.GroupNorm{Groups: 2, Eps: 1e-5}, n.v("x"), n.v("g"), n.v("b"))
			}},
		{name: "upsample", finite: true, arrays: image(), build: onX(graph.Resize{Fn: graph.UpsampleNearest, Scale: [2]int{2, 2}})},
		{name: "expand_dims", finite: true, arrays: []*array{row("x", normal(1))}, build: onX(graph.ExpandDims{Axes: []int{1}})},
		{name: "squeeze", finite: true, arrays: []*array{in("x", normal(1), 1, 1, 8)}, build: onX(graph.Squeeze{Axes: []int{1}})},
		// The published feed is not positive: its second row sums to −0.93.
		{name: "log_sum", finite: true, arrays: []*array{in("x", positive(1), 2, 8)},
			build: onX(graph.Reduce{Fn: graph.LogSum, Axes: []int{1}})},
		{name: "l1_norm", arrays: []*array{in("x", normal(1), 2, 8)}, build: onX(graph.Reduce{Fn: graph.L1Norm, Axes: []int{1}})},
		{name: "threshold", finite: true, arrays: []*array{row("x", normal(1))}, build: onX(graph.Unary{Fn: graph.Threshold})},
		{name: "thresholded_relu", finite: true, arrays: []*array{row("x", normal(1))}, build: onX(graph.Unary{Fn: graph.ThresholdedReLU, A: 0.5})},
		{name: "linear_activation", finite: true, arrays: []*array{row("x", normal(1))}, build: onX(graph.Unary{Fn: graph.LinearAct, A: 2, B: 1})},
	}
}
