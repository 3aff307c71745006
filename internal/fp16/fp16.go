// Package fp16 converts between float32 and IEEE 754 binary16, one value or a
// whole slice at a time.
//
// Every conversion rounds to nearest, ties to even, through the subnormals.
// Values beyond the largest half become ±Inf; a NaN stays a NaN with its sign
// and the upper ten bits of its payload, made quiet.
//
// # Speed
//
// Slices go through F16C on amd64 and through FCVTN/FCVTL on arm64, where the
// processor has them, and through the scalar functions elsewhere. All routes
// give the same bits.
package fp16

import (
	"encoding/binary"
	"fmt"
	"math"
)

const (
	// Max is the largest finite half, (2 − 2⁻¹⁰)·2¹⁵.
	Max = 65504
	// Overflow is the smallest magnitude that rounds to infinity: half a unit
	// above Max.
	Overflow = 65520
	// MinNormal is the smallest normal half, 2⁻¹⁴.
	MinNormal = 0x1p-14
	// MinSubnormal is the smallest positive half, 2⁻²⁴.
	MinSubnormal = 0x1p-24
)

const (
	infBits32 = 0x7f800000
	// The float32 magnitudes in [overflowBits32, infBits32) are finite and
	// become infinite halves.
	overflowBits32 = 0x477ff000 // 65520
)

// Bits is the binary16 encoding of x.
func Bits(x float32) uint16 {
	b := math.Float32bits(x)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > infBits32:
		return sign | 0x7e00 | uint16(b>>13&0x3ff)
	case b >= overflowBits32:
		return sign | 0x7c00
	case b < 0x38800000: // below MinNormal: the unit is 2⁻²⁴ throughout
		// 0.5 has the unit 2⁻²⁴ in float32, so the addition rounds to it.
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-0x3f000000)
	}
	b += 0xfff + b>>13&1 // round to even; a carry moves into the exponent
	return sign | uint16((b-0x38000000)>>13)
}

// Float32 is the value of the half with encoding h, exactly.
func Float32(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	m := uint32(h & 0x7fff)
	switch {
	case m > 0x7c00:
		return math.Float32frombits(sign | 0x7fc00000 | m<<13)
	case m == 0x7c00:
		return math.Float32frombits(sign | infBits32)
	case m < 0x0400:
		v := float32(m) * MinSubnormal // exact; a subnormal half is a normal float32
		return math.Float32frombits(sign | math.Float32bits(v))
	}
	return math.Float32frombits(sign | (m<<13 + 0x38000000))
}

// Round is the half nearest to x, ties to even, as a float64. It rounds once:
// Float32(Bits(float32(x))) may round twice and differ in the last place.
func Round(x float64) float64 {
	a := math.Abs(x)
	switch {
	case a >= Overflow:
		return math.Copysign(math.Inf(1), x)
	case !(a > 0): // zero keeps its sign; NaN
		return x
	}
	// At 1.5·2⁵²·unit a float64 has the unit of the half, so that the sum
	// rounds to it and the difference is exact.
	exp := max(int(math.Float64bits(a)>>52)-1023, -14)
	shift := math.Float64frombits(uint64(exp-10+52+1023)<<52 | 1<<51)
	return math.Copysign(a+shift-shift, x)
}

// Encode writes the encodings of src to dst and counts the finite values that
// became infinite. It panics if dst is shorter than src.
func Encode(dst []uint16, src []float32) (overflows int) {
	checkRoom("Encode", len(dst), len(src))
	n, overflows := encodeWords(dst, src)
	for i := n; i < len(src); i++ {
		dst[i] = Bits(src[i])
		overflows += overflow(src[i])
	}
	return overflows
}

// EncodeLE is [Encode] into little-endian bytes, two per value.
func EncodeLE(dst []byte, src []float32) (overflows int) {
	checkRoom("EncodeLE", len(dst)/2, len(src))
	n, overflows := encodeBytes(dst, src)
	for i := n; i < len(src); i++ {
		binary.LittleEndian.PutUint16(dst[2*i:], Bits(src[i]))
		overflows += overflow(src[i])
	}
	return overflows
}

// Decode writes the values of src to dst. It panics if dst is shorter than src.
func Decode(dst []float32, src []uint16) {
	checkRoom("Decode", len(dst), len(src))
	for i := decodeWords(dst, src); i < len(src); i++ {
		dst[i] = Float32(src[i])
	}
}

// DecodeLE is [Decode] from little-endian bytes; len(src)/2 values are read.
func DecodeLE(dst []float32, src []byte) {
	n := len(src) / 2
	checkRoom("DecodeLE", len(dst), n)
	for i := decodeBytes(dst, src[:2*n]); i < n; i++ {
		dst[i] = Float32(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

func checkRoom(fn string, dst, src int) {
	if dst < src {
		panic(fmt.Sprintf("fp16: %s of %d values into room for %d", fn, src, dst))
	}
}

// overflow is 1 if x is finite and its half is not.
func overflow(x float32) int {
	if b := math.Float32bits(x) & 0x7fffffff; b >= overflowBits32 && b < infBits32 {
		return 1
	}
	return 0
}
