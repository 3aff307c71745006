package ane

import (
	"math"
	"strings"
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
	tests := []struct {
		brand, override, arch string
		known                 bool
	}{
		{"Apple M1", "", "h13", true}, {"Apple M2 Pro", "", "h14", true}, {"Apple M3 Max", "", "h15", true},
		{"Apple M4", "", "h16", true}, {"Apple M5", "", "h17", true}, {"Apple M1", "h15", "h15", true},
		{"Apple M99", "", "h13", false}, {"Apple M0", "", "h13", false}, {"Apple processor", "", "h13", false}, {"", "", "h13", false},
	}
	for _, tt := range tests {
		h := host{brand: tt.brand, build: "25C56"}
		arch, known := h.target(tt.override)
		if arch != tt.arch || known != tt.known {
			t.Errorf("target of %q with override %q = %s, %t, want %s, %t", tt.brand, tt.override, arch, known, tt.arch, tt.known)
		}
		if noted := strings.Contains(h.name(known), "not known"); noted == known {
			t.Errorf("name of %q = %q", tt.brand, h.name(known))
		}
	}
}
