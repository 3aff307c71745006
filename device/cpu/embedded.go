package cpu

import (
	"fmt"

	"devicemap/internal/amx"
	"devicemap/internal/simd"
)

// embeddedKernels are the kernels of one instruction set; what it lacks is
// the portable set's.
func embeddedKernels(l simd.Level) *kernels {
	k := gonumKernels()
	k.useVector(l)
	t := hostTiles(l)
	k.gemm, k.multiplier = t.gemm, t.multiplier
	k.conv = t.conv(simd.Shift{Level: l})
	k.attention = t.attention(simd.VectorFor(l))
	k.pool = pools(simd.Shift{Level: l}, simd.VectorFor(l))
	return k
}

// openEmbedded takes the best instruction set of this machine. A machine with
// none of them uses the next library.
func openEmbedded(int) (*library, error) {
	best := simd.Best()
	if best == simd.Portable {
		return nil, fmt.Errorf("this processor has none of the instruction sets that it is written for")
	}
	lib := &library{name: "embedded", version: fmt.Sprintf("embedded %v", best),
		kernels: embeddedKernels(best), close: func() error { return nil }}
	if multiply, err := amx.Open(); err == nil && best == simd.AVX512 {
		lib.version += ", AMX for bf16"
		lib.bf16 = bf16Kernels(lib.kernels, multiply)
	}
	return lib, nil
}
