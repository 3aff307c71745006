// Package tile is Intel's tile unit (AMX) in Go, for processors that have
// none: the instructions that the kernel of package amx consists of, each with
// its encoding and its meaning, the kernel as a list of them, and a machine
// that runs the list. Tests import it, and the kernel's assembly is written
// from it.
//
// Sources: Intel's Software Developer's Manual, volumes 1 (chapter on AMX) and
// 2 (the instructions' pseudo code).
package tile

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Reg is a general register by its number in an encoding.
type Reg uint8

// The general registers that programs here use.
const (
	AX Reg = iota
	CX
	DX
	BX
	_ // SP: not an index register
	_ // BP: needs a displacement as a base
	SI
	DI
	R8
	R9
	R10
	R11
	R12
	regs
)

func (r Reg) String() string {
	return [regs]string{"AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI", "R8", "R9", "R10", "R11", "R12"}[r]
}

// intel is the register's name in Intel's syntax.
func (r Reg) intel() string {
	if r < R8 {
		return "r" + strings.ToLower(r.String())
	}
	return strings.ToLower(r.String())
}

// Ins is one instruction.
type Ins struct {
	Text string // with Code, in Intel's syntax; else in that of Go's assembler
	Code []byte // for what Go's assembler lacks

	label string // where this instruction is, if jumps lead here
	jump  string // the label that it jumps to when the run says so
	run   func(m *Machine) (jump bool)
}

// Tiles is the number of tiles; each has 16 rows of 64 bytes.
const Tiles, rows, rowBytes = 8, 16, 64

// Config is the block that LDTILECFG takes: palette 1 with all eight tiles at
// full size.
func Config() [64]byte {
	c := [64]byte{0: 1}
	for t := range Tiles {
		binary.LittleEndian.PutUint16(c[16+2*t:], rowBytes)
		c[48+t] = rows
	}
	return c
}

// vex is an instruction without memory operand, or with [AX] for modrm 0.
func vex(vvvv, pp, opcode, modrm int) []byte {
	return []byte{0xC4, 0xE2, byte((^vvvv&15)<<3 | pp), byte(opcode), byte(modrm)}
}

// LdTileCfg configures the tiles from the 64 bytes at [AX].
func LdTileCfg() Ins {
	return Ins{Text: "ldtilecfg [rax]", Code: vex(0, 0, 0x49, 0), run: func(m *Machine) bool {
		m.configure(m.bytes(m.reg[AX], 64, false))
		return false
	}}
}

// TileRelease returns the unit to its initial state.
func TileRelease() Ins {
	return Ins{Text: "tilerelease", Code: vex(0, 0, 0x49, 0xC0), run: func(m *Machine) bool {
		m.tiles, m.config = [Tiles]matrix{}, nil
		return false
	}}
}

// TileZero clears tile t.
func TileZero(t int) Ins {
	return Ins{Text: fmt.Sprintf("tilezero tmm%d", t), Code: vex(0, 3, 0x49, 0xC0+8*t), run: func(m *Machine) bool {
		m.shape(t)
		m.tiles[t] = matrix{}
		return false
	}}
}

// Mem is the memory operand of a load or store: row i of the tile is at
// Base + i·Stride + Disp.
type Mem struct {
	Base, Stride Reg
	Disp         int32
}

func (a Mem) String() string {
	s := fmt.Sprintf("[%s+%s*1", a.Base.intel(), a.Stride.intel())
	if a.Disp != 0 {
		s += fmt.Sprintf("+%#x", a.Disp)
	}
	return s + "]"
}

// code is the instruction with opcode 4B and the given prefix pp on tile t.
func (a Mem) code(t, pp int) []byte {
	p1, modrm := byte(0xE2), byte(0x04+8*t)
	if a.Base >= R8 {
		p1 &^= 0x20
	}
	if a.Stride >= R8 {
		p1 &^= 0x40
	}
	b := []byte{0xC4, p1, byte(0x78 | pp), 0x4B, modrm, byte(a.Stride&7)<<3 | byte(a.Base&7)}
	if a.Disp != 0 {
		b[4] |= 0x80
		b = binary.LittleEndian.AppendUint32(b, uint32(a.Disp))
	}
	return b
}

// TileLoad reads tile t from memory.
func TileLoad(t int, a Mem) Ins {
	return Ins{Text: fmt.Sprintf("tileloadd tmm%d,%v", t, a), Code: a.code(t, 3), run: func(m *Machine) bool {
		r, n := m.shape(t)
		m.tiles[t] = matrix{}
		for i := range r {
			copy(m.tiles[t][i][:], m.bytes(m.row(a, i), n, false))
		}
		return false
	}}
}

// TileStore writes tile t to memory.
func TileStore(t int, a Mem) Ins {
	return Ins{Text: fmt.Sprintf("tilestored %v,tmm%d", a, t), Code: a.code(t, 2), run: func(m *Machine) bool {
		r, n := m.shape(t)
		for i := range r {
			copy(m.bytes(m.row(a, i), n, true), m.tiles[t][i][:])
		}
		return false
	}}
}

// TDPBF16PS is d += a·b with bf16 pairs a [rows, pairs], b [pairs, columns] and
// float32 d [rows, columns].
func TDPBF16PS(d, a, b int) Ins {
	return Ins{Text: fmt.Sprintf("tdpbf16ps tmm%d,tmm%d,tmm%d", d, a, b), Code: vex(b, 2, 0x5C, 0xC0+8*d+a),
		run: func(m *Machine) bool {
			m.dot(d, a, b)
			return false
		}}
}

// The instructions below are Go's assembler's own.

// Arg reads the named argument at the given offset.
func Arg(name string, offset int, dst Reg) Ins {
	return Ins{Text: fmt.Sprintf("MOVQ %s+%d(FP), %v", name, offset, dst), run: func(m *Machine) bool {
		v, ok := m.args[name]
		m.require(ok, "no argument %s", name)
		m.reg[dst] = v
		return false
	}}
}

// ConfigAddr is the address of Config.
func ConfigAddr(dst Reg) Ins {
	return Ins{Text: fmt.Sprintf("MOVQ $·config(SB), %v", dst), run: func(m *Machine) bool {
		m.reg[dst] = configAt
		return false
	}}
}

// Const is dst = v.
func Const(v uint64, dst Reg) Ins {
	return arith(fmt.Sprintf("MOVQ $%d, %v", v, dst), dst, func(*Machine) uint64 { return v })
}

// Move is dst = src.
func Move(src, dst Reg) Ins {
	return arith(fmt.Sprintf("MOVQ %v, %v", src, dst), dst, func(m *Machine) uint64 { return m.reg[src] })
}

// Shift is dst <<= n.
func Shift(n int, dst Reg) Ins {
	return arith(fmt.Sprintf("SHLQ $%d, %v", n, dst), dst, func(m *Machine) uint64 { return m.reg[dst] << n })
}

// Add is dst += src.
func Add(src, dst Reg) Ins {
	return arith(fmt.Sprintf("ADDQ %v, %v", src, dst), dst, func(m *Machine) uint64 { return m.reg[dst] + m.reg[src] })
}

// AddConst is dst += v.
func AddConst(v uint64, dst Reg) Ins {
	return arith(fmt.Sprintf("ADDQ $%d, %v", v, dst), dst, func(m *Machine) uint64 { return m.reg[dst] + v })
}

// Dec is dst--; JumpNotZero may follow.
func Dec(dst Reg) Ins {
	return arith(fmt.Sprintf("DECQ %v", dst), dst, func(m *Machine) uint64 { return m.reg[dst] - 1 })
}

// Test compares r with zero for JumpNotZero.
func Test(r Reg) Ins {
	return arith(fmt.Sprintf("TESTQ %v, %v", r, r), r, func(m *Machine) uint64 { return m.reg[r] })
}

func arith(text string, dst Reg, value func(m *Machine) uint64) Ins {
	return Ins{Text: text, run: func(m *Machine) bool {
		m.reg[dst] = value(m)
		m.zero = m.reg[dst] == 0
		return false
	}}
}

// JumpNotZero jumps if the last result was not zero.
func JumpNotZero(label string) Ins {
	return Ins{Text: "JNE " + label, jump: label, run: func(m *Machine) bool { return !m.zero }}
}

// Jump jumps.
func Jump(label string) Ins {
	return Ins{Text: "JMP " + label, jump: label, run: func(*Machine) bool { return true }}
}

// Label marks a place.
func Label(name string) Ins {
	return Ins{Text: name + ":", label: name, run: func(*Machine) bool { return false }}
}
