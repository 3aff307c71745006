//go:build !amd64 && !arm64

package simd

// built lists the levels with assembly for this architecture: none.
var built []Level

func matrixOf(Level) *Matrix { return nil }

func vectorOf(Level) *Vector { return nil }
