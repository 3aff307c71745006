package mil

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"devicemap/internal/fp16"
)

// Write spells p. It refuses what has no spelling, such as an infinite
// literal, and leaves the other rules to [Check].
func Write(w io.Writer, p *Program) error {
	t := text{w: bufio.NewWriter(w)}
	t.print("program(", p.Version, ")\n[buildInfo = dict<string, string>({")
	for i, kv := range p.BuildInfo {
		t.comma(i)
		t.print("{", t.quote(kv.Key), ", ", t.quote(kv.Value), "}")
	}
	t.print("})]\n{\n    func ", p.Func.Name, "<", p.Func.Opset, ">(")
	t.declare(p.Func.Params)
	t.print(") {\n")
	for _, s := range p.Func.Body {
		t.stmt(s)
	}
	t.print("    } -> (")
	for i, v := range p.Func.Outputs {
		t.comma(i)
		t.print(v.Name)
	}
	t.print(");\n}\n")
	if t.err != nil {
		return t.err
	}
	return t.w.Flush()
}

// text prints until the first error.
type text struct {
	w   *bufio.Writer
	err error
}

func (t *text) print(parts ...string) {
	for _, s := range parts {
		if t.err == nil {
			_, t.err = t.w.WriteString(s)
		}
	}
}

func (t *text) comma(i int) {
	if i > 0 {
		t.print(", ")
	}
}

func (t *text) fail(format string, args ...any) string {
	if t.err == nil {
		t.err = fmt.Errorf("mil: write: "+format, args...)
	}
	return ""
}

func (t *text) declare(vs []*Value) {
	for i, v := range vs {
		t.comma(i)
		t.print(v.Type.String(), " ", v.Name)
	}
}

// stmt prints one line. The bracket is in alphabetical order, name included,
// as in the compiler's own output.
func (t *text) stmt(s *Stmt) {
	t.print("        ")
	t.declare(s.Results)
	t.print(" = ", s.Op, "(")
	t.args(s.Args)
	label := s.Label
	if label == "" && len(s.Results) > 0 {
		label = s.Results[0].Name
	}
	name := Literal{Type: Scalar(String), Str: label}
	attrs := append(slices.Clone(s.Attrs), Arg{Name: "name", Operands: []Operand{{Lit: &name}}})
	slices.SortStableFunc(attrs, func(a, b Arg) int { return strings.Compare(a.Name, b.Name) })
	t.print(")[")
	t.args(attrs)
	t.print("];\n")
}

func (t *text) args(args []Arg) {
	for i, a := range args {
		t.comma(i)
		t.print(a.Name, " = ")
		if a.List {
			t.print("(")
		}
		for j, o := range a.Operands {
			t.comma(j)
			if o.Value != nil {
				t.print(o.Value.Name)
			} else {
				t.literal(o.Lit)
			}
		}
		if a.List {
			t.print(")")
		}
	}
}

func (t *text) literal(l *Literal) {
	t.print(l.Type.String(), "(")
	switch {
	case l.Blob != nil:
		t.print("BLOBFILE(path = string(", t.quote(l.Blob.Path), "), offset = uint64(",
			strconv.FormatUint(l.Blob.Offset, 10), "))")
	case l.Type.DType == String:
		t.print(t.quote(l.Str))
	case l.Type.IsScalar():
		t.print(t.element(l, 0))
	default:
		t.nest(l, l.Type.Shape, 0)
	}
	t.print(")")
}

// nest prints the elements of l from index at on as nested brackets and
// returns the index behind them.
func (t *text) nest(l *Literal, shape []int, at int) int {
	if len(shape) == 0 {
		t.print(t.element(l, at))
		return at + 1
	}
	t.print("[")
	for i := 0; i < shape[0] && t.err == nil; i++ {
		t.comma(i)
		at = t.nest(l, shape[1:], at)
	}
	t.print("]")
	return at
}

func (t *text) element(l *Literal, i int) string {
	d := l.Type.DType
	isFloat := d == FP16 || d == FP32
	if isFloat && i >= len(l.Floats) || !isFloat && i >= len(l.Ints) {
		return t.fail("literal %v has fewer values than its type", l.Type)
	}
	switch {
	case d == FP16:
		return t.half(l.Floats[i])
	case d == FP32:
		return t.single(l.Floats[i])
	case d == Bool:
		return strconv.FormatBool(l.Ints[i] != 0)
	}
	return strconv.FormatInt(l.Ints[i], 10)
}

// half spells a value as C and Python do: 0x1.8p+3. Go pads the exponent to
// two digits, which is not a proven form.
func (t *text) half(v float64) string {
	if math.IsInf(v, 0) || math.IsNaN(v) || fp16.Round(v) != v {
		return t.fail("%v is not a finite half; round it or put it into the weight file", v)
	}
	s := strconv.FormatFloat(v, 'x', -1, 64)
	mant, exp, _ := strings.Cut(s, "p")
	if digits := strings.TrimLeft(exp[1:], "0"); digits != "" {
		return mant + "p" + exp[:1] + digits
	}
	return mant + "p+0"
}

func (t *text) single(v float64) string {
	if math.IsInf(v, 0) || math.IsNaN(v) || float64(float32(v)) != v {
		return t.fail("%v is not a finite float32", v)
	}
	s := strconv.FormatFloat(v, 'f', -1, 32)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// quote needs no escapes: what would need one is refused.
func (t *text) quote(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == 0x7f }) {
		return t.fail("string %q has characters without a proven spelling", s)
	}
	return `"` + s + `"`
}
