package cpu

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/graph"
)

// TestAttentionRandom draws sizes at and past the blocks of queries and keys,
// with the masks that broadcast.
func TestAttentionRandom(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 10
	}
	eachLevel(t, func(t *testing.T, engines []device.Engine) {
		r := rand.New(rand.NewPCG(13, 14))
		pick := func(from ...int) int { return from[r.IntN(len(from))] }
		for round := range rounds {
			b, h, d, dv := pick(1, 2), pick(1, 2, 3), pick(1, 8, 17, 64), pick(1, 8, 33, 64)
			queries, keys := pick(1, 2, 4, 14, 57, 130), pick(1, 7, 255, 257, 520)
			op := graph.SDPA{Scale: r.Float64() * float64(r.IntN(2)), Causal: round%3 == 0}
			if op.Causal {
				keys = queries + pick(0, 200)
				queries = keys
			}
			shapes := []graph.Shape{{b, h, queries, d}, {b, h, keys, d}, {b, h, keys, dv}}
			if round%2 == 0 {
				shapes = append(shapes, graph.Shape{pick(1, b), pick(1, h), pick(1, queries), pick(1, keys)})
			}
			compare(t, engines, r, op, 2e-6, false, shapes...)
		}
	})
}

// TestAttentionMasksWithInfinity: keys that −∞ hides from a query have no
// weight, wherever their block is; a query that sees none is NaN, as its
// softmax is.
func TestAttentionMasksWithInfinity(t *testing.T) {
	const n, d = 600, 8
	eachLevel(t, func(t *testing.T, engines []device.Engine) {
		b := graph.New("masked")
		x, m := b.Input("x", 1, 1, n, d), b.Input("m", n, n)
		b.Output("y", b.Apply(graph.SDPA{}, x, x, x, m))
		g, err := b.Build()
		require.NoError(t, err)
		p, err := engines[0].Compile(g, device.Options{})
		require.NoError(t, err)
		copy(p.Input(0), noise(n*d))
		hidden := float32(math.Inf(-1))
		fill(p.Input(1), hidden)
		for i := range n - 1 {
			p.Input(1)[i*n+n-1-i] = 0 // query i sees one key alone
		}
		require.NoError(t, p.Run())
		for i := range n {
			for j := range d {
				got := float64(p.Output(0)[i*d+j])
				if i == n-1 {
					require.True(t, math.IsNaN(got), "query %d", i)
				} else {
					require.InDelta(t, p.Input(0)[(n-1-i)*d+j], got, 1e-6, "query %d", i)
				}
			}
		}
	})
}
