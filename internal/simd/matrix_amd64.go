package simd

func matrixOf(Level) *Matrix { return nil }
