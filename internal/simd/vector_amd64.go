package simd

var (
	avx512Vector = assembled(AVX512, (*Vector).setAVX512)
	avx2Vector   = assembled(AVX2, (*Vector).setAVX2)
)

func vectorOf(l Level) *Vector {
	switch l {
	case AVX512:
		return &avx512Vector
	case AVX2:
		return &avx2Vector
	}
	return nil
}
