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
	PackA: func(dst, src []float32, lane, depth, lanes, k int) {
		switch {
		case k == 0:
		case depth == 1:
			turnAVX512(dst, src, 14, lane, lanes, 14, k)
		case lane == 1:
			copyAVX512(dst, src, 14, depth, lanes, k)
		default:
			pack(dst, 14, src, lane, depth, lanes, k)
		}
	},
	PackB: func(dst, src []float32, lane, depth, lanes, k int) {
		switch {
		case k == 0:
		case depth == 1:
			turnAVX512(dst, src, 32, lane, min(lanes, 16), 16, k)
			turnAVX512(dst[16:], src[half(16, lane, lanes):], 32, lane, max(lanes-16, 0), 16, k)
		case lane == 1:
			copyAVX512(dst, src, 32, depth, lanes, k)
		default:
			pack(dst, 32, src, lane, depth, lanes, k)
		}
	},
}

var avx2Matrix = Matrix{
	Level: AVX2, MR: 6, NR: 16, Tile: tileAVX2,
	PackA: func(dst, src []float32, lane, depth, lanes, k int) {
		switch {
		case k == 0:
		case depth == 1:
			turn6AVX2(dst, src, 6, lane, lanes, k)
		case lane == 1:
			copy6AVX2(dst, src, depth, lanes, k)
		default:
			pack(dst, 6, src, lane, depth, lanes, k)
		}
	},
	PackB: func(dst, src []float32, lane, depth, lanes, k int) {
		switch {
		case k == 0:
		case depth == 1:
			turn8AVX2(dst, src, 16, lane, min(lanes, 8), k)
			turn8AVX2(dst[8:], src[half(8, lane, lanes):], 16, lane, max(lanes-8, 0), k)
		case lane == 1:
			copy16AVX2(dst, src, depth, lanes, k)
		default:
			pack(dst, 16, src, lane, depth, lanes, k)
		}
	},
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
