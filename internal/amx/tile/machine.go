package tile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

type matrix [rows][rowBytes]byte

// configAt is the address of the configuration block.
const configAt = 0x1000

// Segment is a piece of the machine's memory. What lies between segments is
// not mapped.
type Segment struct {
	Addr     uint64
	Data     []byte
	Writable bool
}

// Machine runs programs. What would fault on a processor ends the run with an
// error.
type Machine struct {
	reg    [regs]uint64
	zero   bool
	args   map[string]uint64
	memory []Segment
	config *[64]byte // nil: not configured
	tiles  [Tiles]matrix
}

// fault is what a run panics with.
type fault struct{ error }

func (m *Machine) require(ok bool, format string, args ...any) {
	if !ok {
		panic(fault{fmt.Errorf(format, args...)})
	}
}

// Run executes program to its end with the given arguments and memory. A run
// that leaves the tiles configured is an error: their state would slow every
// switch of threads.
func Run(program []Ins, args map[string]uint64, memory ...Segment) (err error) {
	block := Config()
	m := &Machine{args: args, memory: append(memory, Segment{Addr: configAt, Data: block[:]})}
	labels := map[string]int{}
	for i, in := range program {
		if in.label != "" {
			labels[in.label] = i
		}
	}
	at := 0
	defer func() {
		if f, ok := recover().(fault); ok {
			err = fmt.Errorf("tile: instruction %d, %s: %w", at, program[at].Text, f.error)
		}
	}()
	for ; at < len(program); at++ {
		if program[at].run(m) {
			to, ok := labels[program[at].jump]
			m.require(ok, "no such label")
			at = to
		}
	}
	if m.config != nil {
		return errors.New("tile: the tiles are not released")
	}
	return nil
}

// bytes is n bytes of memory at addr.
func (m *Machine) bytes(addr uint64, n int, write bool) []byte {
	for _, s := range m.memory {
		if off := addr - s.Addr; addr >= s.Addr && off < uint64(len(s.Data)) && uint64(n) <= uint64(len(s.Data))-off {
			m.require(!write || s.Writable, "write to %#x, which is read only", addr)
			return s.Data[off : off+uint64(n)]
		}
	}
	m.require(false, "no %d bytes at %#x", n, addr)
	return nil
}

func (m *Machine) row(a Mem, i int) uint64 {
	return m.reg[a.Base] + uint64(i)*m.reg[a.Stride] + uint64(int64(a.Disp))
}

// configure takes a block that a processor would accept.
func (m *Machine) configure(block []byte) {
	m.require(block[0] == 1 && block[1] == 0, "palette %d, start row %d", block[0], block[1])
	for t := range Tiles {
		n, r := binary.LittleEndian.Uint16(block[16+2*t:]), block[48+t]
		m.require(n <= rowBytes && r <= rows && (n == 0) == (r == 0), "tile %d: %d rows of %d bytes", t, r, n)
	}
	for i, v := range block {
		reserved := i >= 2 && i < 16 || i >= 16+2*Tiles && i < 48 || i >= 48+Tiles
		m.require(!reserved || v == 0, "reserved byte %d is %d", i, v)
	}
	m.config = (*[64]byte)(block)
	m.tiles = [Tiles]matrix{}
}

// shape is the configured rows and bytes per row of tile t.
func (m *Machine) shape(t int) (r, n int) {
	m.require(m.config != nil, "the tiles are not configured")
	r, n = int(m.config[48+t]), int(binary.LittleEndian.Uint16(m.config[16+2*t:]))
	m.require(r > 0, "tile %d is not configured", t)
	return r, n
}

// dot is TDPBF16PS in the order of the manual: even and odd elements of a row
// have sums of their own, which are added to d at the end. Denormal inputs and
// results are zeros.
func (m *Machine) dot(d, a, b int) {
	dr, dn := m.shape(d)
	ar, an := m.shape(a)
	br, bn := m.shape(b)
	m.require(d != a && d != b && a != b, "a tile is used twice")
	m.require(dr == ar && dn == bn && an == 4*br, "shapes %dx%d += %dx%d · %dx%d", dr, dn, ar, an, br, bn)
	left, right := m.tiles[a].halves(), m.tiles[b].halves()
	for i := range dr {
		for j := range dn / 4 {
			var even, odd float32
			for p := range br {
				even = fma(left[i][2*p], right[p][2*j], even)
				odd = fma(left[i][2*p+1], right[p][2*j+1], odd)
			}
			cell := m.tiles[d][i][4*j:]
			v := flush(math.Float32frombits(binary.LittleEndian.Uint32(cell)))
			v = flush(v + flush(even+odd))
			binary.LittleEndian.PutUint32(cell, math.Float32bits(v))
		}
	}
}

// halves is t as rows of bf16 values.
func (t *matrix) halves() (v [rows][rowBytes / 2]float32) {
	for i, row := range t {
		for j := range v[i] {
			v[i][j] = flush(math.Float32frombits(uint32(binary.LittleEndian.Uint16(row[2*j:])) << 16))
		}
	}
	return v
}

// fma is x·y + z for bf16 x and y: the product is exact in float64, and the sum
// is rounded there once more, which a test's tolerance covers.
func fma(x, y, z float32) float32 {
	return flush(float32(float64(x)*float64(y) + float64(z)))
}

// flush replaces denormals, and −0, by zero.
func flush(v float32) float32 {
	if -0x1p-126 < v && v < 0x1p-126 {
		return 0
	}
	return v
}
