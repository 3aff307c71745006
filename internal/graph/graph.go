// Package graph describes tensor programs: static, shape-checked graphs of
// typed operations that every engine of the suite compiles.
//
// A [Builder] collects inputs, constants and operations. Each operation checks
// the shapes of its operands when it is added; the first broken rule stops the
// builder and [Builder.Build] returns it, so that building code needs no error
// check per line. A built [Graph] is immutable.
//
// # Meaning
//
// The meaning of an operation is its float64 evaluation in internal/reference.
// A constant holds float32 values, or float64 values where the exact ones are
// not representable; engines round them to the dtype they compute in.
//
// # Layout
//
// All tensors are dense and row-major with rank 1 to 5. Images are NCHW,
// filters [Cout, Cin/groups, kH, kW], a linear layer's weight [out, in].
package graph

import (
	"fmt"
	"slices"
	"strings"
)

// MaxRank is the largest tensor rank of any operation: the Neural Engine's.
const MaxRank = 5

// DType is the element type of a tensor as the graph sees it. Which floating
// format stands for Float is the choice of the engine's arm.
type DType uint8

// The element types.
const (
	Float DType = iota // the arm's floating-point type
	Bool               // the result of a comparison; never an input or output
	Uint8              // image inputs
)

func (d DType) String() string { return [...]string{"float", "bool", "uint8"}[d] }

// Shape is the list of a tensor's dimensions. Shapes are values: rules clone
// before they change one.
type Shape []int

// Elems is the number of elements.
func (s Shape) Elems() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

func (s Shape) last() int { return s[len(s)-1] }

func (s Shape) String() string { return strings.ReplaceAll(fmt.Sprint([]int(s)), " ", ",") }

// Strides are the row-major element strides of s.
func (s Shape) Strides() []int {
	st := make([]int, len(s))
	n := 1
	for i := len(s) - 1; i >= 0; i-- {
		st[i] = n
		n *= s[i]
	}
	return st
}

// Type is what an operation knows of an operand or result.
type Type struct {
	DType DType
	Shape Shape
}

func (t Type) String() string {
	if t.DType == Float {
		return t.Shape.String()
	}
	return t.DType.String() + t.Shape.String()
}

// Data holds the row-major values of a constant or of a graph's input. Wide is
// set only where the exact values are no float32s (the stencil's 0.6, a
// transform's twiddles); Narrow is then its rounding.
type Data struct {
	Narrow []float32
	Wide   []float64
}

// F32 makes Data of exact float32 values.
func F32(v []float32) Data { return Data{Narrow: v} }

// F64 makes Data of float64 values and their float32 rounding.
func F64(v []float64) Data {
	n := make([]float32, len(v))
	for i, x := range v {
		n[i] = float32(x)
	}
	return Data{Narrow: n, Wide: v}
}

// Len is the number of values.
func (d Data) Len() int { return len(d.Narrow) }

// Op is one operation with its parameters. Implementations are small value
// types of this package; engines keep one kernel per Name.
type Op interface {
	// Name is the operation's name in the capability registry, such as "conv".
	Name() string
	// Infer gives the result types, or the rule that the operands break.
	Infer(in []Type) ([]Type, error)
	// FLOPs counts the floating-point operations of one evaluation, by the
	// conventions of the roofline (a multiply-add is 2).
	FLOPs(in, out []Type) float64
}

// Value is a tensor of a graph: an input, a constant or a node's result.
type Value struct {
	Type
	ID    int    // dense index in Graph.Values
	Name  string // of an input or a constant; else empty
	Node  *Node  // the producer; nil for inputs and constants
	Const *Data  // values of a constant; else nil
}

// IsInput reports whether v is one of the graph's inputs.
func (v *Value) IsInput() bool { return v.Node == nil && v.Const == nil }

// Node is one application of an operation.
type Node struct {
	Name string // unique in the graph, such as "conv_3"
	Op   Op
	In   []*Value
	Out  []*Value
}

// FLOPs of one evaluation of the node.
func (n *Node) FLOPs() float64 { return n.Op.FLOPs(types(n.In), types(n.Out)) }

// Output is a named result of a graph.
type Output struct {
	Name  string
	Value *Value
}

// Graph is a finished program. Nodes are in topological order.
type Graph struct {
	Name    string
	Inputs  []*Value
	Consts  []*Value
	Nodes   []*Node
	Outputs []Output
	Values  []*Value // all tensors, indexed by ID
}

// FLOPs of one evaluation of the whole graph.
func (g *Graph) FLOPs() float64 {
	var f float64
	for _, n := range g.Nodes {
		f += n.FLOPs()
	}
	return f
}

// ConstElems is the number of constant values, weights included.
func (g *Graph) ConstElems() int {
	n := 0
	for _, c := range g.Consts {
		n += c.Shape.Elems()
	}
	return n
}

// IOElems is the number of values that enter and leave the graph in one run.
func (g *Graph) IOElems() int {
	n := 0
	for _, v := range g.Inputs {
		n += v.Shape.Elems()
	}
	for _, o := range g.Outputs {
		n += o.Value.Shape.Elems()
	}
	return n
}

// Error is a rule broken while a graph was built.
type Error struct {
	Graph string
	Op    string // operation name
	Node  string
	In    []Type
	Rule  error
}

func (e *Error) Error() string {
	return fmt.Sprintf("graph %s: %s (%s) of %v: %v", e.Graph, e.Node, e.Op, e.In, e.Rule)
}

func (e *Error) Unwrap() error { return e.Rule }

// Builder collects a graph. The zero value is not usable; call [New].
type Builder struct {
	g     Graph
	err   error
	names map[string]bool
}

// New starts a graph.
func New(name string) *Builder {
	return &Builder{g: Graph{Name: name}, names: map[string]bool{}}
}

// Err is the first rule that was broken, or nil.
func (b *Builder) Err() error { return b.err }

func (b *Builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

func (b *Builder) value(t Type) *Value {
	v := &Value{Type: t, ID: len(b.g.Values)}
	b.g.Values = append(b.g.Values, v)
	return v
}

func (b *Builder) claim(name string) {
	switch {
	case name == "":
		b.fail(fmt.Errorf("graph %s: an input, constant or output has no name", b.g.Name))
	case b.names[name]:
		b.fail(fmt.Errorf("graph %s: name %q is used twice", b.g.Name, name))
	}
	b.names[name] = true
}

// Input adds a floating-point input.
func (b *Builder) Input(name string, shape ...int) *Value {
	return b.InputOf(name, Type{Float, shape})
}

// InputOf adds an input of the given type; booleans cannot be inputs.
func (b *Builder) InputOf(name string, t Type) *Value {
	b.claim("input " + name)
	if err := checkType(t); err != nil {
		b.fail(fmt.Errorf("graph %s: input %s: %w", b.g.Name, name, err))
	}
	if t.DType == Bool {
		b.fail(fmt.Errorf("graph %s: input %s: bool cannot cross the host boundary", b.g.Name, name))
	}
	v := b.value(Type{t.DType, slices.Clone(t.Shape)})
	v.Name = name
	b.g.Inputs = append(b.g.Inputs, v)
	return v
}

// Const adds a constant. The graph keeps d's slices and never writes them.
func (b *Builder) Const(name string, d Data, shape ...int) *Value {
	b.claim("const " + name)
	t := Type{Float, shape}
	if err := checkType(t); err != nil {
		b.fail(fmt.Errorf("graph %s: constant %s: %w", b.g.Name, name, err))
	} else if d.Len() != t.Shape.Elems() {
		b.fail(fmt.Errorf("graph %s: constant %s: %d values for shape %v", b.g.Name, name, d.Len(), t.Shape))
	}
	v := b.value(Type{Float, slices.Clone(t.Shape)})
	v.Name = name
	v.Const = &d
	b.g.Consts = append(b.g.Consts, v)
	return v
}

// Apply adds an operation with one result.
func (b *Builder) Apply(op Op, in ...*Value) *Value {
	out := b.ApplyMany(op, in...)
	if len(out) != 1 {
		b.fail(fmt.Errorf("graph %s: %s has %d results; use ApplyMany", b.g.Name, op.Name(), len(out)))
	}
	return out[0]
}

// ApplyMany adds an operation with any number of results. After a failure it
// returns as many placeholders, so that a chain of calls stays valid.
func (b *Builder) ApplyMany(op Op, in ...*Value) []*Value {
	if b.err != nil {
		return placeholders(op)
	}
	name := fmt.Sprintf("%s_%d", op.Name(), len(b.g.Nodes))
	outs, err := infer(op, types(in))
	if err != nil {
		b.fail(&Error{Graph: b.g.Name, Op: op.Name(), Node: name, In: types(in), Rule: err})
		return placeholders(op)
	}
	n := &Node{Name: name, Op: op, In: slices.Clone(in)}
	for _, t := range outs {
		v := b.value(t)
		v.Node = n
		n.Out = append(n.Out, v)
	}
	b.g.Nodes = append(b.g.Nodes, n)
	return n.Out
}

func placeholders(op Op) []*Value {
	n := 1
	switch op := op.(type) {
	case TopK, Sort:
		n = 2
	case Split:
		n = max(1, len(op.Sizes))
	}
	out := make([]*Value, n)
	for i := range out {
		out[i] = &Value{Type: Type{Float, Shape{1}}}
	}
	return out
}

// Output names a result. The same value may be an output twice.
func (b *Builder) Output(name string, v *Value) {
	b.claim("output " + name)
	if v.DType != Float {
		b.fail(fmt.Errorf("graph %s: output %s: %v cannot cross the host boundary", b.g.Name, name, v.DType))
	}
	b.g.Outputs = append(b.g.Outputs, Output{name, v})
}

// Build finishes the graph, or returns the first rule that was broken.
func (b *Builder) Build() (*Graph, error) {
	if b.err == nil && len(b.g.Outputs) == 0 {
		b.fail(fmt.Errorf("graph %s: no output", b.g.Name))
	}
	if b.err != nil {
		return nil, b.err
	}
	g := b.g
	return &g, nil
}

func infer(op Op, in []Type) ([]Type, error) {
	for i, t := range in {
		if t.Shape == nil {
			return nil, fmt.Errorf("operand %d is missing", i)
		}
	}
	out, err := op.Infer(in)
	if err != nil {
		return nil, err
	}
	for _, t := range out {
		if err := checkType(t); err != nil {
			return nil, fmt.Errorf("result: %w", err)
		}
	}
	return out, nil
}

func checkType(t Type) error {
	if len(t.Shape) < 1 || len(t.Shape) > MaxRank {
		return fmt.Errorf("rank of %v is %d, want 1 to %d", t.Shape, len(t.Shape), MaxRank)
	}
	total := 1
	for _, d := range t.Shape {
		if d < 1 {
			return fmt.Errorf("dimension %d in %v, want at least 1", d, t.Shape)
		}
		if total > (1<<40)/d {
			return fmt.Errorf("%v has more than 2^40 elements", t.Shape)
		}
		total *= d
	}
	return nil
}

func types(vs []*Value) []Type {
	ts := make([]Type, len(vs))
	for i, v := range vs {
		ts[i] = v.Type
	}
	return ts
}
