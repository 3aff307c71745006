package main

// neonSums is how a kind of reduction begins and ends: the value of nothing in
// all lanes, how two registers are joined, and how the lanes of one are.
var neonSums = map[kind]struct {
	registers int // of each copy
	none      uint32
	join      string
	lanes     string
	move      string
}{
	total:    {2, 0, "fadd.2d", "faddp.2d", "FMOVD"},
	products: {2, 0, "fadd.2d", "faddp.2d", "FMOVD"},
	largest:  {1, 0xff800000, "fmax", "fmaxv", "FMOVS"},
	smallest: {1, 0x7f800000, "fmin", "fminv", "FMOVS"},
}

// beginSums sets the registers of a reduction to nothing.
func (l *neonLoop) beginSums() {
	for _, o := range l.ops {
		s, ok := neonSums[o.kind]
		if !ok || l.k.wide != "" {
			continue
		}
		l.op("MOVD $0x%08X, R%d", s.none, scratchReg)
		l.sums = make([][]int, l.copies)
		for c := range l.sums {
			for range s.registers {
				r := l.take()
				l.op("VDUP R%d, V%d.S4", scratchReg, r)
				l.sums[c] = append(l.sums[c], r)
			}
		}
	}
}

// finish joins the registers of a reduction, whose number is a power of two,
// into the result.
func (l *neonLoop) finish() {
	for _, o := range l.ops {
		s, ok := neonSums[o.kind]
		if !ok || l.k.wide != "" {
			continue
		}
		var regs []int
		for _, r := range l.sums {
			regs = append(regs, r...)
		}
		for n := len(regs) / 2; n > 0; n /= 2 {
			for i := range n {
				l.word(s.join, regs[i], regs[i], regs[i+n])
			}
		}
		l.word(s.lanes, regs[0], regs[0])
		l.op("%s F%d, ret+%d(FP)", s.move, regs[0], l.frame().at["ret"])
	}
}

// addSum adds x[0], or the products of x[0] and x[1], to the copy's sums, in
// float64. Below four lanes the upper sum stays as it is, and a single lane is
// widened together with a zero.
func (l *neonLoop) addSum(o operation, _ int, x []int, c int) {
	for half, acc := range l.sums[c][:(l.lanes+1)/2] {
		t := l.widened(x[0], half)
		switch {
		case o.kind == total:
			l.word("fadd.2d", acc, acc, t)
		case x[1] == x[0]:
			l.op("VFMLA V%d.D2, V%d.D2, V%d.D2", t, t, acc)
		default:
			u := l.widened(x[1], half)
			l.op("VFMLA V%d.D2, V%d.D2, V%d.D2", t, u, acc)
			l.release(u)
		}
		l.release(t)
	}
}

// widened is one half of a vector in float64.
func (l *neonLoop) widened(x, half int) int {
	t := l.take()
	switch {
	case l.lanes == 1:
		l.op("FCVTSD F%d, F%d", x, t)
	case half == 1:
		l.word("fcvtl2", t, x)
	default:
		l.word("fcvtl", t, x)
	}
	return t
}

// extremeOf keeps the larger or smaller values; below four lanes, those that
// count are repeated over the others.
func extremeOf(word string) func(l *neonLoop, o operation, d int, x []int, c int) {
	return func(l *neonLoop, _ operation, _ int, x []int, c int) {
		r, acc := x[0], l.sums[c][0]
		if l.lanes < 4 {
			r = l.take()
			l.op("VDUP V%d.%s[0], V%d.%s", x[0], map[int]string{1: "S", 2: "D"}[l.lanes],
				r, map[int]string{1: "S4", 2: "D2"}[l.lanes])
			defer l.release(r)
		}
		l.word(word, acc, acc, r)
	}
}

// eachWide writes the moves of a pass's float64 values.
func (l *neonLoop) eachWide(move func(name string, offset, r int)) {
	name := "FMOVQ"
	if l.lanes == 1 {
		name = "FMOVD"
	}
	for c := range l.copies {
		for half, r := range l.sums[c] {
			move(name, 8*l.lanes*c+16*half, r)
		}
	}
}

// loadWide reads the float64 values that a pass adds to.
func (l *neonLoop) loadWide() {
	if l.k.wide == "" {
		return
	}
	l.sums = make([][]int, l.copies)
	for c := range l.sums {
		for range (l.lanes + 1) / 2 {
			l.sums[c] = append(l.sums[c], l.take())
		}
	}
	l.eachWide(func(name string, offset, r int) { l.op("%s %d(R%d), F%d", name, offset, wideReg, r) })
}

// storeWide writes them back.
func (l *neonLoop) storeWide() {
	if l.k.wide == "" {
		return
	}
	l.eachWide(func(name string, offset, r int) {
		l.op("%s F%d, %d(R%d)", name, r, offset, wideReg)
		l.release(r)
	})
	l.op("ADD $%d, R%d", 8*l.lanes*l.copies, wideReg)
}
