package mil

import (
	"slices"
	"strings"
)

// kind says what may stand for a parameter.
type kind uint8

const (
	computed  kind = iota // a value: parameter, result or named constant
	weight                // computed, or the result of a constexpr operation
	baked                 // a named constant in the weight file
	list                  // a parenthesised list of computed values
	setting               // a literal that must be a named constant
	inline                // a literal, inline or named
	attribute             // an inline literal in the bracket
)

// anyRank accepts scalars and tensors alike, someRank any tensor.
const (
	anyRank  = -1
	someRank = -2
)

// param is one parameter of an operation.
type param struct {
	name     string
	kind     kind
	dtype    DType
	rank     int // 0 is a scalar
	optional bool
	words    []string // the accepted strings
}

func (p param) opt() param { p.optional = true; return p }

// Rows of the table in ops.go are written with these. The names follow what
// stands there: tensors, baked weights, and the settings by their types.
func tensor(name string) param         { return param{name: name, dtype: FP16, rank: someRank} }
func operand(name string) param        { return param{name: name, dtype: FP16, rank: anyRank} }
func rank4(name string) param          { return param{name: name, dtype: FP16, rank: 4} }
func typed(name string, d DType) param { return param{name: name, dtype: d, rank: someRank} }
func weights(name string, rank int) param {
	return param{name: name, kind: weight, dtype: FP16, rank: rank}
}
func blob(name string, rank int) param {
	return param{name: name, kind: baked, dtype: FP16, rank: rank}
}
func codes(name string, d DType) param {
	return param{name: name, kind: baked, dtype: d, rank: someRank}
}
func values() param              { return param{name: "values", kind: list, dtype: FP16, rank: someRank} }
func ints(name string) param     { return param{name: name, kind: setting, dtype: Int32, rank: 1} }
func pairs(name string) param    { return param{name: name, kind: setting, dtype: Int32, rank: 2} }
func integer(name string) param  { return param{name: name, kind: setting, dtype: Int32} }
func unsigned(name string) param { return param{name: name, kind: setting, dtype: UInt32} }
func flag(name string) param     { return param{name: name, kind: setting, dtype: Bool} }
func flags(name string) param    { return param{name: name, kind: setting, dtype: Bool, rank: 1} }
func half(name string) param     { return param{name: name, kind: setting, dtype: FP16} }
func word(name string, words ...string) param {
	return param{name: name, kind: setting, dtype: String, words: words}
}
func inl(name string, d DType) param { return param{name: name, kind: inline, dtype: d} }
func attr(name string, d DType, rank int) param {
	return param{name: name, kind: attribute, dtype: d, rank: rank}
}

// fits checks the type of an operand.
func (p param) fits(t Type) bool {
	switch {
	case t.DType != p.dtype:
		return false
	case p.rank == anyRank:
		return true
	case p.rank == someRank:
		return !t.IsScalar()
	}
	return len(t.Shape) == p.rank
}

// describe is what an error says of the parameter.
func (p param) describe() string {
	t := p.dtype.String()
	switch {
	case p.rank == someRank:
		t = "tensor of " + t
	case p.rank == anyRank:
		t = "scalar or tensor of " + t
	case p.rank > 0:
		t = "tensor of " + t + " of rank " + string(rune('0'+p.rank))
	}
	switch p.kind {
	case baked:
		return "a constant " + t + " in the weight file"
	case setting:
		return "a named constant " + t
	case inline:
		return "a constant " + t
	case attribute:
		return "an inline " + t
	case list:
		return "a list, each a " + t
	}
	return "a " + t
}

// check holds one argument to the parameter. All but attributes of the
// bracket stand in parentheses; the caller has looked.
func (p param) check(s *Stmt, a *Arg) error {
	if a.List != (p.kind == list) {
		return errorAt(a.Pos, RuleParam, "%s of %s must be %s", p.name, s.Op, p.describe())
	}
	if len(a.Operands) == 0 || p.kind != list && len(a.Operands) > 1 {
		return errorAt(a.Pos, RuleParam, "%s of %s has %d operands; it must be %s", p.name, s.Op, len(a.Operands), p.describe())
	}
	for _, o := range a.Operands {
		if err := p.checkOperand(s, o); err != nil {
			return err
		}
	}
	return nil
}

func (p param) checkOperand(s *Stmt, o Operand) error {
	isInline := o.Value == nil
	if isInline && p.kind != inline && p.kind != attribute {
		return errorAt(o.Pos, RuleInline, "%s of %s must be a named constant or value, not an inline literal", p.name, s.Op)
	}
	if !isInline && p.kind == attribute {
		return errorAt(o.Pos, RuleInline, "%s of %s must be an inline literal in the bracket", p.name, s.Op)
	}
	if !p.fits(o.Type()) {
		return errorAt(o.Pos, RuleParam, "%s of %s is %v; want %s", p.name, s.Op, o.Type(), p.describe())
	}
	l := o.Literal()
	switch p.kind {
	case computed, weight, list:
		return p.checkRoute(s, o)
	case baked:
		if l == nil || l.Blob == nil && len(o.Type().Shape) > 0 {
			return errorAt(o.Pos, RuleParam, "%s of %s must be %s", p.name, s.Op, p.describe())
		}
		return p.checkTable(s, o)
	}
	if l == nil {
		return errorAt(o.Pos, RuleParam, "%s of %s must be constant; it is computed", p.name, s.Op)
	}
	return p.checkSetting(s, o, l)
}

const (
	// maxSetting bounds every integer parameter, so that shape rules cannot
	// wrap.
	maxSetting = 1 << 30
	// maxSettings is the longest vector of parameters: two per axis, with room.
	maxSettings = 16
)

func (p param) checkSetting(s *Stmt, o Operand, l *Literal) error {
	if l.Type.DType == String && p.words != nil && !slices.Contains(p.words, l.Str) {
		return errorAt(o.Pos, RuleParam, "%s of %s is %q; want %s", p.name, s.Op, clip(l.Str), strings.Join(p.words, " or "))
	}
	if len(l.Ints) > maxSettings {
		return errorAt(o.Pos, RuleLimit, "%s of %s has %d values; the limit is %d", p.name, s.Op, len(l.Ints), maxSettings)
	}
	for _, v := range l.Ints {
		if v > maxSetting || v < -maxSetting {
			return errorAt(o.Pos, RuleLimit, "%s of %s holds %d; the limit is %d", p.name, s.Op, v, maxSetting)
		}
	}
	return nil
}

// checkRoute keeps compressed weights where the engine streams them. The
// result of a constexpr operation feeds a weight parameter and nothing else;
// a blockwise one has to pass an add of scalar zero first.
// Source: the reference's emitter; other uses fail with "Not implemented".
func (p param) checkRoute(s *Stmt, o Operand) error {
	def := o.Value.Def
	if def == nil || !strings.HasPrefix(def.Op, "constexpr_") {
		return p.checkTable(s, o)
	}
	if def.Op == "constexpr_blockwise_shift_scale" {
		if s.Op == "add" && (isZero(s, "x") || isZero(s, "y")) {
			return nil
		}
		return errorAt(o.Pos, RuleRoute, "%s of %s takes no blockwise weight; pass it through add with a scalar zero", p.name, s.Op)
	}
	if p.kind != weight {
		return errorAt(o.Pos, RuleRoute, "%s of %s takes no compressed weight; only weights of matmul, conv and linear do", p.name, s.Op)
	}
	return nil
}

// checkTable keeps a lookup table, which may have a rank above MaxRank, out of
// everything but its own parameter.
func (p param) checkTable(s *Stmt, o Operand) error {
	if r := len(o.Type().Shape); r > MaxRank && (s.Op != "constexpr_lut_to_dense" || p.name != "lut") {
		return errorAt(o.Pos, RuleType, "%s of %s has rank %d; the limit is %d", p.name, s.Op, r, MaxRank)
	}
	return nil
}

// isZero reports whether an argument is the scalar constant 0.
func isZero(s *Stmt, name string) bool {
	l := s.Lit(name)
	return l != nil && l.Type.IsScalar() && len(l.Floats) == 1 && l.Floats[0] == 0
}
