package softane

import "math"

// table gives every operation of the route its arithmetic. Operations that it
// lacks are refused as the compiler refuses those without an ANE implementation.
var table = builds()

func builds() map[string]build {
	m := map[string]build{}
	for _, family := range []map[string]build{
		activations(), arithmetic(), products(), convolutions(), norms(), reductions(), moves(), images(),
	} {
		for name, b := range family {
			m[name] = b
		}
	}
	return m
}

// Source of all formulas: the MIL iOS 18 operator set.
func activations() map[string]build {
	return map[string]build{
		"relu":  plain(exact, relu),
		"relu6": plain(exact, func(x float32) float32 { return min(relu(x), 6) }),
		"abs":   plain(exact, wide(math.Abs)),
		"floor": plain(exact, wide(math.Floor)),
		"ceil":  plain(exact, wide(math.Ceil)),
		"round": plain(nearest, nativeRound),
		"sign": plain(exact, func(x float32) float32 {
			switch {
			case x > 0:
				return 1
			case x < 0:
				return -1
			}
			return 0
		}),
		"sigmoid":  plain(nearest, wide(sigmoid)),
		"tanh":     plain(nearest, wide(math.Tanh)),
		"silu":     plain(nearest, wide(func(x float64) float64 { return x * sigmoid(x) })),
		"exp":      plain(nearest, wide(math.Exp)),
		"exp2":     plain(nearest, wide(math.Exp2)),
		"sqrt":     plain(nearest, wide(math.Sqrt)),
		"square":   plain(nearest, func(x float32) float32 { return x * x }),
		"erf":      plain(nearest, wide(math.Erf)),
		"softsign": plain(nearest, func(x float32) float32 { return x / (1 + max(x, -x)) }),
		"softplus": plain(nearest, softplus),
		"atan":     plain(nearest, wide(math.Atan)),
		"sin":      trig(math.Sin),
		"cos":      trig(math.Cos),
		"gelu":     unary(nearest, gelu),
		"log":      unary(nearest, logarithm),
		"rsqrt":    unary(nearest, withEpsilon(func(x float64) float64 { return 1 / math.Sqrt(x) })),
		"inverse":  unary(nearest, withEpsilon(func(x float64) float64 { return 1 / x })),

		"elu":              unary(nearest, withAlpha(1, elu)),
		"leaky_relu":       unary(nearest, withAlpha(0.01, leaky)),
		"threshold":        unary(exact, withAlpha(0, func(x, a float32) float32 { return max(x, a) })),
		"thresholded_relu": unary(exact, withAlpha(1, thresholded)),
		"clip":             unary(exact, withAlphaBeta(0, 1, func(x, lo, hi float32) float32 { return min(max(x, lo), hi) })),
		"scaled_tanh": unary(nearest, withAlphaBeta(1, 1, func(x, a, b float32) float32 {
			return a * float32(math.Tanh(float64(b*x)))
		})),
		"clamped_relu":      unary(nearest, withAlphaBeta(0, 6, func(x, a, b float32) float32 { return min(b, leaky(x, a)) })),
		"sigmoid_hard":      unary(nearest, withAlphaBeta(0.2, 0.5, func(x, a, b float32) float32 { return min(max(a*x+b, 0), 1) })),
		"linear_activation": unary(nearest, withAlphaBeta(1, 0, func(x, a, b float32) float32 { return a*x + b })),
		"prelu":             prelu,
		"logical_not":       plain(exact, func(x float32) float32 { return 1 - x }),
		"cast":              plain(nearest, func(x float32) float32 { return x }),
	}
}

func thresholded(x, alpha float32) float32 {
	if x >= alpha {
		return x
	}
	return 0
}

func arithmetic() map[string]build {
	return map[string]build{
		"add":           binary(nearest, func(x, y float32) float32 { return x + y }),
		"sub":           binary(nearest, func(x, y float32) float32 { return x - y }),
		"mul":           multiply,
		"real_div":      binary(nearest, func(x, y float32) float32 { return x / y }),
		"floor_div":     binary(nearest, func(x, y float32) float32 { return float32(math.Floor(float64(x / y))) }),
		"maximum":       binary(exact, func(x, y float32) float32 { return max(x, y) }),
		"minimum":       binary(exact, func(x, y float32) float32 { return min(x, y) }),
		"pow":           binary(nearest, func(x, y float32) float32 { return float32(math.Pow(float64(x), float64(y))) }),
		"equal":         compare(func(x, y float32) bool { return x == y }),
		"not_equal":     compare(func(x, y float32) bool { return x != y }),
		"less":          compare(func(x, y float32) bool { return x < y }),
		"less_equal":    compare(func(x, y float32) bool { return x <= y }),
		"greater":       compare(func(x, y float32) bool { return x > y }),
		"greater_equal": compare(func(x, y float32) bool { return x >= y }),
		"select":        selectOp,
	}
}

// multiply is x·y with the compiler's known fault: a multiplier of one element
// after floor, ceil or round is folded into the rounding and lost (measured on
// M5; taken for all chips, so that programs avoid it).
func multiply(c *call) (work, *refusal) {
	x, y := c.tensor("x"), c.tensor("y")
	f := func(x, y float32) float32 { return x * y }
	switch {
	case foldsMultiplier(x, y):
		f = func(x, _ float32) float32 { return x }
	case foldsMultiplier(y, x):
		f = func(_, y float32) float32 { return y }
	}
	w := zip2(c.out(0), x.shape, y.shape, f)
	w.round = nearest
	return w, nil
}

func foldsMultiplier(x, k operand) bool {
	if x.def == nil || k.data == nil || k.elems() != 1 {
		return false
	}
	return x.def.Op == "floor" || x.def.Op == "ceil" || x.def.Op == "round"
}
