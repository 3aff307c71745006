package cpu

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/graph"
	"devicemap/internal/reference"
	"devicemap/internal/simd"
)

// levelEngines opens the embedded kernels of every level of this machine, on
// one and on three threads.
func eachLevel(t *testing.T, test func(t *testing.T, engines []device.Engine)) {
	for _, l := range simd.Levels() {
		t.Run("level="+l.String(), func(t *testing.T) {
			var engines []device.Engine
			for _, threads := range []int{1, 3} {
				e := &engine{pool: newPool(threads), info: device.Info{Name: "CPU", DTypes: []device.DType{device.FP32}},
					lib: &library{name: "embedded", kernels: embeddedKernels(l), close: func() error { return nil }}}
				t.Cleanup(func() { require.NoError(t, e.Close()) })
				engines = append(engines, e)
			}
			test(t, engines)
		})
	}
}

// compare holds a graph of one op to the float64 reference on every engine,
// bit by bit between the engines.
func compare(t *testing.T, engines []device.Engine, r *rand.Rand, op graph.Op, limit float64, fixed bool, shapes ...graph.Shape) {
	t.Helper()
	name := fmt.Sprintf("%+v of %v, fixed %v", op, shapes, fixed)
	b := graph.New("test")
	var in []*graph.Value
	var data []graph.Data
	for i, s := range shapes {
		v := make([]float32, s.Elems())
		for j := range v {
			v[j] = 4*r.Float32() - 2
		}
		if fixed && i > 0 {
			in = append(in, b.Const(fmt.Sprint("c", i), graph.F32(v), s...))
			continue
		}
		in = append(in, b.Input(fmt.Sprint("x", i), s...))
		data = append(data, graph.F32(v))
	}
	b.Output("y", b.Apply(op, in...))
	g, err := b.Build()
	require.NoError(t, err, name)
	want, err := reference.Eval(g, data)
	require.NoError(t, err, name)
	var first []float32
	for i, e := range engines {
		p, err := e.Compile(g, device.Options{})
		require.NoError(t, err, name)
		for i, v := range data {
			copy(p.Input(i), v.Narrow)
		}
		require.NoError(t, p.Run())
		got := p.Output(0)
		if i > 0 {
			require.Equal(t, first, got, "%s: on other numbers of threads", name)
			continue
		}
		first = append(first, got...)
		if rel := reference.RelL2(got, want[0]); !(rel <= limit) {
			t.Errorf("%s: relerr %.3g, want at most %.3g", name, rel, limit)
		}
		require.NoError(t, p.Close())
	}
}

// convCase is a convolution of x [N, channels·groups, h, w].
type convCase struct {
	n, channels, filters, groups, h, w int
	kernel                             [2]int
	op                                 graph.Conv
}

func (c convCase) compare(t *testing.T, engines []device.Engine, r *rand.Rand, bias, fixed bool) {
	t.Helper()
	c.op.Groups = c.groups
	shapes := []graph.Shape{{c.n, c.channels * c.groups, c.h, c.w}, {c.filters * c.groups, c.channels, c.kernel[0], c.kernel[1]}}
	if bias {
		shapes = append(shapes, graph.Shape{c.filters * c.groups})
	}
	compare(t, engines, r, c.op, 2e-6, fixed, shapes...)
}

// TestConvShapes runs shapes at and just past the blocks of the packed
// convolution, and those of the networks in the suite, made small.
func TestConvShapes(t *testing.T) {
	pad := func(n int) [4]int { return [4]int{n, n, n, n} }
	both := func(n int) [2]int { return [2]int{n, n} }
	cases := []convCase{
		{1, 1, 1, 1, 1, 1, both(1), graph.Conv{}},
		{1, 3, 4, 1, 5, 5, both(3), graph.Conv{Pad: pad(1)}},
		{1, 256, 15, 1, 7, 7, both(1), graph.Conv{}},
		{1, 257, 29, 1, 3, 11, both(1), graph.Conv{}},
		{2, 255, 17, 1, 16, 16, both(1), graph.Conv{}},
		{1, 31, 14, 1, 17, 16, both(3), graph.Conv{Pad: pad(1)}},
		{1, 32, 28, 1, 14, 14, both(3), graph.Conv{Pad: pad(1)}},
		{3, 16, 5, 1, 7, 7, both(3), graph.Conv{Pad: pad(1)}},
		{1, 8, 16, 1, 33, 65, both(3), graph.Conv{Pad: pad(1)}},
		{1, 16, 16, 1, 15, 14, both(1), graph.Conv{Stride: both(2)}},
		{1, 16, 16, 1, 15, 14, both(3), graph.Conv{Stride: both(2), Pad: pad(1)}},
		{1, 3, 16, 1, 30, 31, both(7), graph.Conv{Stride: both(2), Pad: pad(3)}},
		{1, 3, 20, 1, 64, 48, both(16), graph.Conv{Stride: both(16)}},
		{1, 4, 8, 1, 19, 23, both(2), graph.Conv{Stride: [2]int{5, 7}}},
		{1, 4, 8, 1, 1, 2, [2]int{1, 2}, graph.Conv{Pad: pad(4)}},
		{1, 4, 8, 1, 2, 2, both(5), graph.Conv{Pad: [4]int{6, 7, 9, 8}, Stride: [2]int{1, 3}}},
		{1, 4, 8, 1, 20, 9, both(3), graph.Conv{Pad: [4]int{0, 5, 3, 1}, Dilation: [2]int{4, 3}, Stride: [2]int{3, 2}}},
		{1, 4, 8, 1, 1, 40, [2]int{1, 9}, graph.Conv{Pad: [4]int{0, 0, 4, 4}}},
		{1, 4, 8, 1, 40, 1, [2]int{9, 1}, graph.Conv{Pad: [4]int{4, 4, 0, 0}}},
		{2, 4, 6, 5, 9, 9, both(3), graph.Conv{Pad: pad(1)}},
		{2, 7, 4, 3, 9, 9, both(3), graph.Conv{Pad: pad(1), Stride: both(2)}},
		// Plane by plane.
		{2, 1, 1, 9, 14, 14, both(3), graph.Conv{Pad: pad(1)}},
		{2, 1, 1, 9, 15, 13, both(3), graph.Conv{Pad: pad(1), Stride: both(2)}},
		{1, 1, 2, 5, 31, 7, both(5), graph.Conv{Pad: [4]int{4, 0, 1, 2}, Stride: [2]int{2, 1}, Dilation: [2]int{1, 2}}},
		{1, 3, 3, 2, 9, 200, both(3), graph.Conv{Pad: pad(1)}},
		{1, 1000, 1, 1, 5, 6, both(2), graph.Conv{}},
		{1, 1, 1, 2, 200, 200, both(3), graph.Conv{Pad: pad(1)}},
		{1, 1, 1, 1, 2, 3000, [2]int{1, 3}, graph.Conv{}},
	}
	eachLevel(t, func(t *testing.T, engines []device.Engine) {
		r := rand.New(rand.NewPCG(5, 6))
		for i, c := range cases {
			c.compare(t, engines, r, i%2 == 0, i%3 > 0)
		}
	})
}

// TestConvRandom draws shapes.
func TestConvRandom(t *testing.T) {
	rounds := 150
	if testing.Short() {
		rounds = 30
	}
	eachLevel(t, func(t *testing.T, engines []device.Engine) {
		r := rand.New(rand.NewPCG(7, 8))
		upTo := func(n int) int { return 1 + r.IntN(n) }
		pick := func(from ...int) int { return from[r.IntN(len(from))] }
		for range rounds {
			c := convCase{n: upTo(2), channels: pick(1, 2, 3, 17, 64), filters: pick(1, 2, 3, 4, 14, 15, 33), groups: pick(1, 1, 2, 3),
				kernel: [2]int{upTo(5), upTo(5)}}
			c.op = graph.Conv{Stride: [2]int{upTo(4), upTo(4)}, Dilation: [2]int{pick(1, 1, 2, 3), pick(1, 1, 2, 3)},
				Pad: [4]int{r.IntN(7), r.IntN(7), r.IntN(7), r.IntN(7)}}
			c.h = max(1, (c.kernel[0]-1)*c.op.Dilation[0]+1-c.op.Pad[0]-c.op.Pad[1]) + r.IntN(20)
			c.w = max(1, (c.kernel[1]-1)*c.op.Dilation[1]+1-c.op.Pad[2]-c.op.Pad[3]) + pick(0, 1, 6, 13, 31, 70)
			c.compare(t, engines, r, r.IntN(2) == 0, r.IntN(2) == 0)
		}
	})
}

// TestConvTransposeRandom draws shapes, with paddings that cut the result and
// strides beyond the filter.
func TestConvTransposeRandom(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 20
	}
	eachLevel(t, func(t *testing.T, engines []device.Engine) {
		r := rand.New(rand.NewPCG(9, 10))
		upTo := func(n int) int { return 1 + r.IntN(n) }
		for done := 0; done < rounds; {
			groups, channels, filters := upTo(2), upTo(9), upTo(9)
			op := graph.ConvTranspose{Stride: [2]int{upTo(4), upTo(4)}, Dilation: [2]int{upTo(3), upTo(3)},
				Pad: [4]int{r.IntN(7), r.IntN(7), r.IntN(7), r.IntN(7)}, OutputPad: [2]int{r.IntN(2), r.IntN(2)}, Groups: groups}
			shapes := []graph.Shape{{upTo(2), channels * groups, upTo(9), upTo(9)}, {channels * groups, filters, upTo(5), upTo(5)}, {filters * groups}}
			var types []graph.Type
			for _, s := range shapes {
				types = append(types, graph.Type{DType: graph.Float, Shape: s})
			}
			if out, err := op.Infer(types); err != nil || slices.Min(out[0].Shape) < 1 {
				continue // the padding leaves nothing of the result
			}
			compare(t, engines, r, op, 2e-6, r.IntN(2) == 0, shapes[:2+r.IntN(2)]...)
			done++
		}
	})
}
