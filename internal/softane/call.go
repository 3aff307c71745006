package softane

import (
	"devicemap/internal/mil"
)

// kernel computes the results of one statement from its operands. Shapes and
// parameters are bound when the program is compiled.
type kernel func(out, in [][]float32, scratch []float32)

// work is a compiled statement.
type work struct {
	run     kernel
	scratch int // float32 values that run needs beside its operands
	round   rounding
}

// build compiles a statement, or refuses it. Shapes and parameters were checked
// against the rules of MIL before.
type build func(c *call) (work, *refusal)

// call is the statement that a build works on.
type call struct {
	chip target
	stmt *mil.Stmt
	code *code
	in   []int // operands in the order that the build asked for them
}

// operand is a tensor operand as a build sees it.
type operand struct {
	shape []int
	data  []float32 // of a constant; nil if computed at run time
	def   *mil.Stmt // the statement that makes it; nil for a parameter or literal
}

func (o operand) elems() int { return elems(o.shape) }

// tensor adds the named operand to the kernel's list.
func (c *call) tensor(name string) operand {
	return c.code.operandOf(c.add(c.stmt.Arg(name).Operands[0]))
}

// list adds all operands of a variadic argument.
func (c *call) list(name string) []operand {
	var all []operand
	for _, o := range c.stmt.Arg(name).Operands {
		all = append(all, c.code.operandOf(c.add(o)))
	}
	return all
}

// has says whether an optional operand is given.
func (c *call) has(name string) bool { return c.stmt.Arg(name) != nil }

func (c *call) add(o mil.Operand) int {
	id := c.code.resolve(o)
	c.in = append(c.in, id)
	return id
}

// out is the shape of result i.
func (c *call) out(i int) []int { return c.stmt.Results[i].Type.Shape }

// num is a number parameter, inline or a named constant, as fp16 rounded it.
func (c *call) num(name string, absent float64) float32 { return float32(c.stmt.Num(name, absent)) }

// axis is an axis parameter, counted from the end if negative.
func (c *call) axis(name string, rank int) int { return wrapAxis(c.stmt.Int(name, 0), rank) }

func wrapAxis(a, rank int) int {
	if a < 0 {
		return a + rank
	}
	return a
}

// axes is a list of axes; absent means all.
func (c *call) axes(name string, rank int) []int {
	list := c.stmt.Ints(name)
	if list == nil {
		for a := range rank {
			list = append(list, a)
		}
		return list
	}
	for i, a := range list {
		list[i] = wrapAxis(a, rank)
	}
	return list
}

// backEnd refuses with the text of the ANE compiler, as documented for limits.
func (c *call) backEnd(format string, args ...any) *refusal {
	r := refuse(rejected, format, args...)
	r.text = "E5RT: MILCompilerForANE error: failed to compile ANE model using ANEF. Error=_ANECompiler : ANECCompile() FAILED: " +
		c.stmt.Results[0].Name + ": " + r.text
	return r
}

// notImplemented refuses an operation without an ANE implementation.
func (c *call) notImplemented(what string) *refusal {
	return refuse(rejected, "Not implemented: %s (%s): %s not supported on any backend", c.stmt.Results[0].Name, c.stmt.Op, what)
}
