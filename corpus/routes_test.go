package corpus

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/graph"
	"devicemap/internal/reference"
	"devicemap/internal/route"
)

func TestRouteComparisons(t *testing.T) {
	per := map[string]int{}
	for _, c := range Routes() {
		ops, err := c.Ops()
		require.NoError(t, err)
		require.Len(t, ops, 1)
		per[ops[0]]++
	}
	require.Equal(t, map[string]int{"sdpa": 1, "minmax_norm": 5, "flatten": 1, "lrn": 6}, per)
}

func TestRouteGate(t *testing.T) {
	t.Run("reference", func(t *testing.T) { RouteGate(t, onReference) })
	t.Run("CPU", func(t *testing.T) { RouteGate(t, OnEngine(openCPU(t), device.FP32)) })
}

// onReference computes in float64.
func onReference(g *graph.Graph, inputs [][]float32) ([]float32, error) {
	var in []graph.Data
	for _, x := range inputs {
		in = append(in, graph.F32(x))
	}
	out, err := reference.Eval(g, in)
	if err != nil {
		return nil, err
	}
	y := make([]float32, len(out[0]))
	for i, v := range out[0] {
		y[i] = float32(v)
	}
	return y, nil
}

// TestDegenerateRows: rows without a span give 0 on both routes.
func TestDegenerateRows(t *testing.T) {
	for _, c := range Routes() {
		if c.Name != "minmax_norm_degenerate" {
			continue
		}
		g, err := c.Graph(FP16)
		require.NoError(t, err)
		fused, err := route.Optimize(g)
		require.NoError(t, err)
		for _, side := range []*graph.Graph{g, fused} {
			y, err := onReference(side, c.Inputs())
			require.NoError(t, err)
			require.Equal(t, make([]float32, 16), y)
		}
	}
}

func TestRouteRule(t *testing.T) {
	c := &Case{}
	for _, tt := range []struct {
		name string
		got  float32
		ok   bool
	}{
		{"equal", 1, true}, {"at the limit", 1 + 0x1p-8, true}, {"beyond", 1.006, false}, {"NaN", float32(math.NaN()), false},
	} {
		if err := c.agree([]float32{tt.got}, []float64{1}); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if c.agree([]float32{1, 1}, []float64{1}) == nil {
		t.Error("another shape agrees")
	}
	c.Exact = true
	if c.agree([]float32{1 + 0x1p-20}, []float64{1}) == nil {
		t.Error("a moved bit passes as exact")
	}
}
