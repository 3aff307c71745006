package cpu_test

import (
	"errors"
	"fmt"
	"testing"

	"devicemap/device/cpu"
	"devicemap/internal/graph"
)

// BenchmarkSets races the kernel sets of this machine on the map's kinds of
// work, in one run. Each figure is the set's rate as a share of the embedded
// set's, %-NAME; the order of preference follows from them.
func BenchmarkSets(b *testing.B) {
	sets := []string{"embedded"}
	for _, name := range cpu.Libraries() {
		if name == "embedded" || name == "gonum" {
			continue
		}
		e, err := cpu.Open(cpu.Config{Library: name})
		if errors.Is(err, errors.ErrUnsupported) {
			b.Log(err)
			continue
		}
		if err != nil {
			b.Fatal(err)
		}
		e.Close()
		sets = append(sets, name)
	}
	layer := func(m, n, k int) func(g *graph.Builder) *graph.Value {
		return func(g *graph.Builder) *graph.Value {
			return g.Linear(g.Input("x", m, k), g.Const("w", graph.F32(ramp(n*k)), n, k), g.Const("b", graph.F32(ramp(n)), n))
		}
	}
	tests := []struct {
		name  string
		reps  int
		build func(g *graph.Builder) *graph.Value
	}{
		{"layer-64x256x256", 50, layer(64, 256, 256)},
		{"layer-256x4096x4096", 2, layer(256, 4096, 4096)},
		{"layer-1x4096x4096", 10, layer(1, 4096, 4096)},
		{"product-1024", 5, func(g *graph.Builder) *graph.Value {
			return g.MatMul(g.Input("x", 1024, 1024), g.Input("y", 1024, 1024))
		}},
		{"batch-12x197x64x197", 20, func(g *graph.Builder) *graph.Value {
			return g.Apply(graph.MatMul{TransposeY: true}, g.Input("x", 12, 197, 64), g.Input("y", 12, 197, 64))
		}},
		{"conv-16-deep", 1, func(g *graph.Builder) *graph.Value {
			y := g.Input("x", 1, 256, 32, 32)
			for i := range 16 {
				y = g.Same3x3(y, g.Const(fmt.Sprint("w", i), graph.F32(make([]float32, 256*256*9)), 256, 256, 3, 3))
			}
			return y
		}},
		{"conv-64x56x56", 10, func(g *graph.Builder) *graph.Value {
			return g.Same3x3(g.Input("x", 1, 64, 56, 56), g.Const("w", graph.F32(ramp(64*64*9)), 64, 64, 3, 3))
		}},
		{"softmax-512x512", 20, func(g *graph.Builder) *graph.Value { return g.Softmax(g.Input("x", 512, 512)) }},
		{"layer_norm-197x768", 20, func(g *graph.Builder) *graph.Value {
			return g.LayerNorm(g.Input("x", 197, 768), g.Const("g", graph.F32(ramp(768)), 768), g.Const("b", graph.F32(ramp(768)), 768), 1e-5)
		}},
	}
	for _, tt := range tests {
		b.Run("work="+tt.name, func(b *testing.B) {
			var sides []contender
			for _, set := range sets {
				sides = append(sides, ours(b, set, tt.build))
			}
			best := race(b, tt.reps, sides...)
			for i, set := range sets[1:] {
				b.ReportMetric(100*best[0]/best[i+1], "%-"+set)
			}
			b.ReportMetric(1e6*best[0], "embedded-µs")
		})
	}
}
