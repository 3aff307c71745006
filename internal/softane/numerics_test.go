package softane_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/fp16"
	"devicemap/internal/mil"
	"devicemap/internal/softane"
)

var inf = float32(math.Inf(1))

// TestProductSaturation: results of products are infinite from 2^15 on, the
// published cliff being 32758.8 before rounding whatever the inner length.
func TestProductSaturation(t *testing.T) {
	_, l := engine(t, softane.H17)
	for _, k := range []int{4, 8, 32, 64, 128} {
		for _, tt := range []struct{ sum, want float32 }{
			{32752, 32752}, {32758, 32752}, {32760, inf}, {33000, inf}, {-32752, -32752}, {-33000, -inf},
		} {
			b := mil.NewBuilder()
			x := b.Input("x", mil.Tensor(mil.FP16, 2, k))
			y := b.Input("y", mil.Tensor(mil.FP16, k, 1))
			b.Output("z", b.Op("matmul", mil.Flag("transpose_x", false), mil.Flag("transpose_y", false), mil.In("x", x), mil.In("y", y)))
			// sum = 8·(sum/8): both factors are exact in fp16.
			xs, ys := make([]float32, 2*k), make([]float32, k)
			xs[k-1], ys[k-1] = 8, float32(math.Trunc(float64(tt.sum/8)))
			xs[0], ys[0] = 1, tt.sum-8*ys[k-1]
			got := compute(t, l, b, xs, ys)
			if got[0] != tt.want || got[1] != 0 {
				t.Errorf("K=%d, exact %g: %v, want %g and 0", k, tt.sum, got, tt.want)
			}
		}
	}
}

// TestWideAccumulator: a dot product of 16384 ones is exact, and 1 next to
// 16000 survives.
func TestWideAccumulator(t *testing.T) {
	_, l := engine(t, softane.H13)
	k := 16384
	b := mil.NewBuilder()
	x := b.Input("x", mil.Tensor(mil.FP16, 1, k))
	ones := make([]float32, k)
	for i := range ones {
		ones[i] = 1
	}
	w := b.Weight("w", ones, 1, k)
	b.Output("z", b.Op("matmul", mil.Flag("transpose_x", false), mil.Flag("transpose_y", true), mil.In("x", x), mil.In("y", w)))
	require.Equal(t, []float32{16384}, compute(t, l, b, ones))

	b = mil.NewBuilder()
	x = b.Input("x", mil.Tensor(mil.FP16, 1, 3))
	w = b.Weight("w", []float32{1, 1, 1}, 1, 3)
	b.Output("z", b.Op("matmul", mil.Flag("transpose_x", false), mil.Flag("transpose_y", true), mil.In("x", x), mil.In("y", w)))
	require.Equal(t, []float32{1}, compute(t, l, b, []float32{16000, 1, -16000}))
}

// TestReduceExactness repeats the published probe: eight integers that sum to
// the target; the first wrong sum is 2049, which reads 2050.
func TestReduceExactness(t *testing.T) {
	_, l := engine(t, softane.H13)
	p := mustOpen(t, l, unaryOp("reduce_sum", []int{1, 8}, mil.Ints("axes", 1), mil.Flag("keep_dims", true)))
	for target := 2040; target <= 2049; target++ {
		v := make([]float32, 8)
		for i := range v {
			v[i] = float32(target / 8)
			if i < target%8 {
				v[i]++
			}
		}
		feed(p, 0, v)
		require.NoError(t, p.Execute())
		want := float32(target)
		if target == 2049 {
			want = 2050
		}
		if got := result(p, 0)[0]; got != want {
			t.Errorf("sum %d reads %g, want %g", target, got, want)
		}
	}
}

// TestSliceSaturation: an offset on the last axis turns |v| > 4094 infinite
// before the A16, and not after; other axes and offset 0 are exact everywhere.
func TestSliceSaturation(t *testing.T) {
	x := []float32{1, 4094, 4096, -4096, 60000, 0, 1, 4094}
	tests := []struct {
		arch        softane.Arch
		begin, size []int
		want        []float32
	}{
		{softane.H13, []int{0, 1}, []int{1, 3}, []float32{4094, inf, -inf}},
		{softane.H14, []int{0, 1}, []int{1, 3}, []float32{4094, inf, -inf}},
		{softane.H15, []int{0, 1}, []int{1, 3}, []float32{4094, inf, -inf}},
		{softane.H16, []int{0, 1}, []int{1, 3}, []float32{4094, 4096, -4096}},
		{softane.H17, []int{0, 1}, []int{1, 3}, []float32{4094, 4096, -4096}},
		{softane.H13, []int{0, 0}, []int{1, 3}, []float32{1, 4094, 4096}},
		{softane.H13, []int{1, 0}, []int{1, 2}, []float32{60000, 0}},
	}
	for _, tt := range tests {
		_, l := engine(t, tt.arch)
		b := unaryOp("slice_by_size", []int{2, 4}, mil.Ints("begin", tt.begin...), mil.Ints("size", tt.size...))
		if got := compute(t, l, b, x); !equal(got, tt.want) {
			t.Errorf("%s begin %v: %v, want %v", tt.arch, tt.begin, got, tt.want)
		}
	}
}

func TestCropSaturation(t *testing.T) {
	x := []float32{5000, 1, 5000, 2}
	for arch, want := range map[softane.Arch][]float32{softane.H13: {1, inf, 2}, softane.H16: {1, 5000, 2}} {
		_, l := engine(t, arch)
		b := unaryOp("crop", []int{1, 1, 1, 4}, mil.Ints("crop_height", 0, 0), mil.Ints("crop_width", 1, 0))
		require.Equal(t, want, compute(t, l, b, x), arch)
	}
}

// TestConcatOfOffsetSlices: wrong elements before the A16, right ones after.
func TestConcatOfOffsetSlices(t *testing.T) {
	right := []float32{3, 4, 1, 2}
	for _, arch := range softane.Archs() {
		_, l := engine(t, arch)
		b := mil.NewBuilder()
		x := b.Input("x", mil.Tensor(mil.FP16, 1, 5))
		cut := func(at int) *mil.Value {
			return b.Op("slice_by_size", mil.In("x", x), mil.Ints("begin", 0, at), mil.Ints("size", 1, 2))
		}
		b.Output("y", b.Op("concat", mil.Int("axis", 1), mil.Flag("interleave", false), mil.List("values", cut(3), cut(1))))
		got := compute(t, l, b, ramp(5, 1))
		exact := arch == softane.H16 || arch == softane.H17
		if equal(got, right) != exact {
			t.Errorf("%s: %v; right is %v, expected right: %v", arch, got, right, exact)
		}
	}
}

// TestInt8Activations: with int8 weights activations beyond 4094 are infinite
// on every chip; with fp16 weights they are not.
func TestInt8Activations(t *testing.T) {
	_, l := engine(t, softane.H17)
	for _, int8s := range []bool{true, false} {
		b := mil.NewBuilder()
		x := b.Input("x", mil.Tensor(mil.FP16, 2, 2))
		w := b.Weight("w", []float32{1, 0, 0, 1}, 2, 2)
		if int8s {
			w = b.Int8Weight("q", []int8{1, 0, 0, 1}, []float32{1, 1}, 2, 2)
		}
		b.Output("z", b.Op("matmul", mil.Flag("transpose_x", false), mil.Flag("transpose_y", true), mil.In("x", x), mil.In("y", w)))
		got := compute(t, l, b, []float32{4094, 0, 4096, 1})
		require.Equal(t, []float32{4094, 0}, got[:2])
		if math.IsInf(float64(got[2]), 1) != int8s {
			t.Errorf("int8 %v: 4096 gives %g", int8s, got[2])
		}
	}
}

// TestInt8ConvolutionActivations is the same through a 1×1 convolution.
func TestInt8ConvolutionActivations(t *testing.T) {
	_, l := engine(t, softane.H13)
	b := mil.NewBuilder()
	x := b.Input("x", mil.Tensor(mil.FP16, 1, 1, 1, 3))
	w := b.Int8Weight("q", []int8{127}, []float32{1. / 128}, 1, 1, 1, 1)
	b.Output("y", b.Op("conv", append(square(1), mil.In("x", x), mil.In("weight", w))...))
	got := compute(t, l, b, []float32{4096, 128, -4096})
	require.Equal(t, []float32{inf, 127, -inf}, got)
}

// square are the window arguments of a convolution without padding.
func square(groups int) []mil.Arg {
	return []mil.Arg{mil.Ints("strides", 1, 1), mil.Ints("dilations", 1, 1), mil.Ints("pad", 0, 0, 0, 0),
		mil.Word("pad_type", "custom"), mil.Int("groups", groups)}
}

// TestQuirks holds single values to documented behaviour of the device.
func TestQuirks(t *testing.T) {
	zero := mil.Half("epsilon", 0)
	tests := []struct {
		op      string
		args    []mil.Arg
		x, want []float32
	}{
		{"round", nil, []float32{0.5, 1.5, -2.5, 1023, 1024, 1025, -1024, 2048, 4000}, []float32{1, 2, -3, 1023, 1025, 1026, -1025, 2048, 4000}},
		{"softplus", nil, []float32{11.09375, 20, 0}, []float32{0, 0, 0.693359375}},
		{"exp", nil, []float32{11.09375, 0}, []float32{inf, 1}},
		{"log", []mil.Arg{zero}, []float32{inf, 1, 0}, []float32{0, 0, -inf}},
		{"cos", nil, []float32{inf, -inf, 0}, []float32{0, 0, 1}},
		{"relu", nil, []float32{float32(math.NaN()), 1}, []float32{0, 1}},
	}
	_, l := engine(t, softane.H17)
	for _, tt := range tests {
		got := compute(t, l, unaryOp(tt.op, []int{len(tt.x)}, tt.args...), tt.x)
		if !equal(got, tt.want) {
			t.Errorf("%s(%v) = %v, want %v", tt.op, tt.x, got, tt.want)
		}
	}
}

// TestRoundingDropsItsMultiplier: the compiler folds a multiplier of one
// element into floor, ceil and round and loses it; a full-shape one survives.
func TestRoundingDropsItsMultiplier(t *testing.T) {
	_, l := engine(t, softane.H13)
	for _, op := range []string{"floor", "ceil", "round"} {
		for _, full := range []bool{false, true} {
			b := mil.NewBuilder()
			x := b.Input("x", mil.Tensor(mil.FP16, 2))
			k := b.Half(3)
			if full {
				k = b.Weight("k", []float32{3, 3}, 2)
			}
			b.Output("y", b.Op("mul", mil.In("x", b.Op(op, mil.In("x", x))), mil.In("y", k)))
			want := []float32{2, -5}
			if full {
				want = []float32{6, -15}
			}
			require.Equal(t, want, compute(t, l, b, []float32{2, -5}), "%s, full shape %v", op, full)
		}
	}
}

// TestEachOperationRounds: (2048 + 1) − 2048 is 0 in fp16 after each step.
func TestEachOperationRounds(t *testing.T) {
	_, l := engine(t, softane.H13)
	b := mil.NewBuilder()
	x := b.Input("x", mil.Tensor(mil.FP16, 1))
	sum := b.Op("add", mil.In("x", x), mil.In("y", b.Half(1)))
	b.Output("y", b.Op("sub", mil.In("x", sum), mil.In("y", b.Half(2048))))
	require.Equal(t, []float32{0}, compute(t, l, b, []float32{2048}))
}

// TestBasicOperationsAreCorrectlyRounded compares with one rounding of the
// exact float64 result over all pairs of a spread of halves.
func TestBasicOperationsAreCorrectlyRounded(t *testing.T) {
	var halves []float32
	for h := 0; h < 0x7c00; h += 331 {
		halves = append(halves, fp16.Float32(uint16(h)), -fp16.Float32(uint16(h)))
	}
	n := len(halves)
	_, l := engine(t, softane.H13)
	for op, f := range map[string]func(x, y float64) float64{
		"add": func(x, y float64) float64 { return x + y },
		"sub": func(x, y float64) float64 { return x - y },
		"mul": func(x, y float64) float64 { return x * y },
	} {
		b := mil.NewBuilder()
		x := b.Input("x", mil.Tensor(mil.FP16, n, 1))
		y := b.Input("y", mil.Tensor(mil.FP16, 1, n))
		b.Output("z", b.Op(op, mil.In("x", x), mil.In("y", y)))
		got := compute(t, l, b, halves, halves)
		for i, x := range halves {
			for j, y := range halves {
				if want := float32(fp16.Round(f(float64(x), float64(y)))); got[i*n+j] != want {
					t.Fatalf("%s(%g, %g) = %g, want %g", op, x, y, got[i*n+j], want)
				}
			}
		}
	}
}

// equal compares values, infinities included.
func equal(a, b []float32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
