package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vector is a register width of amd64: its registers, and the values in one.
type vector struct {
	suffix string
	lanes  int
	regs   []reg.VecPhysical
}

var (
	ymm = vector{"AVX2", 8, []reg.VecPhysical{reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}}
	zmm = vector{"AVX512", 16, []reg.VecPhysical{reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
		reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15, reg.Z16, reg.Z17, reg.Z18, reg.Z19,
		reg.Z20, reg.Z21, reg.Z22, reg.Z23, reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31}}
)

// matrix writes the register tiles and the packing of matrix products.
func matrix(a asm) {
	maskTable(a)
	zmm.tile(a, 14)
	ymm.tile(a, 6)
	turn16(a)
	copyMasked(a)
	turn8(a, 6)
	turn8(a, 8)
	copyLanes(a, 6)
	copyLanes(a, 16)
}

// unroll is the number of depths per turn of a tile's loop, 2^unrollBits.
const (
	unrollBits = 2
	unroll     = 1 << unrollBits
)

// tile writes Matrix.Tile for tiles of height × two vectors: for each number
// of rows a body of its own, so that few rows cost few products.
func (v vector) tile(a asm, height int) {
	a.text("tile"+v.suffix, "func(k int, a, b, c []float32, ldc, rows, cols int, add bool)")
	t := tileRegs{
		k: a.Load(a.Param("k"), reg.R8), a: a.Load(a.Param("a").Base(), reg.RSI), b: a.Load(a.Param("b").Base(), reg.RBX),
		c: a.Load(a.Param("c").Base(), reg.RDI), ldc: a.Load(a.Param("ldc"), reg.R10),
	}
	rows := a.Load(a.Param("rows"), reg.R11)
	a.SHLQ(operand.U8(2), t.ldc)
	for r := height; r > 1; r-- {
		a.CMPQ(rows, operand.U8(r))
		a.JEQ(operand.LabelRef(fmt.Sprintf("rows%d", r)))
	}
	for r := 1; r <= height; r++ {
		a.Comment(fmt.Sprintf("%d rows", r))
		a.Label(fmt.Sprintf("rows%d", r))
		v.rows(a, t, r, height)
	}
}

// tileRegs are the general registers of a tile.
type tileRegs struct{ k, a, b, c, ldc reg.Register }

// rows writes the body for r rows. Fewer rows than the latency of a product
// needs have several sets of sums, added up at the end.
func (v vector) rows(a asm, t tileRegs, r, height int) {
	sets := 1
	switch {
	case r == 1:
		sets = 4
	case r <= 3:
		sets = 2
	}
	sum := func(set, row, half int) reg.VecPhysical { return v.regs[(set*r+row)*2+half] }
	rest := v.regs[len(v.regs)-4:]
	right, left := rest[:2], rest[2:]
	name := func(s string) string { return fmt.Sprintf("%s%d", s, r) }
	bytes := 4 * v.lanes

	a.prefetch(t, r, bytes)
	for i := range 2 * r * sets {
		a.zero(v.regs[i])
	}
	depth := func(u int) {
		for half, b := range right {
			a.VMOVUPS(operand.Mem{Base: t.b, Disp: (2*u + half) * bytes}, b)
		}
		for row := range r {
			x := left[row%2]
			a.VBROADCASTSS(operand.Mem{Base: t.a, Disp: 4 * (u*height + row)}, x)
			for half, b := range right {
				a.VFMADD231PS(b, x, sum(u%sets, row, half))
			}
		}
	}
	a.depths(t, depth, 4*height, 2*bytes, name)
	for n := sets / 2; n > 0; n /= 2 {
		for set := range n {
			for row := range r {
				for half := range 2 {
					a.VADDPS(sum(set+n, row, half), sum(set, row, half), sum(set, row, half))
				}
			}
		}
	}
	a.finish(v, t, r, func(row, half int) reg.VecPhysical { return sum(0, row, half) }, rest, name)
}

// prefetch fetches r rows of c of two vectors each.
func (a asm) prefetch(t tileRegs, r, bytes int) {
	a.MOVQ(t.c, reg.RDX)
	for i := range r {
		a.PREFETCHT0(operand.Mem{Base: reg.RDX})
		a.PREFETCHT0(operand.Mem{Base: reg.RDX, Disp: 2*bytes - 4})
		if bytes == 64 {
			a.PREFETCHT0(operand.Mem{Base: reg.RDX, Disp: bytes})
		}
		if i < r-1 {
			a.ADDQ(t.ldc, reg.RDX)
		}
	}
}

// depths runs depth for each of t.k depths, which are left and right bytes
// apart in the slivers.
func (a asm) depths(t tileRegs, depth func(u int), left, right int, name func(string) string) {
	a.MOVQ(t.k, reg.RCX)
	a.SHRQ(operand.U8(unrollBits), reg.RCX)
	a.JEQ(operand.LabelRef(name("tail")))
	a.Label(name("loop"))
	for u := range unroll {
		depth(u)
	}
	a.ADDQ(operand.U32(unroll*left), t.a)
	a.ADDQ(operand.U32(unroll*right), t.b)
	a.DECQ(reg.RCX)
	a.JNE(operand.LabelRef(name("loop")))
	a.Label(name("tail"))
	a.ANDQ(operand.U8(unroll-1), t.k)
	a.JEQ(operand.LabelRef(name("sum")))
	a.Label(name("next"))
	depth(0)
	a.ADDQ(operand.U8(left), t.a)
	a.ADDQ(operand.U32(right), t.b)
	a.DECQ(t.k)
	a.JNE(operand.LabelRef(name("next")))
	a.Label(name("sum"))
}

// zero clears a whole register.
func (a asm) zero(r reg.VecPhysical) {
	if r.Size() == 64 {
		a.VPXORD(r, r, r)
	} else {
		a.VXORPS(r, r, r)
	}
}

// finish writes the sums of r rows to c, or adds them, and returns. free are
// registers that hold no sum.
func (a asm) finish(v vector, t tileRegs, r int, sum func(row, half int) reg.VecPhysical, free []reg.VecPhysical,
	name func(string) string) {
	a.Load(a.Param("cols"), reg.RCX)
	a.Load(a.Param("add"), reg.RAX)
	each := func(f func(s reg.VecPhysical, c operand.Mem, half int)) {
		a.MOVQ(t.c, reg.RDX)
		for row := range r {
			for half := range 2 {
				f(sum(row, half), operand.Mem{Base: reg.RDX, Disp: 4 * v.lanes * half}, half)
			}
			if row < r-1 {
				a.ADDQ(t.ldc, reg.RDX)
			}
		}
	}
	write := func(label string, add, store func(s reg.VecPhysical, c operand.Mem, half int)) {
		a.TESTB(reg.AL, reg.AL)
		a.JEQ(operand.LabelRef(name(label)))
		each(add)
		a.Label(name(label))
		each(store)
		a.VZEROUPPER()
		a.RET()
	}
	if v.lanes == 16 {
		a.bits(reg.RDX)
		a.KMOVW(reg.EDX, reg.K1)
		a.SHRQ(operand.U8(16), reg.RDX)
		a.KMOVW(reg.EDX, reg.K2)
		masks := []reg.Register{reg.K1, reg.K2}
		write("store",
			func(s reg.VecPhysical, c operand.Mem, half int) { a.VADDPS(c, s, masks[half], s) },
			func(s reg.VecPhysical, c operand.Mem, half int) { a.VMOVUPS(s, masks[half], c) })
		return
	}
	// Masked stores of AVX are slow on some processors: edges only.
	a.CMPQ(reg.RCX, operand.U8(16))
	a.JNE(operand.LabelRef(name("edge")))
	write("store",
		func(s reg.VecPhysical, c operand.Mem, _ int) { a.VADDPS(c, s, s) },
		func(s reg.VecPhysical, c operand.Mem, _ int) { a.VMOVUPS(s, c) })
	a.Label(name("edge"))
	masks, was := free[:2], free[2]
	a.masks(reg.RCX, masks)
	write("storeEdge",
		func(s reg.VecPhysical, c operand.Mem, half int) {
			a.VMASKMOVPS(c, masks[half], was)
			a.VADDPS(was, s, s)
		},
		func(s reg.VecPhysical, c operand.Mem, half int) { a.VMASKMOVPS(s, masks[half], c) })
}
