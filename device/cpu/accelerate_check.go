package cpu

import (
	"fmt"
	"math"
	"slices"

	"devicemap/internal/accelerate"
	"devicemap/internal/fp16"
)

// The checks at start-up run each function on small operands, odd sizes and
// special values, against plain loops. The headers promise neither IEEE
// results nor the propagation of NaN.

// appleSamples are values of all kinds but denormals, which vForce may flush; no
// vector divides their number.
func appleSamples() []float32 {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	x := []float32{nan, inf, -inf, 0, 1, -1, 0.5, -0.5, 2, 1e-30, 1e30, -1e30, 88, -88, 2.5, 3.5}
	for i := range 53 {
		x = append(x, float32(i-26)*0.37)
	}
	return x
}

// appleSame wants results within 2e-6 of |want|, or within 2e-7: vForce may differ
// in the last bits.
func appleSame(got, want []float32) error {
	for i, w := range want {
		g := got[i]
		switch {
		case g == w || (g != g && w != w):
		case math.Abs(float64(g)-float64(w)) <= 2e-6*math.Abs(float64(w))+2e-7 && !math.IsInf(float64(w), 0):
		default:
			return fmt.Errorf("result %d is %v, want %v", i, g, w)
		}
	}
	return nil
}

func checkAppleUnary(f, plain func(dst, x []float32)) error {
	x := appleSamples()
	got, want := slices.Clone(x), make([]float32, len(x))
	f(got, got)
	plain(want, x)
	for i := range x {
		if err := appleSame(got[i:i+1], want[i:i+1]); err != nil {
			return fmt.Errorf("of %v: %w", x[i], err)
		}
	}
	return nil
}

func checkAppleBinary(f, plain func(dst, a, b []float32)) error {
	x := appleSamples()
	got, want := make([]float32, len(x)), make([]float32, len(x))
	for shift := range x { // each value with each other one
		y := append(slices.Clone(x[shift:]), x[:shift]...)
		f(got, x, y)
		plain(want, x, y)
		for i := range x {
			if err := appleSame(got[i:i+1], want[i:i+1]); err != nil {
				return fmt.Errorf("of %v and %v: %w", x[i], y[i], err)
			}
		}
	}
	return nil
}

// appleFolds are the reductions with their meaning, one value after the other.
var appleFolds = []struct {
	f    accelerate.Func
	zero float64
	step func(acc, x float64) float64
}{
	{accelerate.Sum, 0, func(acc, x float64) float64 { return acc + x }},
	{accelerate.SumSquares, 0, func(acc, x float64) float64 { return acc + x*x }},
	{accelerate.SumAbs, 0, func(acc, x float64) float64 { return acc + math.Abs(x) }},
	{accelerate.Max, math.Inf(-1), func(acc, x float64) float64 { return max(acc, x) }},
	{accelerate.Min, math.Inf(1), func(acc, x float64) float64 { return min(acc, x) }},
}

// checkAppleFold reduces finite values, then with an infinity, then with a NaN.
func checkAppleFold(f func([]float32) float32, zero float64, step func(acc, x float64) float64) error {
	x := make([]float32, 67)
	for i := range x {
		x[i] = float32(i%11) - 3.25
	}
	for _, last := range []float64{9, math.Inf(-1), math.NaN()} {
		x[66] = float32(last)
		want := zero
		for _, v := range x {
			want = step(want, float64(v))
		}
		if err := appleSame([]float32{f(x)}, []float32{float32(want)}); err != nil {
			return fmt.Errorf("of 66 values and %v: %w", last, err)
		}
	}
	return nil
}

func (s *appleSet) checkScalars() error {
	x := appleSamples()
	got, want := make([]float32, len(x)), make([]float32, len(x))
	s.lib.Shift(got, x, 0.75)
	s.lib.Scale(got, got, -3)
	for i, v := range x {
		want[i] = (v + 0.75) * -3
	}
	return appleSame(got, want)
}

func (s *appleSet) checkSoftmax() error {
	x := make([]float32, 2*appleSum+3)
	for i := range x {
		x[i] = float32(i%29)*0.7 - 8
	}
	got, want := slices.Clone(x), make([]float32, len(x))
	s.softmax(got, got)
	portable.softmax(want, x)
	return appleSame(got, want)
}

// appleProducts are the orientations of a small product with rows that are
// longer than the matrices.
func appleProducts() []accelerate.Product {
	var forms []accelerate.Product
	for i := range 4 {
		forms = append(forms, accelerate.Product{M: 5, N: 7, K: 33, TransA: i&1 != 0, TransB: i&2 != 0, LDA: 35, LDB: 34, LDC: 9})
	}
	return forms
}

// checkAppleProduct runs a product and compares within tolerance·Σ|a·b|. What c
// held before is NaN: it must not be read.
func checkAppleProduct(p accelerate.Product, tolerance float64, run func(a, b, c []float32) error) error {
	a, b, c := make([]float32, 35*35), make([]float32, 35*35), make([]float32, p.M*p.LDC)
	for i := range a { // exact in fp16
		a[i], b[i] = float32(i*7%31-15)/8, float32(i*5%29-14)/8
	}
	for i := range c {
		c[i] = float32(math.NaN())
	}
	if err := run(a, b, c); err != nil {
		return err
	}
	for i := range p.M {
		for j := range p.N {
			want, norm := 0.0, 0.0
			for k := range p.K {
				x, y := i*p.LDA+k, k*p.LDB+j
				if p.TransA {
					x = k*p.LDA + i
				}
				if p.TransB {
					y = j*p.LDB + k
				}
				v := float64(a[x]) * float64(b[y])
				want, norm = want+v, norm+math.Abs(v)
			}
			if got := float64(c[i*p.LDC+j]); !(math.Abs(got-want) <= tolerance*norm) {
				return fmt.Errorf("product %d×%d×%d, a turned %v, b turned %v: element %d, %d is %v, want %v",
					p.M, p.N, p.K, p.TransA, p.TransB, i, j, got, want)
			}
		}
	}
	return nil
}

func (s *appleSet) checkGemm() error {
	for _, p := range appleProducts() {
		g, err := s.lib.NewGemm(p)
		if err != nil {
			return err
		}
		if err := checkAppleProduct(p, 1e-6, func(a, b, c []float32) error { g.Run(a, b, c); return nil }); err != nil {
			return err
		}
	}
	return nil
}

// checkHalfProduct allows the rounding of fp16 sums: the documentation names
// the types of operands and results only.
func (s *appleSet) checkHalfProduct() error {
	for _, p := range appleProducts() {
		h, err := s.lib.NewHalfProduct(p)
		if err != nil {
			return err
		}
		if err := checkAppleProduct(p, 1e-3, func(a, b, c []float32) error {
			x, y := make([]uint16, len(a)), make([]uint16, len(b))
			fp16.Encode(x, a)
			fp16.Encode(y, b)
			return h.Run(x, y, c)
		}); err != nil {
			return err
		}
	}
	return nil
}

// appleLayers differ in all that a layer's parameters hold.
var appleLayers = []accelerate.Convolution{
	{In: [3]int{3, 6, 7}, Out: [3]int{4, 6, 7}, Kernel: [2]int{3, 3}, Stride: [2]int{1, 1}, Dilation: [2]int{1, 1}, Pad: [4]int{1, 1, 1, 1}},
	{In: [3]int{5, 4, 3}, Out: [3]int{2, 4, 3}, Kernel: [2]int{1, 1}, Stride: [2]int{1, 1}, Dilation: [2]int{1, 1}},
	{In: [3]int{3, 6, 7}, Out: [3]int{2, 3, 8}, Kernel: [2]int{3, 2}, Stride: [2]int{2, 1}, Dilation: [2]int{1, 2}, Pad: [4]int{1, 0, 2, 1}},
}

func (s *appleSet) checkConvolution() error {
	for _, layer := range appleLayers {
		if err := s.checkLayer(layer); err != nil {
			return fmt.Errorf("%v by %v, stride %v, dilation %v, padding %v: %w",
				layer.In, layer.Kernel, layer.Stride, layer.Dilation, layer.Pad, err)
		}
	}
	return nil
}

// checkLayer runs two samples.
func (s *appleSet) checkLayer(l accelerate.Convolution) error {
	fillWith := func(n int, f func(i int) int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(f(i)) / 8
		}
		return x
	}
	channels, h, w := l.In[0], l.In[1], l.In[2]
	area, pixels := l.Kernel[0]*l.Kernel[1], l.Out[1]*l.Out[2]
	l.Threads = s.threads
	l.Weights = fillWith(l.Out[0]*channels*area, func(i int) int { return i*7%23 - 11 })
	l.Bias = fillWith(l.Out[0], func(i int) int { return i + 1 })
	x := fillWith(2*channels*h*w, func(i int) int { return i*5%19 - 9 })
	f, err := s.lib.NewConvolution(l)
	if err != nil {
		return err
	}
	defer f.Close()
	got, want := make([]float32, 2*l.Out[0]*pixels), make([]float32, 2*l.Out[0]*pixels)
	if err := f.Apply(2, x, got); err != nil {
		return err
	}
	for i := range want {
		sample, o, oy, ox := i/pixels/l.Out[0], i/pixels%l.Out[0], i%pixels/l.Out[2], i%l.Out[2]
		sum := float64(l.Bias[o])
		for tap := range channels * area {
			ch, iy := tap/area, oy*l.Stride[0]-l.Pad[0]+tap%area/l.Kernel[1]*l.Dilation[0]
			ix := ox*l.Stride[1] - l.Pad[2] + tap%l.Kernel[1]*l.Dilation[1]
			if iy >= 0 && iy < h && ix >= 0 && ix < w {
				sum += float64(l.Weights[o*channels*area+tap]) * float64(x[((sample*channels+ch)*h+iy)*w+ix])
			}
		}
		want[i] = float32(sum)
	}
	return appleSame(got, want)
}
