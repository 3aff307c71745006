package amx

import (
	"math"
	"unsafe"
)

// Half rounds to bf16, to nearest even. NaN stays NaN. Finite values beyond the
// range become infinite.
func Half(v float32) uint16 {
	bits := math.Float32bits(v)
	if v != v {
		return 0x7FC0
	}
	return uint16((bits + 0x7FFF + bits>>16&1) >> 16)
}

// Halves is scratch memory as bf16 values, two for each float32.
func Halves(scratch []float32) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(scratch))), 2*len(scratch))
}

// PackRows writes a panel in rows form from lanes ≤ 32 lanes that are
// contiguous along the depth: lane i is src[i·stride:][:k].
func PackRows(dst []uint16, src []float32, stride, lanes, k int) {
	dst = dst[:Steps(k)*StepElems]
	if k == 0 {
		return
	}
	for i := range lanes {
		packRow(dst[i*Depth:], src[i*stride:][:k])
	}
	for s := 0; lanes < Lanes && s < len(dst); s += StepElems {
		clear(dst[s+lanes*Depth : s+StepElems])
	}
}

// PackPairs writes a panel in pairs form from depth × lanes ≤ 32 values that
// are contiguous along the lanes: those at depth p are src[p·stride:][:lanes].
func PackPairs(dst []uint16, src []float32, stride, lanes, k int) {
	dst = dst[:Steps(k)*StepElems]
	if k == 0 {
		return
	}
	src = src[:(k-1)*stride+lanes]
	packPairs(dst, src, stride, lanes, k)
}

// Turn changes a panel's form.
func Turn(panel []uint16) {
	var at [16]int
	for i := range at {
		at[i] = i * Depth
	}
	for ; len(panel) >= StepElems/2; panel = panel[StepElems/2:] {
		Gather(panel[:StepElems/2], panel, &at, Depth)
	}
}

// Gather writes the half of a step in pairs form that 16 lanes make: n ≤ 32
// values of lane i, contiguous along the depth, are at src[at[i]:]. Values
// beyond n are zero. dst [512] may overlap src.
func Gather(dst, src []uint16, at *[16]int, n int) {
	dst = dst[:StepElems/2]
	for _, o := range at {
		_ = src[o : o+n]
	}
	gather(dst, src, at, n)
}
