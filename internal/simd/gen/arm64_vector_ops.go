package main

// neonWriter is how one kind of operation is written: d is the register of the
// result, x are those of the operands, c is the number of the copy.
type neonWriter struct {
	write func(l *neonLoop, o operation, d int, x []int, c int)
	// overwritten is the operand that d holds before the instruction, or −1.
	overwritten int
	noValue     bool // there is no result, and no d
}

// neonWriters has every kind but param and constant, which are in registers
// before they are read, and times2to, which lowered replaces.
var neonWriters = map[kind]neonWriter{
	input: plain(func(l *neonLoop, o operation, d int, _ []int, c int) {
		l.op("%s %d(R%d), F%d", neonMove(l.lanes), 16*c, inBase+int(o.imm), d)
	}),
	store: {noValue: true, overwritten: -1, write: func(l *neonLoop, _ operation, _ int, x []int, c int) {
		l.op("%s F%d, %d(R%d)", neonMove(l.lanes), x[0], 16*c, outReg)
	}},

	add:     inWord("fadd"),
	sub:     inWord("fsub"),
	mul:     inWord("fmul"),
	div:     inWord("fdiv"),
	lower:   inWord("fmin"), // NaN where either is
	higher:  inWord("fmax"), // NaN where either is
	sqrt:    inWord("fsqrt"),
	nearest: inWord("frintn"),
	floor:   inWord("frintm"),
	ceil:    inWord("frintp"),
	toInt:   inWord("fcvtns"),
	fromInt: inWord("scvtf"),
	equal:   inWord("fcmeq"),

	less:      plain(func(l *neonLoop, _ operation, d int, x []int, _ int) { l.word("fcmgt", d, x[1], x[0]) }),
	lessEqual: plain(func(l *neonLoop, _ operation, d int, x []int, _ int) { l.word("fcmge", d, x[1], x[0]) }),
	notNumber: plain(func(l *neonLoop, _ operation, d int, x []int, _ int) {
		l.word("fcmeq", d, x[0], x[0])
		l.word("mvn", d, d)
	}),
	left: plain(func(l *neonLoop, o operation, d int, x []int, _ int) {
		l.op("VSHL $%d, V%d.S4, V%d.S4", o.imm, x[0], d)
	}),
	right:    plain(func(l *neonLoop, o operation, d int, x []int, _ int) { l.sshr(d, x[0], int(o.imm)) }),
	signMask: plain(func(l *neonLoop, _ operation, d int, x []int, _ int) { l.sshr(d, x[0], 31) }),

	and:    inGo("VAND V%[2]d.B16, V%[1]d.B16, V%[3]d.B16"),
	or:     inGo("VORR V%[2]d.B16, V%[1]d.B16, V%[3]d.B16"),
	xor:    inGo("VEOR V%[2]d.B16, V%[1]d.B16, V%[3]d.B16"),
	addInt: inGo("VADD V%[2]d.S4, V%[1]d.S4, V%[3]d.S4"),
	subInt: inGo("VSUB V%[2]d.S4, V%[1]d.S4, V%[3]d.S4"),

	fma:    {overwritten: 2, write: goFormat("VFMLA V%[2]d.S4, V%[1]d.S4, V%[4]d.S4")},
	fnma:   {overwritten: 2, write: goFormat("VFMLS V%[2]d.S4, V%[1]d.S4, V%[4]d.S4")},
	choose: {overwritten: 0, write: goFormat("VBSL V%[3]d.B16, V%[2]d.B16, V%[4]d.B16")},

	total:    {noValue: true, overwritten: -1, write: (*neonLoop).addSum},
	products: {noValue: true, overwritten: -1, write: (*neonLoop).addSum},
	largest:  {noValue: true, overwritten: -1, write: extremeOf("fmax")},
	smallest: {noValue: true, overwritten: -1, write: extremeOf("fmin")},
}

func plain(write func(l *neonLoop, o operation, d int, x []int, c int)) neonWriter {
	return neonWriter{write: write, overwritten: -1}
}

// inWord is an instruction of the table of words.
func inWord(name string) neonWriter {
	return plain(func(l *neonLoop, _ operation, d int, x []int, _ int) { l.word(name, d, x...) })
}

// inGo is an instruction that the Go assembler has, of the operands' registers
// and then the result's.
func inGo(format string) neonWriter { return plain(goFormat(format)) }

func goFormat(format string) func(l *neonLoop, o operation, d int, x []int, c int) {
	return func(l *neonLoop, _ operation, d int, x []int, _ int) {
		var regs []any
		for _, r := range append(x, d) {
			regs = append(regs, r)
		}
		l.op(format, regs...)
	}
}

// lowered replaces x·2^y, with n the integer y, by x·2^(n−h)·2^h for h = n/2
// rounded down. Both powers are normal for |n| ≤ 252; the first product is
// exact unless it is subnormal itself.
func lowered(b *body) *body {
	to := new(body)
	at := make([]value, len(b.ops))
	for i, o := range b.ops {
		var args []value
		for _, v := range o.args {
			args = append(args, at[v])
		}
		switch o.kind {
		case constant:
			at[i] = to.bits(o.imm)
		case times2to:
			n := to.op(toInt, args[1])
			h := to.imm(right, 1, n)
			power := func(n value) value { return to.op(addInt, to.imm(left, 23, n), to.c(1)) }
			at[i] = to.mul(to.mul(args[0], power(to.op(subInt, n, h))), power(h))
		default:
			at[i] = to.imm(o.kind, o.imm, args...)
		}
	}
	return to
}

// operation writes one operation for all copies.
func (l *neonLoop) operation(v value, o operation) {
	w := neonWriters[o.kind]
	if w.write == nil {
		l.fail("%s: no instruction for operation %d of the machine", l.k.name, o.kind)
		return
	}
	loaded := l.loadConstants(o, w)
	for c := range l.copies {
		x := make([]int, len(o.args))
		own := -1 // register that the result may take over
		for i, arg := range o.args {
			r, shared := loaded[arg]
			dies := !shared && l.last[arg] == int(v)
			switch {
			case shared:
			case l.ops[arg].kind == constant: // only one that is overwritten is not loaded yet
				r, dies = l.take(), true
				l.constant(arg, r)
			default:
				r = l.at[arg][c]
			}
			if x[i] = r; dies && (w.overwritten < 0 || w.overwritten == i) {
				own = r
			}
		}
		d := l.result(w, x, own)
		w.write(l, o, d, x, c)
		for _, arg := range o.args {
			if l.last[arg] == int(v) && l.at[arg] != nil && l.at[arg][c] != d {
				l.release(l.at[arg][c])
			}
		}
		l.at[v] = append(l.at[v], d)
	}
	for arg, r := range loaded {
		if _, ok := l.held[arg]; !ok {
			l.release(r)
		}
	}
}

// loadConstants gives the registers of the operands that all copies share:
// parameters, and constants, which are loaded here unless they stay in a
// register. One that would be overwritten is left out.
func (l *neonLoop) loadConstants(o operation, w neonWriter) map[value]int {
	regs := map[value]int{}
	for i, arg := range o.args {
		if r, ok := l.held[arg]; ok {
			regs[arg] = r
		} else if _, ok := regs[arg]; !ok && l.ops[arg].kind == constant && i != w.overwritten {
			regs[arg] = l.take()
			l.constant(arg, regs[arg])
		}
	}
	return regs
}

// result is the register of a result: own if there is one. An operand that the
// instruction overwrites is copied there if another operation needs it.
func (l *neonLoop) result(w neonWriter, x []int, own int) int {
	if w.noValue {
		return -1
	}
	if own >= 0 {
		return own
	}
	d := l.take()
	if i := w.overwritten; i >= 0 {
		l.op("VORR V%d.B16, V%d.B16, V%d.B16", x[i], x[i], d)
	}
	return d
}
