package mil

import (
	"strings"
	"unicode/utf8"
)

// MaxText bounds the text in bytes, and with it the memory that reading one
// takes. A program of a thousand layers has less than one of the 16 MiB.
const MaxText = 16 << 20

// tokenKind tells tokens apart.
type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokIdent
	tokNumber
	tokString // text without the quotes
	tokPunct  // one of ( ) [ ] { } < > , ; = or ->
)

// token is a slice of the source with its place.
type token struct {
	kind tokenKind
	text string
	pos  Pos
}

func (t token) String() string {
	switch t.kind {
	case tokEOF:
		return "end of text"
	case tokString:
		return `"` + t.text + `"`
	}
	return "'" + t.text + "'"
}

// lexer cuts a text into tokens, on demand. Columns count bytes from 1.
type lexer struct {
	src  string
	at   int
	line int
	bol  int // offset of the line's first byte
}

func (l *lexer) pos() Pos { return Pos{l.line, l.at - l.bol + 1} }

func (l *lexer) next() (token, error) {
	l.space()
	start, pos := l.at, l.pos()
	if start == len(l.src) {
		return token{tokEOF, "", pos}, nil
	}
	c := l.src[start]
	switch {
	case isLetter(c):
		l.skip(func(c byte) bool { return isLetter(c) || isDigit(c) })
		return token{tokIdent, l.src[start:l.at], pos}, nil
	case strings.HasPrefix(l.src[start:], "->"):
		l.at += 2
		return token{tokPunct, "->", pos}, nil
	case isDigit(c) || c == '-':
		return l.number(pos)
	case c == '"':
		return l.str(pos)
	case strings.IndexByte("()[]{}<>,;=", c) >= 0:
		l.at++
		return token{tokPunct, l.src[start:l.at], pos}, nil
	case c == '/' || c == '#':
		return token{}, errorAt(pos, RuleSyntax, "comments are not known to be accepted; remove it")
	}
	r, _ := utf8.DecodeRuneInString(l.src[start:])
	return token{}, errorAt(pos, RuleSyntax, "unexpected character %q", r)
}

func (l *lexer) space() {
	for ; l.at < len(l.src); l.at++ {
		switch l.src[l.at] {
		case '\n':
			l.line++
			l.bol = l.at + 1
		case ' ', '\t', '\r':
		default:
			return
		}
	}
}

func (l *lexer) skip(in func(byte) bool) int {
	start := l.at
	for l.at < len(l.src) && in(l.src[l.at]) {
		l.at++
	}
	return l.at - start
}

// number takes -?digits, -?digits.digits and -?0xh.hhhp±digits. The exponent
// has no leading zero, as C prints it.
func (l *lexer) number(pos Pos) (token, error) {
	start := l.at
	bad := func() (token, error) {
		return token{}, errorAt(pos, RuleLiteral, "malformed number '%s'; want 7, 0.5 or 0x1.8p-3", clip(l.src[start:min(l.at+1, len(l.src))]))
	}
	if l.src[l.at] == '-' {
		l.at++
	}
	if strings.HasPrefix(l.src[l.at:], "0x") {
		l.at += 2
		if l.skip(isHex) == 0 || !l.fraction(isHex) || !l.take('p') {
			return bad()
		}
		if !l.take('+') && !l.take('-') {
			return bad()
		}
		exp := l.at
		if n := l.skip(isDigit); n == 0 || n > 4 || n > 1 && l.src[exp] == '0' {
			return bad()
		}
	} else if l.skip(isDigit) == 0 || !l.fraction(isDigit) {
		return bad()
	}
	if l.at < len(l.src) && isLetter(l.src[l.at]) {
		return bad()
	}
	return token{tokNumber, l.src[start:l.at], pos}, nil
}

// fraction takes an optional point with digits.
func (l *lexer) fraction(digit func(byte) bool) bool { return !l.take('.') || l.skip(digit) > 0 }

func (l *lexer) take(c byte) bool {
	if l.at < len(l.src) && l.src[l.at] == c {
		l.at++
		return true
	}
	return false
}

func (l *lexer) str(pos Pos) (token, error) {
	l.at++
	start := l.at
	for ; l.at < len(l.src); l.at++ {
		switch c := l.src[l.at]; {
		case c == '"':
			s := l.src[start:l.at]
			l.at++
			if !utf8.ValidString(s) {
				return token{}, errorAt(pos, RuleSyntax, "string is not valid UTF-8")
			}
			return token{tokString, s, pos}, nil
		case c < ' ' || c == '\\' || c == 0x7f:
			return token{}, errorAt(l.pos(), RuleSyntax, "character %q in a string has no proven spelling", c)
		}
	}
	return token{}, errorAt(pos, RuleSyntax, "string is not closed")
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isHex(c byte) bool    { return isDigit(c) || 'a' <= c && c <= 'f' }

// clip shortens what an error quotes.
func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "?") + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
