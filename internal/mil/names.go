package mil

import (
	"slices"
	"strings"
)

// words are the words of the grammar; with the operations and types they
// cannot name a value.
var words = []string{"program", "dict", "func", "tensor", "state", "true", "false", "BLOBFILE"}

// reserved reports whether a name would read as a part of the language.
func reserved(name string) bool {
	_, op := signatures[name]
	_, known := refused[name]
	return op || known || slices.Contains(words, name) || scalars[name] != 0 || tensors[name] != 0
}

// validName checks the form [A-Za-z_][A-Za-z0-9_]*.
func validName(name string) bool {
	for i := range len(name) {
		if !isLetter(name[i]) && (i == 0 || !isDigit(name[i])) {
			return false
		}
	}
	return name != ""
}

// identifier makes a valid name of any string.
func identifier(s string) string {
	name := strings.Map(func(r rune) rune {
		if r < 0x80 && (isLetter(byte(r)) || isDigit(byte(r))) {
			return r
		}
		return '_'
	}, s)
	if name == "" || isDigit(name[0]) {
		name = "_" + name
	}
	return name
}

// scope holds the declared values by name.
type scope map[string]*Value

// declare adds v, or says why its name cannot be.
func (s scope) declare(v *Value) error {
	switch {
	case !validName(v.Name):
		return errorAt(v.Pos, RuleName, "%q is not an identifier", clip(v.Name))
	case reserved(v.Name):
		return errorAt(v.Pos, RuleName, "%s is a word of the language; choose another name", v.Name)
	case s[v.Name] != nil:
		return errorAt(v.Pos, RuleName, "%s is declared twice", clip(v.Name))
	}
	s[v.Name] = v
	return nil
}
