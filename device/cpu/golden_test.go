package cpu_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/device/cpu"
	"devicemap/internal/golden"
	"devicemap/internal/graph"
)

func open(t *testing.T, cfg cpu.Config) device.Engine {
	t.Helper()
	e, err := cpu.Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

// run computes g once and returns its outputs.
func run(t *testing.T, e device.Engine, g *graph.Graph, inputs [][]float32) [][]float32 {
	t.Helper()
	p, err := e.Compile(g, device.Options{})
	require.NoError(t, err)
	for i, v := range inputs {
		require.Equal(t, len(p.Input(i)), copy(p.Input(i), v))
	}
	require.NoError(t, p.Upload())
	require.NoError(t, p.Run())
	require.NoError(t, p.Download())
	var outs [][]float32
	for i := range g.Outputs {
		outs = append(outs, p.Output(i))
	}
	return outs
}

// relL2 is ‖got−want‖₂/‖want‖₂.
func relL2(got []float32, want []float64) float64 {
	var diff, norm float64
	for i, w := range want {
		d := float64(got[i]) - w
		diff += d * d
		norm += w * w
	}
	if norm == 0 {
		return math.Sqrt(diff)
	}
	return math.Sqrt(diff / norm)
}

// TestGoldenOps holds every operation of every kernel set to PyTorch's float64
// results.
func TestGoldenOps(t *testing.T) { cpu.EachSet(t, 2, goldenOps) }

func goldenOps(t *testing.T, e device.Engine) {
	set, err := golden.Open("")
	require.NoError(t, err)
	ops, err := set.Ops()
	require.NoError(t, err)
	for _, c := range ops.Cases {
		t.Run(c.Name(), func(t *testing.T) {
			g, inputs, err := c.Graph()
			require.NoError(t, err)
			outs := run(t, e, g, inputs)
			require.Len(t, outs, len(c.Outputs))
			for i, r := range c.Outputs {
				want := r.Floats()
				require.Len(t, outs[i], len(want), "output %d", i)
				limit := 4*r.RelErrFloat32 + 2e-7
				if r.Integers != nil || r.RelErrFloat32 == 0 && moves(g) {
					limit = 0
				}
				if got := relL2(outs[i], want); !(got <= limit) {
					t.Errorf("output %d: relerr %.3g, want at most %.3g", i, got, limit)
				}
			}
		})
	}
}

// moves reports whether g only moves data: no node counts a FLOP.
func moves(g *graph.Graph) bool { return g.FLOPs() == 0 }
