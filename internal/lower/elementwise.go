package lower

import (
	"math"
	"slices"

	"devicemap/internal/fp16"
	"devicemap/internal/graph"
	"devicemap/internal/mil"
)

// plain applies one operation of the same name and meaning to all operands.
func plain(op string) rule {
	return func(l *lowering, n *graph.Node) ([]*mil.Value, error) {
		return one(l.op(op, mil.In("x", l.in(n, 0))))
	}
}

func one(v *mil.Value) ([]*mil.Value, error) { return []*mil.Value{v}, nil }

// settings spells the parameters of the elementwise operations that take some,
// under their names in MIL.
var settings = map[graph.UnaryFn]func(u graph.Unary) []mil.Arg{
	graph.LeakyReLU:       func(u graph.Unary) []mil.Arg { return []mil.Arg{mil.Half("alpha", u.A)} },
	graph.ELU:             func(u graph.Unary) []mil.Arg { return []mil.Arg{mil.Half("alpha", u.A)} },
	graph.Threshold:       func(u graph.Unary) []mil.Arg { return []mil.Arg{mil.Half("alpha", u.A)} },
	graph.ThresholdedReLU: func(u graph.Unary) []mil.Arg { return []mil.Arg{mil.Half("alpha", u.A)} },
	graph.Clip:            alphaBeta,
	graph.ScaledTanh:      alphaBeta,
	graph.SigmoidHard:     alphaBeta,
	graph.LinearAct:       alphaBeta,
	graph.ClampedReLU:     alphaBeta,
	graph.Log:             func(u graph.Unary) []mil.Arg { return []mil.Arg{mil.Half("epsilon", u.A)} },
	graph.Rsqrt:           func(u graph.Unary) []mil.Arg { return []mil.Arg{mil.Half("epsilon", u.A)} },
	graph.Inverse:         func(u graph.Unary) []mil.Arg { return []mil.Arg{mil.Half("epsilon", u.A)} },
	graph.GELU:            func(graph.Unary) []mil.Arg { return []mil.Arg{mil.Word("mode", "EXACT")} },
	graph.GELUTanh:        func(graph.Unary) []mil.Arg { return []mil.Arg{mil.Word("mode", "TANH_APPROXIMATION")} },
	graph.GELUSigmoid:     func(graph.Unary) []mil.Arg { return []mil.Arg{mil.Word("mode", "SIGMOID_APPROXIMATION")} },
}

func alphaBeta(u graph.Unary) []mil.Arg {
	return []mil.Arg{mil.Half("alpha", u.A), mil.Half("beta", u.B)}
}

// composed holds the elementwise functions that need more than one statement.
var composed = map[graph.UnaryFn]func(l *lowering, u graph.Unary, x *mil.Value) *mil.Value{
	// The native square followed by a nonlinearity fails to compile at some
	// widths.
	graph.Square: func(l *lowering, _ graph.Unary, x *mil.Value) *mil.Value { return l.mul(x, x) },
	graph.Round:  func(l *lowering, _ graph.Unary, x *mil.Value) *mil.Value { return l.round(x) },
	// The native softplus is 0 from 11.09 on.
	graph.Softplus: func(l *lowering, _ graph.Unary, x *mil.Value) *mil.Value {
		low := l.op("softplus", mil.In("x", l.op("minimum", mil.In("x", x), mil.In("y", l.half(10)))))
		return l.add(low, l.op("relu", mil.In("x", l.add(x, l.half(-10)))))
	},
	graph.MulScalar: func(l *lowering, u graph.Unary, x *mil.Value) *mil.Value { return l.scale(x, u.A) },
	graph.AddScalar: func(l *lowering, u graph.Unary, x *mil.Value) *mil.Value { return l.add(x, l.half(u.A)) },
	graph.Sin: func(l *lowering, _ graph.Unary, x *mil.Value) *mil.Value {
		if l.chip.Trig {
			return l.op("sin", mil.In("x", x))
		}
		return l.sine(x, 0)
	},
	graph.Cos: func(l *lowering, _ graph.Unary, x *mil.Value) *mil.Value {
		if l.chip.Trig {
			return l.op("cos", mil.In("x", x))
		}
		return l.sine(x, 0.5)
	},
}

func unary(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	u, x := n.Op.(graph.Unary), l.in(n, 0)
	if f := composed[u.Fn]; f != nil {
		return one(f(l, u, x))
	}
	name := string(u.Fn)
	if u.Fn == graph.GELUTanh || u.Fn == graph.GELUSigmoid {
		name = string(graph.GELU)
	}
	if u.Fn == graph.Clip { // no half lies beyond
		u.A, u.B = max(u.A, -fp16.Max), min(u.B, fp16.Max)
	}
	args := []mil.Arg{mil.In("x", x)}
	if f := settings[u.Fn]; f != nil {
		args = append(args, f(u)...)
	}
	return one(l.op(name, args...))
}

func (l *lowering) binary(op string, x, y *mil.Value) *mil.Value {
	return l.op(op, mil.In("x", x), mil.In("y", y))
}

func (l *lowering) add(x, y *mil.Value) *mil.Value { return l.binary("add", x, y) }
func (l *lowering) sub(x, y *mil.Value) *mil.Value { return l.binary("sub", x, y) }
func (l *lowering) mul(x, y *mil.Value) *mil.Value { return l.binary("mul", x, y) }

// rounds reports whether v comes from a rounding kernel, into which the
// compiler folds a scalar multiplier and then drops it. A move between the two
// may be removed before that.
func rounds(v *mil.Value) bool {
	for v.Def != nil && (v.Def.Op == "reshape" || v.Def.Op == "transpose") {
		v = v.Def.In("x")
	}
	return v.Def != nil && slices.Contains([]string{"floor", "ceil", "round"}, v.Def.Op)
}

// scale is k·x. By 0 it is x−x: a product with 0 after a reduction crashes the
// compiler. A rounded x takes k in its full shape.
func (l *lowering) scale(x *mil.Value, k float64) *mil.Value {
	switch {
	case fp16.Round(k) == 0:
		return l.sub(x, x)
	case rounds(x):
		return l.mul(x, l.plane("k", k, x.Type.Shape...))
	}
	return l.mul(x, l.half(k))
}

// plane is a constant tensor of one value.
func (l *lowering) plane(name string, v float64, shape ...int) *mil.Value {
	return l.Weight(name, slices.Repeat([]float32{float32(v)}, graph.Shape(shape).Elems()), shape...)
}

// round is the nearest integer, ties to even. The native kernel rounds ties
// away from zero, and adds ½ wrongly from 1024 on, where every fp16 value is
// an integer anyway.
func (l *lowering) round(x *mil.Value) *mil.Value {
	away := l.op("round", mil.In("x", x))
	half := l.op("round", mil.In("x", l.mul(x, l.half(0.5))))
	even := l.add(half, half) // a tie's even neighbour; not a product, which the compiler would drop
	gap := l.op("abs", mil.In("x", l.sub(x, l.op("floor", mil.In("x", x)))))
	nearest := l.choose(l.binary("equal", gap, l.half(0.5)), even, away)
	small := l.binary("less", l.op("abs", mil.In("x", x)), l.half(1024))
	return l.choose(small, nearest, x)
}

func (l *lowering) choose(cond, a, b *mil.Value) *mil.Value {
	return l.op("select", mil.In("cond", cond), mil.In("a", a), mil.In("b", b))
}

// piParts add up to π. The first two have 5 significant bits, so that their
// products with multiples of ½ up to 40 are exact.
var piParts = []float64{25.0 / 8, 17.0 / 1024, math.Pi - 25.0/8 - 17.0/1024}

// sine is sin(x + turn·π) for chips without sin and cos: with k the nearest
// integer to x/π + turn, (−1)^k·sin(r) of r = x − (k−turn)·π, about
// [−π/2, π/2], by a polynomial. The absolute error is below 1e-3 for |x| up to
// 100.
func (l *lowering) sine(x *mil.Value, turn float64) *mil.Value {
	k := l.op("floor", mil.In("x", l.add(l.mul(x, l.half(1/math.Pi)), l.half(turn+0.5))))
	turns := k
	if turn != 0 {
		turns = l.sub(k, l.half(turn))
	}
	r := x
	for _, part := range piParts {
		r = l.sub(r, l.scale(turns, part))
	}
	h := l.op("floor", mil.In("x", l.scale(k, 0.5)))
	odd := l.sub(k, l.add(h, h)) // 0 or 1
	sign := l.sub(l.half(1), l.add(odd, odd))
	r2 := l.mul(r, r)
	p := l.add(l.mul(r2, l.half(-1.0/5040)), l.half(1.0/120))
	p = l.add(l.mul(p, r2), l.half(-1.0/6))
	p = l.add(l.mul(p, r2), l.half(1))
	return l.mul(l.mul(p, r), sign)
}

func binary(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	name := n.Op.Name()
	if name == string(graph.Mul) || name == string(graph.Div) {
		for i, v := range n.In {
			if k, ok := single(v); ok && n.In[1-i].Const == nil {
				return one(l.byOne(n, i, k))
			}
		}
	}
	return one(l.binary(name, l.in(n, 0), l.in(n, 1)))
}

// single is the value of a constant of one element.
func single(v *graph.Value) (k float64, ok bool) {
	if v.Const == nil || v.Const.Len() != 1 {
		return 0, false
	}
	return float64(v.Const.Narrow[0]), true
}

// byOne is a product or quotient whose operand i is the single constant k,
// with the care that [lowering.scale] takes.
func (l *lowering) byOne(n *graph.Node, i int, k float64) *mil.Value {
	operands := [2]*mil.Value{}
	x := l.in(n, 1-i)
	operands[1-i] = x
	switch {
	case n.Op.Name() == string(graph.Mul) && fp16.Round(k) == 0:
		return l.reshape(l.sub(x, x), n.Out[0].Shape...)
	case rounds(x):
		operands[i] = l.plane(n.In[i].Name, k, n.Out[0].Shape...)
	default:
		operands[i] = l.in(n, i)
	}
	return l.binary(n.Op.Name(), operands[0], operands[1])
}

// selectRule widens a to the shape of cond where a and b alone are smaller.
func selectRule(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	cond, a, b := l.in(n, 0), l.in(n, 1), l.in(n, 2)
	ab, err := graph.Broadcast(n.In[1].Shape, n.In[2].Shape)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(ab, n.Out[0].Shape) {
		a = l.add(a, l.plane("zeros", 0, n.Out[0].Shape...))
	}
	return one(l.choose(cond, a, b))
}

// prelu is native for constant slopes; computed ones scale the negative part.
func prelu(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	x := l.in(n, 0)
	if n.In[1].Const != nil {
		return one(l.op("prelu", mil.In("alpha", l.in(n, 1)), mil.In("x", x)))
	}
	below := l.binary("minimum", x, l.half(0))
	return one(l.add(l.op("relu", mil.In("x", x)), l.mul(below, l.as(n, 1, along(x, 1)...))))
}

// along is the shape that broadcasts a vector along one axis of x.
func along(x *mil.Value, axis int) []int {
	shape := slices.Repeat([]int{1}, len(x.Type.Shape))
	shape[axis] = x.Type.Shape[axis]
	return shape
}

func cast(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	return one(l.op("cast", mil.Word("dtype", "fp16"), mil.In("x", l.in(n, 0))))
}
