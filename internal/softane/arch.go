package softane

import (
	"fmt"
	"strings"
)

// Arch is a compiler target, such as "h13" (M1) or "h16s" (M4 Max).
type Arch string

// The plain targets of the chips M1 to M5.
const (
	H13 Arch = "h13"
	H14 Arch = "h14"
	H15 Arch = "h15"
	H16 Arch = "h16"
	H17 Arch = "h17"
)

// Archs lists the plain targets, oldest first.
func Archs() []Arch { return []Arch{H13, H14, H15, H16, H17} }

// chip is what programs can notice of an architecture.
// Source: published limits; the A15 row is interpolated from its neighbours.
type chip struct {
	arch Arch
	tier string // the family that shares limits: A13 to A16
	// maxAxis bounds every axis but the channel axis of rank 4 (65536).
	maxAxis int
	// maxKernelWidth bounds the filter width of convolutions.
	maxKernelWidth int
	// maxTransposeAxis bounds the axes of a transpose and of its operand.
	maxTransposeAxis int
	// trig: sin and cos are native. texture: affine is.
	trig, texture bool
	// narrowSlice: a slice or crop with an offset on the last axis turns
	// |v| > 4094 into infinities.
	narrowSlice bool
}

// maxChannels bounds axis 1 of a rank-4 tensor on every chip.
const maxChannels = 65536

var tiers = map[string]chip{
	"h13": {tier: "A13", maxAxis: 16384, maxKernelWidth: 13, maxTransposeAxis: 8388607, narrowSlice: true},
	"h14": {tier: "A14", maxAxis: 16384, maxKernelWidth: 13, maxTransposeAxis: 8388607, narrowSlice: true, texture: true},
	"h15": {tier: "A15", maxAxis: 16384, maxKernelWidth: 13, maxTransposeAxis: 8388607, narrowSlice: true, texture: true, trig: true},
	"h16": {tier: "A16", maxAxis: 65536, maxKernelWidth: 15, maxTransposeAxis: 16777215, texture: true, trig: true},
	"h17": {tier: "A16", maxAxis: 65536, maxKernelWidth: 15, maxTransposeAxis: 16777215, texture: true, trig: true},
}

// chipOf finds the chip of a target: a generation and an optional letter for
// the number of cores.
func chipOf(a Arch) (chip, error) {
	name := string(a)
	if len(name) == 4 && strings.ContainsRune("gscad", rune(name[3])) {
		name = name[:3]
	}
	c, ok := tiers[name]
	if !ok {
		return chip{}, fmt.Errorf("softane: architecture %q is not known: use one of %v, or such with the suffix g, s, c, a or d", a, Archs())
	}
	c.arch = a
	return c, nil
}

// bundle is the name of the directory that a compile leaves in its cache. The
// published names are H13C.bundle and H17S.bundle; which letter a plain target
// gets is not, so C stands for it.
func (c chip) bundle() string {
	name := strings.ToUpper(string(c.arch))
	if len(name) == 3 {
		name += "C"
	}
	return name + ".bundle"
}
