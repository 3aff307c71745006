package softane

import (
	"math"
	"slices"
)

// unary makes the build of y[i] = f(x[i]); of binds the parameters.
func unary(r rounding, of func(c *call) func(x float32) float32) build {
	return func(c *call) (work, *refusal) {
		c.tensor("x")
		f := of(c)
		return work{round: r, run: func(out, in [][]float32, _ []float32) {
			y, x := out[0], in[0]
			if len(y) < smallMap {
				apply(y, x, f)
				return
			}
			inParallel(len(y), smallMap/2, func(_, lo, hi int) { apply(y[lo:hi], x[lo:hi], f) })
		}}, nil
	}
}

// smallMap is the size below which a map is not worth a second goroutine.
const smallMap = 1 << 14

func apply(y, x []float32, f func(float32) float32) {
	for i, v := range x {
		y[i] = f(v)
	}
}

// plain is a unary operation without parameters.
func plain(r rounding, f func(x float32) float32) build {
	return unary(r, func(*call) func(float32) float32 { return f })
}

// wide lifts a float64 function.
func wide(f func(float64) float64) func(float32) float32 {
	return func(x float32) float32 { return float32(f(float64(x))) }
}

// trig makes a build that chips below the A15 refuse.
func trig(f func(float64) float64) build {
	b := plain(nearest, func(x float32) float32 {
		if math.IsInf(float64(x), 0) {
			return 0 // as measured; not NaN
		}
		return float32(f(float64(x)))
	})
	return func(c *call) (work, *refusal) {
		if !c.chip.Trig {
			return work{}, c.notImplemented("operation on " + c.chip.Tier)
		}
		return b(c)
	}
}

func relu(x float32) float32 { return max(x, 0) }

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// logarithm is ln(x+eps); the device returns 0 for an infinite argument.
func logarithm(c *call) func(float32) float32 {
	eps := c.num("epsilon", 0)
	return func(x float32) float32 {
		v := math.Log(float64(x) + float64(eps))
		if math.IsInf(v, 1) {
			return 0
		}
		return float32(v)
	}
}

// expOverflow is where exp leaves fp16: ln 65520.
const expOverflow = 11.09

// softplus is ln(1+exp(x)); the device returns 0 where exp overflows.
func softplus(x float32) float32 {
	if x >= expOverflow {
		return 0
	}
	return float32(math.Log1p(math.Exp(float64(x))))
}

// nativeRound rounds half away from zero by adding 0.5 in fp16. Between 1024
// and 2048 that addition itself rounds up, so 1024 reads 1025 (measured on M5).
func nativeRound(x float32) float32 {
	if a := float32(math.Abs(float64(x))); a >= 1024 {
		return float32(math.Copysign(math.Trunc(float64(narrow(a+0.5))), float64(x)))
	}
	return float32(math.Round(float64(x)))
}

func gelu(c *call) func(float32) float32 {
	switch c.stmt.Word("mode", "EXACT") {
	case "TANH_APPROXIMATION":
		return wide(func(x float64) float64 {
			return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
		})
	case "SIGMOID_APPROXIMATION":
		return wide(func(x float64) float64 { return x * sigmoid(1.702*x) })
	default:
		return wide(func(x float64) float64 { return 0.5 * x * (1 + math.Erf(x/math.Sqrt2)) })
	}
}

// withAlpha and withAlphaBeta bind one or two parameters.
func withAlpha(absent float64, f func(x, alpha float32) float32) func(*call) func(float32) float32 {
	return func(c *call) func(float32) float32 {
		alpha := c.num("alpha", absent)
		return func(x float32) float32 { return f(x, alpha) }
	}
}

func withAlphaBeta(a, b float64, f func(x, alpha, beta float32) float32) func(*call) func(float32) float32 {
	return func(c *call) func(float32) float32 {
		alpha, beta := c.num("alpha", a), c.num("beta", b)
		return func(x float32) float32 { return f(x, alpha, beta) }
	}
}

func withEpsilon(f func(x float64) float64) func(*call) func(float32) float32 {
	return func(c *call) func(float32) float32 {
		eps := float64(c.num("epsilon", 0))
		return func(x float32) float32 { return float32(f(float64(x) + eps)) }
	}
}

func elu(x, alpha float32) float32 {
	if x >= 0 {
		return x
	}
	return alpha * float32(math.Expm1(float64(x)))
}

func leaky(x, alpha float32) float32 {
	if x >= 0 {
		return x
	}
	return alpha * x
}

// prelu is x for x ≥ 0, else alpha[channel]·x; the channel is axis 1.
func prelu(c *call) (work, *refusal) {
	x := c.tensor("x")
	alpha := c.tensor("alpha")
	inner := elems(x.shape[2:])
	return work{round: nearest, run: func(out, in [][]float32, _ []float32) {
		for i, v := range in[0] {
			out[0][i] = leaky(v, in[1][i/inner%alpha.elems()])
		}
	}}, nil
}

// binary makes the build of a broadcast operation of x and y.
func binary(r rounding, f func(x, y float32) float32) build {
	return func(c *call) (work, *refusal) {
		x, y := c.tensor("x"), c.tensor("y")
		w := zip2(c.out(0), x.shape, y.shape, f)
		w.round = r
		return w, nil
	}
}

// zip2 is out[i] = f(x[i], y[i]) over broadcast operands.
func zip2(shape, xs, ys []int, f func(x, y float32) float32) work {
	if slices.Equal(xs, shape) && slices.Equal(ys, shape) {
		return work{run: func(out, in [][]float32, _ []float32) {
			o, x, y := out[0], in[0], in[1]
			inParallel(len(o), 1<<15, func(_, lo, hi int) {
				for i := lo; i < hi; i++ {
					o[i] = f(x[i], y[i])
				}
			})
		}}
	}
	w := newWalk(shape, xs, ys)
	return work{run: func(out, in [][]float32, _ []float32) {
		o, x, y := out[0], in[0], in[1]
		w.rows(func(off int, at []int) {
			p, q := at[0], at[1]
			for i := off; i < off+w.n; i++ {
				o[i] = f(x[p], y[q])
				p, q = p+w.step[0], q+w.step[1]
			}
		})
	}}
}

// walk visits the rows of a result and the places of its broadcast operands.
type walk struct {
	views []view
	n     int   // length of a row
	step  []int // of each operand within a row
}

// newWalk views every operand as shape; the innermost axes are joined as far as
// all operands allow.
func newWalk(shape []int, operands ...[]int) *walk {
	w := new(walk)
	for _, s := range operands {
		w.views = append(w.views, broadcast(s, shape))
	}
	if len(shape) == 0 {
		for i := range w.views {
			w.views[i] = view{[]int{1}, []int{0}, 0}
		}
	}
	for w.join() {
	}
	last := len(w.views[0].dims) - 1
	w.n = w.views[0].dims[last]
	for _, v := range w.views {
		w.step = append(w.step, v.strides[last])
	}
	return w
}

// join merges the two innermost axes if each operand walks both with one stride.
func (w *walk) join() bool {
	k := len(w.views[0].dims) - 1
	if k == 0 {
		return false
	}
	for _, v := range w.views {
		if v.strides[k-1] != v.strides[k]*v.dims[k] {
			return false
		}
	}
	for i, v := range w.views {
		stride := v.strides[k]
		w.views[i].dims = append(slices.Clone(v.dims[:k-1]), v.dims[k-1]*v.dims[k])
		w.views[i].strides = append(slices.Clone(v.strides[:k-1]), stride)
	}
	return true
}

// rows calls f with the offset of each row and the operands' places at its start.
func (w *walk) rows(f func(off int, at []int)) {
	dims := w.views[0].dims
	outer := len(dims) - 1
	index, at := make([]int, outer), make([]int, len(w.views))
	total := elems(dims)
	for off := 0; off < total; off += w.n {
		f(off, at)
		for a := outer - 1; a >= 0; a-- {
			index[a]++
			for i, v := range w.views {
				at[i] += v.strides[a]
			}
			if index[a] < dims[a] {
				break
			}
			for i, v := range w.views {
				at[i] -= v.strides[a] * dims[a]
			}
			index[a] = 0
		}
	}
}

// compare makes the build of a comparison; bools are 0 and 1.
func compare(f func(x, y float32) bool) build {
	return binary(exact, func(x, y float32) float32 {
		if f(x, y) {
			return 1
		}
		return 0
	})
}

// selectOp picks a where cond is set, else b.
func selectOp(c *call) (work, *refusal) {
	w := newWalk(c.out(0), c.tensor("cond").shape, c.tensor("a").shape, c.tensor("b").shape)
	return work{run: func(out, in [][]float32, _ []float32) {
		o := out[0]
		w.rows(func(off int, at []int) {
			p, q, r := at[0], at[1], at[2]
			for i := off; i < off+w.n; i++ {
				if in[0][p] != 0 {
					o[i] = in[1][q]
				} else {
					o[i] = in[2][r]
				}
				p, q, r = p+w.step[0], q+w.step[1], r+w.step[2]
			}
		})
	}}, nil
}
