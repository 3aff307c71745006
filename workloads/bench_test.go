package workloads_test

import (
	"runtime"
	"testing"

	"devicemap/internal/reference"
	"devicemap/workloads"
)

// BenchmarkReferences is the time of all float64 references of the device map,
// one after the other, with the memory that the process asked of the system.
func BenchmarkReferences(b *testing.B) {
	var flops float64
	for b.Loop() {
		for _, w := range workloads.DeviceMap() {
			b.StopTimer()
			inst, err := w.Build()
			if err != nil {
				b.Fatal(err)
			}
			flops += inst.Graph.FLOPs()
			b.StartTimer()
			if _, err := reference.Eval(inst.Graph, inst.Inputs); err != nil {
				b.Fatal(err)
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	seconds := b.Elapsed().Seconds()
	b.ReportMetric(seconds/float64(b.N), "s/map")
	b.ReportMetric(flops/seconds/1e9, "GFLOP/s")
	b.ReportMetric(float64(m.Sys)/(1<<20), "MiB-of-system")
}

// BenchmarkBuild is the time to draw the inputs and weights of the device map.
func BenchmarkBuild(b *testing.B) {
	for _, w := range workloads.DeviceMap() {
		b.Run("workload="+w.Name+"/step=build", func(b *testing.B) {
			for b.Loop() {
				if _, err := w.Build(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
