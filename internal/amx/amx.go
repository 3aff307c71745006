// Package amx multiplies bf16 matrices with float32 sums on the tile unit of
// Intel's processors (AMX, since Sapphire Rapids).
//
// # Panels
//
// Operands are packed in panels of 32 lanes: rows of the left operand, columns
// of the right one. A panel is a sequence of steps of 32 values of depth, 1024
// values each, in one of two forms. Element (lane i, depth p) is in step p/32 at
//
//	rows form:  32·i + p%32
//	pairs form: 512·(i/16) + 32·(p%32/2) + 2·(i%16) + p%2
//
// The left operand is in rows form, the right one in pairs form. A step is two
// tiles, each 16×16 pairs of values, and one form is the other with these two
// transposed. Lanes and depth beyond the matrix are zero.
//
// # State
//
// Tiles belong to the OS thread. A call configures them, computes, stores and
// releases them, so that it is safe in any goroutine.
//
// # What was tested where
//
// The kernel's assembly was written without a processor that has AMX: its
// encodings are held to a disassembler, and its instructions run on the tile
// unit that package tile models. On a processor with AMX the same tests run
// the assembly itself.
package amx

import (
	"errors"
	"fmt"
	"sync"
)

//go:generate go test -run TestAssembly -update

// Sizes of a panel.
const (
	Lanes     = 32 // rows of the left operand, columns of the right one
	Depth     = 32 // values of depth of one step
	StepElems = Lanes * Depth
)

// ErrUnavailable wraps the reason why there is no kernel.
var ErrUnavailable = fmt.Errorf("amx: %w", errors.ErrUnsupported)

// Kernel is c = a·b, or c += a·b with add, of one panel a in rows form with
// panels b in pairs form:
//
//	a [steps·1024]
//	b: panel j is b[j·stride:][:steps·1024]
//	c [32, 32·panels] with rows ldc values apart
//
// steps and panels are at least 1. Denormal values count as zero. A call of
// 32 panels and 64 steps takes about 60 µs; longer ones delay the garbage
// collector.
type Kernel func(c []float32, ldc int, a, b []uint16, steps, panels, stride int, add bool)

// Open is the kernel of this processor. The first call asks Linux for the
// permission to use tiles, which holds for the process.
var Open = sync.OnceValues(open)

// Steps is the number of steps that depth k takes.
func Steps(k int) int { return (k + Depth - 1) / Depth }

// Panels is the number of panels that n lanes take.
func Panels(n int) int { return (n + Lanes - 1) / Lanes }

// features is what the processor and the system say about AMX.
type features struct {
	avx512, tile, bf16 bool   // CPUID 7.0
	xcr0               uint64 // state that the system saves
	palette            [3]int // CPUID 1D.1: tiles, rows, bytes per row
}

// lacking says why the kernel cannot run with f, or nil.
func (f features) lacking() error {
	const tileState = 3 << 17
	switch {
	case !f.tile || !f.bf16:
		return fmt.Errorf("%w: the processor has no bf16 tiles (AMX)", ErrUnavailable)
	case !f.avx512:
		return fmt.Errorf("%w: the processor has no AVX-512, which packs the operands", ErrUnavailable)
	case f.xcr0&tileState != tileState:
		return fmt.Errorf("%w: the system does not save tiles: XCR0 is %#x, want bits 17 and 18; use Linux 5.16 or later",
			ErrUnavailable, f.xcr0)
	case f.palette != [3]int{8, 16, 64}:
		return fmt.Errorf("%w: palette 1 has %d tiles of %d rows of %d bytes, want 8 of 16 of 64",
			ErrUnavailable, f.palette[0], f.palette[1], f.palette[2])
	}
	return nil
}
