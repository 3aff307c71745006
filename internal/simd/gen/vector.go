package main

import "math"

// The vector loops are written once, as straight-line bodies over an abstract
// vector machine; a backend turns each body into a loop over its registers.
// The backends are x86 (AVX-512 and AVX2, through avo) and arm64 (NEON).
//
// A body sees one vector of each operand and has no notion of its length. What
// a backend supplies: loops over whole vectors (several at a time), the tail,
// the order of loads and stores, registers, and the horizontal end of a
// reduction.

// kernel is one vector loop.
type kernel struct {
	name      string   // of the field of simd.Vector
	signature string   // of the Go function
	in        []string // slices that are read, in the order of their inputs
	out       string   // slice that is written, if any
	wide      string   // []float64 that is read, added to and written, if any
	params    []string // float32 parameters as avo and vet spell them: p_0, shift
	count     string   // the slice whose length is the number of values
	unroll    int      // vectors per round that pay
	stream    bool     // results are stored past the caches
	body      func(b *body)
}

// function is the name of the Go function of k for a level.
func (k kernel) function(suffix string) string { return "vector" + k.name + suffix }

// kind is an operation of the machine. Operations are lane by lane and float32
// unless stated; masks are values that only choose takes.
type kind uint8

const (
	input    kind = iota // imm: index into in
	param                // imm: index into params, in all lanes
	constant             // imm: bits, in all lanes

	add
	sub
	mul
	div
	fma    // x·y + z, one rounding
	fnma   // z − x·y, one rounding
	lower  // the smaller; NaN where y is, y or NaN where only x is
	higher // the larger; NaN where y is, y or NaN where only x is
	sqrt
	nearest // integer, ties to even
	floor
	ceil

	and
	or
	xor
	addInt   // int32
	subInt   // int32
	left     // int32 shifted by imm
	right    // the sign fills
	toInt    // to the nearest int32
	fromInt  // from int32
	times2to // x·2^y for an integral float y in [−252, 252], one rounding where the result is subnormal

	less      // mask; false where one is NaN
	lessEqual // mask; false where one is NaN
	equal     // mask; false where one is NaN
	notNumber // mask: x is NaN
	signMask  // mask: bit 31 of x
	choose    // x is the mask: y where it is set, else z

	store // x to out; no value

	// Reductions; no value. Those of a kernel with wide go to its float64
	// values; those of another kernel are its result.
	total    // Σ x in float64
	products // Σ x·y in float64
	largest  // NaN if any value is
	smallest
)

// value is an operation's result: an index into the body's list.
type value int

type operation struct {
	kind kind
	args []value
	imm  uint32
}

// body is a list of operations, each with operands from before it.
type body struct{ ops []operation }

// record lists the operations of k.
func (k kernel) record() *body {
	b := new(body)
	k.body(b)
	return b
}

func (b *body) op(k kind, args ...value) value { return b.imm(k, 0, args...) }

func (b *body) imm(k kind, imm uint32, args ...value) value {
	b.ops = append(b.ops, operation{k, args, imm})
	return value(len(b.ops) - 1)
}

func (b *body) in(i int) value    { return b.imm(input, uint32(i)) }
func (b *body) param(i int) value { return b.imm(param, uint32(i)) }

// c is a constant, one value however often it is asked for.
func (b *body) c(f float32) value { return b.bits(math.Float32bits(f)) }

func (b *body) bits(u uint32) value {
	for i, o := range b.ops {
		if o.kind == constant && o.imm == u {
			return value(i)
		}
	}
	return b.imm(constant, u)
}

func (b *body) add(x, y value) value       { return b.op(add, x, y) }
func (b *body) sub(x, y value) value       { return b.op(sub, x, y) }
func (b *body) mul(x, y value) value       { return b.op(mul, x, y) }
func (b *body) div(x, y value) value       { return b.op(div, x, y) }
func (b *body) fma(x, y, z value) value    { return b.op(fma, x, y, z) }
func (b *body) fnma(x, y, z value) value   { return b.op(fnma, x, y, z) }
func (b *body) lower(x, y value) value     { return b.op(lower, x, y) }
func (b *body) higher(x, y value) value    { return b.op(higher, x, y) }
func (b *body) abs(x value) value          { return b.op(and, x, b.bits(1<<31-1)) }
func (b *body) sign(x value) value         { return b.op(and, x, b.bits(1<<31)) }
func (b *body) less(x, y value) value      { return b.op(less, x, y) }
func (b *body) choose(m, y, z value) value { return b.op(choose, m, y, z) }
func (b *body) store(x value)              { b.op(store, x) }

// poly is c[0] + c[1]·x + …, by Horner's rule.
func (b *body) poly(x value, c ...float32) value {
	y := b.c(c[len(c)-1])
	for i := len(c) - 2; i >= 0; i-- {
		y = b.fma(y, x, b.c(c[i]))
	}
	return y
}

// lastUse gives for each value the index of the last operation that reads it,
// or −1.
func (b *body) lastUse() []int {
	last := make([]int, len(b.ops))
	for i, o := range b.ops {
		last[i] = -1
		for _, a := range o.args {
			last[a] = i
		}
	}
	return last
}
