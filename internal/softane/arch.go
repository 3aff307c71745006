package softane

import (
	"fmt"
	"slices"
	"strings"

	"devicemap/internal/chip"
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

// target is the chip that programs are compiled for.
type target struct{ chip.Chip }

// chipOf finds the chip of a target: a generation and an optional letter for
// the number of cores.
func chipOf(a Arch) (target, error) {
	c, err := chip.Of(string(a))
	if err != nil || !slices.Contains(Archs(), a[:3]) { // no silicon later than H17 was described
		return target{}, fmt.Errorf("softane: architecture %q is not known: use one of %v, or such with the suffix g, s, c, a or d", a, Archs())
	}
	return target{c}, nil
}

// bundle is the name of the directory that a compile leaves in its cache. The
// published names are H13C.bundle and H17S.bundle; which letter a plain target
// gets is not, so C stands for it.
func (c target) bundle() string {
	name := strings.ToUpper(c.Arch)
	if len(name) == 3 {
		name += "C"
	}
	return name + ".bundle"
}
