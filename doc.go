// Package devicemap races one graph on every compute engine of a host (CPU,
// GPU, Apple Neural Engine) and tells which engine wins which class of work,
// by latency and per watt.
//
// It is a benchmark suite: the measurements of the paper "Apple Neural Engine:
// Architecture, Programming, and Performance" (arXiv:2606.22283) as Go
// benchmarks. All code that runs is in the tests of this package:
//
//	go test -bench DeviceMap -benchtime 6s
//
// # Claim, command, result
//
//	claim                                        command                   published
//	E01 the winner depends on the workload       go test -bench DeviceMap  results/M1.txt, M2.txt, M5.txt
//	E02 peaks; the Neural Engine's GEMM falls    -bench Saturation         results/M5.txt
//	E03 the activation path's bandwidth          -bench Bandwidth          results/M5.txt
//	E04 the batch at which the GPU overtakes     -bench Serving            results/M5.txt
//	E05 one roofline explains the map            -bench Roofline           results/M5.txt
//	E06 the weight path's bandwidth              -bench GEMV               results/M5.txt
//	E16 magnitudes at which fp16 goes wrong      -bench NumericCliffs
//
// go run ./cmd/devicemap reproduce runs them all with the published windows;
// with -list it prints the table with full commands. The other measurements to
// E17 join it as they are built.
//
// # Protocol of one arm
//
// An arm is one workload on one engine in one arithmetic. It is compiled and
// run once against the float64 reference (a wrong answer fails the arm and is
// never timed), then called W times untimed and R times timed (the minimum is
// min-ns/op), then looped for -benchtime inside one power window (ns/op,
// throughput, power, throughput per watt). Only the window feeds power figures.
//
// The flags of the suite are listed by go test -args -h; see bench_test.go.
package devicemap
