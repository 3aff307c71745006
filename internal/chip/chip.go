// Package chip knows the Neural Engine families: what a program can notice of
// the silicon it is compiled for.
//
// The A13, A14 and A16 rows are published measurements; A15 is interpolated
// from its neighbours (spec/ane.md 6.1 and 6.5 of the project's
// specification). No figure was taken by this project.
package chip

import (
	"fmt"
	"strings"
)

// MaxChannels bounds axis 1 of a rank-4 tensor on every chip.
const MaxChannels = 65536

// Chip is what programs can notice of an architecture.
type Chip struct {
	Arch string // compiler target, such as "h13" or "h16s"
	Tier string // the family that shares limits: A13 to A16
	// MaxAxis bounds every axis but the channel axis of rank 4.
	MaxAxis int
	// MaxKernelWidth bounds the filter width of convolutions.
	MaxKernelWidth int
	// MaxTransposeAxis bounds the axes of a transpose and of its operand.
	MaxTransposeAxis int
	Trig             bool // sin and cos are native
	Texture          bool // affine is
	// NarrowSlice: a slice or crop with an offset on the last axis turns
	// |v| > 4094 into infinities.
	NarrowSlice bool
}

var tiers = map[string]Chip{
	"h13": {Tier: "A13", MaxAxis: 16384, MaxKernelWidth: 13, MaxTransposeAxis: 8388607, NarrowSlice: true},
	"h14": {Tier: "A14", MaxAxis: 16384, MaxKernelWidth: 13, MaxTransposeAxis: 8388607, NarrowSlice: true, Texture: true},
	"h15": {Tier: "A15", MaxAxis: 16384, MaxKernelWidth: 13, MaxTransposeAxis: 8388607, NarrowSlice: true, Texture: true, Trig: true},
	"h16": {Tier: "A16", MaxAxis: 65536, MaxKernelWidth: 15, MaxTransposeAxis: 16777215, Texture: true, Trig: true},
	"h17": {Tier: "A16", MaxAxis: 65536, MaxKernelWidth: 15, MaxTransposeAxis: 16777215, Texture: true, Trig: true},
	"h18": {Tier: "A16", MaxAxis: 65536, MaxKernelWidth: 15, MaxTransposeAxis: 16777215, Texture: true, Trig: true},
}

// Archs lists the plain targets of the chips M1 to M5, oldest first.
func Archs() []string { return []string{"h13", "h14", "h15", "h16", "h17"} }

// Of is the chip of a compiler target: a generation and an optional letter
// for the number of cores.
func Of(arch string) (Chip, error) {
	name := arch
	if len(name) == 4 && strings.ContainsRune("gscad", rune(name[3])) {
		name = name[:3]
	}
	c, ok := tiers[name]
	if !ok {
		return Chip{}, fmt.Errorf("chip: architecture %q is not known: use one of %v, or such with the suffix g, s, c, a or d", arch, Archs())
	}
	c.Arch = arch
	return c, nil
}

func (c Chip) String() string { return c.Tier + " (" + c.Arch + ")" }
