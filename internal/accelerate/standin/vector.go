package standin

import "math"

// vectorFunctions holds vDSP and vForce. Orders of operands are those of the
// C functions.
func vectorFunctions() map[string]any {
	m := map[string]any{}
	for name, f := range zips {
		m[name] = func(a *float32, sa int64, b *float32, sb int64, c *float32, sc int64, n uint64) {
			call(name, func(s *state) {
				unit(sa, sb, sc)
				zip(s, name, f, values(c, n), values(a, n), values(b, n))
			})
		}
	}
	for name, f := range singles {
		m[name] = func(a *float32, sa int64, c *float32, sc int64, n uint64) {
			call(name, func(s *state) {
				unit(sa, sc)
				each(s, name, f, values(c, n), values(a, n))
			})
		}
	}
	for name, f := range scalars {
		m[name] = func(a *float32, sa int64, b, c *float32, sc int64, n uint64) {
			call(name, func(s *state) {
				unit(sa, sc)
				k := values(b, 1)[0]
				each(s, name, func(x float32) float32 { return f(x, k) }, values(c, n), values(a, n))
			})
		}
	}
	for name, f := range pairs {
		m[name] = func(a *float32, sa int64, b, c, d *float32, sd int64, n uint64) {
			call(name, func(s *state) {
				unit(sa, sd)
				k, l := values(b, 1)[0], values(c, 1)[0]
				each(s, name, func(x float32) float32 { return f(x, k, l) }, values(d, n), values(a, n))
			})
		}
	}
	for name, f := range folds {
		m[name] = func(a *float32, sa int64, c *float32, n uint64) {
			call(name, func(s *state) {
				unit(sa)
				values(c, 1)[0] = f(values(a, n)) + s.off(name)
			})
		}
	}
	for name, f := range forces {
		m[name] = func(y, x *float32, n *int32) {
			call(name, func(s *state) {
				count := uint64(values(n, 1)[0])
				each(s, name, func(v float32) float32 { return float32(f(float64(v))) }, values(y, count), values(x, count))
			})
		}
	}
	m["vvpowf"] = func(z, y, x *float32, n *int32) {
		call("vvpowf", func(s *state) {
			count := uint64(values(n, 1)[0])
			power := func(y, x float32) float32 { return float32(math.Pow(float64(x), float64(y))) }
			zip(s, "vvpowf", power, values(z, count), values(y, count), values(x, count))
		})
	}
	return m
}

func unit(strides ...int64) {
	for _, s := range strides {
		oneOf("stride", int(s), 1)
	}
}

func each(s *state, name string, f func(float32) float32, dst, x []float32) {
	apart(dst, x)
	off := s.off(name)
	for i, v := range x {
		dst[i] = f(v) + off
	}
}

func zip(s *state, name string, f func(first, second float32) float32, dst, first, second []float32) {
	apart(dst, first)
	apart(dst, second)
	off := s.off(name)
	for i, v := range first {
		dst[i] = f(v, second[i]) + off
	}
}

var zips = map[string]func(first, second float32) float32{
	"vDSP_vadd": func(a, b float32) float32 { return a + b },
	"vDSP_vsub": func(b, a float32) float32 { return a - b },
	"vDSP_vmul": func(a, b float32) float32 { return a * b },
	"vDSP_vdiv": func(b, a float32) float32 { return a / b },
	"vDSP_vmax": func(a, b float32) float32 { return max(a, b) },
	"vDSP_vmin": func(a, b float32) float32 { return min(a, b) },
}

var singles = map[string]func(float32) float32{
	"vDSP_vabs": func(x float32) float32 { return float32(math.Abs(float64(x))) },
	"vDSP_vneg": func(x float32) float32 { return -x },
	"vDSP_vsq":  func(x float32) float32 { return x * x },
}

var scalars = map[string]func(x, k float32) float32{
	"vDSP_vsadd": func(x, k float32) float32 { return x + k },
	"vDSP_vsmul": func(x, k float32) float32 { return x * k },
	"vDSP_vthr": func(x, k float32) float32 {
		if x < k {
			return k
		}
		return x
	},
	"vDSP_vthres": func(x, k float32) float32 {
		if x < k {
			return 0
		}
		return x
	},
}

var pairs = map[string]func(x, k, l float32) float32{
	"vDSP_vsmsa": func(x, k, l float32) float32 { return float32(x*k) + l },
	"vDSP_vclip": func(x, lo, hi float32) float32 { return min(max(x, lo), hi) },
}

var folds = map[string]func([]float32) float32{
	"vDSP_sve":   sum(func(x float32) float32 { return x }),
	"vDSP_svesq": sum(func(x float32) float32 { return x * x }),
	"vDSP_svemg": sum(func(x float32) float32 { return max(x, -x) }),
	"vDSP_maxv":  func(x []float32) float32 { return extreme(x, func(a, b float32) float32 { return max(a, b) }) },
	"vDSP_minv":  func(x []float32) float32 { return extreme(x, func(a, b float32) float32 { return min(a, b) }) },
}

// sum adds in float32, in 16 lanes as vector code does.
func sum(f func(float32) float32) func([]float32) float32 {
	return func(x []float32) float32 {
		var lanes [16]float32
		for i, v := range x {
			lanes[i%len(lanes)] += f(v)
		}
		total := float32(0)
		for _, v := range lanes {
			total += v
		}
		return total
	}
}

func extreme(x []float32, better func(a, b float32) float32) float32 {
	best := x[0]
	for _, v := range x[1:] {
		best = better(best, v)
	}
	return best
}

var forces = map[string]func(float64) float64{
	"vvexpf": math.Exp, "vvexp2f": math.Exp2, "vvlogf": math.Log, "vvsqrtf": math.Sqrt,
	"vvrsqrtf": func(x float64) float64 { return 1 / math.Sqrt(x) },
	"vvrecf":   func(x float64) float64 { return 1 / x },
	"vvsinf":   math.Sin, "vvcosf": math.Cos, "vvtanhf": math.Tanh, "vvatanf": math.Atan,
	"vvnintf": math.RoundToEven, "vvfloorf": math.Floor, "vvceilf": math.Ceil,
}
