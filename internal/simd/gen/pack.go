package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The packing functions write lanes of src side by side: lane i at depth p goes
// to dst[p·width + i] for p < k, and zeros go to the lanes beyond lanes. turn
// functions read lanes that are contiguous along depth, copy functions lanes
// that are contiguous among themselves.

// packRegs loads what all of them take. R8 is k, which must be positive; R9
// the step in src and R10 in dst, in bytes; RCX the number of lanes.
func (a asm) packRegs(step string) {
	a.Load(a.Param("dst").Base(), reg.RDI)
	a.Load(a.Param("src").Base(), reg.RSI)
	a.Load(a.Param(step), reg.R9)
	a.Load(a.Param("lanes"), reg.RCX)
	a.Load(a.Param("k"), reg.R8)
	a.SHLQ(operand.U8(2), reg.R9)
}

// turn16 transposes blocks of up to 16 lanes × 16 depths. It writes store
// lanes of each depth.
func turn16(a asm) {
	a.text("turnAVX512", "func(dst, src []float32, width, lane, lanes, store, k int)")
	a.packRegs("lane")
	a.Load(a.Param("width"), reg.R10)
	a.SHLQ(operand.U8(2), reg.R10)
	a.MOVQ(reg.RCX, reg.R11) // lanes
	a.bits(reg.RDX)
	a.KMOVW(reg.EDX, reg.K1)
	a.Load(a.Param("store"), reg.RCX)
	a.bits(reg.RDX)
	a.KMOVW(reg.EDX, reg.K2)

	a.Label("block")
	a.MOVQ(reg.R8, reg.RCX)
	a.MOVQ(operand.U32(16), reg.RAX)
	a.CMPQ(reg.RCX, reg.RAX)
	a.CMOVQGT(reg.RAX, reg.RCX)
	a.bits(reg.RDX)
	a.KMOVW(reg.EDX, reg.K3)
	x, y := zmm.regs[:16], zmm.regs[16:]
	a.eachLane(16, func(i int, m operand.Mem) { a.VMOVUPS_Z(m, reg.K3, x[i]) })
	for i := 0; i < 16; i += 2 {
		a.VUNPCKLPS(x[i+1], x[i], y[i])
		a.VUNPCKHPS(x[i+1], x[i], y[i+1])
	}
	for i := 0; i < 16; i += 4 {
		a.VUNPCKLPD(y[i+2], y[i], x[i])
		a.VUNPCKHPD(y[i+2], y[i], x[i+1])
		a.VUNPCKLPD(y[i+3], y[i+1], x[i+2])
		a.VUNPCKHPD(y[i+3], y[i+1], x[i+3])
	}
	// Quarter j of x[4g+q] now holds depth 4j+q of lanes 4g to 4g+3.
	even, odd := operand.U8(0x88), operand.U8(0xdd) // quarters 0 and 2, 1 and 3
	for q := range 4 {
		a.VSHUFF32X4(even, x[4+q], x[q], y[q])
		a.VSHUFF32X4(even, x[12+q], x[8+q], y[4+q])
		a.VSHUFF32X4(odd, x[4+q], x[q], y[8+q])
		a.VSHUFF32X4(odd, x[12+q], x[8+q], y[12+q])
	}
	for q := range 4 {
		a.VSHUFF32X4(even, y[4+q], y[q], x[q])
		a.VSHUFF32X4(odd, y[4+q], y[q], x[8+q])
		a.VSHUFF32X4(even, y[12+q], y[8+q], x[4+q])
		a.VSHUFF32X4(odd, y[12+q], y[8+q], x[12+q])
	}
	a.eachDepth(16, func(p int) {
		a.VMOVUPS_Z(x[p], reg.K1, x[p])
		a.VMOVUPS(x[p], reg.K2, operand.Mem{Base: reg.RDI})
	})
	a.JMP(operand.LabelRef("block"))
	a.ret()
}

// turn8 transposes blocks of up to 8 lanes × 8 depths and writes store lanes
// of each depth.
func turn8(a asm, store int) {
	a.text(fmt.Sprintf("turn%dAVX2", store), "func(dst, src []float32, width, lane, lanes, k int)")
	a.packRegs("lane")
	a.Load(a.Param("width"), reg.R10)
	a.SHLQ(operand.U8(2), reg.R10)
	a.MOVQ(reg.RCX, reg.R11)   // lanes
	a.maskAt(reg.RCX, reg.RBX) // mask of lanes

	a.Label("block")
	a.MOVQ(reg.R8, reg.RCX)
	a.MOVQ(operand.U32(8), reg.RAX)
	a.CMPQ(reg.RCX, reg.RAX)
	a.CMOVQGT(reg.RAX, reg.RCX)
	a.maskAt(reg.RCX, reg.RDX)
	mask := ymm.regs[15]
	a.VMOVUPS(operand.Mem{Base: reg.RDX}, mask)
	x, y := ymm.regs[:8], ymm.regs[8:]
	a.eachLane(8, func(i int, m operand.Mem) { a.VMASKMOVPS(m, mask, x[i]) })
	for i := 0; i < 8; i += 2 {
		a.VUNPCKLPS(x[i+1], x[i], y[i])
		a.VUNPCKHPS(x[i+1], x[i], y[i+1])
	}
	for i := 0; i < 8; i += 4 {
		a.VUNPCKLPD(y[i+2], y[i], x[i])
		a.VUNPCKHPD(y[i+2], y[i], x[i+1])
		a.VUNPCKLPD(y[i+3], y[i+1], x[i+2])
		a.VUNPCKHPD(y[i+3], y[i+1], x[i+3])
	}
	// Half j of x[4g+q] now holds depth 4j+q of lanes 4g to 4g+3.
	for q := range 4 {
		a.VPERM2F128(operand.U8(0x20), x[4+q], x[q], y[q])
		a.VPERM2F128(operand.U8(0x31), x[4+q], x[q], y[4+q])
	}
	a.eachDepth(8, func(p int) {
		a.VANDPS(operand.Mem{Base: reg.RBX}, y[p], y[p])
		a.storeLanes(y[p], store, operand.Mem{Base: reg.RDI})
	})
	a.JMP(operand.LabelRef("block"))
	a.ret()
}

// eachLane calls f with the address of each of n lanes at the present depth,
// in turn; lanes beyond R11 are the last one again.
func (a asm) eachLane(n int, f func(i int, m operand.Mem)) {
	a.MOVQ(reg.RSI, reg.RAX)
	for i := range n {
		f(i, operand.Mem{Base: reg.RAX})
		if i < n-1 {
			a.LEAQ(operand.Mem{Base: reg.RAX, Index: reg.R9, Scale: 1}, reg.RDX)
			a.CMPQ(reg.R11, operand.U8(i+1))
			a.CMOVQGT(reg.RDX, reg.RAX)
		}
	}
	a.ADDQ(operand.U8(4*n), reg.RSI)
}

// eachDepth calls f for each of n depths while there are some left.
func (a asm) eachDepth(n int, f func(p int)) {
	for p := range n {
		f(p)
		a.ADDQ(reg.R10, reg.RDI)
		a.DECQ(reg.R8)
		a.JEQ(operand.LabelRef("done"))
	}
}

func (a asm) ret() {
	a.Label("done")
	a.VZEROUPPER()
	a.RET()
}

// storeLanes writes the first n = 6 or 8 values of y.
func (a asm) storeLanes(y reg.VecPhysical, n int, m operand.Mem) {
	if n == 8 {
		a.VMOVUPS(y, m)
		return
	}
	x := y.AsX()
	a.VMOVUPS(x, m)
	a.VEXTRACTF128(operand.U8(1), y, x)
	a.VMOVLPS(x, m.Offset(16))
}

// copyMasked copies lanes of up to two vectors; width is that of the sliver,
// all of which is written.
func copyMasked(a asm) {
	a.text("copyAVX512", "func(dst, src []float32, width, depth, lanes, k int)")
	a.packRegs("depth")
	load, store := [2]reg.Register{reg.K1, reg.K2}, [2]reg.Register{reg.K3, reg.K4}
	split := func(dst [2]reg.Register) { // masks of RCX values
		a.bits(reg.RDX)
		a.KMOVW(reg.EDX, dst[0])
		a.SHRQ(operand.U8(16), reg.RDX)
		a.KMOVW(reg.EDX, dst[1])
	}
	split(load)
	a.Load(a.Param("width"), reg.RCX)
	split(store)
	a.MOVQ(reg.RCX, reg.R10)
	a.SHLQ(operand.U8(2), reg.R10)
	loop := func(label string, vectors int) {
		a.Label(label)
		for i := range vectors {
			a.VMOVUPS_Z(operand.Mem{Base: reg.RSI, Disp: 64 * i}, load[i], zmm.regs[i])
			a.VMOVUPS(zmm.regs[i], store[i], operand.Mem{Base: reg.RDI, Disp: 64 * i})
		}
		a.ADDQ(reg.R9, reg.RSI)
		a.ADDQ(reg.R10, reg.RDI)
		a.DECQ(reg.R8)
		a.JNE(operand.LabelRef(label))
	}
	a.CMPQ(reg.RCX, operand.U8(16))
	a.JGT(operand.LabelRef("two"))
	loop("one", 1)
	a.JMP(operand.LabelRef("done"))
	loop("two", 2)
	a.ret()
}

// copyLanes copies lanes of slivers of width 6 or 16.
func copyLanes(a asm, width int) {
	a.text(fmt.Sprintf("copy%dAVX2", width), "func(dst, src []float32, depth, lanes, k int)")
	a.packRegs("depth")
	masks := ymm.regs[8:10]
	a.masks(reg.RCX, masks)
	a.Label("next")
	for i := 0; 8*i < width; i++ {
		y := ymm.regs[i]
		a.VMASKMOVPS(operand.Mem{Base: reg.RSI, Disp: 32 * i}, masks[i], y)
		a.storeLanes(y, min(8, width-8*i), operand.Mem{Base: reg.RDI, Disp: 32 * i})
	}
	a.ADDQ(reg.R9, reg.RSI)
	a.ADDQ(operand.U8(4*width), reg.RDI)
	a.DECQ(reg.R8)
	a.JNE(operand.LabelRef("next"))
	a.ret()
}

// bits sets the lowest RCX bits of dst, which are fewer than 64.
func (a asm) bits(dst reg.Register) {
	a.MOVQ(operand.U32(1), dst)
	a.SHLQ(reg.CL, dst)
	a.DECQ(dst)
}

// masks loads the masks of the first n ≤ 16 values of two vectors of 8.
func (a asm) masks(n reg.Register, m []reg.VecPhysical) {
	a.LEAQ(operand.NewDataAddr(operand.NewStaticSymbol("mask"), 64), reg.RDX)
	a.SHLQ(operand.U8(2), n)
	a.SUBQ(n, reg.RDX)
	a.VMOVUPS(operand.Mem{Base: reg.RDX}, m[0])
	a.VMOVUPS(operand.Mem{Base: reg.RDX, Disp: 32}, m[1])
}

// maskAt points dst to the mask of the first n ≤ 8 values of a vector of 8.
func (a asm) maskAt(n, dst reg.Register) {
	a.LEAQ(operand.NewDataAddr(operand.NewStaticSymbol("mask"), 64), dst)
	a.SHLQ(operand.U8(2), n)
	a.SUBQ(n, dst)
}

// maskTable is 16 values of ones and 16 of zeros: the mask of the first n of
// up to 16 values starts n before the zeros.
func maskTable(a asm) {
	a.StaticGlobal("mask")
	a.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 32 {
		a.AddDatum(4*i, operand.I32(-min(1, max(0, 16-i))))
	}
}
