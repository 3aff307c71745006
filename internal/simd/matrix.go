package simd

// Matrix is what a matrix product is made of at one level: a register tile of
// MR×NR results, and the packing of its operands into slivers.
//
// A sliver holds width lanes k-major: element (lane i, depth p) is at
// p·width + i, for a width of MR (left operand) or NR (right operand). Lanes
// beyond the matrix are zero.
type Matrix struct {
	Level  Level
	MR, NR int
	// Tile is c = a·b, or c += a·b with add, for slivers a [k, MR] and b
	// [k, NR]. It reads and writes only the first rows ≤ MR rows and
	// cols ≤ NR columns of c, whose rows are ldc values apart. k may be 0.
	Tile func(k int, a, b, c []float32, ldc, rows, cols int, add bool)
	// PackA writes a sliver of MR lanes from lanes ≤ MR lanes of src:
	// dst[p·MR + i] = src[i·lane + p·depth] for p < k. Steps of 1 in either
	// direction are fast; any others work.
	PackA func(dst, src []float32, lane, depth, lanes, k int)
	// PackB is PackA for NR lanes.
	PackB func(dst, src []float32, lane, depth, lanes, k int)
}

// MatrixFor is the kernels of l, which must be one of Levels.
func MatrixFor(l Level) *Matrix {
	if m := matrixOf(l); m != nil {
		return m
	}
	return &portableMatrix
}

var portableMatrix = Matrix{
	Level: Portable, MR: 4, NR: 4, Tile: tile4x4,
	PackA: func(dst, src []float32, lane, depth, lanes, k int) { pack(dst, 4, src, lane, depth, lanes, k) },
	PackB: func(dst, src []float32, lane, depth, lanes, k int) { pack(dst, 4, src, lane, depth, lanes, k) },
}

// tile4x4 keeps the sixteen sums in registers.
func tile4x4(k int, a, b, c []float32, ldc, rows, cols int, add bool) {
	var s [4][4]float32
	for p := range k {
		x, y := a[4*p:4*p+4:4*p+4], b[4*p:4*p+4:4*p+4]
		for i, v := range x {
			for j, w := range y {
				s[i][j] += v * w
			}
		}
	}
	for i := range rows {
		row := c[i*ldc : i*ldc+cols]
		for j := range row {
			if add {
				row[j] += s[i][j]
			} else {
				row[j] = s[i][j]
			}
		}
	}
}

// pack writes one sliver of width lanes.
func pack(dst []float32, width int, src []float32, lane, depth, lanes, k int) {
	for p := range k {
		row := dst[p*width : (p+1)*width]
		for i := range lanes {
			row[i] = src[i*lane+p*depth]
		}
		clear(row[lanes:])
	}
}
