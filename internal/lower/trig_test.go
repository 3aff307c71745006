package lower_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/fp16"
	"devicemap/internal/graph"
	"devicemap/internal/lower"
)

// TestPolynomialTrig bounds the absolute error of sin and cos before A15 over
// every half of magnitude up to 100. The halves are exact, so the error is the
// lowering's alone.
func TestPolynomialTrig(t *testing.T) {
	var x []float32
	for bits := range 1 << 15 {
		if v := fp16.Float32(uint16(bits)); v <= 100 {
			x = append(x, v, -v)
		}
	}
	x = x[:len(x)/8*8]
	for fn, want := range map[graph.UnaryFn]func(float64) float64{graph.Sin: math.Sin, graph.Cos: math.Cos} {
		t.Run(string(fn), func(t *testing.T) {
			g := build(t, func(b *graph.Builder) { b.Output("y", b.Unary(fn, b.Input("x", 8, len(x)/8))) })
			l, err := lower.Lower(g, chipOf(t, "h13"))
			require.NoError(t, err)
			worst, at := 0.0, float32(0)
			for i, got := range run(t, "h13", l, [][]float32{x})[0] {
				if e := math.Abs(float64(got) - want(float64(x[i]))); !(e <= worst) {
					worst, at = e, x[i]
				}
			}
			if worst > 1e-3 {
				t.Errorf("absolute error %.3g at %g, limit 1e-3", worst, at)
			}
			t.Logf("absolute error %.3g at %g", worst, at)
		})
	}
}
