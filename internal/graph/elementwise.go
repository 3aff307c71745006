package graph

import (
	"fmt"
	"slices"
)

// UnaryFn names an elementwise function of one operand.
type UnaryFn string

// The elementwise functions of one operand. A and B are the parameters of
// [Unary].
const (
	ReLU            UnaryFn = "relu"                // max(x, 0)
	ReLU6           UnaryFn = "relu6"               // clamp to [0, 6]
	LeakyReLU       UnaryFn = "leaky_relu"          // x if x>0 else A·x
	ELU             UnaryFn = "elu"                 // x if x>0 else A·(e^x − 1)
	GELU            UnaryFn = "gelu"                // x/2·(1 + erf(x/√2))
	GELUTanh        UnaryFn = "gelu_tanh_approx"    // x/2·(1 + tanh(√(2/π)(x + 0.044715x³)))
	GELUSigmoid     UnaryFn = "gelu_sigmoid_approx" // x·sigmoid(1.702x)
	SiLU            UnaryFn = "silu"                // x·sigmoid(x)
	Sigmoid         UnaryFn = "sigmoid"             // 1/(1 + e^−x)
	Tanh            UnaryFn = "tanh"
	Softplus        UnaryFn = "softplus" // ln(1 + e^x)
	Softsign        UnaryFn = "softsign" // x/(1 + |x|)
	Exp             UnaryFn = "exp"
	Exp2            UnaryFn = "exp2"
	Log             UnaryFn = "log" // ln(x + A)
	Sqrt            UnaryFn = "sqrt"
	Rsqrt           UnaryFn = "rsqrt"   // 1/√(x + A)
	Inverse         UnaryFn = "inverse" // 1/(x + A)
	Abs             UnaryFn = "abs"
	Square          UnaryFn = "square"
	Erf             UnaryFn = "erf"
	Sin             UnaryFn = "sin"
	Cos             UnaryFn = "cos"
	Atan            UnaryFn = "atan"
	Sign            UnaryFn = "sign" // −1, 0 or 1
	Floor           UnaryFn = "floor"
	Ceil            UnaryFn = "ceil"
	Round           UnaryFn = "round"             // nearest, ties to even
	Clip            UnaryFn = "clip"              // clamp to [A, B]
	Threshold       UnaryFn = "threshold"         // max(x, A)
	ThresholdedReLU UnaryFn = "thresholded_relu"  // x if x≥A else 0
	ScaledTanh      UnaryFn = "scaled_tanh"       // A·tanh(B·x)
	SigmoidHard     UnaryFn = "sigmoid_hard"      // clamp(A·x + B, 0, 1)
	LinearAct       UnaryFn = "linear_activation" // A·x + B
	ClampedReLU     UnaryFn = "clamped_relu"      // min(x, B) if x≥0 else min(A·x, B)
	MulScalar       UnaryFn = "muls"              // A·x
	AddScalar       UnaryFn = "adds"              // x + A
)

// unaryFns gives each function the FLOPs that one element counts for: 1 for
// what one instruction does, 10 for a transcendental (measurements E05).
var unaryFns = map[UnaryFn]float64{
	ReLU: 1, ReLU6: 2, LeakyReLU: 2, ELU: 10, GELU: 10, GELUTanh: 10, GELUSigmoid: 10, SiLU: 10,
	Sigmoid: 10, Tanh: 10, Softplus: 10, Softsign: 3, Exp: 10, Exp2: 10, Log: 10, Sqrt: 1, Rsqrt: 2,
	Inverse: 1, Abs: 1, Square: 1, Erf: 10, Sin: 10, Cos: 10, Atan: 10, Sign: 1, Floor: 1, Ceil: 1,
	Round: 1, Clip: 2, Threshold: 1, ThresholdedReLU: 1, ScaledTanh: 12, SigmoidHard: 4, LinearAct: 2,
	ClampedReLU: 3, MulScalar: 1, AddScalar: 1,
}

// UnaryFns lists every elementwise function of one operand, by name.
func UnaryFns() []UnaryFn { return sortedKeys(unaryFns) }

// Unary applies Fn to each element: x [...] → [...].
type Unary struct {
	Fn   UnaryFn
	A, B float64 // parameters where Fn has some
}

func (u Unary) Name() string { return string(u.Fn) }

func (u Unary) Infer(in []Type) ([]Type, error) {
	if _, ok := unaryFns[u.Fn]; !ok {
		return nil, fmt.Errorf("no elementwise function %q", u.Fn)
	}
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	if u.Fn == Clip && u.A > u.B {
		return nil, fmt.Errorf("clip to [%g, %g]: the lower bound is above the upper", u.A, u.B)
	}
	return one(in[0].Shape), nil
}

func (u Unary) FLOPs(_, out []Type) float64 { return unaryFns[u.Fn] * elems(out) }

// BinaryFn names an elementwise function of two operands.
type BinaryFn string

// The elementwise functions of two operands.
const (
	Add     BinaryFn = "add"
	Sub     BinaryFn = "sub"
	Mul     BinaryFn = "mul"
	Div     BinaryFn = "real_div"
	Pow     BinaryFn = "pow"
	Maximum BinaryFn = "maximum"
	Minimum BinaryFn = "minimum"
)

var binaryFns = map[BinaryFn]float64{Add: 1, Sub: 1, Mul: 1, Div: 1, Pow: 20, Maximum: 1, Minimum: 1}

// BinaryFns lists every elementwise function of two operands, by name.
func BinaryFns() []BinaryFn { return sortedKeys(binaryFns) }

// Binary applies Fn to two broadcast operands.
type Binary struct{ Fn BinaryFn }

func (b Binary) Name() string { return string(b.Fn) }

func (b Binary) Infer(in []Type) ([]Type, error) {
	if _, ok := binaryFns[b.Fn]; !ok {
		return nil, fmt.Errorf("no elementwise function %q", b.Fn)
	}
	if err := floats(in, 2, 2); err != nil {
		return nil, err
	}
	s, err := Broadcast(in[0].Shape, in[1].Shape)
	return one(s), err
}

func (b Binary) FLOPs(_, out []Type) float64 { return binaryFns[b.Fn] * elems(out) }

// CompareFn names a comparison.
type CompareFn string

// The comparisons.
const (
	Less         CompareFn = "less"
	LessEqual    CompareFn = "less_equal"
	Greater      CompareFn = "greater"
	GreaterEqual CompareFn = "greater_equal"
	Equal        CompareFn = "equal"
	NotEqual     CompareFn = "not_equal"
)

var compareFns = []CompareFn{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual}

// CompareFns lists every comparison, by name.
func CompareFns() []CompareFn { return slices.Clone(compareFns) }

// Compare compares two broadcast operands; the result is boolean.
type Compare struct{ Fn CompareFn }

func (c Compare) Name() string { return string(c.Fn) }

func (c Compare) Infer(in []Type) ([]Type, error) {
	if !slices.Contains(compareFns, c.Fn) {
		return nil, fmt.Errorf("no comparison %q", c.Fn)
	}
	if err := floats(in, 2, 2); err != nil {
		return nil, err
	}
	s, err := Broadcast(in[0].Shape, in[1].Shape)
	return []Type{{Bool, s}}, err
}

func (c Compare) FLOPs(_, out []Type) float64 { return elems(out) }

// Not inverts a boolean tensor.
type Not struct{}

func (Not) Name() string { return "logical_not" }

func (Not) Infer(in []Type) ([]Type, error) {
	if err := arity(in, 1, 1); err != nil {
		return nil, err
	}
	if in[0].DType != Bool {
		return nil, fmt.Errorf("want bool, got %v", in[0])
	}
	return []Type{in[0]}, nil
}

func (Not) FLOPs(_, out []Type) float64 { return elems(out) }

// Select takes a where cond holds, else b: operands cond (bool), a, b, all
// broadcast.
type Select struct{}

func (Select) Name() string { return "select" }

func (Select) Infer(in []Type) ([]Type, error) {
	if err := arity(in, 3, 3); err != nil {
		return nil, err
	}
	if in[0].DType != Bool || in[1].DType != Float || in[2].DType != Float {
		return nil, fmt.Errorf("want bool cond and float a, b")
	}
	s, err := Broadcast(in[1].Shape, in[2].Shape)
	if err != nil {
		return nil, err
	}
	s, err = Broadcast(in[0].Shape, s)
	return one(s), err
}

func (Select) FLOPs(_, out []Type) float64 { return elems(out) }

// PReLU is x if x>0 else slope_c·x with one slope per channel (axis 1):
// operands x [N, C, ...], slope [C].
type PReLU struct{}

func (PReLU) Name() string { return "prelu" }

func (PReLU) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 2, 2); err != nil {
		return nil, err
	}
	if len(in[0].Shape) < 3 {
		return nil, fmt.Errorf("want x of rank 3 or more, got %v", in[0].Shape)
	}
	if err := vectors(in, 1, in[0].Shape[1]); err != nil {
		return nil, err
	}
	return one(in[0].Shape), nil
}

func (PReLU) FLOPs(_, out []Type) float64 { return 2 * elems(out) }

// Cast turns a uint8 tensor into the floating-point type, value for value.
type Cast struct{}

func (Cast) Name() string { return "cast" }

func (Cast) Infer(in []Type) ([]Type, error) {
	if err := arity(in, 1, 1); err != nil {
		return nil, err
	}
	if in[0].DType != Uint8 {
		return nil, fmt.Errorf("want uint8, got %v: only image inputs are cast", in[0])
	}
	return one(in[0].Shape), nil
}

func (Cast) FLOPs(_, _ []Type) float64 { return 0 }
