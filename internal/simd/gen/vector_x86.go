package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vectors writes the kernels for AVX-512 and AVX2.
func vectors(a asm) {
	maskTable(a)
	pool := constantPool(a, vectorKernels)
	for _, k := range vectorKernels {
		for _, v := range []vector{zmm, ymm} {
			newLoop(a, v, k, pool).write()
		}
	}
}

// constantPool writes every constant of the kernels, repeated to the width of a
// YMM register, and gives their addresses. AVX-512 reads one copy and spreads it.
func constantPool(a asm, kernels []kernel) map[uint32]operand.Mem {
	at := map[uint32]operand.Mem{}
	base := a.StaticGlobal("constant")
	a.DataAttributes(attr.RODATA | attr.NOPTR)
	take := func(bits uint32) {
		if _, ok := at[bits]; ok {
			return
		}
		from := 32 * len(at)
		at[bits] = base.Offset(from)
		for i := range 8 {
			a.AddDatum(from+4*i, operand.U32(bits))
		}
	}
	take(bias)
	take(minusInf)
	take(plusInf)
	for _, k := range kernels {
		for _, o := range k.record().ops {
			if o.kind == constant {
				take(o.imm)
			}
		}
	}
	return at
}

const (
	bias     = 127 // of a float32's exponent
	plusInf  = 0x7f800000
	minusInf = 0xff800000
)

// loop is one kernel on its way to assembly.
type loop struct {
	asm
	vector
	k     kernel
	b     *body
	last  []int // last use of each value
	pool  map[uint32]operand.Mem
	slice map[string]reg.Register // base addresses
	index reg.Register            // of the first value of the round
	left  reg.Register            // values that are left
	fixed []reg.Register          // parameters
	sums  [][2]reg.VecVirtual     // per copy: accumulators; the second one of float64 only
	tail  reg.Register            // mask of the tail; nil in whole vectors
	past  bool                    // store past the caches
}

func newLoop(a asm, v vector, k kernel, pool map[uint32]operand.Mem) *loop {
	b := k.record()
	l := &loop{asm: a, vector: v, k: k, b: b, last: b.lastUse(), pool: pool, slice: map[string]reg.Register{}}
	if v.lanes == 8 && len(b.ops) > 8 { // half as many registers
		l.k.unroll = max(1, k.unroll/2)
	}
	return l
}

func (l *loop) new() reg.VecVirtual {
	if l.lanes == 16 {
		return l.ZMM()
	}
	return l.YMM()
}

// half is the register of half l's width with the low half of r.
func (l *loop) half(r reg.Register) reg.Register {
	if l.lanes == 16 {
		return r.(reg.Vec).AsY()
	}
	return r.(reg.Vec).AsX()
}

func (l *loop) write() {
	l.text(l.k.function(l.suffix), l.k.signature)
	for _, name := range append([]string{l.k.out, l.k.wide}, l.k.in...) {
		if name != "" && l.slice[name] == nil {
			l.slice[name] = l.Load(l.Param(name).Base(), l.GP64())
		}
	}
	l.left = l.Load(l.Param(l.k.count).Len(), l.GP64())
	l.index = l.GP64()
	l.XORQ(l.index, l.index)
	for _, name := range l.k.params {
		l.fixed = append(l.fixed, l.parameter(name))
	}
	l.open()
	if l.k.stream {
		l.align()
	}
	l.past = l.k.stream
	l.rounds("round", l.k.unroll)
	l.past = false
	if l.k.unroll > 1 {
		l.rounds("single", 1)
	}
	l.TESTQ(l.left, l.left)
	l.JE(operand.LabelRef("done"))
	l.maskTail()
	l.round(1)
	l.Label("done")
	l.result()
	l.VZEROUPPER()
	l.RET()
}

// parameter spreads a parameter over all lanes. Array elements carry their
// index in the name.
func (l *loop) parameter(name string) reg.Register {
	var c = l.Param(name[:1])
	if len(name) == 3 && name[1] == '_' {
		c = c.Index(int(name[2] - '0'))
	} else {
		c = l.Param(name)
	}
	addr, err := c.Resolve()
	if err != nil {
		panic(err)
	}
	r := l.new()
	l.VBROADCASTSS(addr.Addr, r)
	return r
}

// rounds loops over copies vectors at a time while there are as many.
func (l *loop) rounds(label string, copies int) {
	step := operand.I32(copies * l.lanes)
	l.CMPQ(l.left, step)
	l.JLT(operand.LabelRef(label + "End"))
	l.Label(label)
	l.round(copies)
	l.ADDQ(step, l.index)
	l.SUBQ(step, l.left)
	l.CMPQ(l.left, step)
	l.JGE(operand.LabelRef(label))
	l.Label(label + "End")
}

// align does one vector and moves on to the first boundary in dst, so that the
// stores past the caches, which only the rounds of several vectors use, are
// aligned. Those kernels may compute a value twice.
func (l *loop) align() {
	l.CMPQ(l.left, operand.I32(2*l.lanes))
	l.JLT(operand.LabelRef("aligned"))
	l.round(1)
	to := l.GP64()
	l.MOVQ(l.slice[l.k.out], to)
	l.NEGQ(to)
	l.ANDQ(operand.I32(4*l.lanes-1), to)
	l.SHRQ(operand.U8(2), to)
	l.ADDQ(to, l.index)
	l.SUBQ(to, l.left)
	l.Label("aligned")
}

// maskTail makes the mask of the values that are left, fewer than a vector.
func (l *loop) maskTail() {
	if l.lanes == 16 {
		bits, k := l.GP32(), l.K()
		l.MOVL(operand.U32(0xffff), bits)
		l.MOVQ(l.left, reg.RCX)
		l.SHLL(reg.CL, bits)
		l.NOTL(bits)
		l.KMOVW(bits, k)
		l.tail = k
		return
	}
	l.tail = l.YMM()
	at, from := l.GP64(), l.GP64()
	l.LEAQ(operand.NewDataAddr(operand.NewStaticSymbol("mask"), 64), at)
	l.MOVQ(l.left, from)
	l.NEGQ(from)
	l.VMOVUPS(operand.Mem{Base: at, Index: from, Scale: 4}, l.tail)
}

// address is vector i of the round in a slice of float32.
func (l *loop) address(name string, i int) operand.Mem {
	return operand.Mem{Base: l.slice[name], Index: l.index, Scale: 4, Disp: 4 * i * l.lanes}
}

// round emits the body for copies vectors, operation by operation, so that
// independent ones are side by side.
func (l *loop) round(copies int) {
	vals := make([][]reg.Register, copies)
	for i := range vals {
		vals[i] = make([]reg.Register, len(l.b.ops))
	}
	e := &emitter{loop: l, spread: map[uint32]reg.Register{}}
	if l.k.wide != "" {
		l.loadWide(copies)
	}
	for at, o := range l.b.ops {
		for i := range copies {
			e.vals, e.copy, e.at = vals[i], i, at
			if o.kind != constant {
				vals[i][at] = e.emit(o)
			}
		}
	}
	if l.k.wide != "" {
		l.storeWide(copies)
	}
}
