package simd

const (
	neonMR = 8
	neonNR = 12
)

var neonMatrix = Matrix{
	Level: NEON, MR: neonMR, NR: neonNR, Tile: tileNEON,
	PackA: func(dst, src []float32, lane, depth, lanes, k int) {
		if lane == 1 && lanes == neonMR {
			packLanes8(dst, src, depth, k)
			return
		}
		packNEON(dst, neonMR, src, lane, depth, lanes, k)
	},
	PackB: func(dst, src []float32, lane, depth, lanes, k int) {
		if lane == 1 && lanes == neonNR {
			packLanes12(dst, src, depth, k)
			return
		}
		packNEON(dst, neonNR, src, lane, depth, lanes, k)
	},
}

func matrixOf(l Level) *Matrix {
	if l == NEON {
		return &neonMatrix
	}
	return nil
}

// tileNEON computes as many vectors of columns as cols reaches into; a
// partial tile goes through a scratch tile.
func tileNEON(k int, a, b, c []float32, ldc, rows, cols int, add bool) {
	if cols == neonNR {
		tile12(k, a, b, c, ldc, rows, add)
		return
	}
	var edge [neonMR * neonNR]float32
	switch {
	case cols > 8:
		tile12(k, a, b, edge[:], neonNR, rows, false)
	case cols > 4:
		tile8(k, a, b, edge[:], neonNR, rows, false)
	default:
		tile4(k, a, b, edge[:], neonNR, rows, false)
	}
	for i := range rows {
		row, part := c[i*ldc:i*ldc+cols], edge[i*neonNR:]
		for j := range row {
			if add {
				row[j] += part[j]
			} else {
				row[j] = part[j]
			}
		}
	}
}

// packNEON transposes blocks of 4×4 values where depths are contiguous, and
// leaves the rest to pack.
func packNEON(dst []float32, width int, src []float32, lane, depth, lanes, k int) {
	const block = 4
	if depth != 1 || k < block || lanes < block {
		pack(dst, width, src, lane, depth, lanes, k)
		return
	}
	whole := k / block * block
	i := 0
	for ; i+block <= lanes; i += block {
		packDepths(dst[i:], src[i*lane:], width, lane, whole)
	}
	for p := range whole {
		row := dst[p*width : (p+1)*width]
		for j := i; j < lanes; j++ {
			row[j] = src[j*lane+p]
		}
		clear(row[lanes:])
	}
	pack(dst[whole*width:], width, src[whole:], lane, depth, lanes, k-whole)
}

// The register tiles: c = a·b, or c += a·b, for the first rows of slivers a
// [k, 8] and b [k, 12] and as many columns as the name says.

//go:noescape
func tile12(k int, a, b, c []float32, ldc, rows int, add bool)

//go:noescape
func tile8(k int, a, b, c []float32, ldc, rows int, add bool)

//go:noescape
func tile4(k int, a, b, c []float32, ldc, rows int, add bool)

// packLanes8 is PackA for 8 lanes one apart.
//
//go:noescape
func packLanes8(dst, src []float32, depth, k int)

// packLanes12 is PackB for 12 lanes one apart.
//
//go:noescape
func packLanes12(dst, src []float32, depth, k int)

// packDepths packs 4 lanes of a sliver of any width whose depths are one
// apart; k is a multiple of 4.
//
//go:noescape
func packDepths(dst, src []float32, width, lane, k int)
