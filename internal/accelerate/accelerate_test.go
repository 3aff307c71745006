package accelerate_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/accelerate"
	"devicemap/internal/accelerate/standin"
	"devicemap/internal/fp16"
)

// bind gives a library over a fresh stand-in; nothing may have been called
// wrongly when the test ends.
func bind(t *testing.T, faults map[string]standin.Fault) *accelerate.Lib {
	t.Helper()
	l, err := accelerate.Bind(standin.Lookup(faults))
	require.NoError(t, err)
	t.Cleanup(func() { require.Empty(t, standin.Violations()) })
	return l
}

func draw(n int) []float32 {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// TestSignatures: the stand-in, written from the framework's documentation,
// has every function of the table with the same kinds of arguments.
func TestSignatures(t *testing.T) {
	for _, s := range accelerate.Symbols() {
		args, result, ok := standin.Signature(s.Name)
		if !ok || args != s.Args || result != s.Result {
			t.Errorf("%s: stand-in has (%s) %s, %v; the table has (%s) %s", s.Name, args, result, ok, s.Args, s.Result)
		}
	}
}

// TestZipOrder: a∘b in mathematical order, whatever the C order is.
func TestZipOrder(t *testing.T) {
	l := bind(t, nil)
	tests := []struct {
		f    accelerate.Func
		want float32 // of 3 and 2
	}{
		{accelerate.VAdd, 5}, {accelerate.VSub, 1}, {accelerate.VMul, 6}, {accelerate.VDiv, 1.5},
		{accelerate.VMax, 3}, {accelerate.VMin, 2}, {accelerate.Pow, 9},
	}
	for _, tt := range tests {
		a, b, dst := []float32{3, 3, 3}, []float32{2, 2, 2}, make([]float32, 3)
		l.Zip(tt.f)(dst, a, b)
		require.Equal(t, []float32{tt.want, tt.want, tt.want}, dst, "%v", tt.f)
		l.Zip(tt.f)(a, a, b)
		require.Equal(t, dst, a, "%v in place", tt.f)
		l.Zip(tt.f)(nil, nil, nil)
	}
}

func TestMapAndFold(t *testing.T) {
	l := bind(t, nil)
	x := []float32{-2, 0.5, 3}
	maps := []struct {
		f    accelerate.Func
		k    []float32
		want []float32
	}{
		{accelerate.AddScalar, []float32{1}, []float32{-1, 1.5, 4}},
		{accelerate.MulScalar, []float32{2}, []float32{-4, 1, 6}},
		{accelerate.Affine, []float32{2, 1}, []float32{-3, 2, 7}},
		{accelerate.Clip, []float32{-1, 1}, []float32{-1, 0.5, 1}},
		{accelerate.Threshold, []float32{1}, []float32{1, 1, 3}},
		{accelerate.Keep, []float32{1}, []float32{0, 0, 3}},
		{accelerate.Abs, nil, []float32{2, 0.5, 3}},
		{accelerate.Neg, nil, []float32{2, -0.5, -3}},
		{accelerate.Square, nil, []float32{4, 0.25, 9}},
		{accelerate.Nearest, nil, []float32{-2, 0, 3}},
		{accelerate.Exp, nil, []float32{float32(math.Exp(-2)), float32(math.Exp(0.5)), float32(math.Exp(3))}},
	}
	for _, tt := range maps {
		dst := make([]float32, 3)
		l.Map(tt.f, tt.k...)(dst, x)
		require.Equal(t, tt.want, dst, "%v", tt.f)
	}
	folds := map[accelerate.Func]float32{accelerate.Sum: 1.5, accelerate.SumSquares: 13.25, accelerate.SumAbs: 5.5,
		accelerate.Max: 3, accelerate.Min: -2}
	for f, want := range folds {
		require.Equal(t, want, l.Fold(f)(x), "%v", f)
	}
	y := make([]float32, 3)
	l.Shift(y, x, 1)
	l.Scale(y, y, 2)
	require.Equal(t, []float32{-2, 3, 8}, y)
}

// TestGemm runs every sgemm that may be bound, over all orientations, with rows
// that are longer than the matrices.
func TestGemm(t *testing.T) {
	l := bind(t, nil)
	for more := true; more; more = l.DropGemm() {
		for form := range 4 {
			p := accelerate.Product{M: 5, N: 7, K: 3, TransA: form&1 != 0, TransB: form&2 != 0, LDA: 9, LDB: 8, LDC: 11}
			g, err := l.NewGemm(p)
			require.NoError(t, err)
			a, b, c := draw(100), draw(101), draw(102)
			for i := range c {
				c[i] = float32(math.NaN()) // must not be read
			}
			g.Run(a, b, c)
			for i := range p.M {
				for j := range p.N {
					require.InDelta(t, element(p, a, b, i, j), c[i*p.LDC+j], 1e-5, "%v %+v at %d, %d", l.GemmFunc(), p, i, j)
				}
				for j := p.N; j < p.LDC; j++ {
					require.True(t, math.IsNaN(float64(c[i*p.LDC+j])), "%v wrote beyond row %d", l.GemmFunc(), i)
				}
			}
		}
	}
	require.Equal(t, accelerate.Sgemm32, l.GemmFunc())
	_, err := l.NewGemm(accelerate.Product{M: math.MaxInt32 + 1, N: 1, K: 1, LDA: 1, LDB: 1, LDC: 1})
	require.ErrorContains(t, err, "cblas_sgemm takes sizes below 2³¹")
}

func element(p accelerate.Product, a, b []float32, i, j int) float64 {
	sum := 0.0
	for k := range p.K {
		x, y := i*p.LDA+k, k*p.LDB+j
		if p.TransA {
			x = k*p.LDA + i
		}
		if p.TransB {
			y = j*p.LDB + k
		}
		sum += float64(a[x]) * float64(b[y])
	}
	return sum
}

func TestProductsAreChecked(t *testing.T) {
	l := bind(t, nil)
	good := accelerate.Product{M: 2, N: 3, K: 4, LDA: 4, LDB: 3, LDC: 3}
	for _, change := range []func(p *accelerate.Product){
		func(p *accelerate.Product) { p.M = 0 },
		func(p *accelerate.Product) { p.K = -1 },
		func(p *accelerate.Product) { p.LDA = 3 },
		func(p *accelerate.Product) { p.LDB = 2 },
		func(p *accelerate.Product) { p.LDC = 2 },
		func(p *accelerate.Product) { p.TransB = true },
	} {
		p := good
		change(&p)
		_, err := l.NewGemm(p)
		require.ErrorContains(t, err, "rows that do not overlap", "%+v", p)
		_, err = l.NewHalfProduct(p)
		require.Error(t, err, "%+v", p)
	}
	g, err := l.NewGemm(good)
	require.NoError(t, err)
	require.Panics(t, func() { g.Run(make([]float32, 7), make([]float32, 12), make([]float32, 6)) })
}

func TestHalfProduct(t *testing.T) {
	l := bind(t, nil)
	for form := range 4 {
		p := accelerate.Product{M: 5, N: 7, K: 3, TransA: form&1 != 0, TransB: form&2 != 0, LDA: 9, LDB: 8, LDC: 11}
		h, err := l.NewHalfProduct(p)
		require.NoError(t, err)
		a, b, c := draw(100), draw(101), make([]float32, 102)
		require.NoError(t, h.Run(halves(a), halves(b), c))
		for i := range p.M {
			for j := range p.N {
				require.InDelta(t, element(p, a, b, i, j), c[i*p.LDC+j], 1e-5, "%+v at %d, %d", p, i, j)
			}
		}
	}
}

// halves encodes x and rounds it to what was encoded.
func halves(x []float32) []uint16 {
	h := make([]uint16, len(x))
	fp16.Encode(h, x)
	fp16.Decode(x, h)
	return h
}

var layer = accelerate.Convolution{In: [3]int{3, 6, 7}, Out: [3]int{2, 3, 8}, Kernel: [2]int{3, 2}, Stride: [2]int{2, 1},
	Dilation: [2]int{1, 2}, Pad: [4]int{1, 0, 2, 1}, Weights: draw(36), Bias: draw(2), Threads: 1}

func TestConvolution(t *testing.T) {
	l := bind(t, nil)
	f, err := l.NewConvolution(layer)
	require.NoError(t, err)
	x, y := draw(2*126), make([]float32, 2*48)
	require.NoError(t, f.Apply(2, x, y))
	for i, got := range y {
		n, o, oy, ox := i/48, i/24%2, i/8%3, i%8
		want := float64(layer.Bias[o])
		for tap, w := range layer.Weights[o*18 : (o+1)*18] {
			ch, iy, ix := tap/6, oy*2-1+tap/2%3, ox-2+tap%2*2
			if iy >= 0 && iy < 6 && ix >= 0 && ix < 7 {
				want += float64(w) * float64(x[n*126+ch*42+iy*7+ix])
			}
		}
		require.InDelta(t, want, got, 1e-5, "value %d", i)
	}
	require.Panics(t, func() { f.Apply(3, x, y) })
}

func TestFiltersAreFreed(t *testing.T) {
	l := bind(t, nil)
	f, err := l.NewConvolution(layer)
	require.NoError(t, err)
	require.Equal(t, 1, standin.Layers())
	require.NoError(t, f.Close())
	require.NoError(t, f.Close())
	require.Zero(t, standin.Layers())
	require.Panics(t, func() { _ = f.Apply(1, make([]float32, 126), make([]float32, 48)) })
}

// TestStatus: a failing call is named with its status.
func TestStatus(t *testing.T) {
	l := bind(t, map[string]standin.Fault{"BNNSFilterApplyBatch": standin.Fails, "BNNSMatMul": standin.Fails})
	f, err := l.NewConvolution(layer)
	require.NoError(t, err)
	require.EqualError(t, f.Apply(1, make([]float32, 126), make([]float32, 48)), "accelerate: BNNSFilterApplyBatch: status -1")
	h, err := l.NewHalfProduct(accelerate.Product{M: 1, N: 1, K: 1, LDA: 1, LDB: 1, LDC: 1})
	require.NoError(t, err)
	require.EqualError(t, h.Run(make([]uint16, 1), make([]uint16, 1), make([]float32, 1)), "accelerate: BNNSMatMul: status -1")
}

func TestRefusals(t *testing.T) {
	short := layer
	short.Weights = short.Weights[1:]
	wide := layer
	wide.Out[2] = 9
	l := bind(t, nil)
	for _, c := range []accelerate.Convolution{short, wide} {
		_, err := l.NewConvolution(c)
		require.Error(t, err)
	}

	l = bind(t, map[string]standin.Fault{"BNNSFilterCreateLayerConvolution": standin.Null, "BNNSMatMulWorkspaceSize": standin.Null})
	_, err := l.NewConvolution(layer)
	require.ErrorIs(t, err, accelerate.ErrRefused)
	_, err = l.NewHalfProduct(accelerate.Product{M: 1, N: 1, K: 1, LDA: 1, LDB: 1, LDC: 1})
	require.ErrorIs(t, err, accelerate.ErrRefused)

	l = bind(t, map[string]standin.Fault{"BNNSFilterApplyBatch": standin.Missing, "BNNSMatMul": standin.Missing, "vDSP_vadd": standin.Missing,
		"vvexpf": standin.Missing, "vDSP_sve": standin.Missing, "BLASSetThreading": standin.Missing, "pthread_set_qos_class_self_np": standin.Fails})
	_, err = l.NewConvolution(layer)
	require.ErrorIs(t, err, accelerate.ErrUnavailable)
	_, err = l.NewHalfProduct(accelerate.Product{M: 1, N: 1, K: 1, LDA: 1, LDB: 1, LDC: 1})
	require.ErrorIs(t, err, accelerate.ErrUnavailable)
	require.Nil(t, l.Zip(accelerate.VAdd))
	require.Nil(t, l.Map(accelerate.Exp))
	require.Nil(t, l.Fold(accelerate.Sum))
	require.False(t, l.SingleThread(true))
	require.False(t, l.Prefer())
}

func TestThreads(t *testing.T) {
	l := bind(t, nil)
	require.True(t, l.SingleThread(true))
	require.True(t, l.SingleThread(false))
	require.True(t, l.Prefer())
}

// TestBindOrder: the Fortran entry, then cblas with 64-bit sizes, with 32-bit
// sizes, and the one of older systems.
func TestBindOrder(t *testing.T) {
	faults := map[string]standin.Fault{}
	for f := accelerate.FortranSgemm64; f <= accelerate.Sgemm32; f++ {
		require.Equal(t, f, bind(t, faults).GemmFunc())
		faults[f.String()] = standin.Missing
	}
	_, err := accelerate.Bind(standin.Lookup(faults))
	require.ErrorIs(t, err, accelerate.ErrUnavailable)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "lacks cblas_sgemm")
}

// TestLoadHere wants a usable framework or the reason against it.
func TestLoadHere(t *testing.T) {
	l, err := accelerate.Load(2)
	if err != nil {
		require.ErrorIs(t, err, accelerate.ErrUnavailable)
		t.Skip("this host has no such framework: ", err)
	}
	y := make([]float32, 2)
	l.Zip(accelerate.VSub)(y, []float32{3, 5}, []float32{1, 1})
	require.Equal(t, []float32{2, 4}, y)
}
