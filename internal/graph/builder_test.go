package graph_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/graph"
)

func TestBuiltGraph(t *testing.T) {
	b := graph.New("small")
	x := b.Input("x", 2, 3)
	w := b.Const("W", graph.F32(make([]float32, 12)), 4, 3)
	y := b.Unary(graph.ReLU, b.Linear(x, w, nil))
	parts := b.ApplyMany(graph.Split{Axis: 1, Sizes: []int{1, 3}}, y)
	b.Output("a", parts[0])
	b.Output("b", parts[1])
	require.NoError(t, b.Err())
	g, err := b.Build()
	require.NoError(t, err)

	require.Equal(t, []*graph.Value{x}, g.Inputs)
	require.Equal(t, []*graph.Value{w}, g.Consts)
	require.True(t, x.IsInput())
	require.False(t, w.IsInput())
	require.False(t, y.IsInput())
	require.Len(t, g.Nodes, 3)
	names := map[string]bool{}
	known := map[*graph.Value]bool{x: true, w: true}
	for _, n := range g.Nodes {
		require.False(t, names[n.Name], "name %s is used twice", n.Name)
		names[n.Name] = true
		for _, v := range n.In {
			require.True(t, known[v], "%s uses a value before it is made", n.Name)
		}
		for _, v := range n.Out {
			known[v] = true
			require.Equal(t, n, v.Node)
		}
	}
	for i, v := range g.Values {
		require.Equal(t, i, v.ID)
		require.True(t, known[v], "value %d has no origin", i)
	}
	require.Equal(t, 12, g.ConstElems())
	require.Equal(t, 6+2+6, g.IOElems())
	require.Equal(t, 2.0*2*3*4+8, g.FLOPs())
}

func TestBuilderFailures(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(b *graph.Builder)
		want  string
	}{
		{"no output", func(b *graph.Builder) { b.Input("x", 1) }, "graph g: no output"},
		{"two inputs of one name", func(b *graph.Builder) { b.Input("x", 1); b.Input("x", 1) }, `graph g: name "input x" is used twice`},
		{"zero dimension", func(b *graph.Builder) { b.Input("x", 2, 0) }, "graph g: input x: dimension 0 in [2,0], want at least 1"},
		{"no dimension", func(b *graph.Builder) { b.Input("x") }, "graph g: input x: rank of [] is 0, want 1 to 5"},
		{"too many dimensions", func(b *graph.Builder) { b.Input("x", 1, 1, 1, 1, 1, 1) }, "rank of [1,1,1,1,1,1] is 6, want 1 to 5"},
		{"too large", func(b *graph.Builder) { b.Input("x", 1<<30, 1<<30) }, "has more than 2^40 elements"},
		{"boolean input", func(b *graph.Builder) { b.InputOf("x", bo(2)) }, "graph g: input x: bool cannot cross the host boundary"},
		{"boolean output", func(b *graph.Builder) {
			x := b.Input("x", 2)
			b.Output("y", b.Apply(graph.Compare{Fn: graph.Less}, x, x))
		}, "graph g: output y: bool cannot cross the host boundary"},
		{"values of a constant", func(b *graph.Builder) { b.Const("W", graph.F32(make([]float32, 5)), 2, 3) },
			"graph g: constant W: 5 values for shape [2,3]"},
		{"shape of a constant", func(b *graph.Builder) { b.Const("W", graph.F32(nil), 0) }, "graph g: constant W: dimension 0"},
		{"several results", func(b *graph.Builder) { b.Apply(graph.Sort{}, b.Input("x", 2)) }, "graph g: sort has 2 results; use ApplyMany"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := graph.New("g")
			c.build(b)
			g, err := b.Build()
			require.ErrorContains(t, err, c.want)
			require.Nil(t, g)
			require.Equal(t, err, b.Err())
		})
	}
}

// The first broken rule is reported; calls after it do nothing and do not
// panic, those with several results included.
func TestBuilderStaysBroken(t *testing.T) {
	b := graph.New("g")
	x := b.Input("x", 2, 3)
	bad := b.Linear(x, b.Input("W", 4, 5), nil)
	_, second := b.Err(), b.ApplyMany(graph.TopK{K: 9}, bad)[1]
	parts := b.ApplyMany(graph.Split{Axis: 7, Sizes: []int{1, 2, 3}}, second)
	y := b.MultiHeadAttention(parts[2], graph.Projections{Wq: bad, Wk: bad, Wv: bad, Wo: bad}, 4)
	b.Output("y", b.Softmax(b.Add(y, b.Apply(graph.Sort{}, bad))))
	_, err := b.Build()
	require.EqualError(t, err, "graph g: linear_0 (linear) of [[2,3] [4,5]]: want x [..., K], W [N, K]; got x [2,3], W [4,5]")
}

func TestMultiHeadAttentionShapes(t *testing.T) {
	for _, shape := range []graph.Shape{{5, 8}, {2, 5, 8}} {
		b := graph.New("mha")
		w := func(name string) *graph.Value { return b.Input(name, 8, 8) }
		y := b.MultiHeadAttention(b.Input("x", shape...), graph.Projections{Wq: w("q"), Wk: w("k"), Wv: w("v"), Wo: w("o")}, 2)
		require.NoError(t, b.Err())
		require.Equal(t, shape, y.Shape)
	}
}

func TestValuesAreNotShared(t *testing.T) {
	dims := []int{2, 3}
	b := graph.New("g")
	x := b.Input("x", dims...)
	y := b.Reshape(x, dims...)
	dims[0] = 7
	require.Equal(t, graph.Shape{2, 3}, x.Shape)
	require.Equal(t, graph.Shape{2, 3}, y.Shape)
}

func TestShapeAndType(t *testing.T) {
	s := graph.Shape{2, 3, 4}
	require.Equal(t, 24, s.Elems())
	require.Equal(t, []int{12, 4, 1}, s.Strides())
	require.Equal(t, "[2,3,4]", s.String())
	require.Equal(t, "uint8[2]", u8(2).String())
	d := graph.F64([]float64{0.1, 2})
	require.Equal(t, []float32{0.1, 2}, d.Narrow)
	require.Equal(t, 2, d.Len())
	require.Nil(t, graph.F32([]float32{1}).Wide)
}
