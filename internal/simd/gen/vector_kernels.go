package main

import "math"

var inf = float32(math.Inf(1))

const (
	mapSignature = "func(dst, x []float32, p [4]float32)"
	zipSignature = "func(dst, x, y []float32)"
)

// vectorKernels are the loops of simd.Vector that have assembly.
var vectorKernels = []kernel{
	mapping("Affine", 4, 4, func(b *body, x value) value {
		return b.lower(b.param(3), b.higher(b.param(2), b.fma(b.param(0), x, b.param(1))))
	}),
	mapping("Scale", 1, 4, func(b *body, x value) value { return b.mul(x, b.param(0)) }),
	mapping("Shift", 1, 4, func(b *body, x value) value { return b.add(x, b.param(0)) }),
	mapping("DivideBy", 1, 4, func(b *body, x value) value { return b.div(x, b.param(0)) }),
	mapping("Quotient", 2, 4, func(b *body, x value) value { return b.div(b.param(0), b.add(x, b.param(1))) }),
	mapping("Rsqrt", 1, 4, func(b *body, x value) value {
		return b.div(b.c(1), b.op(sqrt, b.add(x, b.param(0))))
	}),
	mapping("Leaky", 2, 4, func(b *body, x value) value {
		zero := b.c(0)
		y := b.fma(b.param(0), b.lower(zero, x), b.higher(zero, x))
		return b.lower(b.param(1), y)
	}),
	mapping("Threshold", 1, 4, func(b *body, x value) value {
		return b.choose(b.less(x, b.param(0)), b.c(0), x)
	}),
	mapping("Abs", 0, 4, func(b *body, x value) value { return b.abs(x) }),
	mapping("Square", 0, 4, func(b *body, x value) value { return b.mul(x, x) }),
	mapping("Sqrt", 0, 4, func(b *body, x value) value { return b.op(sqrt, x) }),
	mapping("Softsign", 0, 4, func(b *body, x value) value { return b.div(x, b.add(b.abs(x), b.c(1))) }),
	mapping("Floor", 0, 4, func(b *body, x value) value { return b.op(floor, x) }),
	mapping("Ceil", 0, 4, func(b *body, x value) value { return b.op(ceil, x) }),
	mapping("Round", 0, 4, func(b *body, x value) value { return b.op(nearest, x) }),
	mapping("Sign", 0, 4, func(b *body, x value) value {
		y := b.choose(b.less(x, b.c(0)), b.c(-1), x)
		return b.choose(b.less(b.c(0), x), b.c(1), y)
	}),

	mapping("Exp", 0, 4, func(b *body, x value) value { return b.exp(x) }),
	mapping("Exp2", 0, 4, exp2Body),
	mapping("Log", 1, 2, logBody),
	mapping("Tanh", 2, 2, tanhBody),
	mapping("Sigmoid", 0, 2, func(b *body, x value) value { return b.gate(b.c(1), x) }),
	mapping("SiLU", 1, 2, func(b *body, x value) value { return b.gate(x, b.mul(x, b.param(0))) }),
	mapping("GELU", 0, 2, geluBody),
	mapping("GELUTanh", 0, 2, func(b *body, x value) value {
		const slope = 1.5957691216057308 // 2√(2/π)
		z := b.fma(b.mul(x, x), b.c(slope*0.044715), b.c(slope))
		return b.gate(x, b.mul(x, z))
	}),
	mapping("Erf", 0, 2, erfBody),
	mapping("Softplus", 0, 2, softplusBody),
	mapping("ELU", 1, 2, func(b *body, x value) value {
		y := b.mul(b.expm1(b.lower(b.c(0), x)), b.param(0))
		return b.choose(b.less(b.c(0), x), x, y)
	}),
	mapping("Sin", 0, 2, func(b *body, x value) value { return b.wave(x, 0) }),
	mapping("Cos", 0, 2, func(b *body, x value) value { return b.wave(x, 1) }),
	mapping("Normalize", 3, 4, func(b *body, x value) value {
		return b.fma(b.sub(x, b.param(0)), b.param(1), b.param(2))
	}),

	zipping("Add", func(b *body, x, y value) value { return b.add(x, y) }),
	zipping("Sub", func(b *body, x, y value) value { return b.sub(x, y) }),
	zipping("Mul", func(b *body, x, y value) value { return b.mul(x, y) }),
	zipping("Div", func(b *body, x, y value) value { return b.div(x, y) }),
	zipping("Max", func(b *body, x, y value) value { return b.choose(b.op(notNumber, x), x, b.higher(x, y)) }),
	zipping("Min", func(b *body, x, y value) value { return b.choose(b.op(notNumber, x), x, b.lower(x, y)) }),
	zipping("Less", func(b *body, x, y value) value { return b.truth(b.less(x, y)) }),
	zipping("LessEqual", func(b *body, x, y value) value { return b.truth(b.op(lessEqual, x, y)) }),
	zipping("Equal", func(b *body, x, y value) value { return b.truth(b.op(equal, x, y)) }),
	zipping("NotEqual", func(b *body, x, y value) value { return b.choose(b.op(equal, x, y), b.c(0), b.c(1)) }),

	{name: "Select", signature: "func(dst, cond, x, y []float32)", in: []string{"cond", "x", "y"}, out: "dst",
		count: "dst", unroll: 4, body: func(b *body) {
			cond, x, y := b.in(0), b.in(1), b.in(2)
			b.store(b.choose(b.op(equal, cond, b.c(0)), y, x))
		}},
	{name: "Axpy", signature: "func(dst []float32, k float32, x []float32)", in: []string{"dst", "x"}, out: "dst",
		params: []string{"k"}, count: "dst", unroll: 4, body: func(b *body) {
			dst, x := b.in(0), b.in(1)
			b.store(b.fma(x, b.param(0), dst))
		}},
	{name: "Fill", signature: "func(dst []float32, v float32)", out: "dst",
		params: []string{"v"}, count: "dst", unroll: 4, body: func(b *body) { b.store(b.param(0)) }},
	{name: "Stream", signature: "func(dst, x []float32)", in: []string{"x"}, out: "dst",
		count: "dst", unroll: 4, stream: true, body: func(b *body) { b.store(b.in(0)) }},
	{name: "NormalizeAffine", signature: "func(dst, x, gamma, beta []float32, p [4]float32)",
		in: []string{"x", "gamma", "beta"}, out: "dst", params: []string{"p_0", "p_1", "p_2"}, count: "dst", unroll: 4,
		body: func(b *body) {
			y := b.fma(b.sub(b.in(0), b.param(0)), b.param(1), b.param(2))
			b.store(b.fma(y, b.in(1), b.in(2)))
		}},
	{name: "NormalizeScale", signature: "func(dst, x, gamma []float32, p [4]float32)",
		in: []string{"x", "gamma"}, out: "dst", params: []string{"p_0"}, count: "dst", unroll: 4,
		body: func(b *body) { b.store(b.mul(b.mul(b.in(0), b.param(0)), b.in(1))) }},

	reducing("Sum", "func(x []float32) float64", func(b *body, x value) { b.op(total, x) }),
	reducing("SumAbs", "func(x []float32) float64", func(b *body, x value) { b.op(total, b.abs(x)) }),
	reducing("Largest", "func(x []float32) float32", func(b *body, x value) { b.op(largest, x) }),
	reducing("Smallest", "func(x []float32) float32", func(b *body, x value) { b.op(smallest, x) }),
	reducing("SumSquares", "func(x []float32, shift float32) float64", func(b *body, x value) {
		d := b.sub(x, b.param(0))
		b.op(products, d, d)
	}, "shift"),
	reducing("SumExp", "func(x []float32, shift float32) float64", func(b *body, x value) {
		b.op(total, b.exp(b.sub(x, b.param(0))))
	}, "shift"),
	{name: "Dot", signature: "func(x, y []float32) float64", in: []string{"x", "y"}, count: "x", unroll: 4,
		body: func(b *body) { b.op(products, b.in(0), b.in(1)) }},
	{name: "ExpSum", signature: "func(dst, x []float32, shift float32) float64", in: []string{"x"}, out: "dst",
		params: []string{"shift"}, count: "dst", unroll: 4, body: func(b *body) {
			e := b.exp(b.sub(b.in(0), b.param(0)))
			b.store(e)
			b.op(total, e)
		}},

	columns("AddRows", func(b *body, x value) { b.op(total, x) }),
	columns("AddAbsRows", func(b *body, x value) { b.op(total, b.abs(x)) }),
	columns("AddSquaresRows", func(b *body, x value) { b.op(products, x, x) }),
}

// mapping is a simd.Map that reads the first n parameters.
func mapping(name string, n, unroll int, f func(b *body, x value) value) kernel {
	return kernel{
		name: name, signature: mapSignature, in: []string{"x"}, out: "dst", count: "dst", unroll: unroll,
		params: []string{"p_0", "p_1", "p_2", "p_3"}[:n],
		body:   func(b *body) { b.store(f(b, b.in(0))) },
	}
}

func zipping(name string, f func(b *body, x, y value) value) kernel {
	return kernel{
		name: name, signature: zipSignature, in: []string{"x", "y"}, out: "dst", count: "dst", unroll: 4,
		body: func(b *body) { b.store(f(b, b.in(0), b.in(1))) },
	}
}

func reducing(name, signature string, f func(b *body, x value), params ...string) kernel {
	return kernel{name: name, signature: signature, in: []string{"x"}, params: params, count: "x", unroll: 4,
		body: func(b *body) { f(b, b.in(0)) }}
}

func columns(name string, f func(b *body, x value)) kernel {
	return kernel{
		name: name, signature: "func(acc []float64, r0, r1, r2, r3 []float32)", wide: "acc",
		in: []string{"r0", "r1", "r2", "r3"}, count: "acc", unroll: 2,
		body: func(b *body) {
			for row := range 4 {
				f(b, b.in(row))
			}
		},
	}
}

func (b *body) truth(mask value) value { return b.choose(mask, b.c(1), b.c(0)) }

// Parts of ln 2: multiples of the first below 2^9 are exact.
const (
	ln2High = 0x1.62e4p-1
	ln2Low  = 0x1.7f7d1cp-20
)

// reduced is n and r with x = n·ln 2 + r and |r| ≤ ½·ln 2.
func (b *body) reduced(x value) (n, r value) {
	n = b.op(nearest, b.mul(x, b.c(math.Log2E)))
	r = b.fnma(n, b.c(ln2High), x)
	return n, b.fnma(n, b.c(ln2Low), r)
}

// series is e^r − 1 = r + r²·q(r) for |r| ≤ ½·ln 2; q is the minimax
// polynomial of the specification (0.86 ulp of e^r).
func (b *body) series(r value) value {
	q := b.poly(r, 0x1.fffffcp-2, 0x1.555492p-3, 0x1.5558f2p-5, 0x1.1239d4p-7, 0x1.6a245ep-10)
	return b.fma(b.mul(r, r), q, r)
}

// exp is e^x. The bounds lie beyond overflow and beyond half of the smallest
// subnormal.
func (b *body) exp(x value) value {
	x = b.lower(b.c(89), b.higher(b.c(-104), x))
	n, r := b.reduced(x)
	return b.op(times2to, b.add(b.series(r), b.c(1)), n)
}

// expNeg is e^(x+low) for x ≤ 0 and a small correction.
func (b *body) expNeg(x, low value) value {
	x = b.higher(b.c(-104), x)
	n, r := b.reduced(x)
	return b.op(times2to, b.add(b.series(b.add(r, low)), b.c(1)), n)
}

// expm1 is e^x − 1 for x ≤ 0, precise near 0: with x = n·ln 2 + r it is
// 2^n·(e^r − 1) + (2^n − 1).
func (b *body) expm1(x value) value {
	x = b.higher(b.c(-40), x)
	n, r := b.reduced(x)
	scale := b.op(times2to, b.c(1), n)
	return b.fma(b.series(r), scale, b.sub(scale, b.c(1)))
}

func exp2Body(b *body, x value) value {
	x = b.lower(b.c(129), b.higher(b.c(-151), x))
	n := b.op(nearest, x)
	r := b.mul(b.sub(x, n), b.c(math.Ln2))
	return b.op(times2to, b.add(b.series(r), b.c(1)), n)
}

// gate is x/(1 + e^−z), from e^−|z| so that both tails keep their digits.
func (b *body) gate(x, z value) value {
	minus := b.op(or, z, b.bits(1<<31))
	minus = b.higher(b.c(-104), minus)
	n, r := b.reduced(minus)
	e := b.op(times2to, b.add(b.series(r), b.c(1)), n)
	part := b.choose(b.less(z, b.c(0)), e, b.c(1))
	return b.div(b.mul(part, x), b.add(e, b.c(1)))
}

// tanhBody is a·tanh(b·x), tanh|z| = −m/(m + 2) with m = e^(−2|z|) − 1.
func tanhBody(b *body, x value) value {
	z := b.mul(x, b.param(1))
	m := b.expm1(b.mul(b.abs(z), b.c(-2)))
	t := b.div(m, b.add(m, b.c(2)))
	return b.mul(b.op(or, b.abs(t), b.sign(z)), b.param(0))
}

// ln1p is e·ln 2 + ln(1 + f) for f in [√½ − 1, √2 − 1]: f − f²/2 + f³·p(f), p a
// minimax polynomial (error of ln(1 + f): 0.05 ulp before rounding).
func (b *body) ln1p(e, f value) value {
	p := b.poly(f, 0x1.555554p-2, -0x1.000226p-2, 0x1.99a01cp-3, -0x1.54728ap-3,
		0x1.22d93p-3, -0x1.0d8246p-3, 0x1.055eacp-3, -0x1.38c968p-4)
	s := b.mul(f, f)
	y := b.mul(b.mul(s, f), p)
	y = b.fma(e, b.c(ln2Low), y)
	y = b.fnma(s, b.c(0.5), y)
	return b.fma(e, b.c(ln2High), b.add(y, f))
}

// logBody is ln z, z = x + a: z = 2^e·m with m in [√½, √2).
func logBody(b *body, x value) value {
	const rootHalf = 0x3f3504f3 // bits of √½
	z := b.add(x, b.param(0))
	subnormal := b.less(z, b.c(0x1p-126))
	scaled, lift := b.choose(subnormal, b.mul(z, b.c(0x1p24)), z), b.choose(subnormal, b.c(-24), b.c(0))
	i := b.op(subInt, scaled, b.bits(rootHalf))
	e := b.add(b.op(fromInt, b.imm(right, 23, i)), lift)
	m := b.op(addInt, b.op(and, i, b.bits(1<<23-1)), b.bits(rootHalf))
	y := b.ln1p(e, b.sub(m, b.c(1)))
	y = b.choose(b.op(equal, z, b.c(inf)), z, y)
	y = b.choose(b.op(equal, z, b.c(0)), b.c(-inf), y)
	return b.choose(b.op(lessEqual, b.c(0), z), y, b.bits(0x7fc00000)) // negative or NaN
}

// softplusBody is max(x, 0) + ln(1 + u), u = e^−|x| in (0, 1]. f is exact: u, or
// (u − 1)/2 with one factor of 2 taken out.
func softplusBody(b *body, x value) value {
	u := b.expNeg(b.op(or, x, b.bits(1<<31)), b.c(0))
	big := b.less(b.c(math.Sqrt2-1), u)
	f := b.choose(big, b.fma(u, b.c(0.5), b.c(-0.5)), u)
	return b.add(b.ln1p(b.choose(big, b.c(1), b.c(0)), f), b.higher(b.c(0), x))
}

// geluBody is max(x, 0) − t·g(t), t = |x| and g(t) = ½·erfc(t/√2), which keeps
// the digits of the left tail. With k = 1/(1 + 0.35t), g(t)·e^(t²/2) is a
// minimax polynomial in k without constant term (0.5 ulp before rounding, up to
// the last subnormal result). The square in the exponent carries its rounding
// error along.
func geluBody(b *body, x value) value {
	t := b.lower(b.c(15), b.abs(x)) // beyond, the tail is 0
	s := b.mul(t, t)
	low := b.fnma(t, t, s)
	e := b.expNeg(b.mul(s, b.c(-0.5)), b.mul(low, b.c(0.5)))
	k := b.div(b.c(1), b.fma(t, b.c(0.35), b.c(1)))
	g := b.poly(k, 0x1.1df1cap-3, 0x1.1e7084p-3, 0x1.eacd3p-4, 0x1.b04a7ap-4, -0x1.7bd40ep-6,
		0x1.463352p-3, -0x1.05f11cp-2, 0x1.26f084p-3, -0x1.ddaa0cp-6)
	return b.fnma(b.mul(b.mul(t, k), g), e, b.higher(b.c(0), x))
}

// erfBody is x·p(x²) for |x| < 1, else ±(1 − e^−q(|x|)), both polynomials the
// specification's.
func erfBody(b *body, x value) value {
	t := b.abs(x)
	near := b.mul(t, b.poly(b.mul(t, t), 0x1.20dd74p+0, -0x1.812674p-2, 0x1.ce0942p-4, -0x1.b5a35cp-6,
		0x1.4246d4p-8, -0x1.273fb4p-11))
	q := b.poly(b.lower(b.c(3.92), t), 0x1.72f048p-12, 0x1.2085b0p+0, 0x1.46c58cp-1, 0x1.a60a4ep-4,
		-0x1.6541bep-6, 0x1.814c14p-9, -0x1.852c0cp-13)
	n, r := b.reduced(b.op(xor, q, b.bits(1<<31)))
	far := b.sub(b.c(1), b.op(times2to, b.add(b.series(r), b.c(1)), n))
	y := b.choose(b.less(t, b.c(1)), near, far)
	return b.op(or, y, b.sign(x))
}

// wave is sin(x + quarter·π/2) for |x| ≤ 2^13: x = n·π/2 + r by three parts of
// π/2, and minimax polynomials of sin r and cos r.
func (b *body) wave(x value, quarter uint32) value {
	n := b.op(nearest, b.mul(x, b.c(2/math.Pi)))
	r := b.fnma(n, b.c(0x1.921fb6p+0), x)
	r = b.fnma(n, b.c(-0x1.777a5cp-25), r)
	r = b.fnma(n, b.c(-0x1.ee59dap-50), r)
	s := b.mul(r, r)
	sin := b.fma(b.mul(s, r), b.poly(s, -0x1.555546p-3, 0x1.110778p-7, -0x1.9954p-13), r)
	cos := b.fma(s, b.fma(s, b.poly(s, 0x1.55554ap-5, -0x1.6c0c2ap-10, 0x1.99e91p-16), b.c(-0.5)), b.c(1))
	i := b.op(toInt, n)
	if quarter != 0 {
		i = b.op(addInt, i, b.bits(quarter))
	}
	y := b.choose(b.op(signMask, b.imm(left, 31, i)), cos, sin)
	return b.op(xor, y, b.op(and, b.imm(left, 30, i), b.bits(1<<31)))
}
