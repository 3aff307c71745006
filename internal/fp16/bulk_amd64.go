package fp16

import "github.com/klauspost/cpuid/v2"

// lanes is the number of values that one step of the vector loops converts.
const lanes = 16

// vector reports whether the processor has the instructions of the loops.
func vector() bool { return cpuid.CPU.Supports(cpuid.F16C, cpuid.AVX2) }
