package main

import "fmt"

// The register tile: 8 rows of 3 vectors are 24 sums in V8 to V31, which
// leaves V0, V1 for a column of the left sliver and V2 to V4 for a row of the
// right one.
const (
	neonRows    = 8
	neonVectors = 3
	neonLanes   = 4
)

// neonMatrix writes the register tiles and the packing of matrix products.
func neonMatrix(a *neon) {
	for vectors := neonVectors; vectors > 0; vectors-- {
		neonTile(a, vectors)
	}
	for _, vectors := range []int{2, 3} {
		neonPackLanes(a, vectors)
	}
	neonPackDepths(a)
}

// sum is the register of row i, vector j of the tile.
func sum(i, j int) int { return 8 + neonVectors*i + j }

// list spells n registers from first.
func list(first, n int) string {
	text := ""
	for i := range n {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("V%d.S4", first+i)
	}
	return "[" + text + "]"
}

// neonTile writes the tile of the first 4·vectors columns. The results'
// row stride is given in values; rows counts from 1 to 8.
func neonTile(a *neon, vectors int) {
	a.function(fmt.Sprintf("tile%d", vectors*neonLanes), "(k int, a, b, c []float32, ldc, rows int, add bool)", 97)
	a.op("MOVD k+0(FP), R0")
	a.op("MOVD a_base+8(FP), R1")
	a.op("MOVD b_base+32(FP), R2")
	a.op("MOVD c_base+56(FP), R3")
	a.op("MOVD ldc+80(FP), R4")
	a.op("MOVD rows+88(FP), R5")
	a.op("MOVBU add+96(FP), R6")
	a.op("LSL $2, R4")
	a.op("SUB $1, R5, R7")
	a.op("MADD R4, R3, R7, R3") // the last row; rows are stored upwards
	a.op("MOVD $%d, R8", 4*neonRows)
	a.op("MOVD $%d, R9", 4*neonLanes*neonVectors)
	for rows := neonRows; rows > 1; rows-- {
		a.op("CMP $%d, R5", rows)
		a.op("BEQ rows%d", rows)
	}
	for rows := 1; rows <= neonRows; rows++ {
		neonDepths(a, rows, vectors)
	}
	neonStore(a, vectors, "store", false)
	neonStore(a, vectors, "add", true)
}

// neonDepths writes the loop over the depth for one count of rows.
func neonDepths(a *neon, rows, vectors int) {
	a.label("rows%d", rows)
	for i := range rows {
		for j := range vectors {
			r := sum(i, j)
			a.op("VEOR V%d.B16, V%d.B16, V%d.B16", r, r, r)
		}
	}
	a.op("CBZ R0, done%d", rows)
	a.label("depth%d", rows)
	left := 1
	if rows > neonLanes {
		left = 2
	}
	a.op("VLD1.P (R1)(R8), %s", list(0, left))
	a.op("VLD1.P (R2)(R9), %s", list(2, vectors))
	for i := range rows {
		for j := range vectors {
			a.fmlaElement(sum(i, j), 2+j, i/neonLanes, i%neonLanes)
		}
	}
	a.op("SUBS $1, R0")
	a.op("BNE depth%d", rows)
	a.label("done%d", rows)
	a.op("CBNZ R6, add%d", rows)
	a.op("B store%d", rows)
}

// neonStore writes what follows the loops: rows from the last one upwards,
// entered at the label of their count.
func neonStore(a *neon, vectors int, name string, add bool) {
	for rows := neonRows; rows > 0; rows-- {
		a.label("%s%d", name, rows)
		if add {
			a.op("VLD1 (R3), %s", list(0, vectors))
			for j := range vectors {
				a.word("fadd", sum(rows-1, j), j, sum(rows-1, j))
			}
		}
		a.op("VST1 %s, (R3)", list(sum(rows-1, 0), vectors))
		if rows > 1 {
			a.op("SUB R4, R3")
		}
	}
	a.op("RET")
}

// neonPackLanes writes the packing of a sliver whose lanes are contiguous in
// the matrix: one copy of a row each depth.
func neonPackLanes(a *neon, vectors int) {
	a.function(fmt.Sprintf("packLanes%d", vectors*neonLanes), "(dst, src []float32, depth, k int)", 64)
	a.op("MOVD dst_base+0(FP), R0")
	a.op("MOVD src_base+24(FP), R1")
	a.op("MOVD depth+48(FP), R2")
	a.op("MOVD k+56(FP), R3")
	a.op("LSL $2, R2")
	a.op("CBZ R3, done")
	a.label("loop")
	a.op("VLD1 (R1), %s", list(0, vectors))
	a.op("ADD R2, R1")
	a.op("VST1.P %s, %d(R0)", list(0, vectors), 4*neonLanes*vectors)
	a.op("SUBS $1, R3")
	a.op("BNE loop")
	a.label("done")
	a.op("RET")
}

// neonPackDepths writes the packing of four lanes whose depths are contiguous
// in the matrix: transposes of 4×4 values. k is a multiple of 4.
func neonPackDepths(a *neon) {
	a.function("packDepths", "(dst, src []float32, width, lane, k int)", 72)
	a.op("MOVD dst_base+0(FP), R0")
	a.op("MOVD src_base+24(FP), R1")
	a.op("MOVD width+48(FP), R5")
	a.op("MOVD lane+56(FP), R6")
	a.op("MOVD k+64(FP), R7")
	a.op("LSL $2, R5")
	a.op("LSL $2, R6")
	for i := 2; i <= 4; i++ {
		a.op("ADD R6, R%d, R%d", i-1, i)
	}
	a.op("CBZ R7, done")
	a.label("loop")
	for i := range 4 {
		a.op("VLD1.P 16(R%d), [V%d.S4]", 1+i, i)
	}
	// V4..V7 hold lanes in pairs of depths, V0..V3 the depths.
	for i := range 2 {
		a.op("VTRN1 V%d.S4, V%d.S4, V%d.S4", 2*i+1, 2*i, 4+2*i)
		a.op("VTRN2 V%d.S4, V%d.S4, V%d.S4", 2*i+1, 2*i, 5+2*i)
	}
	for i := range 2 {
		a.op("VTRN1 V%d.D2, V%d.D2, V%d.D2", 6+i, 4+i, i)
		a.op("VTRN2 V%d.D2, V%d.D2, V%d.D2", 6+i, 4+i, 2+i)
	}
	for i := range 4 {
		a.op("VST1 [V%d.S4], (R0)", i)
		a.op("ADD R5, R0")
	}
	a.op("SUBS $4, R7")
	a.op("BNE loop")
	a.label("done")
	a.op("RET")
}
