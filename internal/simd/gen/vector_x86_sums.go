package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
	"github.com/mmcloughlin/avo/x86"
)

// reduction is the kind of the kernel's result, or store for none.
func (l *loop) reduction() kind {
	for _, o := range l.b.ops {
		if o.kind >= total && l.k.wide == "" {
			return o.kind
		}
	}
	return store
}

// open starts the accumulators of a reduction.
func (l *loop) open() {
	k := l.reduction()
	if k == store {
		return
	}
	for range l.k.unroll {
		a := [2]reg.VecVirtual{l.new(), nil}
		switch k {
		case largest:
			l.VBROADCASTSS(l.pool[minusInf], a[0])
		case smallest:
			l.VBROADCASTSS(l.pool[plusInf], a[0])
		default:
			a[1] = l.new()
			for _, r := range a {
				l.VXORPS(r, r, r)
			}
		}
		l.sums = append(l.sums, a)
	}
}

// accumulate adds x, or x·y, to the two accumulators of the copy: the low and
// the high half of the lanes.
func (e *emitter) accumulate(x, y reg.Register, k kind) {
	same := x == y
	x = e.zeroTail(x)
	if same {
		y = x
	} else {
		y = e.zeroTail(y)
	}
	for half, acc := range e.sums[e.copy] {
		d := e.widen(x, half)
		switch {
		case k == total:
			e.VADDPD(d, acc, acc)
		case same:
			e.VFMADD231PD(d, d, acc)
		default:
			e.VFMADD231PD(e.widen(y, half), d, acc)
		}
	}
}

// zeroTail clears the lanes beyond the tail.
func (e *emitter) zeroTail(x reg.Register) reg.Register {
	if e.tail == nil || e.k.wide != "" {
		return x
	}
	return e.to(func(d reg.Register) {
		if e.lanes == 16 {
			e.VMOVAPS_Z(x, e.tail, d)
		} else {
			e.VANDPS(e.tail, x, d)
		}
	})
}

// widen is one half of x's lanes in float64.
func (e *emitter) widen(x reg.Register, half int) reg.Register {
	part := e.half(x)
	if half == 1 {
		h := e.half(e.new())
		if e.lanes == 16 {
			e.VEXTRACTF64X4(operand.U8(1), x, h)
		} else {
			e.VEXTRACTF128(operand.U8(1), x, h)
		}
		part = h
	}
	return e.to(func(d reg.Register) { e.VCVTPS2PD(part, d) })
}

// extreme takes x into the accumulator of the copy.
func (e *emitter) extreme(x reg.Register, k kind) {
	if e.tail != nil {
		none := uint32(minusInf)
		if k == smallest {
			none = plusInf
		}
		fill := e.constant(none)
		x = e.to(func(d reg.Register) {
			if e.lanes == 16 {
				e.fresh(x86.VBLENDMPS(x, fill, e.tail, d))
			} else {
				e.VBLENDVPS(e.tail, x, fill, d)
			}
		})
	}
	e.loop.extreme(e.sums[e.copy][0], x, k)
}

// extreme is acc = the larger (smaller) of acc and x. The instruction keeps
// acc where one of them is NaN; then a NaN of x moves in.
func (l *loop) extreme(acc, x reg.Register, k kind) {
	if k == largest {
		l.VMAXPS(acc, x, acc)
	} else {
		l.VMINPS(acc, x, acc)
	}
	if l.lanes == 16 {
		m := l.K()
		l.VCMPPS(operand.U8(3), x, x, m)
		l.VMOVAPS(x, m, acc)
		return
	}
	m := l.new()
	l.VCMPPS(operand.U8(3), x, x, m)
	l.VBLENDVPS(m, x, acc, acc)
}

// result merges the accumulators and stores their total.
func (l *loop) result() {
	k := l.reduction()
	if k == store {
		return
	}
	ret, err := l.ReturnIndex(0).Resolve()
	if err != nil {
		panic(err)
	}
	res := l.sums[0][0]
	if k == largest || k == smallest {
		for _, s := range l.sums[1:] {
			l.extreme(res, s[0], k)
		}
		for _, turned := range l.turns(false) {
			l.extreme(res, turned(res), k)
		}
		l.VMOVSS(res.AsX(), ret.Addr)
		return
	}
	for i, s := range l.sums {
		l.VADDPD(s[1], s[0], s[0])
		if i > 0 {
			l.VADDPD(s[0], res, res)
		}
	}
	for _, turned := range l.turns(true) {
		l.VADDPD(turned(res), res, res)
	}
	l.VMOVSD(res.AsX(), ret.Addr)
}

// turns are exchanges of halves, quarters … of a register after which each
// lane has met all others: of float64 or float32 lanes.
func (l *loop) turns(wide bool) []func(r reg.Register) reg.Register {
	turn := func(write func(imm operand.Op, r, d reg.Register), imm uint8) func(reg.Register) reg.Register {
		return func(r reg.Register) reg.Register {
			d := l.new()
			write(operand.U8(imm), r, d)
			return d
		}
	}
	blocks := func(imm operand.Op, r, d reg.Register) { l.VSHUFF64X2(imm, r, r, d) }
	lanes := func(imm operand.Op, r, d reg.Register) { l.VPERMILPS(imm, r, d) }
	list := []func(reg.Register) reg.Register{turn(blocks, 0x4e), turn(blocks, 0xb1)}
	if l.lanes == 8 {
		list = list[:1]
		list[0] = turn(func(imm operand.Op, r, d reg.Register) { l.VPERM2F128(imm, r, r, d) }, 1)
	}
	list = append(list, turn(lanes, 0x4e)) // pairs of float32, or single float64
	if !wide {
		list = append(list, turn(lanes, 0xb1))
	}
	return list
}

// addressWide is half a vector of a slice of float64.
func (l *loop) addressWide(i, half int) operand.Mem {
	return operand.Mem{Base: l.slice[l.k.wide], Index: l.index, Scale: 8, Disp: 8*i*l.lanes + 4*half*l.lanes}
}

// wideMasks are the tail's masks of the two halves.
func (l *loop) wideMasks() [2]reg.Register {
	if l.tail == nil {
		return [2]reg.Register{}
	}
	if l.lanes == 16 {
		high := l.K()
		l.KSHIFTRW(operand.U8(8), l.tail, high)
		return [2]reg.Register{l.tail, high}
	}
	low, high, x := l.YMM(), l.YMM(), l.XMM()
	l.VPMOVSXDQ(l.half(l.tail), low)
	l.VEXTRACTF128(operand.U8(1), l.tail, x)
	l.VPMOVSXDQ(x, high)
	return [2]reg.Register{low, high}
}

// loadWide takes the accumulators from memory.
func (l *loop) loadWide(copies int) {
	l.sums = nil
	masks := l.wideMasks()
	for i := range copies {
		a := [2]reg.VecVirtual{l.new(), l.new()}
		for half, r := range a {
			m := l.addressWide(i, half)
			switch {
			case l.tail == nil:
				l.VMOVUPD(m, r)
			case l.lanes == 16:
				l.VMOVUPD_Z(m, masks[half], r)
			default:
				l.VMASKMOVPD(m, masks[half], r)
			}
		}
		l.sums = append(l.sums, a)
	}
}

func (l *loop) storeWide(copies int) {
	masks := l.wideMasks()
	for i := range copies {
		for half, r := range l.sums[i] {
			m := l.addressWide(i, half)
			switch {
			case l.tail == nil:
				l.VMOVUPD(r, m)
			case l.lanes == 16:
				l.VMOVUPD(r, masks[half], m)
			default:
				l.VMASKMOVPD(r, masks[half], m)
			}
		}
	}
}
