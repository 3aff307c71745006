package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// everyLevel runs a test for each level of this machine.
func everyLevel(t *testing.T, test func(t *testing.T, v *Vector)) {
	for _, l := range Levels() {
		t.Run(l.String(), func(t *testing.T) { test(t, VectorFor(l)) })
	}
}

// samples are values of every exponent and both signs, with the ends of each
// binade, zeros, infinities and NaN.
var samples = func() []float32 {
	rnd := rand.New(rand.NewPCG(1, 2))
	var list []float32
	for exponent := range uint32(256) {
		mantissas := []uint32{0, 1, 1<<23 - 1, 1 << 22, 0x3504f3, 0x3504f4}
		for range 250 {
			mantissas = append(mantissas, rnd.Uint32()>>9)
		}
		for _, m := range mantissas {
			v := math.Float32frombits(exponent<<23 | m)
			list = append(list, v, -v)
		}
	}
	for x := float32(-20); x < 20; x += 0.00137 {
		list = append(list, x)
	}
	return append(list, bounds()...)
}()

// bounds are the neighbours of operands where results overflow, become
// subnormal, or a formula changes.
func bounds() []float32 {
	var list []float32
	for _, v := range []float32{88.72284, 87.33655, 103.97208, 104, 89, 127, 128, 126, 149, 150, 151, 1, 0.41421357,
		3.92, 8.3, 9.01, 14.2, 15, 16.635532, 40, 8192, 1 << 23, math.Pi, math.Pi / 2, math.MaxFloat32} {
		for _, s := range []float32{v, -v} {
			list = append(list, s, math.Nextafter32(s, 0), math.Nextafter32(s, float32(math.Inf(int(s)))))
		}
	}
	return list
}

// spacing is the unit in the last place of float32 at w.
func spacing(w float64) float64 {
	_, e := math.Frexp(w)
	return math.Ldexp(1, max(e-24, -149))
}

// apart is the distance of got from want in units in the last place. Values
// beyond the largest float32 count as infinite.
func apart(got float32, want float64) float64 {
	const beyond = math.MaxFloat32 * (1 + 1.0/(1<<25))
	g := float64(got)
	switch {
	case math.IsNaN(g) && math.IsNaN(want), g == want:
		return 0
	case math.IsInf(g, 0):
		g = math.Copysign(beyond, g)
	}
	if math.Abs(want) > beyond {
		want = math.Copysign(beyond, want)
	}
	if d := math.Abs(g-want) / spacing(want); !math.IsNaN(d) {
		return d
	}
	return math.Inf(1)
}

// mapCase is a Map with its meaning and the bound of its error.
type mapCase struct {
	name string
	pick func(v *Vector) Map
	p    Params
	f    func(x float64) float64
	ulp  float64
	far  float64                 // absolute error that is granted for |x| > 4
	gate func(x float64) float64 // z of x/(1 + e^−z), when it is rounded
}

func mapCases() []mapCase {
	inf := float32(math.Inf(1))
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	clamp := func(x, low, high float64) float64 { return min(max(x, low), high) }
	zero := 0.0
	geluZ := func(x float64) float64 { return geluTanhSlope * (x + 0.044715*x*x*x) }
	const half = 0.5001 // float64 rounds the wanted value a first time
	return []mapCase{
		{name: "relu", pick: func(v *Vector) Map { return v.Affine }, p: Params{1, 0, 0, inf}, ulp: half,
			f: func(x float64) float64 { return max(x, 0) }},
		{name: "affine", pick: func(v *Vector) Map { return v.Affine }, p: Params{-3, 0.5, -4, 5}, ulp: 1.5,
			f: func(x float64) float64 { return clamp(-3*x+0.5, -4, 5) }},
		{name: "scale", pick: func(v *Vector) Map { return v.Scale }, p: Params{0.3}, ulp: half,
			f: func(x float64) float64 { return x * float64(float32(0.3)) }},
		{name: "shift", pick: func(v *Vector) Map { return v.Shift }, p: Params{0.3}, ulp: half,
			f: func(x float64) float64 { return x + float64(float32(0.3)) }},
		{name: "divideBy", pick: func(v *Vector) Map { return v.DivideBy }, p: Params{3}, ulp: half,
			f: func(x float64) float64 { return x / 3 }},
		{name: "quotient", pick: func(v *Vector) Map { return v.Quotient }, p: Params{3, 0.5}, ulp: half,
			f: func(x float64) float64 { return 3 / rounded(x+0.5) }},
		{name: "inverse", pick: func(v *Vector) Map { return v.Quotient }, p: Params{1, 0}, ulp: half,
			f: func(x float64) float64 { return 1 / (x + zero) }},
		{name: "rsqrt", pick: func(v *Vector) Map { return v.Rsqrt }, ulp: 1.5,
			f: func(x float64) float64 { return 1 / math.Sqrt(x+zero) }},
		{name: "leaky", pick: func(v *Vector) Map { return v.Leaky }, p: Params{0.1, 6}, ulp: half,
			f: func(x float64) float64 { return min(max(x, 0)+float64(float32(0.1))*min(x, 0), 6) }},
		{name: "threshold", pick: func(v *Vector) Map { return v.Threshold }, p: Params{0.25}, ulp: half,
			f: func(x float64) float64 {
				if x < 0.25 {
					return 0
				}
				return x
			}},
		{name: "abs", pick: func(v *Vector) Map { return v.Abs }, f: math.Abs},
		{name: "square", pick: func(v *Vector) Map { return v.Square }, ulp: half, f: func(x float64) float64 { return x * x }},
		{name: "sqrt", pick: func(v *Vector) Map { return v.Sqrt }, ulp: half, f: math.Sqrt},
		{name: "softsign", pick: func(v *Vector) Map { return v.Softsign }, ulp: half,
			f: func(x float64) float64 { return x / rounded(1+math.Abs(x)) }},
		{name: "floor", pick: func(v *Vector) Map { return v.Floor }, f: math.Floor},
		{name: "ceil", pick: func(v *Vector) Map { return v.Ceil }, f: math.Ceil},
		{name: "round", pick: func(v *Vector) Map { return v.Round }, f: math.RoundToEven},
		{name: "sign", pick: func(v *Vector) Map { return v.Sign }, f: func(x float64) float64 { return sign(x, 0, 0) }},
		{name: "normalize", pick: func(v *Vector) Map { return v.Normalize }, p: Params{0.3, 2, 0}, ulp: half,
			f: func(x float64) float64 { return 2 * rounded(x-float64(float32(0.3))) }},

		{name: "exp", pick: func(v *Vector) Map { return v.Exp }, ulp: 1.5, f: math.Exp},
		{name: "exp2", pick: func(v *Vector) Map { return v.Exp2 }, ulp: 1.5, f: math.Exp2},
		{name: "log", pick: func(v *Vector) Map { return v.Log }, ulp: 1.5, f: math.Log},
		{name: "log1", pick: func(v *Vector) Map { return v.Log }, p: Params{1}, ulp: 1.5,
			f: func(x float64) float64 { return math.Log(rounded(x + 1)) }},
		{name: "tanh", pick: func(v *Vector) Map { return v.Tanh }, p: Params{1, 1}, ulp: 3, f: math.Tanh},
		{name: "scaledTanh", pick: func(v *Vector) Map { return v.Tanh }, p: Params{1.75, 0.625}, ulp: 4.5,
			f: func(x float64) float64 { return 1.75 * math.Tanh(0.625*x) }},
		{name: "sigmoid", pick: func(v *Vector) Map { return v.Sigmoid }, ulp: 2.5, f: sigmoid},
		{name: "silu", pick: func(v *Vector) Map { return v.SiLU }, p: Params{1}, ulp: 3, gate: func(float64) float64 { return 0 },
			f: func(x float64) float64 { return x * sigmoid(x) }},
		{name: "geluSigmoid", pick: func(v *Vector) Map { return v.SiLU }, p: Params{1.702}, ulp: 3, gate: func(x float64) float64 { return 1.702 * x },
			f: func(x float64) float64 { return x * sigmoid(float64(float32(1.702))*x) }},
		{name: "gelu", pick: func(v *Vector) Map { return v.GELU }, ulp: 6, gate: func(float64) float64 { return 0 },
			f: func(x float64) float64 { return x / 2 * math.Erfc(-x/math.Sqrt2) }},
		{name: "geluTanh", pick: func(v *Vector) Map { return v.GELUTanh }, ulp: 3, gate: func(x float64) float64 { return 3 * geluZ(x) },
			f: func(x float64) float64 { return x * sigmoid(geluZ(x)) }},
		{name: "erf", pick: func(v *Vector) Map { return v.Erf }, ulp: 3, f: math.Erf},
		{name: "softplus", pick: func(v *Vector) Map { return v.Softplus }, ulp: 3,
			f: func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }},
		{name: "elu", pick: func(v *Vector) Map { return v.ELU }, p: Params{1}, ulp: 3,
			f: func(x float64) float64 { return elu(x, 1, 0) }},
		{name: "sin", pick: func(v *Vector) Map { return v.Sin }, ulp: 2, far: 1e-7, f: math.Sin},
		{name: "cos", pick: func(v *Vector) Map { return v.Cos }, ulp: 2, far: 1e-7, f: math.Cos},
	}
}

// TestMapErrors holds every function to its error on all samples.
func TestMapErrors(t *testing.T) {
	everyLevel(t, func(t *testing.T, v *Vector) {
		got := make([]float32, len(samples))
		for _, c := range mapCases() {
			c.pick(v)(got, samples, c.p)
			worst, at := 0.0, 0
			for i, x := range samples {
				want := c.f(float64(x))
				d, bound := apart(got[i], want), c.ulp
				if c.gate != nil { // the gate is a multiple of 2^−149, and its exponent is rounded
					if math.IsInf(float64(x), -1) {
						continue // NaN or 0
					}
					bound += math.Abs(c.gate(float64(x))) + math.Abs(float64(x))*0x1p-149/spacing(want)
				}
				if math.Abs(float64(x)) > 4 {
					bound += c.far / spacing(want)
				}
				if d -= bound - c.ulp; d > worst {
					worst, at = d, i
				}
			}
			if worst > c.ulp {
				t.Errorf("%s(%g) = %g, want %g: %.2f ulp apart, at most %g", c.name, samples[at], got[at],
					c.f(float64(samples[at])), worst, c.ulp)
			}
			if testing.Verbose() {
				t.Logf("%-12s %.3f ulp at %g", c.name, worst, samples[at])
			}
		}
	})
}

// special are values that the elementwise loops of two operands meet in pairs.
var special = []float32{0, float32(math.Copysign(0, -1)), 1, -1, 2.5, 1e-45, -1e-40, 3e38, -3e38,
	float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}

// zips are the loops of two operands; the portable level is their meaning.
func zips(v *Vector) map[string]Zip {
	return map[string]Zip{
		"add": v.Add, "sub": v.Sub, "mul": v.Mul, "div": v.Div, "max": v.Max, "min": v.Min,
		"less": v.Less, "lessEqual": v.LessEqual, "equal": v.Equal, "notEqual": v.NotEqual, "pow": v.Pow,
		"scale":  func(dst, x, y []float32) { v.NormalizeScale(dst, x, y, Params{0.3}) },
		"affine": func(dst, x, y []float32) { v.NormalizeAffine(dst, x, y, x, Params{0.3, 2, 0.5}) },
		"select": func(dst, x, y []float32) { v.Select(dst, x, y, x) },
		"axpy": func(dst, x, y []float32) {
			copy(dst, x[:len(dst)])
			v.Axpy(dst, 0.3, y)
		},
	}
}

// TestZipValues: one rounding, as the portable loops, on all pairs.
func TestZipValues(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var x, y []float32
	for _, a := range special {
		for _, b := range special {
			x, y = append(x, a), append(y, b)
		}
	}
	for range 2000 {
		x, y = append(x, math.Float32frombits(rnd.Uint32())), append(y, math.Float32frombits(rnd.Uint32()))
	}
	want, got := make([]float32, len(x)), make([]float32, len(x))
	everyLevel(t, func(t *testing.T, v *Vector) {
		for name, meaning := range zips(&portableVector) {
			meaning(want, x, y)
			zips(v)[name](got, x, y)
			bound := 0.0
			if name == "affine" || name == "axpy" {
				bound = 1 // plain Go rounds a fused sum twice
			}
			for i, w := range want {
				if apart(got[i], float64(w)) > bound {
					t.Errorf("%s(%g, %g) = %g, want %g", name, x[i], y[i], got[i], w)
					break
				}
			}
		}
	})
}

// lengths are all tails of all levels around several rounds.
func lengths() []int {
	var list []int
	for n := range 150 {
		list = append(list, n)
	}
	return append(list, 1023, 1024, 1025)
}

// TestLengths runs every elementwise loop on all lengths and alignments: each
// value is what the loop gives for it alone, nothing around dst is written,
// and dst may be an operand.
func TestLengths(t *testing.T) {
	const pad = 20
	noise := func(n int, seed uint64) []float32 {
		rnd := rand.New(rand.NewPCG(seed, 5))
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(rnd.NormFloat64())
		}
		return x
	}
	everyLevel(t, func(t *testing.T, v *Vector) {
		loops := zips(v)
		delete(loops, "pow") // plain Go at every level
		for _, c := range mapCases() {
			f := c.pick(v)
			loops["map "+c.name] = func(dst, x, _ []float32) { f(dst, x, c.p) }
		}
		loops["fill"] = func(dst, _, _ []float32) { v.Fill(dst, 3) }
		loops["stream"] = func(dst, x, _ []float32) { v.Stream(dst, x) }
		loops["expSum"] = func(dst, x, _ []float32) { v.ExpSum(dst, x, 0.25) }
		x, y := noise(1100, 1), noise(1100, 2)
		want := make([]float32, len(x))
		for name, f := range loops {
			for i := range want {
				f(want[i:i+1], x[i:i+1], y[i:i+1])
			}
			for _, n := range lengths() {
				shift := n % 17
				dst := slices.Repeat([]float32{-7}, n+shift+pad)
				f(dst[shift:shift+n], x[shift:], y[shift:])
				if !equalBits(dst[shift:shift+n], want[shift:]) {
					t.Fatalf("%s: %d values from %d on differ from single ones", name, n, shift)
				}
				for i, g := range dst {
					if g != -7 && (i < shift || i >= shift+n) {
						t.Fatalf("%s: %d values: wrote %g at %d beside them", name, n, g, i-shift)
					}
				}
				copy(dst[shift:shift+n], x[shift:])
				f(dst[shift:shift+n], dst[shift:], y[shift:])
				if !equalBits(dst[shift:shift+n], want[shift:]) {
					t.Fatalf("%s: %d values in place differ", name, n)
				}
			}
		}
	})
}

func equalBits(got, want []float32) bool {
	for i, g := range got {
		if math.Float32bits(g) != math.Float32bits(want[i]) {
			return false
		}
	}
	return true
}

// TestReductions compares with plain loops, on all lengths and alignments.
func TestReductions(t *testing.T) {
	x, y := make([]float32, 1200), make([]float32, 1200)
	rnd := rand.New(rand.NewPCG(6, 7))
	for i := range x {
		x[i], y[i] = float32(rnd.NormFloat64())+1000, float32(rnd.NormFloat64())
	}
	type reduction struct {
		name string
		got  func(v *Vector, x, y []float32) float64
		term func(x, y float32) float64
		err  float64 // relative to the sum of sizes
	}
	const order = 1e-14 // float64 sums in another order
	sums := []reduction{
		{"sum", func(v *Vector, x, _ []float32) float64 { return v.Sum(x) },
			func(x, _ float32) float64 { return float64(x) }, order},
		{"sumAbs", func(v *Vector, _, y []float32) float64 { return v.SumAbs(y) },
			func(_, y float32) float64 { return math.Abs(float64(y)) }, order},
		{"sumSquares", func(v *Vector, x, _ []float32) float64 { return v.SumSquares(x, 1000.5) },
			func(x, _ float32) float64 { d := float64(x - 1000.5); return d * d }, order},
		{"dot", func(v *Vector, x, y []float32) float64 { return v.Dot(x, y) },
			func(x, y float32) float64 { return float64(x) * float64(y) }, order},
		{"sumExp", func(v *Vector, _, y []float32) float64 { return v.SumExp(y, 0.5) },
			func(_, y float32) float64 { return math.Exp(float64(y) - 0.5) }, 3e-7},
		{"expSum", func(v *Vector, _, y []float32) float64 { return v.ExpSum(make([]float32, len(y)), y, 0.5) },
			func(_, y float32) float64 { return math.Exp(float64(y) - 0.5) }, 3e-7},
	}
	everyLevel(t, func(t *testing.T, v *Vector) {
		for _, n := range lengths() {
			x, y := x[n%13:][:n], y[n%7:][:n]
			for _, r := range sums {
				want, size := 0.0, 0.0
				for i := range x {
					want += r.term(x[i], y[i])
					size += math.Abs(r.term(x[i], y[i]))
				}
				if got := r.got(v, x, y); !(math.Abs(got-want) <= r.err*size) {
					t.Fatalf("%s of %d values = %g, want %g", r.name, n, got, want)
				}
			}
			high, low := math.Inf(-1), math.Inf(1)
			for _, g := range y {
				high, low = max(high, float64(g)), min(low, float64(g))
			}
			if got := v.Largest(y); float64(got) != high {
				t.Fatalf("largest of %d values = %g, want %g", n, got, high)
			}
			if got := v.Smallest(y); float64(got) != low {
				t.Fatalf("smallest of %d values = %g, want %g", n, got, low)
			}
		}
	})
}

// TestReductionsKeepNaN: one NaN anywhere is the result.
func TestReductionsKeepNaN(t *testing.T) {
	everyLevel(t, func(t *testing.T, v *Vector) {
		for _, n := range []int{1, 15, 16, 17, 64, 100, 129} {
			for at := range n {
				x := make([]float32, n)
				x[at] = float32(math.NaN())
				for name, got := range map[string]float64{
					"sum": v.Sum(x), "sumAbs": v.SumAbs(x), "sumSquares": v.SumSquares(x, 0), "dot": v.Dot(x, x),
					"sumExp": v.SumExp(x, 0), "largest": float64(v.Largest(x)), "smallest": float64(v.Smallest(x)),
				} {
					if !math.IsNaN(got) {
						t.Fatalf("%s of %d values with NaN at %d = %g", name, n, at, got)
					}
				}
			}
		}
	})
}

// TestRows compares the sums down columns with plain loops, on all lengths.
func TestRows(t *testing.T) {
	rnd := rand.New(rand.NewPCG(8, 9))
	rows := make([][]float32, 4)
	for r := range rows {
		rows[r] = make([]float32, 1100)
		for i := range rows[r] {
			rows[r][i] = float32(rnd.NormFloat64())
		}
	}
	everyLevel(t, func(t *testing.T, v *Vector) {
		for name, c := range map[string]struct {
			add  func(acc []float64, r0, r1, r2, r3 []float32)
			term func(x float64) float64
		}{
			"sum": {v.AddRows, func(x float64) float64 { return x }}, "abs": {v.AddAbsRows, math.Abs},
			"squares": {v.AddSquaresRows, func(x float64) float64 { return x * x }},
		} {
			for _, n := range lengths() {
				acc := slices.Repeat([]float64{0.5}, n+4)
				c.add(acc[:n], rows[0], rows[1][1:], rows[2][2:], rows[3][3:])
				for i, got := range acc {
					want := 0.5
					if i < n {
						for r := range rows {
							want += c.term(float64(rows[r][i+r]))
						}
					}
					if math.Abs(got-want) > 1e-14*(1+math.Abs(want)) {
						t.Fatalf("%s: column %d of %d = %g, want %g", name, i, n, got, want)
					}
				}
			}
		}
	})
}

// BenchmarkVector reports the time of a value in L1, relative to a copy's.
func BenchmarkVector(b *testing.B) {
	const n = 2048
	x, y, dst := make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range x {
		x[i], y[i] = float32(i%37)/10-1.8, float32(i%31)+0.5
	}
	for _, l := range Levels() {
		v := VectorFor(l)
		loops := zips(v)
		for _, c := range mapCases() {
			f := c.pick(v)
			loops[c.name] = func(dst, x, _ []float32) { f(dst, x, c.p) }
		}
		loops["sum"] = func(_, x, _ []float32) { v.Sum(x) }
		loops["sumSquares"] = func(_, x, _ []float32) { v.SumSquares(x, 0.5) }
		loops["largest"] = func(_, x, _ []float32) { v.Largest(x) }
		loops["expSum"] = func(dst, x, _ []float32) { v.ExpSum(dst, x, 1) }
		for name, f := range loops {
			b.Run(fmt.Sprintf("level=%v/loop=%s", l, name), func(b *testing.B) {
				for b.Loop() {
					f(dst, x, y)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/value")
			})
		}
	}
}
