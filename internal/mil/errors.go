package mil

import "fmt"

// Rule names what a refused text or program breaks.
type Rule string

// The rules.
const (
	RuleSyntax  Rule = "syntax"  // the grammar
	RuleHeader  Rule = "header"  // version, buildInfo, function, operator set
	RuleName    Rule = "name"    // identifiers: form, reserved words, uniqueness
	RuleScope   Rule = "scope"   // declared before use
	RuleType    Rule = "type"    // element types, ranks, dimensions
	RuleLiteral Rule = "literal" // spelling and range of constants
	RuleOp      Rule = "op"      // operations of the route
	RuleParam   Rule = "param"   // parameters of an operation
	RuleInline  Rule = "inline"  // what must be a named constant
	RuleShape   Rule = "shape"   // operand shapes and declared results
	RuleRoute   Rule = "route"   // where compressed weights may go
	RuleBlob    Rule = "blob"    // references into the weight file
	RuleOutput  Rule = "output"  // the returned values
	RuleBody    Rule = "body"    // a function must compute something
	RuleLimit   Rule = "limit"   // size of the text and of its numbers
)

// Error is a broken rule and its place.
type Error struct {
	Pos  Pos // zero in a program that was built
	Rule Rule
	What string
}

func (e *Error) Error() string {
	if e.Pos.Line == 0 {
		return fmt.Sprintf("mil: %s: %s", e.Rule, e.What)
	}
	return fmt.Sprintf("mil: %d:%d: %s: %s", e.Pos.Line, e.Pos.Col, e.Rule, e.What)
}

func errorAt(p Pos, r Rule, format string, args ...any) *Error {
	return &Error{p, r, fmt.Sprintf(format, args...)}
}
