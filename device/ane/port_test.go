package ane

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/e5rt"
)

func TestPackCountsWhatDoesNotFit(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	tests := []struct {
		name   string
		dtype  e5rt.DType
		host   []float32
		want   []byte
		beyond int
	}{
		{"halves", e5rt.FP16, []float32{1, -2, 65504, 0x1p-24}, []byte{0, 0x3c, 0, 0xc0, 0xff, 0x7b, 1, 0}, 0},
		{"halves beyond", e5rt.FP16, []float32{65520, -1e9, inf}, []byte{0, 0x7c, 0, 0xfc, 0, 0x7c}, 2},
		{"bytes", e5rt.UInt8, []float32{0, 255, 0.5, 1.5}, []byte{0, 255, 0, 2}, 0},
		{"bytes beyond", e5rt.UInt8, []float32{-1, 256, nan, inf, -inf}, []byte{0, 255, 0, 255, 0}, 5},
	}
	for _, tt := range tests {
		p := newPort(e5rt.PortSpec{DType: tt.dtype}, make([]byte, len(tt.host)*tt.dtype.Size()))
		copy(p.host, tt.host)
		if got := p.pack(); got != tt.beyond {
			t.Errorf("%s: %d values beyond, want %d", tt.name, got, tt.beyond)
		}
		require.Equal(t, tt.want, p.view, tt.name)
	}
}

func TestSentinel(t *testing.T) {
	p := newPort(e5rt.PortSpec{DType: e5rt.FP16}, make([]byte, 6))
	p.mark()
	require.Equal(t, 3, p.marked())
	p.unpack()
	for i, v := range p.host {
		if v == v {
			t.Errorf("sentinel %d reads %g, want NaN", i, v)
		}
	}
	p.view[3] = 0
	require.Equal(t, 2, p.marked())
}

func TestTarget(t *testing.T) {
	for brand, want := range map[string]string{
		"Apple M1": "h13", "Apple M2 Pro": "h14", "Apple M3 Max": "h15", "Apple M4": "h16", "Apple M5": "h17",
		"Intel(R) Core(TM) i9": "h13", "Apple processor": "h13", "": "h13",
	} {
		if got := (host{brand: brand}).target(""); got != want {
			t.Errorf("target of %q = %s, want %s", brand, got, want)
		}
	}
	require.Equal(t, "h15", host{brand: "Apple M1"}.target("h15"))
}
