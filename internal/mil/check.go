package mil

import "slices"

// Weights answers for the tensors of a weight file: a [*Blob] that was read or
// a [*BlobWriter] that will be written.
type Weights interface {
	// Describe gives the entry whose descriptor is at offset.
	Describe(offset uint64) (Descriptor, error)
}

// Check holds a program to the rules of the route, in the order of its
// statements, and returns the first broken one as an [*Error]. A program that
// refers to no weights may be checked with nil.
func Check(p *Program, w Weights) error {
	c := checker{weights: w, scope: scope{}, known: map[*Value]bool{}, looked: map[*Value]bool{}}
	if err := checkHeader(p); err != nil {
		return err
	}
	for _, v := range p.Func.Params {
		if err := c.param(v); err != nil {
			return err
		}
	}
	computes := false
	for _, s := range p.Func.Body {
		if err := c.stmt(s); err != nil {
			return err
		}
		computes = computes || s.Op != "const" && !constexpr(s.Op)
	}
	if !computes {
		return errorAt(p.Func.Pos, RuleBody, "the function computes nothing; the compiler fails on an empty body")
	}
	for _, v := range c.tables {
		if !c.looked[v] {
			return tooDeep(v)
		}
	}
	return c.outputs(&p.Func)
}

// Load parses a text, opens the weight file and checks both. weights may be
// empty if the text does not refer to it.
func Load(text string, weights []byte) (*Program, *Blob, error) {
	p, err := Parse(text)
	if err != nil {
		return nil, nil, err
	}
	b := new(Blob)
	if len(weights) > 0 {
		if b, err = OpenBlob(weights); err != nil {
			return nil, nil, err
		}
	}
	if err := Check(p, b); err != nil {
		return nil, nil, err
	}
	return p, b, nil
}

func checkHeader(p *Program) error {
	start := Pos{}
	if p.Func.Pos.Line > 0 {
		start = Pos{1, 1}
	}
	switch {
	case p.Version != "1.3":
		return errorAt(start, RuleHeader, "program version %s; only 1.3 is proven", clip(p.Version))
	case len(p.BuildInfo) == 0:
		return errorAt(start, RuleHeader, "buildInfo is empty; keep the entries of the reference")
	case p.Func.Name != "main":
		return errorAt(start, RuleHeader, "function %s; it must be called main", clip(p.Func.Name))
	case p.Func.Opset != "ios18":
		return errorAt(start, RuleHeader, "operator set %s; only ios18 is proven", clip(p.Func.Opset))
	}
	return nil
}

// checker walks the statements once.
type checker struct {
	weights Weights
	scope   scope
	known   map[*Value]bool // declared so far
	tables  []*Value        // constants of a rank that only a lookup table has
	looked  map[*Value]bool // those that were used as one
}

func (c *checker) declare(v *Value) error {
	if err := c.scope.declare(v); err != nil {
		return err
	}
	c.known[v] = true
	if len(v.Type.Shape) > MaxRank {
		c.tables = append(c.tables, v)
	}
	return checkType(v)
}

// checkType holds a declared type to the bounds of the route. The rank of a
// lookup table is settled where it is used.
func checkType(v *Value) error {
	t, limit := v.Type, MaxRank
	if v.Def != nil && v.Def.Op == "const" && t.DType == FP16 {
		limit = maxRank
	}
	if len(t.Shape) > limit {
		return tooDeep(v)
	}
	for _, d := range t.Shape {
		if d < 1 || d > MaxDim {
			return errorAt(v.Pos, RuleType, "%s: dimension %d is not in 1..%d", clip(v.Name), d, MaxDim)
		}
	}
	if t.Elems() > MaxElems {
		return errorAt(v.Pos, RuleLimit, "%s has more than %d elements", clip(v.Name), MaxElems)
	}
	return nil
}

func tooDeep(v *Value) error {
	return errorAt(v.Pos, RuleType, "%s has rank %d; the limit is %d", clip(v.Name), len(v.Type.Shape), MaxRank)
}

// param accepts the types that are proven at the boundary.
func (c *checker) param(v *Value) error {
	if t := v.Type; t.IsScalar() || t.DType != FP16 && t.DType != UInt8 {
		return errorAt(v.Pos, RuleType, "parameter %s is %v; want a tensor of fp16 or uint8", clip(v.Name), t)
	}
	return c.declare(v)
}

func (c *checker) stmt(s *Stmt) error {
	if len(s.Results) == 0 {
		return errorAt(s.Pos, RuleSyntax, "%s has no result", clip(s.Op))
	}
	got, err := c.results(s)
	if err != nil {
		return err
	}
	if s.Op == "constexpr_lut_to_dense" {
		c.looked[s.In("lut")] = true
	}
	if len(s.Results) == 1 && s.Label != "" && s.Label != s.Results[0].Name {
		return errorAt(s.Pos, RuleName, "the statement of %s is named %q", clip(s.Results[0].Name), clip(s.Label))
	}
	if len(got) != len(s.Results) {
		return errorAt(s.Pos, RuleShape, "%s has %d results, %d are declared", s.Op, len(got), len(s.Results))
	}
	for i, v := range s.Results {
		if !v.Type.Equal(got[i]) {
			return errorAt(v.Pos, RuleShape, "%s is declared %v; %s gives %v", clip(v.Name), v.Type, s.Op, got[i])
		}
		if v.Def != s {
			return errorAt(v.Pos, RuleScope, "%s is not tied to its statement", clip(v.Name))
		}
		if err := c.declare(v); err != nil {
			return err
		}
	}
	return nil
}

// results checks the parameters of s and infers its types.
func (c *checker) results(s *Stmt) ([]Type, error) {
	if s.Op == "const" {
		return c.constant(s)
	}
	sig := signatures[s.Op]
	if sig == nil {
		if hint, ok := refused[s.Op]; ok {
			return nil, errorAt(s.Pos, RuleOp, "%s is refused: %s", s.Op, hint)
		}
		return nil, errorAt(s.Pos, RuleOp, "%s is not an operation of the route", clip(s.Op))
	}
	if err := c.arguments(s); err != nil {
		return nil, err
	}
	if err := sig.check(s); err != nil {
		return nil, err
	}
	return sig.infer(s)
}

// check matches the arguments of s with the parameters of the operation.
func (sig *signature) check(s *Stmt) error {
	for i, args := range [][]Arg{s.Args, s.Attrs} {
		for j := range args {
			a := &args[j]
			n := slices.IndexFunc(sig.params, func(p param) bool { return p.name == a.Name })
			if n < 0 || (sig.params[n].kind == attribute) != (i == 1) {
				return errorAt(a.Pos, RuleParam, "%s does not take %s here", s.Op, clip(a.Name))
			}
			if err := sig.params[n].check(s, a); err != nil {
				return err
			}
		}
	}
	for _, p := range sig.params {
		if !p.optional && s.Arg(p.name) == nil {
			return errorAt(s.Pos, RuleParam, "%s lacks %s: %s", s.Op, p.name, p.describe())
		}
	}
	return nil
}

// arguments checks what holds for every operation: references point back, and
// literals refer to the weight file rightly.
func (c *checker) arguments(s *Stmt) error {
	seen := map[string]bool{}
	for _, args := range [][]Arg{s.Args, s.Attrs} {
		for _, a := range args {
			if seen[a.Name] {
				return errorAt(a.Pos, RuleParam, "%s is given twice", clip(a.Name))
			}
			seen[a.Name] = true
			for _, o := range a.Operands {
				switch {
				case o.Value == nil && o.Lit == nil:
					return errorAt(o.Pos, RuleSyntax, "%s of %s is empty", clip(a.Name), clip(s.Op))
				case o.Value != nil && !c.known[o.Value]:
					return errorAt(o.Pos, RuleScope, "%s is used before it is declared", clip(o.Value.Name))
				case o.Value == nil:
					if err := c.literal(o.Lit); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// constant checks const()[val = literal].
func (c *checker) constant(s *Stmt) ([]Type, error) {
	if len(s.Args) != 0 || len(s.Attrs) != 1 || s.Attrs[0].Name != "val" {
		return nil, errorAt(s.Pos, RuleParam, "const takes the attributes name and val only")
	}
	if err := c.arguments(s); err != nil {
		return nil, err
	}
	a := s.Attrs[0]
	if a.List || len(a.Operands) != 1 || a.Operands[0].Lit == nil {
		return nil, errorAt(a.Pos, RuleParam, "val of const must be a literal")
	}
	return []Type{a.Operands[0].Lit.Type}, nil
}

// outputs are distinct results of operations: the compiler fails on a
// parameter, and a value named twice is untested.
func (c *checker) outputs(f *Func) error {
	if len(f.Outputs) == 0 {
		return errorAt(f.Pos, RuleOutput, "the function returns nothing")
	}
	seen := map[*Value]bool{}
	for _, v := range f.Outputs {
		switch {
		case !c.known[v]:
			return errorAt(f.Pos, RuleScope, "output %s is not declared", clip(v.Name))
		case v.Def == nil || v.Def.Op == "const" || constexpr(v.Def.Op):
			return errorAt(f.Pos, RuleOutput, "output %s is a parameter or constant; multiply it by 1", clip(v.Name))
		case seen[v]:
			return errorAt(f.Pos, RuleOutput, "output %s is returned twice; multiply it by 1", clip(v.Name))
		case v.Type.DType != FP16 || v.Type.IsScalar():
			return errorAt(f.Pos, RuleOutput, "output %s is %v; want a tensor of fp16", clip(v.Name), v.Type)
		}
		seen[v] = true
	}
	return nil
}
