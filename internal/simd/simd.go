// Package simd holds the float32 kernels of the embedded CPU engine, by
// instruction set: register tiles and packing for matrix products, and vector
// loops for everything else. The assembly is generated; `go generate` runs the
// generator, a module of its own in gen/.
//
// Every level computes the same functions. Kernels take slices and check
// nothing: the lengths that a doc comment asks for are the caller's duty.
package simd

import "github.com/klauspost/cpuid/v2"

//go:generate go -C gen run .

// Level is an instruction set that kernels exist for.
type Level uint8

// The levels. Portable is plain Go and runs everywhere.
const (
	Portable Level = iota
	NEON           // arm64
	AVX2           // amd64 with AVX2 and FMA
	AVX512         // amd64 with AVX-512 F, BW, DQ and VL
)

func (l Level) String() string { return [...]string{"Go", "NEON", "AVX2", "AVX-512"}[l] }

// needs lists what the processor must have for a level of this architecture;
// the operating system's support is part of each answer.
var needs = map[Level][]cpuid.FeatureID{
	NEON:   {cpuid.ASIMD},
	AVX2:   {cpuid.AVX2, cpuid.FMA3},
	AVX512: {cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL},
}

// Levels lists the levels that this machine runs, best first; Portable is
// always the last one.
func Levels() []Level {
	var can []Level
	for _, l := range built {
		if cpuid.CPU.Supports(needs[l]...) {
			can = append(can, l)
		}
	}
	return append(can, Portable)
}

// Best is the first of Levels.
func Best() Level { return Levels()[0] }
