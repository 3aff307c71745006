package mil

import (
	"math"

	"devicemap/internal/fp16"
)

// literal checks a constant: its values, or its place in the weight file.
func (c *checker) literal(l *Literal) error {
	t := l.Type
	if t.Elems() > MaxElems {
		return errorAt(l.Pos, RuleLimit, "%v has too many elements", t)
	}
	if l.Blob != nil {
		return c.blob(l)
	}
	if int(t.DType) >= len(dtypes) || t.IsScalar() && !dtypes[t.DType].scalar {
		return errorAt(l.Pos, RuleType, "%v is not a type of the route", t)
	}
	switch {
	case t.DType == String && t.IsScalar():
		return nil
	case !t.IsScalar() && t.DType != Int32 && t.DType != Bool:
		return errorAt(l.Pos, RuleLiteral, "%v is inline; only int32 and bool tensors are, put it into the weight file", t)
	case t.DType == FP16 || t.DType == FP32:
		return checkFloats(l)
	case len(l.Ints) != t.Elems():
		return errorAt(l.Pos, RuleLiteral, "%v has %d values", t, len(l.Ints))
	}
	for _, v := range l.Ints {
		if !fitsInt(t.DType, v) {
			return errorAt(l.Pos, RuleLiteral, "%d is not a %v", v, t.DType)
		}
	}
	return nil
}

func checkFloats(l *Literal) error {
	if len(l.Floats) != 1 {
		return errorAt(l.Pos, RuleLiteral, "%v has %d values", l.Type, len(l.Floats))
	}
	v := l.Floats[0]
	rounded := float64(float32(v))
	if l.Type.DType == FP16 {
		rounded = fp16.Round(v)
	}
	if rounded != v || math.IsInf(v, 0) { // NaN differs from itself
		return errorAt(l.Pos, RuleLiteral, "%v is not a finite value of %v", v, l.Type.DType)
	}
	return nil
}

func fitsInt(d DType, v int64) bool {
	switch bits := intBits[d]; {
	case d == Bool:
		return v == 0 || v == 1
	case bits < 0:
		return v>>(-bits-1) == v>>63
	case bits == 64:
		return v >= 0
	default:
		return v>>bits == 0
	}
}

// blob checks path, descriptor, element type and size of a reference.
func (c *checker) blob(l *Literal) error {
	t := l.Type
	if l.Blob.Path != WeightPath {
		return errorAt(l.Pos, RuleBlob, "path %q; the weight file is %s", clip(l.Blob.Path), WeightPath)
	}
	if t.IsScalar() || dtypes[t.DType].code == 0 {
		return errorAt(l.Pos, RuleBlob, "%v cannot stand in the weight file; fp16, int8, uint4 and uint1 tensors can", t)
	}
	if c.weights == nil {
		return errorAt(l.Pos, RuleBlob, "there is no weight file")
	}
	d, err := c.weights.Describe(l.Blob.Offset)
	if err != nil {
		return errorAt(l.Pos, RuleBlob, "offset %d: %v", l.Blob.Offset, err)
	}
	row := dtypes[t.DType]
	if d.Code != row.code {
		return errorAt(l.Pos, RuleBlob, "the entry at %d holds %v, the text says %v", l.Blob.Offset, d.Code, t)
	}
	bits := uint64(t.Elems()) * uint64(row.bits)
	size := (bits + 7) / 8
	if d.Size != size {
		return errorAt(l.Pos, RuleBlob, "the entry at %d has %d bytes, %v needs %d", l.Blob.Offset, d.Size, t, size)
	}
	// The reference writes 0 for sub-byte data too.
	if pad := 8*size - bits; d.PadBits != pad && d.PadBits != 0 {
		return errorAt(l.Pos, RuleBlob, "the entry at %d claims %d unused bits, %v leaves %d", l.Blob.Offset, d.PadBits, t, pad)
	}
	return nil
}
