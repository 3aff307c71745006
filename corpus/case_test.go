package corpus

import (
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/fp16"
	"devicemap/internal/graph"
	"devicemap/internal/reference"
)

// shared is the corpus of this test binary: inputs are drawn and references
// computed once.
var shared = sync.OnceValue(func() *Corpus { return New(NumPy1) })

// find is a case by category and name.
func find(t *testing.T, category, name string) *Case {
	t.Helper()
	for _, c := range shared().All() {
		if c.Category == category && c.Name == name {
			return c
		}
	}
	t.Fatalf("no case %s/%s", category, name)
	return nil
}

// TestCounts holds the corpus to its published size.
func TestCounts(t *testing.T) {
	if got, want := Banner(shared().Cases()), "80 cases: broad=13, corner=10, nn=15, shape=22, synthetic=20; int8: 10; xfail: 0"; got != want {
		t.Errorf("banner = %q, want %q", got, want)
	}
	variants := map[string]int{}
	kinds := map[string]int{}
	for _, c := range shared().Cases() {
		variants[c.Category] += len(c.Variants())
		kinds["variants"] += len(c.Variants())
		switch {
		case c.Exact:
			kinds["exact"]++
		case c.AbsErr != 0:
			kinds["abserr"]++
		default:
			kinds["relerr"] += len(c.Variants())
		}
	}
	if want := map[string]int{"nn": 18, "synthetic": 22, "corner": 13, "shape": 22, "broad": 15}; !mapsEqual(variants, want) {
		t.Errorf("variants = %v, want %v", variants, want)
	}
	if want := map[string]int{"variants": 90, "exact": 4, "relerr": 86}; !mapsEqual(kinds, want) {
		t.Errorf("comparisons = %v, want %v", kinds, want)
	}
	if n := len(shared().Smoke()); n != 22 {
		t.Errorf("%d smoke checks, want 22", n)
	}
	var cover, referenced, finite, strict int
	for _, c := range shared().Coverage() {
		switch {
		case c.Category == "coverage-strict":
			strict++
			continue
		case c.accept([]float32{1, 1}, []float64{-9, 9}).Kind == Finite:
			finite++
		default:
			referenced++
		}
		cover++
	}
	if got, want := [4]int{cover, referenced, finite, strict}, [4]int{77, 66, 11, 77}; got != want {
		t.Errorf("coverage, referenced, finite, strict = %v, want %v", got, want)
	}
}

func mapsEqual(a, b map[string]int) bool {
	for k := range a {
		if a[k] != b[k] {
			return false
		}
	}
	return len(a) == len(b)
}

// TestCasesAreDistinct: a subtest's name must select one variant.
func TestCasesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range shared().All() {
		key := c.Category + "/" + c.Name
		if seen[key] {
			t.Errorf("%s exists twice", key)
		}
		seen[key] = true
	}
}

// TestEveryOperationHasNumbers: no operation of the graph package is without a
// case that compares values.
func TestEveryOperationHasNumbers(t *testing.T) {
	used := map[string]bool{}
	for _, c := range shared().All() {
		if c.Category == "coverage" {
			continue // accepts too much to count
		}
		ops, err := c.Ops()
		require.NoError(t, err, c.Name)
		for _, op := range ops {
			used[op] = true
		}
	}
	for _, op := range graph.Catalog() {
		if !used[op.Name()] {
			t.Errorf("%s: no numeric case", op.Name())
		}
	}
}

// TestReferencesAreFinite: a reference with a NaN fails every engine.
func TestReferencesAreFinite(t *testing.T) {
	for _, c := range shared().All() {
		ref, err := c.Reference()
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		for i, v := range ref {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%s/%s: reference value %d is %v", c.Category, c.Name, i, v)
				break
			}
		}
	}
}

// TestInt8Rows holds the quantiser to hand-computed codes.
func TestInt8Rows(t *testing.T) {
	half := func(x float64) float32 { return float32(fp16.Round(x)) }
	s := half(1.0 / 127)
	for _, tt := range []struct {
		name string
		w    []float32
		rows int
		want []float32
	}{
		{"full scale", []float32{1, -1, 0.5, 0}, 1, []float32{127 * s, -127 * s, 64 * s, 0}}, // 63.5 rounds to even
		{"rows have scales of their own", []float32{1, 0, 2, -2}, 2, []float32{127 * s, 0, 127 * half(2.0/127), -127 * half(2.0/127)}},
		{"zero row", []float32{0, 0}, 1, []float32{0, 0}},
	} {
		got := slices.Clone(tt.w)
		Int8Rows(got, tt.rows)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	cols := []float32{1, 2, -1, -2}
	int8Columns(cols, 2)
	if want := []float32{127 * s, 127 * half(2.0/127), -127 * s, -127 * half(2.0/127)}; !slices.Equal(cols, want) {
		t.Errorf("columns: %v, want %v", cols, want)
	}
}

// TestInt8VariantsDiffer: an int8 variant that computed the unquantised graph
// would test nothing.
func TestInt8VariantsDiffer(t *testing.T) {
	for _, c := range shared().All() {
		if c.Int8Tol == 0 {
			continue
		}
		g, err := c.Graph(Int8)
		require.NoError(t, err)
		var in []graph.Data
		for _, x := range c.Inputs() {
			in = append(in, graph.F32(x))
		}
		out, err := reference.Eval(g, in)
		require.NoError(t, err)
		ref, err := c.Reference()
		require.NoError(t, err)
		got := make([]float32, len(ref))
		for i, v := range out[0] {
			got[i] = float32(v)
		}
		// The reference with quantised weights is itself a variant: rounding
		// to 255 codes costs a few permille and stays within the limit.
		if e := reference.RelMax(got, ref); e < 1e-4 || e >= c.Int8Tol {
			t.Errorf("%s: quantisation costs %.3g, want above 1e-4 and below %g", c.Name, e, c.Int8Tol)
		}
	}
}

// TestKnifeEdges checks what the listed seeds promise: no case hangs on the
// last bit of an input.
func TestKnifeEdges(t *testing.T) {
	zoo := find(t, "synthetic", "extra_activation_zoo")
	h := evalParts(t, zoo, func(n *net) *graph.Value {
		x := n.v("x")
		h := n.Add(n.Unary(graph.Softsign, x), n.Unary(graph.Atan, x))
		return n.Add(n.with(graph.ScaledTanh, h, 1.5, 0.5), n.with(graph.Threshold, x, 0, 0))
	})
	nearest := math.Inf(1)
	for _, v := range h {
		nearest = min(nearest, math.Abs(v-0.1))
	}
	if math.Abs(nearest-0.104) > 5e-4 {
		t.Errorf("extra_activation_zoo: nearest value to the step is %.4f away, published 0.104", nearest)
	}

	rows := evalParts(t, find(t, "corner", "conv_to_argmax_cut"), func(n *net) *graph.Value {
		return n.Reshape(n.fold(graph.Mean, n.relu(n.conv(n.v("x"), "W", "", 1, 1)), 2), 4, 8)
	})
	gap := math.Inf(1)
	for r := range 4 {
		row := slices.Sorted(slices.Values(rows[8*r : 8*r+8]))
		gap = min(gap, row[7]-row[6])
	}
	if math.Abs(gap-0.019) > 5e-4 {
		t.Errorf("conv_to_argmax_cut: smallest gap %.4f, published 0.019", gap)
	}

	in := find(t, "synthetic", "select_greater_max").Inputs()
	for i := range in[0] {
		if in[0][i] == in[1][i] {
			t.Errorf("select_greater_max: tie at %d", i)
		}
	}
}

// TestOrderSurvivesRounding perturbs the drawn inputs of the order-dependent
// cases by less than half a step of a half: the chosen indices must not move.
func TestOrderSurvivesRounding(t *testing.T) {
	for _, name := range []string{"argmin", "argmax_axis0", "topk_k5", "sort_ascending", "fps", "radius_search"} {
		c := find(t, "untouched", name)
		want, err := c.Reference()
		require.NoError(t, err)
		g, err := c.Graph(FP16)
		require.NoError(t, err)
		for _, sign := range []float64{1, -1} {
			var in []graph.Data
			for _, x := range c.Inputs() {
				for i := range x {
					x[i] *= float32(1 + sign*math.Pow(-1, float64(i*7%5))*0x1p-11)
				}
				in = append(in, graph.F32(x))
			}
			got, err := reference.Eval(g, in)
			require.NoError(t, err)
			for i := range want {
				if math.Abs(got[0][i]-want[i]) > 0.01*(1+math.Abs(want[i])) {
					t.Errorf("%s: value %d becomes %g from %g", name, i, got[0][i], want[i])
				}
			}
		}
	}
}

// TestTwinsAreStronger states in numbers what each twin adds.
func TestTwinsAreStronger(t *testing.T) {
	spread := func(c *Case) float64 { // standard deviation over the largest magnitude
		ref, err := c.Reference()
		require.NoError(t, err)
		var top, sum, squares float64
		for _, v := range ref {
			top, sum, squares = max(top, math.Abs(v)), sum+v, squares+v*v
		}
		n := float64(len(ref))
		return math.Sqrt(max(0, squares/n-sum*sum/(n*n))) / top
	}
	if weak, strong := spread(find(t, "corner", "deep_chain_32ops")), spread(find(t, "twin", "deep_chain_32_kept")); weak > 1e-3 || strong < 0.3 {
		t.Errorf("spread of the 32-op chains: published %.2g, twin %.2g; want the twin to keep its data", weak, strong)
	}
	g, err := find(t, "twin", "deep_chain_32_kept").Graph(FP16)
	require.NoError(t, err)
	if len(g.Nodes) != 32 {
		t.Errorf("the twin has %d operations, want 32", len(g.Nodes))
	}
	largest := func(category, name string) float64 {
		ref, err := find(t, category, name).Reference()
		require.NoError(t, err)
		return max(slices.Max(ref), -slices.Min(ref))
	}
	if weak, strong := largest("broad", "deep_chain_D512_d12"), largest("twin", "deep_chain_D512_kept"); weak > 0.02 || strong < 0.5 {
		t.Errorf("largest output of the D512 chains: published %.2g, twin %.2g", weak, strong)
	}
	if weak, strong := largest("corner", "singleton_axis_reduce"), largest("twin", "singleton_axis_reduce_positive"); weak > 0.05 || strong < 1 {
		t.Errorf("singleton reduction: published %.2g, twin %.2g", weak, strong)
	}
}

// evalParts evaluates another graph over a case's arrays.
func evalParts(t *testing.T, c *Case, build func(n *net) *graph.Value) []float64 {
	t.Helper()
	g, err := c.graph(FP16, build)
	require.NoError(t, err)
	var in []graph.Data
	for _, x := range c.Inputs() {
		in = append(in, graph.F32(x))
	}
	out, err := reference.Eval(g, in)
	require.NoError(t, err)
	return out[0]
}
