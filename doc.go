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
//	claim                                    command                         published
//	E01 the winner depends on the workload   go test -bench DeviceMap        results/M1.txt, M2.txt, M5.txt
//
// The measurements E02 to E17 join this table as they are built.
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
