package fp16

// lanes is the number of values that one step of the vector loops converts.
const lanes = 16

// vector reports whether the processor has the instructions of the loops:
// FCVTN and FCVTL are part of base Armv8-A.
func vector() bool { return true }
