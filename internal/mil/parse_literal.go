package mil

import (
	"math"
	"strconv"
	"strings"

	"devicemap/internal/fp16"
)

// literal reads TYPE(payload).
func (p *parser) literal() *Literal {
	l := &Literal{Pos: p.peek().pos}
	l.Type = p.typ()
	p.want("(")
	switch {
	case p.err != nil:
	case l.Type.IsScalar() && l.Type.DType == String:
		l.Str = p.kind(tokString, "a string").text
	case l.Type.IsScalar():
		p.element(l)
	case p.is("BLOBFILE"):
		l.Blob = p.blobfile()
	default:
		p.nested(l, l.Type.Shape)
	}
	p.want(")")
	return l
}

// blobfile reads BLOBFILE(path = string("…"), offset = uint64(n)).
func (p *parser) blobfile() *BlobRef {
	ref := new(BlobRef)
	p.want("BLOBFILE", "(", "path", "=", "string", "(")
	ref.Path = p.kind(tokString, "a path").text
	p.want(")", ",", "offset", "=", "uint64", "(")
	t := p.kind(tokNumber, "an offset")
	n, err := strconv.ParseUint(t.text, 10, 64)
	if err != nil {
		p.fail(t.pos, RuleLiteral, "offset %s is not a uint64", clip(t.text))
	}
	ref.Offset = n
	p.want(")", ")")
	return ref
}

// nested reads the elements in brackets, one level per axis. The depth is the
// type's rank, so the text cannot nest deeper than that.
func (p *parser) nested(l *Literal, shape []int) {
	if len(shape) == 0 {
		p.element(l)
		return
	}
	open := p.peek().pos
	p.want("[")
	n := 0
	p.list("]", func() {
		if n++; n > shape[0] {
			p.fail(p.peek().pos, RuleLiteral, "more than %d elements in %v", shape[0], l.Type)
			return
		}
		p.nested(l, shape[1:])
	})
	if n < shape[0] {
		p.fail(open, RuleLiteral, "%d elements in %v, want %d", n, l.Type, shape[0])
	}
}

// intBits gives the integer types their sizes; negative where signed.
var intBits = map[DType]int{Int8: -8, Int32: -32, UInt8: 8, UInt32: 32, UInt64: 64}

// element reads one scalar of l's element type.
func (p *parser) element(l *Literal) {
	t := p.take()
	d := l.Type.DType
	switch {
	case p.err != nil:
	case d == Bool:
		if t.kind != tokIdent || t.text != "true" && t.text != "false" {
			p.fail(t.pos, RuleLiteral, "want true or false, got %s", clip(t.String()))
			return
		}
		l.Ints = append(l.Ints, int64(len("false")-len(t.text)))
	case t.kind != tokNumber:
		p.fail(t.pos, RuleLiteral, "want a number of %v, got %s; infinity and NaN have no spelling", d, clip(t.String()))
	case d == FP16 || d == FP32:
		p.float(l, t)
	default:
		p.integer(l, t)
	}
}

func (p *parser) integer(l *Literal, t token) {
	bits := intBits[l.Type.DType]
	var v int64
	var err error
	switch {
	case bits == 0:
		p.fail(t.pos, RuleLiteral, "%v has no inline form; use the weight file", l.Type)
		return
	case bits < 0:
		v, err = strconv.ParseInt(t.text, 10, -bits)
	default:
		var u uint64
		u, err = strconv.ParseUint(t.text, 10, bits)
		if u > math.MaxInt64 {
			err = strconv.ErrRange
		}
		v = int64(u)
	}
	if err != nil {
		p.fail(t.pos, RuleLiteral, "%s is not a %v", clip(t.text), l.Type.DType)
	}
	l.Ints = append(l.Ints, v)
}

// float reads a decimal or hexadecimal fraction that is exact in its type
// where it is hexadecimal, and in any case finite.
func (p *parser) float(l *Literal, t token) {
	if !strings.ContainsAny(t.text, ".x") {
		p.fail(t.pos, RuleLiteral, "%s is an integer; spell a %v as 2.0 or 0x1p+1", clip(t.text), l.Type.DType)
		return
	}
	v, err := strconv.ParseFloat(t.text, 64)
	rounded := float64(float32(v))
	if l.Type.DType == FP16 {
		rounded = fp16.Round(v)
	}
	switch {
	case err != nil || math.IsInf(rounded, 0):
		p.fail(t.pos, RuleLiteral, "%s is beyond the range of %v", clip(t.text), l.Type.DType)
	case rounded != v && (l.Type.DType == FP16 || strings.Contains(t.text, "x")):
		p.fail(t.pos, RuleLiteral, "%s is not a value of %v; round it before it is spelled", clip(t.text), l.Type.DType)
	}
	l.Floats = append(l.Floats, rounded)
}
