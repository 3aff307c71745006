package mil

import "strconv"

// Bounds of what [Parse] reads. Memory stays proportional to the text: no
// count of the text is trusted before its elements are seen.
const (
	// MaxRank is the largest rank of a tensor; the lookup table of a palette
	// has two more axes than its tensor.
	MaxRank = 5
	// MaxDim is the largest dimension.
	MaxDim = 1<<31 - 1
	// MaxElems is the largest number of elements of a tensor.
	MaxElems = 1 << 40
	maxRank  = MaxRank + 2
)

// Parse reads a text into a tree and resolves its names. It checks grammar,
// names and literals; [Check] does the rest.
func Parse(src string) (*Program, error) {
	if len(src) > MaxText {
		return nil, errorAt(Pos{1, 1}, RuleLimit, "text of %d bytes exceeds %d", len(src), MaxText)
	}
	p := parser{lex: lexer{src: src, line: 1}, scope: scope{}}
	prog := p.program()
	if p.err != nil {
		return nil, p.err
	}
	return prog, nil
}

// parser is a recursive descent over the tokens. After the first error every
// token reads as the end of the text, so that all loops end.
type parser struct {
	lex    lexer
	peeked *token
	scope  scope
	err    error
}

func (p *parser) fail(pos Pos, r Rule, format string, args ...any) {
	if p.err == nil {
		p.err = errorAt(pos, r, format, args...)
	}
}

func (p *parser) peek() token {
	if p.err != nil {
		return token{kind: tokEOF, pos: p.lex.pos()}
	}
	if p.peeked == nil {
		t, err := p.lex.next()
		if err != nil {
			p.err = err
			return token{kind: tokEOF, pos: p.lex.pos()}
		}
		p.peeked = &t
	}
	return *p.peeked
}

func (p *parser) take() token {
	t := p.peek()
	p.peeked = nil
	return t
}

func (p *parser) is(text string) bool {
	t := p.peek()
	return (t.kind == tokPunct || t.kind == tokIdent) && t.text == text
}

// want takes the given tokens, each a word or a punctuation mark.
func (p *parser) want(texts ...string) {
	for _, text := range texts {
		if !p.is(text) {
			t := p.peek()
			p.fail(t.pos, RuleSyntax, "want '%s', got %s", text, clip(t.String()))
			return
		}
		p.take()
	}
}

func (p *parser) kind(k tokenKind, what string) token {
	t := p.peek()
	if t.kind != k {
		p.fail(t.pos, RuleSyntax, "want %s, got %s", what, clip(t.String()))
		return t
	}
	return p.take()
}

// list reads comma-separated items up to the closing mark; empty lists are the
// caller's affair.
func (p *parser) list(closing string, item func()) {
	for first := true; p.err == nil && !p.is(closing); first = false {
		if !first {
			p.want(",")
		}
		item()
	}
	p.want(closing)
}

func (p *parser) program() *Program {
	prog := new(Program)
	p.want("program", "(")
	prog.Version = p.kind(tokNumber, "a version").text
	p.want(")", "[", "buildInfo", "=", "dict", "<", "string", ",", "string", ">", "(", "{")
	p.list("}", func() {
		p.want("{")
		key := p.kind(tokString, "a key").text
		p.want(",")
		prog.BuildInfo = append(prog.BuildInfo, Info{key, p.kind(tokString, "a value").text})
		p.want("}")
	})
	p.want(")", "]", "{")
	p.function(&prog.Func)
	p.want("}")
	if t := p.peek(); t.kind != tokEOF {
		p.fail(t.pos, RuleSyntax, "want the end of the text after the program, got %s", clip(t.String()))
	}
	return prog
}

func (p *parser) function(f *Func) {
	p.want("func")
	f.Name = p.kind(tokIdent, "the function's name").text
	p.want("<")
	f.Opset = p.kind(tokIdent, "the operator set").text
	p.want(">", "(")
	p.list(")", func() {
		v := p.declaration(nil)
		p.declare(v)
		f.Params = append(f.Params, v)
	})
	p.want("{")
	for p.err == nil && !p.is("}") {
		f.Body = append(f.Body, p.statement())
	}
	p.want("}", "->")
	f.Pos = p.peek().pos
	p.want("(")
	p.list(")", func() {
		if o := p.reference(); o.Value != nil {
			f.Outputs = append(f.Outputs, o.Value)
		}
	})
	p.want(";")
}

// declaration reads a type and a name; the name is not yet in scope.
func (p *parser) declaration(def *Stmt) *Value {
	t := p.typ()
	name := p.kind(tokIdent, "a name")
	return &Value{Name: name.text, Type: t, Def: def, Pos: name.pos}
}

func (p *parser) declare(v *Value) {
	if err := p.scope.declare(v); err != nil && p.err == nil {
		p.err = err
	}
}

func (p *parser) reference() Operand {
	t := p.kind(tokIdent, "the name of a value")
	v := p.scope[t.text]
	if v == nil && p.err == nil {
		p.fail(t.pos, RuleScope, "%s is used before it is declared", clip(t.text))
	}
	return Operand{Value: v, Pos: t.pos}
}

// statement reads TYPE NAME, … = OP(arguments)[attributes];
func (p *parser) statement() *Stmt {
	s := &Stmt{Pos: p.peek().pos}
	for {
		s.Results = append(s.Results, p.declaration(s))
		if p.err != nil || !p.is(",") {
			break
		}
		p.take()
	}
	p.want("=")
	s.Op = p.kind(tokIdent, "an operation").text
	p.want("(")
	s.Args = p.args(")")
	p.want("[")
	s.Attrs = p.args("]")
	p.want(";")
	p.label(s)
	for _, v := range s.Results { // after the arguments: none may refer to itself
		p.declare(v)
	}
	return s
}

func (p *parser) args(closing string) []Arg {
	var out []Arg
	seen := map[string]bool{}
	p.list(closing, func() {
		name := p.kind(tokIdent, "an argument's name")
		if seen[name.text] {
			p.fail(name.pos, RuleParam, "%s is given twice", clip(name.text))
		}
		seen[name.text] = true
		p.want("=")
		a := Arg{Name: name.text, Pos: name.pos}
		switch {
		case p.is("("):
			p.take()
			a.List = true
			p.list(")", func() { a.Operands = append(a.Operands, p.reference()) })
		case p.is("tensor") || scalars[p.peek().text] != 0:
			l := p.literal()
			a.Operands = []Operand{{Lit: l, Pos: l.Pos}}
		default:
			a.Operands = []Operand{p.reference()}
		}
		out = append(out, a)
	})
	return out
}

// label moves the attribute name out of the attributes.
func (p *parser) label(s *Stmt) {
	for i, a := range s.Attrs {
		if a.Name != "name" || p.err != nil {
			continue
		}
		if a.List || a.Operands[0].Lit == nil || a.Operands[0].Lit.Type.DType != String {
			p.fail(a.Pos, RuleSyntax, "the attribute name must be string(\"…\")")
			return
		}
		s.Label = a.Operands[0].Lit.Str
		s.Attrs = append(s.Attrs[:i:i], s.Attrs[i+1:]...)
		return
	}
	p.fail(s.Pos, RuleSyntax, "the statement has no attribute name")
}

// scalars and tensors are the element types by spelling, where they may stand.
var scalars, tensors = dtypeWords()

func dtypeWords() (scalar, tensor map[string]DType) {
	scalar, tensor = map[string]DType{}, map[string]DType{}
	for d, row := range dtypes {
		if row.scalar {
			scalar[row.name] = DType(d)
		}
		if row.tensor {
			tensor[row.name] = DType(d)
		}
	}
	return scalar, tensor
}

func (p *parser) typ() Type {
	t := p.kind(tokIdent, "a type")
	if d, ok := scalars[t.text]; ok {
		return Scalar(d)
	}
	if t.text != "tensor" {
		p.fail(t.pos, RuleType, "%s is not a type of the route; want tensor<…> or a scalar", clip(t.text))
		return Type{}
	}
	p.want("<")
	word := p.kind(tokIdent, "an element type")
	out := Type{DType: tensors[word.text]}
	if out.DType == 0 {
		p.fail(word.pos, RuleType, "tensors of %s are not known to work", clip(word.text))
	}
	p.want(",")
	open := p.peek().pos
	p.want("[")
	p.list("]", func() {
		out.Shape = append(out.Shape, p.dim())
		if len(out.Shape) > maxRank {
			p.fail(open, RuleType, "rank is above %d", MaxRank)
		}
	})
	p.want(">")
	if out.IsScalar() {
		p.fail(open, RuleType, "tensor of rank 0; spell the scalar type")
	}
	if out.Elems() > MaxElems {
		p.fail(open, RuleLimit, "tensor has more than %d elements", MaxElems)
	}
	return out
}

func (p *parser) dim() int {
	t := p.kind(tokNumber, "a dimension")
	n, err := strconv.ParseUint(t.text, 10, 31)
	if err != nil || n == 0 {
		p.fail(t.pos, RuleType, "dimension %s is not in 1..%d", clip(t.text), MaxDim)
		return 1
	}
	return int(n)
}
