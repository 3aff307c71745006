package simd

// built lists the levels with assembly for this architecture, best first.
var built = []Level{AVX512, AVX2}
