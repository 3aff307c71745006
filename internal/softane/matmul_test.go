package softane_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/fp16"
	"devicemap/internal/mil"
	"devicemap/internal/softane"
)

// draw gives n normal values on the fp16 grid.
func draw(r *rand.Rand, n int, scale float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(fp16.Round(scale * r.NormFloat64()))
	}
	return v
}

// onGrid is one rounding of an exact result to fp16: the tolerance of a wide
// accumulator in float32 is one unit of the last place beyond it.
func onGrid(t testing.TB, name string, got []float32, want []float64, terms int) {
	t.Helper()
	require.Len(t, got, len(want), name)
	for i, w := range want {
		// Half an fp16 unit, plus the float32 sum's error of terms of order 1.
		tol := 0x1p-11*max(abs(w), 0x1p-14) + 0x1p-24*float64(terms)
		if d := abs(float64(got[i]) - w); !(d <= tol) {
			t.Fatalf("%s: value %d is %g, want %g ± %g", name, i, got[i], w, tol)
		}
	}
}

func abs(x float64) float64 { return max(x, -x) }

// naive is the triple loop in float64: a [m, k] · b, b [k, n] or [n, k].
func naive(a, b []float32, m, n, k int, transposed bool) []float64 {
	out := make([]float64, m*n)
	for i := range m {
		for j := range n {
			for p := range k {
				y := b[(p*n+j)%len(b)]
				if transposed {
					y = b[j*k+p]
				}
				out[i*n+j] += float64(a[i*k+p]) * float64(y)
			}
		}
	}
	return out
}

func TestMatmulOfOddSizes(t *testing.T) {
	_, l := engine(t, softane.H13)
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range [][3]int{{1, 1, 1}, {1, 1000, 130}, {3, 5, 7}, {64, 33, 65}, {257, 130, 31}, {2, 4, 2048}} {
		m, n, k := size[0], size[1], size[2]
		for _, transposed := range []bool{false, true} {
			for _, baked := range []bool{false, true} {
				name := fmt.Sprintf("%d×%d×%d transposed %v baked %v", m, n, k, transposed, baked)
				shape := []int{k, n}
				if transposed {
					shape = []int{n, k}
				}
				x, y := draw(r, m*k, 1), draw(r, n*k, 0.1)
				b := mil.NewBuilder()
				xv := b.Input("x", mil.Tensor(mil.FP16, m, k))
				inputs := [][]float32{x}
				var yv *mil.Value
				if baked {
					yv = b.Weight("w", y, shape...)
				} else {
					yv = b.Input("y", mil.Tensor(mil.FP16, shape...))
					inputs = append(inputs, y)
				}
				b.Output("z", b.Op("matmul", mil.Flag("transpose_x", false), mil.Flag("transpose_y", transposed),
					mil.In("x", xv), mil.In("y", yv)))
				onGrid(t, name, compute(t, l, b, inputs...), naive(x, y, m, n, k, transposed), k)
			}
		}
	}
}

// TestCompressedWeights decodes each encoding to the same matrix of
// representable values and compares the product with the dense one.
func TestCompressedWeights(t *testing.T) {
	const out, in = 6, 64
	r := rand.New(rand.NewPCG(3, 4))
	x := draw(r, 3*in, 1)
	q := make([]int8, out*in)
	scale := []float32{0.5, 0.25, 0.125, 1, 2, 0.0625}
	dense := map[string][]float32{"int8": make([]float32, out*in), "int4": make([]float32, out*in),
		"sparse": make([]float32, out*in), "blocks": make([]float32, out*in)}
	lut, indices := draw(r, 16, 1), make([]uint8, out*in)
	blockScale := draw(r, out*2, 1)
	for i := range q {
		q[i] = int8(r.IntN(255) - 127)
		indices[i] = uint8(r.IntN(16))
		dense["int8"][i] = float32(q[i]) * scale[i/in]
		dense["int4"][i] = lut[indices[i]]
		dense["blocks"][i] = float32(fp16.Round(float64(float32(q[i]) * blockScale[i/32])))
		if i%3 == 0 {
			dense["sparse"][i] = float32(fp16.Round(r.NormFloat64()))
		}
	}
	weight := map[string]func(b *mil.Builder) *mil.Value{
		"int8":   func(b *mil.Builder) *mil.Value { return b.Int8Weight("w", q, scale, out, in) },
		"int4":   func(b *mil.Builder) *mil.Value { return b.PaletteWeight("w", indices, lut, out, in) },
		"sparse": func(b *mil.Builder) *mil.Value { return b.SparseWeight("w", dense["sparse"], out, in) },
		"blocks": func(b *mil.Builder) *mil.Value { return b.BlockWeight("w", q, blockScale, out, in, 2) },
	}
	_, l := engine(t, softane.H16)
	for name, make := range weight {
		b := mil.NewBuilder()
		xv := b.Input("x", mil.Tensor(mil.FP16, 3, in))
		b.Output("z", b.Op("matmul", mil.Flag("transpose_x", false), mil.Flag("transpose_y", true), mil.In("x", xv), mil.In("y", make(b))))
		// The terms are of order 100 for int8: the float32 sum's share of the
		// tolerance grows with them.
		onGrid(t, name, compute(t, l, b, x), naive(x, dense[name], 3, out, in, true), 100*in)
	}
}

// TestConvolutionOverBands: an image larger than one band of patches, with a
// filter that makes every output the sum of its neighbourhood.
func TestConvolutionOverBands(t *testing.T) {
	const c, h, w = 8, 70, 60
	_, l := engine(t, softane.H13)
	r := rand.New(rand.NewPCG(5, 6))
	x, k := draw(r, c*h*w, 1), draw(r, 4*c*9, 0.1)
	b := mil.NewBuilder()
	xv := b.Input("x", mil.Tensor(mil.FP16, 1, c, h, w))
	b.Output("y", b.Op("conv", mil.In("x", xv), mil.In("weight", b.Weight("w", k, 4, c, 3, 3)),
		mil.Ints("strides", 1, 1), mil.Ints("dilations", 1, 1), mil.Ints("pad", 1, 1, 1, 1), mil.Word("pad_type", "custom"), mil.Int("groups", 1)))
	got := compute(t, l, b, x)
	want := make([]float64, 4*h*w)
	for o := range want {
		oc, y0, x0 := o/(h*w), o/w%h, o%w
		for ch := range c {
			for i := range 3 {
				for j := range 3 {
					if y, xx := y0+i-1, x0+j-1; y >= 0 && y < h && xx >= 0 && xx < w {
						want[o] += float64(x[(ch*h+y)*w+xx]) * float64(k[((oc*c+ch)*3+i)*3+j])
					}
				}
			}
		}
	}
	onGrid(t, "conv", got, want, 9*c)
}

// TestImageInput: bytes come in exactly and are scaled in the graph.
func TestImageInput(t *testing.T) {
	_, l := engine(t, softane.H13)
	b := mil.NewBuilder()
	img := b.Input("img", mil.Tensor(mil.UInt8, 1, 1, 2, 2))
	x := b.Op("cast", mil.In("x", img), mil.Word("dtype", "fp16"))
	b.Output("y", b.Op("mul", mil.In("x", x), mil.In("y", b.Half(0.5))))
	require.Equal(t, []float32{0, 0.5, 64, 127.5}, compute(t, l, b, []float32{0, 1, 128, 255}))
}

func TestSplit(t *testing.T) {
	_, l := engine(t, softane.H13)
	b := mil.NewBuilder()
	x := b.Input("x", mil.Tensor(mil.FP16, 2, 6))
	for i, part := range b.Split(x, 1, 3) {
		b.Output(fmt.Sprintf("part%d", i), part)
	}
	p := mustOpen(t, l, b)
	feed(p, 0, ramp(12, 1))
	require.NoError(t, p.Execute())
	for i := range 3 {
		want := []float32{float32(2 * i), float32(2*i + 1), float32(2*i + 6), float32(2*i + 7)}
		require.Equal(t, want, result(p, i))
	}
}

// TestLongGraphReusesMemory: a chain with side branches that stay alive gives
// the same as its arithmetic, though buffers are shared.
func TestLongGraphReusesMemory(t *testing.T) {
	_, l := engine(t, softane.H13)
	b := mil.NewBuilder()
	x := b.Input("x", mil.Tensor(mil.FP16, 1, 4))
	v, kept := x, []*mil.Value{}
	for i := range 40 {
		v = b.Op("add", mil.In("x", v), mil.In("y", b.Half(1)))
		if i%10 == 0 {
			kept = append(kept, v) // x+1, x+11, x+21, x+31
		}
	}
	for _, k := range kept {
		v = b.Op("add", mil.In("x", v), mil.In("y", k))
	}
	b.Output("y", v)
	require.Equal(t, []float32{104, 109, 114, 119}, compute(t, l, b, ramp(4, 1)))
}

// BenchmarkMatmul is the speed of the software engine, for planning tests; it
// says nothing of any Neural Engine.
func BenchmarkMatmul(b *testing.B) {
	for _, size := range [][3]int{{197, 3072, 768}, {1, 4096, 4096}} {
		m, n, k := size[0], size[1], size[2]
		b.Run(fmt.Sprintf("M=%d/N=%d/K=%d", m, n, k), func(b *testing.B) {
			_, l := engine(b, softane.H16)
			r := rand.New(rand.NewPCG(1, 1))
			g := mil.NewBuilder()
			x := g.Input("x", mil.Tensor(mil.FP16, m, k))
			w := g.Weight("w", draw(r, n*k, 0.1), n, k)
			g.Output("z", g.Op("matmul", mil.Flag("transpose_x", false), mil.Flag("transpose_y", true), mil.In("x", x), mil.In("y", w)))
			p := mustOpen(b, l, g)
			feed(p, 0, draw(r, m*k, 1))
			for b.Loop() {
				if err := p.Execute(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(2*float64(m)*float64(n)*float64(k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

// BenchmarkConvolution is the speed of the software engine, for planning tests.
func BenchmarkConvolution(b *testing.B) {
	const c, h, w = 64, 56, 56
	_, l := engine(b, softane.H16)
	r := rand.New(rand.NewPCG(1, 1))
	g := mil.NewBuilder()
	x := g.Input("x", mil.Tensor(mil.FP16, 1, c, h, w))
	k := g.Weight("w", draw(r, c*c*9, 0.1), c, c, 3, 3)
	g.Output("y", g.Op("conv", mil.In("x", x), mil.In("weight", k), mil.Ints("strides", 1, 1), mil.Ints("dilations", 1, 1),
		mil.Ints("pad", 1, 1, 1, 1), mil.Word("pad_type", "custom"), mil.Int("groups", 1)))
	p := mustOpen(b, l, g)
	feed(p, 0, draw(r, c*h*w, 1))
	for b.Loop() {
		if err := p.Execute(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(2*9*c*c*h*w*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
