package main

// neonShift writes the kernels over shifted rows.
func neonShift(a *neon) {
	neonGather(a)
	neonTaps(a, "weigh", "(dst, src []float32, at []int, w []float32, start float32, add bool)", 101, neonTap{
		begin: func() {
			a.op("MOVD w_base+72(FP), R5")
			a.op("MOVWU start+96(FP), R6")
			a.op("MOVBU add+100(FP), R7")
			a.op("VDUP R6, V31.S4")
		},
		start: func(lanes, copies int) {
			a.op("MOVD R5, R10")
			for c := range copies {
				a.op("VORR V31.B16, V31.B16, V%d.B16", c)
			}
			a.op("CBZ R7, tap%d", lanes*copies)
			for c := range copies {
				a.op("%s %d(R0), F%d", neonMove(lanes), 16*c, c)
			}
		},
		tap:  func() { a.op("VLD1R.P 4(R10), [V30.S4]") },
		join: func(c, x int) { a.op("VFMLA V%d.S4, V30.S4, V%d.S4", x, c) },
	})
	neonTaps(a, "top", "(dst, src []float32, at []int)", 72, neonTap{
		begin: func() {
			a.op("MOVD $0xff800000, R6") // −∞
			a.op("VDUP R6, V31.S4")
		},
		start: func(_, copies int) {
			for c := range copies {
				a.op("VORR V31.B16, V31.B16, V%d.B16", c)
			}
		},
		tap:  func() {},
		join: func(c, x int) { a.word("fmax", c, c, x) },
	})
}

// neonGather writes the copy of n ≤ 15 values to each row; at least one row.
func neonGather(a *neon) {
	a.function("gather"+neonSuffix, "(dst, src []float32, at []int, from, n, width int)", 96)
	a.op("MOVD dst_base+0(FP), R0")
	a.op("MOVD src_base+24(FP), R1")
	a.op("MOVD at_base+48(FP), R4")
	a.op("MOVD at_len+56(FP), R5")
	a.op("MOVD from+72(FP), R8")
	a.op("MOVD n+80(FP), R2")
	a.op("MOVD width+88(FP), R3")
	a.op("ADD R8<<2, R1")
	a.op("LSL $2, R3")
	a.label("row")
	a.op("MOVD R0, R6")
	a.op("MOVD.P 8(R4), R7")
	a.op("ADD R7<<2, R1, R7")
	a.op("TBZ $3, R2, four")
	a.op("VLD1.P 32(R7), %s", list(0, 2))
	a.op("VST1.P %s, 32(R6)", list(0, 2))
	for _, part := range []struct {
		bit         int
		label, next string
	}{{2, "four", "two"}, {1, "two", "one"}, {0, "one", "next"}} {
		lanes := 1 << part.bit
		a.label("%s", part.label)
		a.op("TBZ $%d, R2, %s", part.bit, part.next)
		a.op("%s.P %d(R7), F0", neonMove(lanes), 4*lanes)
		a.op("%s.P F0, %d(R6)", neonMove(lanes), 4*lanes)
	}
	a.label("next")
	a.op("ADD R3, R0")
	a.op("SUBS $1, R5")
	a.op("BNE row")
	a.op("RET")
}

// neonTap is what a kernel does with a vector c of results: begin loads its
// arguments, start sets the results of a pass, tap prepares a tap, and join
// adds the tap's values x.
type neonTap struct {
	begin func()
	start func(lanes, copies int)
	tap   func()
	join  func(c, x int)
}

// neonTaps writes a kernel that computes dst from the same stretch of src at
// each of at least one tap, four vectors at a time.
func neonTaps(a *neon, name, signature string, args int, t neonTap) {
	const copies = 4
	a.function(name+neonSuffix, signature, args)
	a.op("MOVD dst_base+0(FP), R0")
	a.op("MOVD dst_len+8(FP), R1")
	a.op("MOVD src_base+24(FP), R2")
	a.op("MOVD at_base+48(FP), R3")
	a.op("MOVD at_len+56(FP), R4")
	t.begin()
	a.eachVector(1, copies, func(lanes, copies int) {
		a.op("MOVD R3, R8")
		a.op("MOVD R4, R9")
		t.start(lanes, copies)
		a.label("tap%d", lanes*copies)
		a.op("MOVD.P 8(R8), R11")
		a.op("ADD R11<<2, R2, R11")
		t.tap()
		for c := range copies {
			a.op("%s %d(R11), F%d", neonMove(lanes), 16*c, 16+c)
			t.join(c, 16+c)
		}
		a.op("SUBS $1, R9")
		a.op("BNE tap%d", lanes*copies)
		for c := range copies {
			a.op("%s F%d, %d(R0)", neonMove(lanes), c, 16*c)
		}
		a.op("ADD $%d, R0", 4*lanes*copies)
		a.op("ADD $%d, R2", 4*lanes*copies)
	})
	a.op("RET")
}
