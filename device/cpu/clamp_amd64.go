package cpu

import "github.com/klauspost/cpuid/v2"

// clampLanes is the number of values that one step of clampLowLanes takes.
const clampLanes = 16

// clampLowLanes is
//
//	for i := range n { dst[i] = max(x[i], low) }
//
// for n a positive multiple of clampLanes, with −0 as 0. The compiled loop took
// 2.2 times as long on 2^26 values (EPYC, Zen 4, Go 1.26): Go's max of floats
// needs several instructions per value on amd64, and no vector ones.
//
//go:noescape
func clampLowLanes(dst, x *float32, n int, low float32)

// clampLowHead clamps what the vector loop can and returns how many values
// that was.
func clampLowHead(dst, x []float32, low float32) (done int) {
	n := min(len(dst), len(x)) / clampLanes * clampLanes
	if n == 0 || !cpuid.CPU.Supports(cpuid.AVX) {
		return 0
	}
	clampLowLanes(&dst[0], &x[0], n, low)
	return n
}
