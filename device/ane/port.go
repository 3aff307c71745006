package ane

import (
	"math"

	"devicemap/internal/e5rt"
	"devicemap/internal/fp16"
)

// port joins a host buffer of float32 values to the device's buffer, packed
// and row-major.
type port struct {
	name  string
	dtype e5rt.DType
	host  []float32 // [elems]
	view  []byte    // of the device's buffer; nil once that is gone
}

func newPort(s e5rt.PortSpec, view []byte) port {
	return port{s.Name, s.DType, make([]float32, len(view)/s.DType.Size()), view}
}

// pack converts the host values into the device's buffer, rounding to nearest
// even, and counts those beyond the device's range: they become infinities, or
// the nearest byte. A NaN for a byte port counts too.
func (p *port) pack() (beyond int) {
	if p.dtype == e5rt.UInt8 {
		return packBytes(p.view, p.host)
	}
	return fp16.EncodeLE(p.view, p.host)
}

func packBytes(dst []byte, src []float32) (beyond int) {
	for i, x := range src {
		r := math.RoundToEven(float64(x))
		switch {
		case r > 255:
			beyond, r = beyond+1, 255
		case !(r >= 0): // NaN too
			beyond, r = beyond+1, 0
		}
		dst[i] = byte(r)
	}
	return beyond
}

// unpack converts the device's buffer to host values.
func (p *port) unpack() { fp16.DecodeLE(p.host, p.view) }

// sentinel is a NaN that no arithmetic of the device makes, as two bytes of
// little-endian fp16.
const sentinelLow, sentinelHigh = 0xa5, 0xfd

// mark fills the device's buffer with the sentinel.
func (p *port) mark() {
	for i := 0; i+1 < len(p.view); i += 2 {
		p.view[i], p.view[i+1] = sentinelLow, sentinelHigh
	}
}

// marked counts the values that still hold the sentinel.
func (p *port) marked() (n int) {
	for i := 0; i+1 < len(p.view); i += 2 {
		if p.view[i] == sentinelLow && p.view[i+1] == sentinelHigh {
			n++
		}
	}
	return n
}

// infinities counts the infinite host values and gives the index of the first.
func infinities(v []float32) (n, first int) {
	for i, x := range v {
		if math.IsInf(float64(x), 0) {
			if n == 0 {
				first = i
			}
			n++
		}
	}
	return n, first
}

// largest is the greatest finite magnitude of v.
func largest(v []float32) (m float64) {
	for _, x := range v {
		if a := math.Abs(float64(x)); a > m && !math.IsInf(a, 0) {
			m = a
		}
	}
	return m
}
