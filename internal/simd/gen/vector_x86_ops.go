package main

import (
	"fmt"
	"slices"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
	"github.com/mmcloughlin/avo/x86"
)

// emitter writes the operations of one round.
type emitter struct {
	*loop
	vals   []reg.Register // of the present copy
	copy   int
	at     int                     // index of the operation
	spread map[uint32]reg.Register // constants that were needed in a register
}

// twoForms has a form with registers (or memory as first operand) and one
// whose first operand is a value in memory that is spread over the lanes.
type twoForms struct{ plain, spread func(ops ...operand.Op) }

// two are the instructions of two operands in Go's order: the second operand,
// the first one, the destination. The bool marks commutative ones.
func (e *emitter) two(k kind) (i twoForms, commutes bool) {
	a := e.asm
	switch k {
	case add:
		return twoForms{a.VADDPS, a.VADDPS_BCST}, true
	case sub:
		return twoForms{a.VSUBPS, a.VSUBPS_BCST}, false
	case mul:
		return twoForms{a.VMULPS, a.VMULPS_BCST}, true
	case div:
		return twoForms{a.VDIVPS, a.VDIVPS_BCST}, false
	case lower:
		return twoForms{a.VMINPS, a.VMINPS_BCST}, false
	case higher:
		return twoForms{a.VMAXPS, a.VMAXPS_BCST}, false
	case and:
		return twoForms{a.VANDPS, a.VANDPS_BCST}, true
	case or:
		return twoForms{a.VORPS, a.VORPS_BCST}, true
	case xor:
		return twoForms{a.VXORPS, a.VXORPS_BCST}, true
	case addInt:
		return twoForms{a.VPADDD, a.VPADDD_BCST}, true
	case subInt:
		return twoForms{a.VPSUBD, a.VPSUBD_BCST}, false
	}
	panic(fmt.Sprintf("gen: operation %d has no instruction of two operands", k))
}

// predicates of VCMPPS: ordered and quiet; the second one with exchanged
// operands.
var predicates = map[kind][2]operand.U8{less: {0x11, 0x1e}, lessEqual: {0x12, 0x1d}, equal: {0, 0}}

// emit writes an operation and gives the register of its result.
func (e *emitter) emit(o operation) reg.Register {
	switch o.kind {
	case input:
		return e.load(e.address(e.k.in[o.imm], e.copy))
	case param:
		return e.fixed[o.imm]
	case fma:
		return e.multiplyAdd(o, e.fused(e.VFMADD213PS, e.VFMADD213PS_BCST), e.fused(e.VFMADD231PS, e.VFMADD231PS_BCST))
	case fnma:
		return e.multiplyAdd(o, e.fused(e.VFNMADD213PS, e.VFNMADD213PS_BCST), e.fused(e.VFNMADD231PS, e.VFNMADD231PS_BCST))
	case sqrt:
		return e.to(func(d reg.Register) { e.VSQRTPS(e.reg(o.args[0]), d) })
	case nearest:
		return e.round(0, o)
	case floor:
		return e.round(1, o)
	case ceil:
		return e.round(2, o)
	case left:
		return e.to(func(d reg.Register) { e.VPSLLD(operand.U8(o.imm), e.reg(o.args[0]), d) })
	case right:
		return e.to(func(d reg.Register) { e.VPSRAD(operand.U8(o.imm), e.reg(o.args[0]), d) })
	case toInt:
		return e.to(func(d reg.Register) { e.VCVTPS2DQ(e.reg(o.args[0]), d) })
	case fromInt:
		return e.to(func(d reg.Register) { e.VCVTDQ2PS(e.reg(o.args[0]), d) })
	case times2to:
		return e.timesPower(e.reg(o.args[0]), e.reg(o.args[1]))
	case less, lessEqual, equal:
		return e.compare(o)
	case notNumber:
		return e.unordered(e.reg(o.args[0]))
	case signMask:
		if e.lanes == 8 {
			return e.reg(o.args[0]) // blends look at the sign only
		}
		k := e.K()
		e.VPMOVD2M(e.reg(o.args[0]), k)
		return k
	case choose:
		return e.choose(o)
	case store:
		e.store(e.reg(o.args[0]))
		return nil
	case total, products:
		e.accumulate(e.reg(o.args[0]), e.reg(o.args[len(o.args)-1]), o.kind)
		return nil
	case largest, smallest:
		e.extreme(e.reg(o.args[0]), o.kind)
		return nil
	}
	i, commutes := e.two(o.kind)
	x, y := o.args[0], o.args[1]
	if commutes && e.isConstant(x) {
		x, y = y, x
	}
	return e.to(func(d reg.Register) { e.apply(i, y, e.reg(x), d) })
}

// to gives a new register that write fills.
func (e *emitter) to(write func(d reg.Register)) reg.Register {
	d := e.new()
	write(d)
	return d
}

func (e *emitter) isConstant(v value) bool { return e.b.ops[v].kind == constant }

// reg is a value in a register.
func (e *emitter) reg(v value) reg.Register {
	if !e.isConstant(v) {
		return e.vals[v]
	}
	return e.constant(e.b.ops[v].imm)
}

// constant loads bits into all lanes, once a round.
func (e *emitter) constant(bits uint32) reg.Register {
	if e.spread[bits] == nil {
		e.spread[bits] = e.to(func(d reg.Register) {
			if bits == 0 {
				e.VXORPS(d, d, d)
			} else {
				e.VBROADCASTSS(e.pool[bits], d)
			}
		})
	}
	return e.spread[bits]
}

// apply runs i with v as first operand, which may be a constant in memory.
func (e *emitter) apply(i twoForms, v value, rest ...operand.Op) {
	switch {
	case !e.isConstant(v):
		i.plain(append([]operand.Op{e.reg(v)}, rest...)...)
	case e.lanes == 16:
		i.spread(append([]operand.Op{e.pool[e.b.ops[v].imm]}, rest...)...)
	default:
		i.plain(append([]operand.Op{e.pool[e.b.ops[v].imm]}, rest...)...)
	}
}

func (e *emitter) fused(plain, spread func(ops ...operand.Op)) twoForms {
	return twoForms{plain, spread}
}

// multiplyAdd is ±x·y + z. The instructions overwrite one operand: an addend
// with form add (d ± m·x), or a factor with form factor (±d·x + m). A value
// that is read later is copied first.
func (e *emitter) multiplyAdd(o operation, factor, addend twoForms) reg.Register {
	x, y, z := o.args[0], o.args[1], o.args[2]
	if e.isConstant(x) || (!e.isConstant(y) && e.dies(y)) {
		x, y = y, x // y may stay in memory, x may die
	}
	if e.isConstant(z) || (!e.isConstant(y) && !e.dies(z) && e.dies(x)) {
		d := e.own(x)
		e.apply(factor, z, e.reg(y), d)
		return d
	}
	d := e.own(z)
	e.apply(addend, y, e.reg(x), d)
	return d
}

// fresh adds an instruction that does not read its destination, though avo's
// tables say so for a masked one: a blend.
func (a asm) fresh(i *ir.Instruction, err error) {
	if err != nil {
		panic(err)
	}
	d := i.Outputs[0]
	i.Inputs = slices.DeleteFunc(i.Inputs, func(o operand.Op) bool { return o == d })
	a.Instruction(i)
}

// dies reports whether v is a register that nothing reads after this operation.
func (e *emitter) dies(v value) bool {
	return e.last[v] == e.at && e.b.ops[v].kind != param && !e.isConstant(v)
}

// own is v in a register that may be overwritten.
func (e *emitter) own(v value) reg.Register {
	uses := 0
	for _, a := range e.b.ops[e.at].args {
		if a == v {
			uses++
		}
	}
	if e.dies(v) && uses == 1 {
		return e.vals[v]
	}
	return e.to(func(d reg.Register) { e.VMOVAPS(e.reg(v), d) })
}

func (e *emitter) round(mode uint8, o operation) reg.Register {
	return e.to(func(d reg.Register) {
		if e.lanes == 16 {
			e.VRNDSCALEPS(operand.U8(8|mode), e.reg(o.args[0]), d)
		} else {
			e.VROUNDPS(operand.U8(8|mode), e.reg(o.args[0]), d)
		}
	})
}

// timesPower is x·2^n. AVX2 multiplies by two halves of the power, each a
// normal number; only the second product can be subnormal.
func (e *emitter) timesPower(x, n reg.Register) reg.Register {
	if e.lanes == 16 {
		return e.to(func(d reg.Register) { e.VSCALEFPS(n, x, d) })
	}
	i, h := e.new(), e.new()
	e.VCVTPS2DQ(n, i)
	e.VPSRAD(operand.U8(1), i, h)
	e.VPSUBD(h, i, i)
	for _, p := range []reg.Register{h, i} {
		e.VPADDD(e.pool[bias], p, p)
		e.VPSLLD(operand.U8(23), p, p)
		x = e.to(func(d reg.Register) { e.VMULPS(p, x, d) })
	}
	return x
}

// mask is a new register for a mask.
func (e *emitter) mask() reg.Register {
	if e.lanes == 16 {
		return e.K()
	}
	return e.new()
}

func (e *emitter) compare(o operation) reg.Register {
	x, y, p := o.args[0], o.args[1], predicates[o.kind][0]
	if e.isConstant(x) {
		x, y, p = y, x, predicates[o.kind][1]
	}
	m := e.mask()
	e.apply(twoForms{
		func(ops ...operand.Op) { e.VCMPPS(append([]operand.Op{p}, ops...)...) },
		func(ops ...operand.Op) { e.VCMPPS_BCST(append([]operand.Op{p}, ops...)...) },
	}, y, e.reg(x), m)
	return m
}

func (e *emitter) unordered(x reg.Register) reg.Register {
	m := e.mask()
	e.VCMPPS(operand.U8(3), x, x, m)
	return m
}

func (e *emitter) choose(o operation) reg.Register {
	m, y, z := e.reg(o.args[0]), o.args[1], e.reg(o.args[2])
	return e.to(func(d reg.Register) {
		if e.lanes == 16 {
			e.apply(twoForms{
				func(ops ...operand.Op) { e.fresh(x86.VBLENDMPS(ops...)) },
				func(ops ...operand.Op) { e.fresh(x86.VBLENDMPS_BCST(ops...)) },
			}, y, z, m, d)
			return
		}
		e.apply(twoForms{func(ops ...operand.Op) { e.VBLENDVPS(m, ops[0], ops[1], ops[2]) }, nil}, y, z, d)
	})
}

func (e *emitter) load(m operand.Mem) reg.Register {
	return e.to(func(d reg.Register) {
		switch {
		case e.tail == nil:
			e.VMOVUPS(m, d)
		case e.lanes == 16:
			e.VMOVUPS_Z(m, e.tail, d)
		default:
			e.VMASKMOVPS(m, e.tail, d)
		}
	})
}

func (e *emitter) store(v reg.Register) {
	m := e.address(e.k.out, e.copy)
	switch {
	case e.past:
		e.VMOVNTPS(v, m)
	case e.tail == nil:
		e.VMOVUPS(v, m)
	case e.lanes == 16:
		e.VMOVUPS(v, e.tail, m)
	default:
		e.VMASKMOVPS(v, e.tail, m)
	}
}
