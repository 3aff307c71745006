package main

import (
	"cmp"
	"slices"
	"strings"
)

// NEON's vector loops. A kernel is a loop over several vectors at a time, one
// over single vectors, then at most one pass of two lanes and one of a single
// lane, in which whatever stands in the other lanes is computed and not used.

const (
	neonRegisters = 32
	neonSuffix    = "NEON"
)

// neonVector writes the vector loops, and the constants of all of them.
func neonVector(a *neon) {
	var table constantTable
	for _, k := range vectorKernels {
		if !k.stream { // the architecture has no store past the caches
			neonKernel(a, k, &table)
		}
	}
	table.write(a)
}

// constantTable holds each constant once, in all four lanes.
type constantTable []uint32

// offset is where the constant stands, in bytes.
func (t *constantTable) offset(bits uint32) int {
	i := slices.Index(*t, bits)
	if i < 0 {
		i = len(*t)
		*t = append(*t, bits)
	}
	return 16 * i
}

func (t constantTable) write(a *neon) {
	a.printf("\n")
	for i, c := range t {
		for half := range 2 {
			a.printf("DATA constants<>+%d(SB)/8, $0x%08X%08X\n", 16*i+8*half, c, c)
		}
	}
	a.printf("GLOBL constants<>(SB), RODATA|NOPTR, $%d\n", 16*len(t))
}

// The general registers of a kernel: the result, the count, the constants, the
// float64 values, a scratch register, and the inputs from inBase on.
const (
	outReg, countReg, tableReg, wideReg, scratchReg, inBase = 0, 1, 2, 3, 4, 5
)

// neonLoop is a kernel being written. Registers are taken in the order of the
// operations; one is free again after the last operation that reads its value.
type neonLoop struct {
	*neon
	k     kernel
	ops   []operation
	last  []int // operation after which a value is not needed
	table *constantTable

	lanes, copies int           // of the pass being written
	at            [][]int       // registers of the values, one for each copy
	held          map[value]int // parameters and constants that stay in a register
	sums          [][]int       // of each copy, the registers that a reduction adds to

	used []bool // registers in use
	peak int    // most of them in use at once
}

// neonKernel writes k: with as many vectors at a time as the registers allow,
// and as many constants in registers as they leave.
func neonKernel(a *neon, k kernel, table *constantTable) {
	b := lowered(k.record())
	newLoop := func(a *neon, copies, registers int) *neonLoop {
		return &neonLoop{neon: a, k: k, ops: b.ops, last: b.lastUse(), table: table, copies: copies, lanes: 4,
			held: map[value]int{}, used: make([]bool, registers)}
	}
	copies, spare := k.unroll, 0
	for ; ; copies /= 2 {
		var scratch neon
		trial := newLoop(&scratch, copies, 8*neonRegisters)
		trial.begin(0)
		trial.pass(4, copies)
		if spare = neonRegisters - trial.peak; spare >= 0 || copies == 1 {
			break
		}
	}
	newLoop(a, copies, neonRegisters).write(spare)
}

// write writes the whole function; spare constants stay in registers.
func (l *neonLoop) write(spare int) {
	l.function(l.k.function(neonSuffix), strings.TrimPrefix(l.k.signature, "func"), l.frame().size)
	l.begin(spare)
	l.eachVector(countReg, l.copies, l.pass)
	l.finish()
	l.op("RET")
}

// begin loads the arguments and what stays in registers.
func (l *neonLoop) begin(spare int) {
	f := l.frame()
	l.op("MOVD %s_len+%d(FP), R%d", l.k.count, f.at[l.k.count]+8, countReg)
	pointer := func(slice string, r int) {
		if slice != "" {
			l.op("MOVD %s_base+%d(FP), R%d", slice, f.at[slice], r)
		}
	}
	pointer(l.k.out, outReg)
	pointer(l.k.wide, wideReg)
	for i, in := range l.k.in {
		pointer(in, inBase+i)
	}
	if slices.ContainsFunc(l.ops, func(o operation) bool { return o.kind == constant }) {
		l.op("MOVD $constants<>(SB), R%d", tableReg)
	}
	for i, o := range l.ops {
		if o.kind == param {
			name := l.k.params[o.imm]
			l.held[value(i)] = l.take()
			l.op("MOVWU %s+%d(FP), R%d", name, f.at[name], scratchReg)
			l.op("VDUP R%d, V%d.S4", scratchReg, l.held[value(i)])
		}
	}
	for _, v := range l.favourites(spare) {
		l.held[v] = l.take()
		l.constant(v, l.held[v])
	}
	l.beginSums()
}

// favourites lists up to n constants, those first whose loads cost most. One
// that starts a sum of products is copied anyway, for which a load is as good.
func (l *neonLoop) favourites(n int) []value {
	uses := map[value]int{}
	for _, o := range l.ops {
		for i, v := range o.args {
			if l.ops[v].kind == constant && !(i == 2 && (o.kind == fma || o.kind == fnma)) {
				uses[v]++
			}
		}
	}
	var all []value
	for v := range uses {
		all = append(all, v)
	}
	slices.SortFunc(all, func(v, w value) int { return cmp.Or(uses[w]-uses[v], int(v-w)) })
	return all[:min(max(n, 0), len(all))]
}

func (l *neonLoop) frame() frame { return frameOf(l.k.signature) }

// constant loads the constant v.
func (l *neonLoop) constant(v value, r int) {
	l.op("FMOVQ %d(R%d), F%d", l.table.offset(l.ops[v].imm), tableReg, r)
}

// take reserves a register, the lowest one that is free.
func (l *neonLoop) take() int {
	r := slices.Index(l.used, false)
	if r < 0 {
		l.fail("%s: more than %d registers", l.k.name, len(l.used))
		return 0
	}
	l.used[r] = true
	n := 0
	for _, u := range l.used {
		if u {
			n++
		}
	}
	l.peak = max(l.peak, n)
	return r
}

func (l *neonLoop) release(r int) { l.used[r] = false }

// pass writes the body for some vectors of 4, 2 or 1 lanes, and steps on.
func (l *neonLoop) pass(lanes, copies int) {
	l.lanes, l.copies = lanes, copies
	l.at = make([][]int, len(l.ops))
	l.loadWide()
	for i, o := range l.ops {
		if o.kind != param && o.kind != constant {
			l.operation(value(i), o)
		}
	}
	l.storeWide()
	for i := range l.k.in {
		l.op("ADD $%d, R%d", 4*lanes*copies, inBase+i)
	}
	if l.k.out != "" {
		l.op("ADD $%d, R%d", 4*lanes*copies, outReg)
	}
}
