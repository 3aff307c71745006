package mil

import "devicemap/internal/fp16"

// Arguments for [Builder.Op].

// In is an argument that refers to a value.
func In(name string, v *Value) Arg { return Arg{Name: name, Operands: []Operand{{Value: v}}} }

// List is a variadic argument.
func List(name string, vs ...*Value) Arg {
	a := Arg{Name: name, List: true}
	for _, v := range vs {
		a.Operands = append(a.Operands, Operand{Value: v})
	}
	return a
}

func lit(name string, l *Literal) Arg { return Arg{Name: name, Operands: []Operand{{Lit: l}}} }

// Half is an fp16 argument, rounded to a half.
func Half(name string, v float64) Arg { return lit(name, literal(FP16, v)) }

// Single is an fp32 argument.
func Single(name string, v float32) Arg { return lit(name, literal(FP32, float64(v))) }

// Int is an int32 argument.
func Int(name string, v int) Arg { return lit(name, literalInt(Int32, v)) }

// UInt is a uint32 argument.
func UInt(name string, v uint32) Arg { return lit(name, literalInt(UInt32, int(v))) }

// Flag is a bool argument.
func Flag(name string, v bool) Arg { return Flags(name, v).scalar() }

// Word is a string argument.
func Word(name, v string) Arg { return lit(name, &Literal{Type: Scalar(String), Str: v}) }

// Ints is a vector of int32.
func Ints(name string, v ...int) Arg {
	l := &Literal{Type: Tensor(Int32, len(v))}
	for _, x := range v {
		l.Ints = append(l.Ints, int64(x))
	}
	return lit(name, l)
}

// Pairs is an [n, 2] matrix of int32.
func Pairs(name string, v ...[2]int) Arg {
	l := &Literal{Type: Tensor(Int32, len(v), 2)}
	for _, x := range v {
		l.Ints = append(l.Ints, int64(x[0]), int64(x[1]))
	}
	return lit(name, l)
}

// Flags is a vector of bool.
func Flags(name string, v ...bool) Arg {
	l := &Literal{Type: Tensor(Bool, len(v))}
	for _, x := range v {
		bit := int64(0)
		if x {
			bit = 1
		}
		l.Ints = append(l.Ints, bit)
	}
	return lit(name, l)
}

// scalar drops the shape of an argument of one value.
func (a Arg) scalar() Arg {
	a.Operands[0].Lit.Type.Shape = nil
	return a
}

func literal(d DType, v float64) *Literal {
	if d == FP16 {
		v = fp16.Round(v)
	}
	return &Literal{Type: Scalar(d), Floats: []float64{v}}
}

func literalInt(d DType, v int) *Literal { return &Literal{Type: Scalar(d), Ints: []int64{int64(v)}} }
