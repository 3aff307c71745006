package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// shift writes the kernels over shifted rows.
func shift(a asm) {
	maskTable(a)
	bitTable(a)
	for _, v := range []vector{zmm, ymm} {
		v.gather(a)
		v.eachTap(a, "weigh", "func(dst, src []float32, at []int, w []float32, start float32, add bool)", weighTap)
		v.eachTap(a, "top", "func(dst, src []float32, at []int)", topTap)
	}
}

// gather writes one vector of each row: the lanes of up to two runs, those of
// kept as they are, and zeros. rows is positive.
func (v vector) gather(a asm) {
	a.text("gather"+v.suffix, "func(dst []float32, width int, src []float32, step, rows, from1, lanes1, from2, lanes2, kept int)")
	a.Load(a.Param("dst").Base(), reg.RDI)
	a.Load(a.Param("width"), reg.R10)
	a.Load(a.Param("src").Base(), reg.RSI)
	a.Load(a.Param("step"), reg.R9)
	a.Load(a.Param("rows"), reg.R8)
	a.Load(a.Param("from1"), reg.R11)
	a.Load(a.Param("from2"), reg.R12)
	a.SHLQ(operand.U8(2), reg.R9)
	a.SHLQ(operand.U8(2), reg.R10)
	first, second := operand.Mem{Base: reg.RSI, Index: reg.R11, Scale: 4}, operand.Mem{Base: reg.RSI, Index: reg.R12, Scale: 4}
	dst := operand.Mem{Base: reg.RDI}

	masks := []reg.Register{reg.K1, reg.K2, reg.K3}
	if v.lanes == 8 {
		masks = []reg.Register{ymm.regs[8], ymm.regs[9], ymm.regs[10]}
	}
	for i, name := range []string{"lanes1", "lanes2", "kept"} {
		a.Load(a.Param(name), reg.RDX)
		a.laneMask(v, reg.EDX, masks[i])
		if i == 1 {
			a.MOVQ(reg.RDX, reg.RAX)
		}
	}
	a.ORQ(reg.RDX, reg.RAX)
	a.JNE(operand.LabelRef("merge"))
	loop := func(label string, row func()) {
		a.Label(label)
		row()
		a.ADDQ(reg.R9, reg.RSI)
		a.ADDQ(reg.R10, reg.RDI)
		a.DECQ(reg.R8)
		a.JNE(operand.LabelRef(label))
	}
	x, y, z := v.regs[0], v.regs[1], v.regs[2]
	loop("one", func() {
		a.loadMasked(v, first, masks[0], x)
		a.VMOVUPS(x, dst)
	})
	a.JMP(operand.LabelRef("done"))
	loop("merge", func() {
		a.loadMasked(v, dst, masks[2], x)
		if v.lanes == 16 {
			a.VMOVUPS(first, masks[0], x)
			a.VMOVUPS(second, masks[1], x)
		} else {
			a.VMASKMOVPS(first, masks[0], y)
			a.VMASKMOVPS(second, masks[1], z)
			a.VORPS(y, x, x)
			a.VORPS(z, x, x)
		}
		a.VMOVUPS(x, dst)
	})
	a.ret()
}

// loadMasked reads the lanes of mask and zeros the others.
func (a asm) loadMasked(v vector, m operand.Mem, mask reg.Register, x reg.VecPhysical) {
	if v.lanes == 16 {
		a.VMOVUPS_Z(m, mask, x)
	} else {
		a.VMASKMOVPS(m, mask, x)
	}
}

// laneMask makes the mask of the lanes whose bits are set.
func (a asm) laneMask(v vector, bits reg.GPPhysical, mask reg.Register) {
	if v.lanes == 16 {
		a.KMOVW(bits, mask)
		return
	}
	m := mask.(reg.VecPhysical)
	table := operand.NewDataAddr(operand.NewStaticSymbol("bit"), 0)
	a.VMOVD(bits, m.AsX())
	a.VPBROADCASTD(m.AsX(), m)
	a.VPAND(table, m, m)
	a.VPCMPEQD(table, m, m)
}

// bitTable is the bit of each of 8 lanes.
func bitTable(a asm) {
	a.StaticGlobal("bit")
	a.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 8 {
		a.AddDatum(4*i, operand.U32(1<<i))
	}
}

// tapBody is what a kernel does with n vectors: start them, and add the tap
// whose values stand at m with the mask of a tail, or none.
type tapBody struct {
	start func(a asm, v vector, sum []reg.VecPhysical, dst operand.Mem, mask reg.Register)
	tap   func(a asm, v vector, sum []reg.VecPhysical, src operand.Mem, mask reg.Register)
}

// eachTap writes a kernel that computes dst from the same stretch of src at
// each tap: four vectors at a time, then one, of which the last is masked.
func (v vector) eachTap(a asm, name, signature string, body tapBody) {
	a.text(name+v.suffix, signature)
	a.Load(a.Param("dst").Base(), reg.RDI)
	a.Load(a.Param("dst").Len(), reg.RBX)
	a.Load(a.Param("src").Base(), reg.RSI)
	a.Load(a.Param("at").Base(), reg.R11)
	a.Load(a.Param("at").Len(), reg.R8)
	if name == "weigh" {
		a.Load(a.Param("w").Base(), reg.R9)
		a.Load(a.Param("add"), reg.R12)
	}
	dst, bytes := operand.Mem{Base: reg.RDI}, 4*v.lanes
	taps := func(label string, n int, mask reg.Register) {
		sum := v.regs[:n]
		body.start(a, v, sum, dst, mask)
		a.XORQ(reg.R10, reg.R10)
		a.Label(label)
		a.MOVQ(operand.Mem{Base: reg.R11, Index: reg.R10, Scale: 8}, reg.RAX)
		body.tap(a, v, sum, operand.Mem{Base: reg.RSI, Index: reg.RAX, Scale: 4}, mask)
		a.INCQ(reg.R10)
		a.CMPQ(reg.R10, reg.R8)
		a.JLT(operand.LabelRef(label))
		for i, s := range sum {
			switch {
			case mask == nil:
				a.VMOVUPS(s, dst.Offset(i*bytes))
			case v.lanes == 16:
				a.VMOVUPS(s, mask, dst)
			default:
				a.VMASKMOVPS(s, mask, dst)
			}
		}
		a.ADDQ(operand.U32(n*bytes), reg.RDI)
		a.ADDQ(operand.U32(n*bytes), reg.RSI)
	}
	a.Label("wide")
	a.SUBQ(operand.U32(4*v.lanes), reg.RBX)
	a.JLT(operand.LabelRef("narrow"))
	taps("wideTap", 4, nil)
	a.JMP(operand.LabelRef("wide"))
	a.Label("narrow")
	a.ADDQ(operand.U32(4*v.lanes), reg.RBX)
	a.Label("next")
	a.SUBQ(operand.U32(v.lanes), reg.RBX)
	a.JLT(operand.LabelRef("tail"))
	taps("nextTap", 1, nil)
	a.JMP(operand.LabelRef("next"))
	a.Label("tail")
	a.MOVQ(reg.RBX, reg.RCX)
	a.ADDQ(operand.U32(v.lanes), reg.RCX)
	a.JEQ(operand.LabelRef("done"))
	var mask reg.Register = reg.K1
	if v.lanes == 16 {
		a.bits(reg.RDX)
		a.KMOVW(reg.EDX, reg.K1)
	} else {
		mask = ymm.regs[15]
		a.maskAt(reg.RCX, reg.RDX)
		a.VMOVUPS(operand.Mem{Base: reg.RDX}, ymm.regs[15])
	}
	taps("tailTap", 1, mask)
	a.ret()
}

// load reads a vector, masked at a tail.
func (a asm) load(v vector, m operand.Mem, mask reg.Register, x reg.VecPhysical) {
	if mask == nil {
		a.VMOVUPS(m, x)
	} else {
		a.loadMasked(v, m, mask, x)
	}
}

// weighTap adds w[R10] times the tap.
var weighTap = tapBody{
	start: func(a asm, v vector, sum []reg.VecPhysical, dst operand.Mem, mask reg.Register) {
		label := map[int]string{1: "one", 4: "four"}[len(sum)]
		if mask != nil {
			label = "last"
		}
		start, err := a.Param("start").Resolve()
		if err != nil {
			panic(err)
		}
		for _, s := range sum {
			a.VBROADCASTSS(start.Addr, s)
		}
		a.TESTB(reg.R12B, reg.R12B)
		a.JEQ(operand.LabelRef(label))
		for i, s := range sum {
			a.load(v, dst.Offset(4*v.lanes*i), mask, s)
		}
		a.Label(label)
	},
	tap: func(a asm, v vector, sum []reg.VecPhysical, src operand.Mem, mask reg.Register) {
		w, x := v.regs[8], v.regs[9]
		a.VBROADCASTSS(operand.Mem{Base: reg.R9, Index: reg.R10, Scale: 4}, w)
		for i, s := range sum {
			m := src.Offset(4 * v.lanes * i)
			if mask == nil {
				a.VFMADD231PS(m, w, s)
				continue
			}
			a.loadMasked(v, m, mask, x)
			a.VFMADD231PS(x, w, s)
		}
	},
}

// topTap keeps the larger values, and NaN: the maximum instruction returns its
// last source (in Intel's order) when a source is NaN.
var topTap = tapBody{
	start: func(a asm, v vector, sum []reg.VecPhysical, _ operand.Mem, _ reg.Register) {
		a.MOVL(operand.U32(0xff800000), reg.EAX) // −∞
		a.VMOVD(reg.EAX, v.regs[9].AsX())
		for _, s := range sum {
			a.VBROADCASTSS(v.regs[9].AsX(), s)
		}
	},
	tap: func(a asm, v vector, sum []reg.VecPhysical, src operand.Mem, mask reg.Register) {
		const unordered = 3
		x, nan := v.regs[8], v.regs[9]
		for i, s := range sum {
			a.load(v, src.Offset(4*v.lanes*i), mask, x)
			a.VMAXPS(s, x, s)
			if v.lanes == 16 {
				a.VCMPPS(operand.U8(unordered), x, x, reg.K2)
				a.VMOVAPS(x, reg.K2, s)
			} else {
				a.VCMPPS(operand.U8(unordered), x, x, nan)
				a.VBLENDVPS(nan, x, s, s)
			}
		}
	},
}
