package route_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/graph"
	"devicemap/internal/reference"
	"devicemap/internal/registry"
	"devicemap/internal/rng"
	"devicemap/internal/route"
)

// zoo holds one node of each bridge operation, attention also causal and
// masked, and some fused nodes.
func zoo(t *testing.T) *graph.Graph {
	t.Helper()
	b := graph.New("zoo")
	q := b.Input("q", 1, 2, 4, 6)
	image := b.Input("image", 1, 4, 4, 6)
	matrix := b.Input("matrix", 5, 8)
	points, centres := b.Input("points", 9, 3), b.Input("centres", 2, 3)
	vector, longer, three := b.Input("vector", 4), b.Input("longer", 7), b.Input("three", 3)
	mask := b.Input("mask", 1, 1, 4, 4)
	one := func(name string, v *graph.Value) { b.Output(name, v) }
	one("sdpa", b.Apply(graph.SDPA{}, q, q, q))
	one("causal", b.Apply(graph.SDPA{Causal: true}, q, q, q))
	one("masked", b.Apply(graph.SDPA{}, q, q, q, mask))
	one("minmax_norm", b.Apply(graph.MinMaxNorm{Axis: 3, Eps: 1e-4}, image))
	one("flatten", b.Apply(graph.Flatten{}, b.Unary(graph.ReLU, image)))
	one("lrn", b.Apply(graph.LRN{Alpha: 1, Beta: 0.75, K: 1}, image))
	one("argmax", b.Apply(graph.Arg{Fn: graph.ArgMax, Axis: 1}, matrix))
	one("topk", b.ApplyMany(graph.TopK{K: 2, Axis: 1}, matrix)[0])
	one("sort", b.ApplyMany(graph.Sort{Axis: 1}, matrix)[0])
	one("fps", b.Apply(graph.FurthestPoints{K: 3}, points))
	one("radius_search", b.Apply(graph.RadiusSearch{R: 1}, points, centres))
	one("cross_product", b.Apply(graph.CrossProduct{}, three, three))
	one("cross_correlation", b.Apply(graph.CrossCorrelation{}, matrix, centres))
	one("cost_volume", b.Apply(graph.CostVolume{Range: 3}, vector, longer))
	one("input_view", b.Apply(graph.InputView{Offset: 1, Size: 5}, matrix))
	one("dynamic_slice", b.Apply(graph.DynamicSlice{Start: 1, Size: 2}, vector))
	one("scaled_elementwise", b.Apply(graph.ScaledElementwise{Fn: graph.Add, Scale: 2}, matrix, matrix))
	one("space_to_channel", b.Apply(graph.SpaceToDepth{Block: 2, Bridge: true}, image))
	one("channel_to_space", b.Apply(graph.DepthToSpace{Block: 2, Bridge: true}, image))
	one("space_to_batch", b.Apply(graph.SpaceToBatch{Block: [2]int{2, 2}, Order: graph.BatchMajor}, image))
	one("batch_to_space", b.Apply(graph.BatchToSpace{Block: [2]int{2, 2}, Order: graph.BatchMajor}, b.Transpose(image, 1, 0, 2, 3)))
	one("fused", b.Apply(graph.LocalResponseNorm{Size: 3, Alpha: 1, Beta: 0.75, K: 1}, b.Reshape(image, 1, 8, 2, 6)))
	g, err := b.Build()
	require.NoError(t, err)
	return g
}

// TestThreeTablesAgree holds the registry, the forms that exist and what the
// optimizer really flips to one set.
func TestThreeTablesAgree(t *testing.T) {
	g := zoo(t)
	present := map[string]bool{}
	for _, n := range g.Nodes {
		present[n.Op.Name()] = true
	}
	for _, name := range registry.Names(registry.Bridge) {
		if !present[name] {
			t.Errorf("the zoo has no %s", name)
		}
	}
	selectable := registry.Routes(registry.Selectable)
	if got := route.Decomposable(); !slices.Equal(got, selectable) {
		t.Errorf("decomposable %v, registry %v", got, selectable)
	}
	var flipped []string
	for _, i := range route.Flippable(g) {
		flipped = append(flipped, g.Nodes[i].Op.Name())
	}
	slices.Sort(flipped)
	if !slices.Equal(flipped, selectable) { // each once: causal and masked attention stay
		t.Errorf("flipped %v, registry %v", flipped, selectable)
	}
	o, err := route.Optimize(g)
	require.NoError(t, err)
	var left []string
	for _, n := range o.Nodes {
		if e, ok := registry.Find(n.Op.Name()); ok && e.Status == registry.Bridge {
			left = append(left, e.Name)
		}
	}
	slices.Sort(left)
	want := append(registry.Routes(registry.Single), "sdpa", "sdpa")
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("bridges after Optimize: %v, want the single-route ones and two sdpa: %v", left, want)
	}
}

// TestMaskedAttentionStays: its decomposition has no mask.
func TestMaskedAttentionStays(t *testing.T) {
	g := zoo(t)
	for _, i := range route.Flippable(g) {
		if op, ok := g.Nodes[i].Op.(graph.SDPA); ok && (op.Causal || len(g.Nodes[i].In) != 3) {
			t.Errorf("%s (causal %t, %d operands) may be flipped", g.Nodes[i].Name, op.Causal, len(g.Nodes[i].In))
		}
	}
}

// TestFormsOfTheEquivalents holds the replacements to the published ones.
func TestFormsOfTheEquivalents(t *testing.T) {
	forms := map[string][]string{
		"sdpa":        {"transpose", "matmul", "muls", "softmax", "matmul"},
		"minmax_norm": {"reduce_min", "reduce_max", "sub", "adds", "sub", "real_div"},
		"flatten":     {"reshape"},
		"lrn":         {"local_response_norm"},
	}
	g := zoo(t)
	for _, i := range route.Flippable(g) {
		d, err := route.Decompose(g, []int{i})
		require.NoError(t, err)
		name := g.Nodes[i].Op.Name()
		var got []string
		for _, n := range d.Nodes[i : i+len(d.Nodes)-len(g.Nodes)+1] {
			got = append(got, n.Op.Name())
		}
		if !slices.Equal(got, forms[name]) {
			t.Errorf("%s becomes %v, want %v", name, got, forms[name])
		}
	}
}

// TestEquivalence: in float64 both forms are the same function.
func TestEquivalence(t *testing.T) {
	g := zoo(t)
	o, err := route.Optimize(g)
	require.NoError(t, err)
	src := rng.New(5)
	var in []graph.Data
	for _, v := range g.Inputs {
		in = append(in, graph.F32(src.Float32s(v.Shape.Elems(), 1, 0)))
	}
	want, err := reference.Eval(g, in)
	require.NoError(t, err)
	got, err := reference.Eval(o, in)
	require.NoError(t, err)
	for i := range want {
		if !slices.Equal(o.Outputs[i].Value.Shape, g.Outputs[i].Value.Shape) {
			t.Errorf("%s: shape %v, want %v", g.Outputs[i].Name, o.Outputs[i].Value.Shape, g.Outputs[i].Value.Shape)
		}
		for k := range want[i] {
			if math.Abs(got[i][k]-want[i][k]) > 1e-12 {
				t.Errorf("%s[%d] = %g, want %g", g.Outputs[i].Name, k, got[i][k], want[i][k])
				break
			}
		}
	}
}

// TestDecompose: positions without a form are left alone, and a shared node is
// copied once.
func TestDecompose(t *testing.T) {
	b := graph.New("shared")
	x := b.Input("x", 2, 3)
	h := b.Unary(graph.ReLU, x)
	f := b.Apply(graph.Flatten{}, h)
	b.Output("y", b.Add(f, b.Add(f, b.Apply(graph.Flatten{}, h))))
	g, err := b.Build()
	require.NoError(t, err)
	for _, tt := range []struct {
		name      string
		positions []int
		want      []string
	}{
		{"none", nil, []string{"relu", "flatten", "flatten", "add", "add"}},
		{"no form, outside", []int{0, 99, -1}, []string{"relu", "flatten", "flatten", "add", "add"}},
		{"the shared one", []int{1}, []string{"relu", "reshape", "flatten", "add", "add"}},
		{"both", []int{1, 2}, []string{"relu", "reshape", "reshape", "add", "add"}},
	} {
		d, err := route.Decompose(g, tt.positions)
		require.NoError(t, err)
		var got []string
		for _, n := range d.Nodes {
			got = append(got, n.Op.Name())
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if len(g.Nodes) != 5 || g.Nodes[1].Op.Name() != "flatten" {
		t.Errorf("the original changed: %d nodes", len(g.Nodes))
	}
}

func TestRebuildChecksTheReplacement(t *testing.T) {
	g := zoo(t)
	none := func(*graph.Builder, int, *graph.Node, []*graph.Value) []*graph.Value { return []*graph.Value{} }
	if _, err := route.Rebuild(g, none); err == nil {
		t.Error("a node without results is accepted")
	}
}
