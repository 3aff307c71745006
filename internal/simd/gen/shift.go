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
	windowTables(a)
	for _, v := range []vector{zmm, ymm} {
		v.gather(a)
		for _, k := range windowKernels {
			v.window(a, k)
		}
	}
}

// gather writes one vector of each row: the lanes of up to two runs, those of
// kept as they are, and zeros. There is at least one row.
func (v vector) gather(a asm) {
	a.text("gather"+v.suffix, "func(dst []float32, width int, src []float32, at []int, from1, lanes1, from2, lanes2, kept int)")
	a.Load(a.Param("dst").Base(), reg.RDI)
	a.Load(a.Param("width"), reg.R10)
	a.Load(a.Param("src").Base(), reg.RSI)
	a.Load(a.Param("at").Base(), reg.R9)
	a.Load(a.Param("at").Len(), reg.R8)
	a.Load(a.Param("from1"), reg.R11)
	a.Load(a.Param("from2"), reg.R12)
	a.SHLQ(operand.U8(2), reg.R10)
	a.LEAQ(operand.Mem{Base: reg.RSI, Index: reg.R11, Scale: 4}, reg.R11)
	a.LEAQ(operand.Mem{Base: reg.RSI, Index: reg.R12, Scale: 4}, reg.R12)
	first, second := operand.Mem{Base: reg.R11, Index: reg.RAX, Scale: 4}, operand.Mem{Base: reg.R12, Index: reg.RAX, Scale: 4}
	dst := operand.Mem{Base: reg.RDI}

	masks := []reg.Register{reg.K1, reg.K2, reg.K3}
	if v.lanes == 8 {
		masks = []reg.Register{ymm.regs[8], ymm.regs[9], ymm.regs[10]}
	}
	a.XORQ(reg.RCX, reg.RCX)
	for i, name := range []string{"lanes1", "lanes2", "kept"} {
		a.Load(a.Param(name), reg.RDX)
		a.laneMask(v, reg.EDX, masks[i])
		if i > 0 {
			a.ORQ(reg.RDX, reg.RCX)
		}
	}
	loop := func(label string, row func()) {
		a.Label(label)
		a.MOVQ(operand.Mem{Base: reg.R9}, reg.RAX)
		row()
		a.ADDQ(operand.U8(8), reg.R9)
		a.ADDQ(reg.R10, reg.RDI)
		a.DECQ(reg.R8)
		a.JNE(operand.LabelRef(label))
	}
	x, y, z := v.regs[0], v.regs[1], v.regs[2]
	a.TESTQ(reg.RCX, reg.RCX)
	a.JNE(operand.LabelRef("merge"))
	a.Load(a.Param("lanes1"), reg.RDX)
	a.CMPQ(reg.RDX, operand.U32(1<<v.lanes-1))
	a.JEQ(operand.LabelRef("full"))
	loop("one", func() {
		a.loadMasked(v, first, masks[0], x)
		a.VMOVUPS(x, dst)
	})
	a.JMP(operand.LabelRef("done"))
	loop("full", func() {
		a.VMOVUPS(first, x)
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

// windowKernel computes a vector of outputs from the values of their windows.
type windowKernel struct {
	name, signature string
	outside         uint32 // the bits of what is read outside of a row
	weighted        bool
	// add takes the values x of a tap with weight w into sum.
	add func(a asm, v vector, sum, x, w reg.VecPhysical)
}

const windowArguments = "count, kernel, from, down, next, cols, kw, step, across int, lanes []uint32"

var windowKernels = []windowKernel{
	{
		name: "weigh", signature: "func(dst, src, w []float32, " + windowArguments + ", start float32, add bool)", weighted: true,
		add: func(a asm, _ vector, sum, x, w reg.VecPhysical) { a.VFMADD231PS(x, w, sum) },
	},
	{
		name: "top", signature: "func(dst, src []float32, " + windowArguments + ")", outside: 0xff800000, // −∞
		// The maximum instruction returns its last source (in Intel's order)
		// where one is NaN: that keeps the one in sum, and another one is put
		// there.
		add: func(a asm, v vector, sum, x, _ reg.VecPhysical) {
			const unordered = 3
			a.VMAXPS(sum, x, sum)
			if v.lanes == 16 {
				a.VCMPPS(operand.U8(unordered), x, x, reg.K3)
				a.VMOVAPS(x, reg.K3, sum)
			} else {
				a.VCMPPS(operand.U8(unordered), x, x, v.regs[3])
				a.VBLENDVPS(v.regs[3], x, sum, sum)
			}
		},
	},
}

// Registers of a window kernel. The vector at hand is RDI; of its outputs, the
// row at hand has its place in dst and in src, counted down by RBX.
var (
	winDst, winSrc         = reg.R14, reg.R15
	winLanes               = reg.R9
	winDown, winNext       = reg.R10, reg.R11
	winAcross, winPitch    = reg.R12, reg.R13
	winSum, winX, winW     = 0, 1, 2 // 3 is free for add
	winMask, winIndex      = 4, 5    // winMask of AVX2
	winOutside, winPermute = 6, 7
)

// window writes a kernel: for each vector of columns, down the rows, over the
// kernel positions. Values that follow each other are read with a mask; others
// by a gather, and those at step 2 on AVX-512 as two vectors of which every
// other value is taken.
func (v vector) window(a asm, k windowKernel) {
	a.text(k.name+v.suffix, k.signature)
	a.Load(a.Param("down"), winDown)
	a.Load(a.Param("next"), winNext)
	a.Load(a.Param("across"), winAcross)
	a.Load(a.Param("cols"), winPitch)
	for _, r := range []reg.Register{winDown, winNext, winAcross, winPitch} {
		a.SHLQ(operand.U8(2), r)
	}
	a.MOVL(operand.U32(k.outside), reg.EAX)
	a.VMOVD(reg.EAX, v.regs[winX].AsX())
	a.VBROADCASTSS(v.regs[winX].AsX(), v.regs[winOutside])
	a.Load(a.Param("step"), reg.RAX)
	a.VMOVD(reg.EAX, v.regs[winX].AsX())
	a.VPBROADCASTD(v.regs[winX].AsX(), v.regs[winIndex])
	a.VPMULLD(operand.NewDataAddr(operand.NewStaticSymbol("iota"), 0), v.regs[winIndex], v.regs[winIndex])
	if v.lanes == 16 {
		a.VMOVDQU32(operand.NewDataAddr(operand.NewStaticSymbol("even"), 0), v.regs[winPermute])
	}
	a.XORQ(reg.RDI, reg.RDI)

	a.Label("vector")
	a.Load(a.Param("dst").Base(), winDst)
	a.Load(a.Param("src").Base(), winSrc)
	a.Load(a.Param("from"), reg.RAX)
	a.LEAQ(operand.Mem{Base: winSrc, Index: reg.RAX, Scale: 4}, winSrc)
	a.MOVQ(reg.RDI, reg.RAX)
	a.SHLQ(operand.U8(shiftOf(4*v.lanes)), reg.RAX) // bytes of the vectors before
	a.ADDQ(reg.RAX, winDst)
	a.Load(a.Param("step"), reg.RCX)
	a.IMULQ(reg.RCX, reg.RAX)
	a.ADDQ(reg.RAX, winSrc)
	a.Load(a.Param("kw"), reg.RAX)
	a.IMULQ(reg.RDI, reg.RAX)
	a.Load(a.Param("lanes").Base(), winLanes)
	a.LEAQ(operand.Mem{Base: winLanes, Index: reg.RAX, Scale: 4}, winLanes)
	a.Load(a.Param("count"), reg.RBX)
	a.CMPQ(reg.RCX, operand.U8(1))
	a.JEQ(operand.LabelRef("row"))
	if v.lanes == 16 {
		a.CMPQ(reg.RCX, operand.U8(2))
		a.JEQ(operand.LabelRef("rowBy2"))
	}
	v.windowRows(a, k, "rowBy", v.gathered)
	v.windowRows(a, k, "row", v.following)
	if v.lanes == 16 {
		v.windowRows(a, k, "rowBy2", v.everyOther)
	}

	a.Label("vectorDone")
	a.INCQ(reg.RDI)
	a.MOVQ(reg.RDI, reg.RAX)
	a.SHLQ(operand.U8(shiftOf(4*v.lanes)), reg.RAX)
	a.CMPQ(reg.RAX, winPitch)
	a.JLT(operand.LabelRef("vector"))
	a.ret()
}

func shiftOf(n int) uint8 {
	s := uint8(0)
	for ; n > 1; n /= 2 {
		s++
	}
	return s
}

// param is the memory of a scalar argument.
func (a asm) param(name string) operand.Mem {
	p, err := a.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return p.Addr
}

// windowRows writes the rows of one vector, with the values of a tap read by
// load from R8, under the lanes at winLanes + 4·RCX.
func (v vector) windowRows(a asm, k windowKernel, label string, load func(a asm, k windowKernel)) {
	sum, x, w := v.regs[winSum], v.regs[winX], v.regs[winW]
	dst := operand.Mem{Base: winDst}
	// The mask of the columns there are: all but in the last vector.
	columns := func() {
		a.MOVQ(reg.RDI, reg.RAX)
		a.SHLQ(operand.U8(shiftOf(v.lanes)), reg.RAX)
		a.Load(a.Param("cols"), reg.RCX)
		a.SUBQ(reg.RAX, reg.RCX)
		a.MOVQ(operand.U32(v.lanes), reg.RAX)
		a.CMPQ(reg.RCX, reg.RAX)
		a.CMOVQGT(reg.RAX, reg.RCX)
		if v.lanes == 16 {
			a.bits(reg.RDX)
			a.KMOVW(reg.EDX, reg.K4)
			return
		}
		a.maskAt(reg.RCX, reg.RDX)
		a.VMOVUPS(operand.Mem{Base: reg.RDX}, v.regs[8])
	}
	var mask reg.Register = reg.K4
	if v.lanes == 8 {
		mask = v.regs[8]
	}
	if label != "rowBy" {
		a.Label(label)
	}
	columns()
	a.Label(label + "Next")
	if k.weighted {
		a.VBROADCASTSS(a.param("start"), sum)
		a.CMPB(a.param("add"), operand.U8(0))
		a.JEQ(operand.LabelRef(label + "Start"))
		a.loadMasked(v, dst, mask, sum)
		a.Label(label + "Start")
		a.Load(a.Param("w").Base(), reg.RDX)
	} else {
		a.VMOVAPS(v.regs[winOutside], sum)
	}
	a.MOVQ(winSrc, reg.RSI)
	a.Load(a.Param("kernel"), reg.RAX)
	a.Label(label + "Down")
	a.MOVQ(reg.RSI, reg.R8)
	a.XORQ(reg.RCX, reg.RCX)
	a.Label(label + "Across")
	load(a, k)
	if k.weighted {
		a.VBROADCASTSS(operand.Mem{Base: reg.RDX, Index: reg.RCX, Scale: 4}, w)
	}
	k.add(a, v, sum, x, w)
	a.ADDQ(winAcross, reg.R8)
	a.INCQ(reg.RCX)
	a.CMPQ(reg.RCX, a.param("kw"))
	a.JLT(operand.LabelRef(label + "Across"))
	if k.weighted {
		a.LEAQ(operand.Mem{Base: reg.RDX, Index: reg.RCX, Scale: 4}, reg.RDX)
	}
	a.ADDQ(winDown, reg.RSI)
	a.DECQ(reg.RAX)
	a.JNE(operand.LabelRef(label + "Down"))
	if v.lanes == 16 {
		a.VMOVUPS(sum, mask, dst)
	} else {
		a.VMASKMOVPS(sum, mask, dst)
	}
	a.ADDQ(winPitch, winDst)
	a.ADDQ(winNext, winSrc)
	a.DECQ(reg.RBX)
	a.JNE(operand.LabelRef(label + "Next"))
	a.JMP(operand.LabelRef("vectorDone"))
}

// tapLanes is where the lanes of the tap at hand stand.
var tapLanes = operand.Mem{Base: winLanes, Index: reg.RCX, Scale: 4}

// tapMask loads the mask of the tap at hand.
func (v vector) tapMask(a asm) reg.Register {
	if v.lanes == 16 {
		a.KMOVW(tapLanes, reg.K1)
		return reg.K1
	}
	m, table := v.regs[winMask], operand.NewDataAddr(operand.NewStaticSymbol("bit"), 0)
	a.VPBROADCASTD(tapLanes, m)
	a.VPAND(table, m, m)
	a.VPCMPEQD(table, m, m)
	return m
}

// following reads values that follow each other.
func (v vector) following(a asm, k windowKernel) {
	x, mask, at := v.regs[winX], v.tapMask(a), operand.Mem{Base: reg.R8}
	switch {
	case k.outside == 0:
		a.loadMasked(v, at, mask, x)
	case v.lanes == 16:
		a.VMOVAPS(v.regs[winOutside], x)
		a.VMOVUPS(at, mask, x)
	default:
		a.VMASKMOVPS(at, mask, x)
		a.VBLENDVPS(mask, x, v.regs[winOutside], x)
	}
}

// gathered reads values that are step values apart.
func (v vector) gathered(a asm, _ windowKernel) {
	x, mask := v.regs[winX], v.tapMask(a)
	at := operand.Mem{Base: reg.R8, Index: v.regs[winIndex], Scale: 4}
	a.VMOVAPS(v.regs[winOutside], x)
	if v.lanes == 16 {
		a.VGATHERDPS(at, mask, x)
	} else {
		a.VGATHERDPS(mask, at, x)
	}
}

// everyOther reads values that are 2 apart.
func (v vector) everyOther(a asm, _ windowKernel) {
	x, y := v.regs[winX], v.regs[3]
	a.KMOVW(tapLanes, reg.K1)
	a.KMOVW(tapLanes.Offset(2), reg.K2)
	a.VMOVAPS(v.regs[winOutside], x)
	a.VMOVAPS(v.regs[winOutside], y)
	a.VMOVUPS(operand.Mem{Base: reg.R8}, reg.K1, x)
	a.VMOVUPS(operand.Mem{Base: reg.R8, Disp: 64}, reg.K2, y)
	a.VPERMT2PS(y, v.regs[winPermute], x)
}

// windowTables are the numbers of the lanes, and those of every other of two
// vectors' values.
func windowTables(a asm) {
	for _, t := range []struct {
		name string
		step int
	}{{"iota", 1}, {"even", 2}} {
		a.StaticGlobal(t.name)
		a.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range 16 {
			a.AddDatum(4*i, operand.U32(t.step*i))
		}
	}
}
