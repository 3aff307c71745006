package simd

// built lists the levels with assembly for this architecture.
var built = []Level{NEON}
