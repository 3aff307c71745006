package cpu

import (
	"math/rand/v2"
	"testing"

	"devicemap/device"
	"devicemap/internal/graph"
)

// TestConvSmallMaps: maps whose pixels leave slivers partly empty, with
// constant filters, over several blocks of depth, pixels and filters.
func TestConvSmallMaps(t *testing.T) {
	pad := [4]int{1, 1, 1, 1}
	cases := []convCase{
		{1, 64, 64, 1, 7, 7, [2]int{3, 3}, graph.Conv{Pad: pad}},
		{2, 60, 95, 1, 7, 5, [2]int{3, 3}, graph.Conv{Pad: pad}},
		{1, 80, 64, 1, 14, 14, [2]int{3, 3}, graph.Conv{Pad: pad}},
		{1, 300, 96, 1, 3, 11, [2]int{1, 1}, graph.Conv{}},
		{1, 40, 64, 1, 14, 14, [2]int{3, 3}, graph.Conv{Pad: pad, Stride: [2]int{2, 2}}},
		{2, 30, 64, 3, 7, 7, [2]int{3, 3}, graph.Conv{Pad: pad}},
		{1, 3, 96, 1, 96, 96, [2]int{16, 16}, graph.Conv{Stride: [2]int{16, 16}}},
	}
	eachLevel(t, func(t *testing.T, engines []device.Engine) {
		r := rand.New(rand.NewPCG(9, 10))
		for _, c := range cases {
			c.compare(t, engines, r, true, true)
			c.compare(t, engines, r, false, true)
		}
	})
}
