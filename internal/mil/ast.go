package mil

import (
	"fmt"
	"slices"
	"strings"
)

// DType is a type of element.
type DType uint8

// The element types.
const (
	FP16 DType = iota + 1
	FP32
	Int8
	UInt8
	UInt4
	UInt1
	Int32
	UInt32
	UInt64
	Bool
	String
)

// dtypes gives each element type its spelling, its bits (0: never stored in a
// tensor of the weight file), its code there, and where it may stand.
var dtypes = [...]struct {
	name           string
	bits           int
	code           BlobCode
	scalar, tensor bool
}{
	FP16:   {"fp16", 16, BlobFP16, true, true},
	FP32:   {"fp32", 0, 0, true, false},
	Int8:   {"int8", 8, BlobInt8, true, true},
	UInt8:  {"uint8", 0, 0, false, true},
	UInt4:  {"uint4", 4, BlobUInt4, false, true},
	UInt1:  {"uint1", 1, BlobUInt1, false, true},
	Int32:  {"int32", 0, 0, true, true},
	UInt32: {"uint32", 0, 0, true, false},
	UInt64: {"uint64", 0, 0, true, false},
	Bool:   {"bool", 0, 0, true, true},
	String: {"string", 0, 0, true, false},
}

func (d DType) String() string {
	if int(d) >= len(dtypes) || dtypes[d].name == "" {
		return fmt.Sprintf("dtype(%d)", uint8(d))
	}
	return dtypes[d].name
}

// Type is the type of a value: a scalar without a shape, or a dense row-major
// tensor.
type Type struct {
	DType DType
	Shape []int
}

// Tensor is a tensor type.
func Tensor(d DType, shape ...int) Type { return Type{d, shape} }

// Scalar is a scalar type.
func Scalar(d DType) Type { return Type{DType: d} }

// IsScalar reports whether t has no shape.
func (t Type) IsScalar() bool { return len(t.Shape) == 0 }

// Elems is the number of elements, and [MaxElems]+1 for any more than that.
func (t Type) Elems() int {
	n := 1
	for _, d := range t.Shape {
		n = mulDim(n, d)
	}
	return n
}

// Equal reports whether t and u are the same type.
func (t Type) Equal(u Type) bool { return t.DType == u.DType && slices.Equal(t.Shape, u.Shape) }

func (t Type) String() string {
	if t.IsScalar() {
		return t.DType.String()
	}
	return fmt.Sprintf("tensor<%v, %v>", t.DType, dims(t.Shape))
}

// dims spells a shape: [2, 48].
func dims(s []int) string { return strings.ReplaceAll(fmt.Sprint(s), " ", ", ") }

// Pos is a place in a text; zero in a program that was built.
type Pos struct{ Line, Col int }

// BlobRef points to the descriptor of a tensor in the weight file.
type BlobRef struct {
	Path   string
	Offset uint64 // of the descriptor, not of the data
}

// WeightPath is the path of the weight file, beside the text.
const WeightPath = "@model_path/weights.bin"

// Literal is a constant. Exactly one of the fields behind Type is set, by the
// element type.
type Literal struct {
	Type   Type
	Floats []float64 // fp16 and fp32, row-major
	Ints   []int64   // integers; bools as 0 and 1
	Str    string
	Blob   *BlobRef // tensor in the weight file
	Pos    Pos
}

// Value is a parameter or a result: one static single assignment.
type Value struct {
	Name string
	Type Type
	Def  *Stmt // the statement that makes it; nil for a parameter
	Pos  Pos
}

// Const is the literal of a value that a const statement made, else nil.
func (v *Value) Const() *Literal {
	if v.Def == nil || v.Def.Op != "const" {
		return nil
	}
	return v.Def.Lit("val")
}

// Operand is a reference to a value, or a literal.
type Operand struct {
	Value *Value
	Lit   *Literal
	Pos   Pos
}

// Type is the type of the operand.
func (o Operand) Type() Type {
	if o.Value != nil {
		return o.Value.Type
	}
	return o.Lit.Type
}

// Literal is the inline literal, or that of a named constant, or nil.
func (o Operand) Literal() *Literal {
	if o.Value != nil {
		return o.Value.Const()
	}
	return o.Lit
}

// Arg is a named argument: one operand, or the list of a variadic one.
type Arg struct {
	Name     string
	List     bool
	Operands []Operand
	Pos      Pos
}

// Stmt is one statement. Args stand in the parentheses, Attrs in the bracket
// behind them.
type Stmt struct {
	Op      string
	Results []*Value
	Args    []Arg
	Attrs   []Arg  // without name
	Label   string // the attribute name; empty means the first result's name
	Pos     Pos
}

// Func is a function.
type Func struct {
	Name    string // main
	Opset   string // ios18
	Params  []*Value
	Body    []*Stmt
	Outputs []*Value
	Pos     Pos // of the list of outputs
}

// Info is one entry of the dictionary buildInfo.
type Info struct{ Key, Value string }

// Program is a whole text.
type Program struct {
	Version   string // 1.3
	BuildInfo []Info
	Func      Func
}

// Arg finds an argument or attribute by name; nil if it is not given.
func (s *Stmt) Arg(name string) *Arg {
	for _, list := range [][]Arg{s.Args, s.Attrs} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// In is the value of a tensor argument; nil if it is not given or a literal.
func (s *Stmt) In(name string) *Value {
	if a := s.Arg(name); a != nil && len(a.Operands) == 1 {
		return a.Operands[0].Value
	}
	return nil
}

// List is the values of a variadic argument.
func (s *Stmt) List(name string) []*Value {
	a := s.Arg(name)
	if a == nil {
		return nil
	}
	vs := make([]*Value, len(a.Operands))
	for i, o := range a.Operands {
		vs[i] = o.Value
	}
	return vs
}

// Lit is the literal of an argument, inline or of a named constant; else nil.
func (s *Stmt) Lit(name string) *Literal {
	if a := s.Arg(name); a != nil && len(a.Operands) == 1 {
		return a.Operands[0].Literal()
	}
	return nil
}

// Ints is a constant vector; nil if it is not given.
func (s *Stmt) Ints(name string) []int {
	l := s.Lit(name)
	if l == nil {
		return nil
	}
	out := make([]int, len(l.Ints))
	for i, v := range l.Ints {
		out[i] = int(v)
	}
	return out
}

// Int is a constant integer, or absent if it is not given.
func (s *Stmt) Int(name string, absent int) int {
	if l := s.Lit(name); l != nil && len(l.Ints) == 1 {
		return int(l.Ints[0])
	}
	return absent
}

// Flag is a constant bool, or absent if it is not given.
func (s *Stmt) Flag(name string, absent bool) bool {
	if l := s.Lit(name); l != nil && len(l.Ints) == 1 {
		return l.Ints[0] != 0
	}
	return absent
}

// Num is a constant number, or absent if it is not given.
func (s *Stmt) Num(name string, absent float64) float64 {
	if l := s.Lit(name); l != nil && len(l.Floats) == 1 {
		return l.Floats[0]
	}
	return absent
}

// Word is a constant string, or absent if it is not given.
func (s *Stmt) Word(name, absent string) string {
	if l := s.Lit(name); l != nil && l.Type.DType == String {
		return l.Str
	}
	return absent
}
