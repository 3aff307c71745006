package amx

import "github.com/klauspost/cpuid/v2"

// open detects first and asks for the permission last: without tiles no
// instruction of theirs is ever reached.
func open() (Kernel, error) {
	if err := detect().lacking(); err != nil {
		return nil, err
	}
	if err := permit(); err != nil {
		return nil, err
	}
	return run, nil
}

// detect reads leaf 7, XCR0 and leaf 1D. XGETBV needs OSXSAVE.
func detect() features {
	f := features{avx512: vector()}
	if max, _, _, _ := cpuidOf(0, 0); max < 0x1D || !cpuid.CPU.Has(cpuid.OSXSAVE) {
		return f
	}
	_, _, _, edx := cpuidOf(7, 0)
	f.bf16, f.tile = edx>>22&1 == 1, edx>>24&1 == 1
	f.xcr0 = xgetbv()
	_, ebx, ecx, _ := cpuidOf(0x1D, 1)
	f.palette = [3]int{int(ebx >> 16), int(ecx & 0xFFFF), int(ebx & 0xFFFF)}
	return f
}

// vector reports whether the packing's assembly runs here.
func vector() bool {
	return cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW)
}

// run checks the operands' sizes and calls the assembly.
func run(c []float32, ldc int, a, b []uint16, steps, panels, stride int, add bool) {
	if steps < 1 || panels < 1 || stride < 0 || ldc < panels*Lanes {
		panic("amx: steps, panels or strides out of range")
	}
	_ = a[steps*StepElems-1]
	_ = b[(panels-1)*stride+steps*StepElems-1]
	_ = c[(Lanes-1)*ldc+panels*Lanes-1]
	more := 0
	if add {
		more = 1
	}
	multiply(&a[0], &b[0], &c[0], 4*ldc, steps, panels, 2*stride, more)
}

// multiply is [tile.Multiply]: strides are in bytes.
//
//go:noescape
func multiply(a, b *uint16, c *float32, ldc, steps, panels, stride, add int)

// cpuidOf is the CPUID instruction.
func cpuidOf(leaf, sub uint32) (eax, ebx, ecx, edx uint32)

// xgetbv reads XCR0.
func xgetbv() uint64
