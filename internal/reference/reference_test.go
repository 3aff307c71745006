package reference_test

import (
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/graph"
	"devicemap/internal/reference"
	"devicemap/internal/rng"
)

// naive is the textbook product x·wᵀ, to hold the blocked one to.
func naive(x, w []float32, m, n, k int) []float64 {
	y := make([]float64, m*n)
	for i := range m {
		for j := range n {
			for l := range k {
				y[i*n+j] += float64(float64(x[i*k+l]) * float64(w[j*k+l]))
			}
		}
	}
	return y
}

// The blocks' edges: sizes around the tile, the block of rows and the block of
// the inner dimension.
func TestBlockedProduct(t *testing.T) {
	for _, s := range [][3]int{{1, 1, 1}, {3, 2, 5}, {4, 2, 256}, {5, 3, 257}, {128, 128, 16}, {129, 130, 300}, {2, 259, 513}} {
		m, n, k := s[0], s[1], s[2]
		r := rng.New(uint64(m))
		x, w := r.Float32s(m*k, 1, 0), r.Float32s(n*k, 1, 0)
		want := naive(x, w, m, n, k)
		wt := make([]float32, len(w)) // [K, N]
		for j := range n {
			for l := range k {
				wt[l*n+j] = w[j*k+l]
			}
		}
		b := graph.New("product")
		in := b.Input("x", m, k)
		b.Output("linear", b.Linear(in, b.Const("W", graph.F32(w), n, k), nil))
		b.Output("matmul", b.MatMul(in, b.Const("V", graph.F32(wt), k, n)))
		g, err := b.Build()
		require.NoError(t, err)
		got, err := reference.Eval(g, []graph.Data{graph.F32(x)})
		require.NoError(t, err)
		for _, y := range got {
			for i := range want {
				// A fused multiply-add may change the last bits of the blocked sum.
				if d := math.Abs(y[i] - want[i]); !(d <= 1e-13*float64(k)) {
					t.Fatalf("%v: value %d: got %v, want %v", s, i, y[i], want[i])
				}
			}
		}
	}
}

// mixed is a graph with products, a convolution, a norm and data movement.
func mixed(t *testing.T) (*graph.Graph, []graph.Data) {
	t.Helper()
	r := rng.New(9)
	draw := func(n int) graph.Data { return graph.F32(r.Float32s(n, 0.3, 0)) }
	b := graph.New("mixed")
	x := b.Input("x", 1, 8, 16, 16)
	y := b.Unary(graph.GELU, b.Same3x3(x, b.Const("W", draw(24*8*9), 24, 8, 3, 3)))
	seq := b.Transpose(b.Reshape(y, 24, 256), 1, 0)
	p := graph.Projections{Wq: b.Const("Wq", draw(576), 24, 24), Wk: b.Const("Wk", draw(576), 24, 24),
		Wv: b.Const("Wv", draw(576), 24, 24), Wo: b.Const("Wo", draw(576), 24, 24)}
	b.Output("y", b.Softmax(b.MultiHeadAttention(seq, p, 4)))
	g, err := b.Build()
	require.NoError(t, err)
	return g, []graph.Data{draw(8 * 16 * 16)}
}

func TestResultsDoNotDependOnProcessors(t *testing.T) {
	g, in := mixed(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	want, err := reference.Eval(g, in)
	require.NoError(t, err)
	for _, p := range []int{2, 3, 8} {
		runtime.GOMAXPROCS(p)
		got, err := reference.Eval(g, in)
		require.NoError(t, err)
		require.Equal(t, want, got, "%d processors", p)
	}
}

// Wide values are used where the data has them.
func TestWideValues(t *testing.T) {
	b := graph.New("wide")
	x := b.Input("x", 1)
	b.Output("y", b.Add(x, b.Const("c", graph.F64([]float64{0.6}), 1)))
	b.Output("z", b.Apply(graph.Linear{}, x, b.Const("w", graph.F64([]float64{0.1}), 1, 1)))
	g, err := b.Build()
	require.NoError(t, err)
	got, err := reference.Eval(g, []graph.Data{graph.F64([]float64{0.1})})
	require.NoError(t, err)
	tenth, rest := 0.1, 0.6
	require.Equal(t, [][]float64{{tenth + rest}, {tenth * tenth}}, got)
	got, err = reference.Eval(g, []graph.Data{graph.F32([]float32{0.1})})
	require.NoError(t, err)
	require.Equal(t, float64(float32(0.1))+rest, got[0][0])
}

// Outputs that are inputs, constants, or one value twice have memory of their
// own.
func TestOutputsAreCopies(t *testing.T) {
	wide := []float64{1, 2}
	b := graph.New("copies")
	x := b.Input("x", 2)
	c := b.Const("c", graph.Data{Narrow: []float32{3, 4}}, 2)
	r := b.Reshape(x, 1, 2)
	for i, v := range []*graph.Value{x, c, r, r} {
		b.Output(string(rune('a'+i)), v)
	}
	g, err := b.Build()
	require.NoError(t, err)
	in := graph.Data{Narrow: []float32{1, 2}, Wide: wide}
	got, err := reference.Eval(g, []graph.Data{in})
	require.NoError(t, err)
	require.Equal(t, [][]float64{{1, 2}, {3, 4}, {1, 2}, {1, 2}}, got)
	got[0][0], got[1][0], got[2][0] = 99, 99, 99
	require.Equal(t, []float64{1, 2}, wide, "the input's values")
	require.Equal(t, []float64{1, 2}, got[3], "the second output of one value")
	again, err := reference.Eval(g, []graph.Data{in})
	require.NoError(t, err)
	require.Equal(t, [][]float64{{1, 2}, {3, 4}, {1, 2}, {1, 2}}, again)
}

// A long chain of large results needs the memory of a few of them only.
func TestIntermediatesAreReleased(t *testing.T) {
	const n, links = 1 << 20, 40
	b := graph.New("chain")
	y := b.Input("x", n)
	for range links {
		y = b.Unary(graph.ReLU, y)
	}
	b.Output("y", b.Apply(graph.Reduce{Fn: graph.Max, Axes: []int{0}}, y))
	g, err := b.Build()
	require.NoError(t, err)
	in := []graph.Data{graph.F32(rng.New(1).Float32s(n, 1, 0))}

	peak := make(chan uint64)
	stop := make(chan struct{})
	go func() { // samples the live heap; a collection before each sample leaves what is reachable
		var most uint64
		for {
			select {
			case <-stop:
				peak <- most
				return
			default:
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
	}()
	got, err := reference.Eval(g, in)
	close(stop)
	require.NoError(t, err)
	require.Equal(t, float64(slices.Max(in[0].Narrow)), got[0][0])
	if used := <-peak; used > links/2*8*n {
		t.Errorf("%d MiB were reachable at once, want a few results of %d MiB", used>>20, 8*n>>20)
	}
}

func TestEvalRefusesWrongInputs(t *testing.T) {
	b := graph.New("sum")
	b.Output("y", b.Add(b.Input("a", 2), b.Input("b", 2)))
	g, err := b.Build()
	require.NoError(t, err)
	one, two := graph.F32([]float32{1}), graph.F32([]float32{1, 2})
	_, err = reference.Eval(g, []graph.Data{two})
	require.EqualError(t, err, "reference: graph sum: 1 inputs given, want 2")
	_, err = reference.Eval(g, []graph.Data{two, one})
	require.EqualError(t, err, "reference: graph sum: input b: 1 values given, want 2 of shape [2]")
	_, err = reference.Eval(g, []graph.Data{two, {Narrow: two.Narrow, Wide: []float64{1}}})
	require.EqualError(t, err, "reference: graph sum: input b: 1 wide values given, want 2 of shape [2]")
}

// foreign is an operation that the table does not know.
type foreign struct{ graph.Flatten }

func (foreign) Name() string { return "foreign" }

func TestEvalRefusesForeignOperations(t *testing.T) {
	b := graph.New("g")
	b.Output("y", b.Apply(foreign{}, b.Input("x", 2)))
	g, err := b.Build()
	require.NoError(t, err)
	_, err = reference.Eval(g, []graph.Data{graph.F32([]float32{1, 2})})
	require.EqualError(t, err, `reference: graph g: foreign_0: no evaluator of "foreign"; add one to the table`)
}

func TestRelErr(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		name    string
		got     []float32
		ref     []float64
		l2, max float64
	}{
		{"equal", []float32{3, 4}, []float64{3, 4}, 0, 0},
		{"one apart", []float32{3, 5}, []float64{3, 4}, 0.2, 1 / (4 + 1e-6)},
		{"largest counts", []float32{1, -8}, []float64{0, -6}, math.Sqrt(5) / 6, 2 / (6 + 1e-6)},
		{"zero reference", []float32{3, 4}, []float64{0, 0}, 5, 4e6},
	} {
		require.InDelta(t, c.l2, reference.RelL2(c.got, c.ref), 1e-15, c.name)
		require.InEpsilon(t, 1+c.max, 1+reference.RelMax(c.got, c.ref), 1e-12, c.name)
	}
	for _, bad := range []float32{nan, inf, -inf} {
		for _, got := range [][]float32{{bad, 1}, {1, bad}} {
			l2, top := reference.RelL2(got, []float64{1, 1}), reference.RelMax(got, []float64{1, 1})
			require.True(t, math.IsNaN(l2) || math.IsInf(l2, 1), "RelL2 of %v is %v", got, l2)
			require.True(t, math.IsNaN(top) || math.IsInf(top, 1), "RelMax of %v is %v", got, top)
		}
	}
	require.Panics(t, func() { reference.RelL2([]float32{1}, nil) })
	require.Panics(t, func() { reference.RelMax([]float32{1}, nil) })
}
