package simd

func matrixOf(l Level) *Matrix {
	switch l {
	case AVX512:
		return &avx512Matrix
	case AVX2:
		return &avx2Matrix
	}
	return nil
}

var avx512Matrix = Matrix{
	Level: AVX512, MR: 14, NR: 32, Tile: tileAVX512,
	PackA: packer(14,
		func(dst, src []float32, lane, lanes, k int) { turnAVX512(dst, src, 14, lane, lanes, 14, k) },
		func(dst, src []float32, depth, lanes, k int) { copyAVX512(dst, src, 14, depth, lanes, k) }),
	PackB: packer(32,
		func(dst, src []float32, lane, lanes, k int) {
			turnAVX512(dst, src, 32, lane, min(lanes, 16), 16, k)
			turnAVX512(dst[16:], src[half(16, lane, lanes):], 32, lane, max(lanes-16, 0), 16, k)
		},
		func(dst, src []float32, depth, lanes, k int) { copyAVX512(dst, src, 32, depth, lanes, k) }),
}

var avx2Matrix = Matrix{
	Level: AVX2, MR: 6, NR: 16, Tile: tileAVX2,
	PackA: packer(6, func(dst, src []float32, lane, lanes, k int) { turn6AVX2(dst, src, 6, lane, lanes, k) }, copy6AVX2),
	PackB: packer(16,
		func(dst, src []float32, lane, lanes, k int) {
			turn8AVX2(dst, src, 16, lane, min(lanes, 8), k)
			turn8AVX2(dst[8:], src[half(8, lane, lanes):], 16, lane, max(lanes-8, 0), k)
		},
		copy16AVX2),
}

// packer packs slivers of width lanes with turn where the lanes are contiguous
// along depth, with beside where they are contiguous among themselves, and
// with a plain loop elsewhere.
func packer(width int, turn func(dst, src []float32, lane, lanes, k int), beside func(dst, src []float32, depth, lanes, k int),
) func(dst, src []float32, lane, depth, lanes, k int) {
	return func(dst, src []float32, lane, depth, lanes, k int) {
		switch {
		case k == 0:
		case depth == 1:
			turn(dst, src, lane, lanes, k)
		case lane == 1:
			beside(dst, src, depth, lanes, k)
		default:
			pack(dst, width, src, lane, depth, lanes, k)
		}
	}
}

// half is where lane n begins, or any lane does when there are not so many:
// it is then read but not used.
func half(n, lane, lanes int) int {
	if lanes > n {
		return n * lane
	}
	return 0
}

// The tiles are Matrix.Tile.

//go:noescape
func tileAVX512(k int, a, b, c []float32, ldc, rows, cols int, add bool)

//go:noescape
func tileAVX2(k int, a, b, c []float32, ldc, rows, cols int, add bool)

// The turn functions write lanes that are contiguous along depth:
// dst[p·width + i] = src[i·lane + p] for i < lanes and p < k, and zeros for
// the lanes up to the number they store (turnAVX512: store ≤ 16; the others:
// their number). k is positive.

//go:noescape
func turnAVX512(dst, src []float32, width, lane, lanes, store, k int)

//go:noescape
func turn6AVX2(dst, src []float32, width, lane, lanes, k int)

//go:noescape
func turn8AVX2(dst, src []float32, width, lane, lanes, k int)

// The copy functions write lanes that are contiguous among themselves:
// dst[p·width + i] = src[p·depth + i] for i < lanes and p < k, and zeros for
// the lanes up to width. k is positive.

//go:noescape
func copyAVX512(dst, src []float32, width, depth, lanes, k int)

//go:noescape
func copy6AVX2(dst, src []float32, depth, lanes, k int)

//go:noescape
func copy16AVX2(dst, src []float32, depth, lanes, k int)
