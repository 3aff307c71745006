package simd

var neonVector = assembled(NEON, (*Vector).setNEON)

func vectorOf(l Level) *Vector {
	if l == NEON {
		return &neonVector
	}
	return nil
}
