package cpu

import (
	"math/rand/v2"
	"testing"

	"devicemap/device"
	"devicemap/internal/graph"
)

// TestPoolRandom draws windows: whole planes, overhanging ones, strides beyond
// the kernel and planes of more than a band.
func TestPoolRandom(t *testing.T) {
	rounds := 150
	if testing.Short() {
		rounds = 30
	}
	eachLevel(t, func(t *testing.T, engines []device.Engine) {
		r := rand.New(rand.NewPCG(11, 12))
		upTo := func(n int) int { return 1 + r.IntN(n) }
		for range rounds {
			for _, fn := range []graph.PoolFn{graph.MaxPool, graph.AvgPool, graph.L2Pool} {
				op := graph.Pool{Fn: fn, Kernel: [2]int{upTo(5), upTo(5)}, Stride: [2]int{upTo(4), upTo(4)}, Ceil: r.IntN(2) == 0, ExcludePad: r.IntN(2) == 0}
				h, w := op.Kernel[0]+r.IntN(20), op.Kernel[1]+[]int{0, 1, 6, 13, 31, 300}[r.IntN(6)]
				for i := range op.Pad {
					op.Pad[i] = r.IntN(op.Kernel[i/2]/2 + 1)
				}
				if r.IntN(5) == 0 {
					op.Kernel, op.Pad = [2]int{h, w}, [4]int{}
				}
				limit := 3e-7
				if fn == graph.MaxPool {
					limit = 0
				}
				compare(t, engines, r, op, limit, false, graph.Shape{upTo(2), upTo(5), h, w})
			}
		}
	})
}
