// Package results keeps recorded runs as text files in the Go benchmark
// format and reads verdicts off them. It knows neither graphs nor engines, so
// an old file can be read on any machine.
//
// # A file
//
// Benchmark lines hold one finished arm each; their names are keys that
// benchstat can project on:
//
//	BenchmarkDeviceMap/workload=GEMM-compute/device=ANE/dtype=fp16 4969 1313836.5 ns/op …
//
// Everything else that is known travels in comment lines, because benchstat
// opens a new table for every configuration line (goos, cpu, …) that differs
// between two files:
//
//	# host: M5 Pro                     a fact of the file
//	# absent: GPU: no driver found     a fact about a name: engine and reason
//	# workload: GEMM-floor: 8.4 MFLOP  a note on a workload
//	# skipped: MiniLM-encoder: why     a workload that was not run
//	# flags: low confidence            belongs to the benchmark line below it
//	# note: 12 of 16 layers            belongs to the benchmark line below it
//
// The only configuration line is "pkg: devicemap", the same in every file.
//
// # Meaning
//
// A metric that was not measured is absent, never 0; a 0 is a measured 0. Power
// figures are the vendor's on-die estimates: they compare the engines of one
// host. The names of units are in [Units], those of workloads in [Workloads].
package results
