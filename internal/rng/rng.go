// Package rng reproduces the random streams of NumPy's default_rng bit for
// bit: SeedSequence, the PCG64 generator and the 256-level ziggurat for
// standard normals. Every input and weight of the suite is drawn from it, so
// that other programs can rebuild them from a seed.
//
// # Exactness
//
// Products are rounded before they are added (float64(a*b) + c), because Go
// may otherwise fuse them on some processors and change the last bit.
//
// Sources: M. E. O'Neill, "PCG: A Family of Simple Fast Space-Efficient
// Statistically Good Algorithms for Random Number Generation", HMC-CS-2014-0905;
// G. Marsaglia and W. W. Tsang, "The Ziggurat Method for Generating Random
// Variables", J. Stat. Soft. 5(8), 2000; NumPy's documentation of SeedSequence.
package rng

import (
	"math"
	"math/bits"
)

// Source is one stream of numbers. It is not safe for concurrent use.
type Source struct {
	hi, lo       uint64 // state of the 128-bit linear congruential generator
	incHi, incLo uint64 // its increment, odd
	zig          *ziggurat
}

// The multiplier of PCG64 (O'Neill, PCG_DEFAULT_MULTIPLIER_128).
const (
	multHi = 0x2360ed051fc65da4
	multLo = 0x4385df649fccf645
)

// New starts the stream of numpy.random.default_rng(seed).
func New(seed uint64) *Source {
	words := []uint32{uint32(seed)}
	if seed >= 1<<32 {
		words = append(words, uint32(seed>>32))
	}
	w := seedSequence(words)
	s := &Source{zig: normalZiggurat()}
	s.incHi, s.incLo = w[2]<<1|w[3]>>63, w[3]<<1|1
	s.step()
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, w[1], 0)
	s.hi, _ = bits.Add64(s.hi, w[0], carry)
	s.step()
	return s
}

// step is state = state·multiplier + increment modulo 2^128.
func (s *Source) step() {
	s.hi, s.lo = next(s.hi, s.lo, s.incHi, s.incLo)
}

func next(hi, lo, incHi, incLo uint64) (uint64, uint64) {
	h, l := bits.Mul64(lo, multLo)
	h += hi*multLo + lo*multHi
	l, carry := bits.Add64(l, incLo, 0)
	h, _ = bits.Add64(h, incHi, carry)
	return h, l
}

// output is the XSL-RR permutation of a state.
func output(hi, lo uint64) uint64 { return bits.RotateLeft64(hi^lo, -int(hi>>58)) }

// Uint64 is the next raw word.
func (s *Source) Uint64() uint64 {
	s.step()
	return output(s.hi, s.lo)
}

// uniform is the next number in [0, 1), of 53 bits.
func (s *Source) uniform() float64 { return float64(s.Uint64()>>11) * 0x1p-53 }

// Normal is the next standard normal.
func (s *Source) Normal() float64 {
	for {
		x, ok := s.fromWord(s.Uint64())
		if ok {
			return x
		}
	}
}

// fromWord turns a raw word into a normal. It draws more words where the
// ziggurat needs them, and reports false where the word is rejected.
//
// The word holds the level in bits 0–7, the sign in bit 8, the magnitude in
// bits 9–60.
func (s *Source) fromWord(r uint64) (float64, bool) {
	i := r & 0xff
	magnitude := r >> 9 & (1<<52 - 1)
	x := float64(magnitude) * s.zig.width[i]
	if r>>8&1 != 0 {
		x = -x
	}
	switch {
	case magnitude < s.zig.inside[i]:
		return x, true
	case i == 0:
		return s.tail(magnitude>>8&1 != 0), true
	}
	below, above := s.zig.density[i], s.zig.density[i-1]
	y := float64((above-below)*s.uniform()) + below
	return x, y < math.Exp(-0.5*x*x)
}

// tail draws from beyond the last level (Marsaglia's method).
func (s *Source) tail(negative bool) float64 {
	for {
		x := -invTailStart * log1mU(s.uniform())
		y := -log1mU(s.uniform())
		if y+y > x*x {
			if negative {
				return -(tailStart + x)
			}
			return tailStart + x
		}
	}
}

// Normals are the next n standard normals.
func (s *Source) Normals(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = s.Normal()
	}
	return out
}

// Float32s draws n values float32(offset + scale·normal); product and sum are
// float64.
func (s *Source) Float32s(n int, scale, offset float64) []float32 {
	out := make([]float32, n)
	s.Fill(out, scale, offset)
	return out
}

// Fill is [Source.Float32s] into out. The generator's state stays in registers
// over the common case, a word inside its level.
func (s *Source) Fill(out []float32, scale, offset float64) {
	zig := s.zig
	hi, lo, incHi, incLo := s.hi, s.lo, s.incHi, s.incLo
	for i := range out {
		hi, lo = next(hi, lo, incHi, incLo)
		r := output(hi, lo)
		level, magnitude := r&0xff, r>>9&(1<<52-1)
		x := float64(magnitude) * zig.width[level]
		x = math.Float64frombits(math.Float64bits(x) | r<<55&(1<<63)) // the sign is bit 8
		if magnitude >= zig.inside[level] {
			s.hi, s.lo = hi, lo
			var ok bool
			if x, ok = s.fromWord(r); !ok {
				x = s.Normal()
			}
			hi, lo = s.hi, s.lo
		}
		out[i] = float32(offset + float64(scale*x))
	}
	s.hi, s.lo = hi, lo
}
