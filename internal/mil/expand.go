package mil

import (
	"fmt"

	"devicemap/internal/fp16"
)

// Floats gives the values of a checked constant in row-major order: halves
// and single floats, the codes of int8 and uint4 data, the bits of uint1 data.
func (b *Blob) Floats(l *Literal) ([]float32, error) {
	if l.Blob == nil {
		out := make([]float32, 0, len(l.Floats)+len(l.Ints))
		for _, v := range l.Floats {
			out = append(out, float32(v))
		}
		for _, v := range l.Ints {
			out = append(out, float32(v))
		}
		return out, nil
	}
	_, data, err := b.Entry(l.Blob.Offset)
	if err != nil {
		return nil, err
	}
	n := l.Type.Elems()
	width := dtypes[l.Type.DType].bits
	if width == 0 || n > 8*len(data)/width { // the data bounds what is made
		return nil, fmt.Errorf("mil: %v does not fit the %d bytes at %d", l.Type, len(data), l.Blob.Offset)
	}
	out := make([]float32, n)
	switch l.Type.DType {
	case FP16:
		fp16.DecodeLE(out, data[:2*n])
	case Int8:
		for i := range out {
			out[i] = float32(int8(data[i]))
		}
	default:
		mask := byte(1)<<width - 1
		for i := range out {
			out[i] = float32(data[i*width/8] >> (i * width % 8) & mask)
		}
	}
	return out, nil
}

// Dense gives the weights that a checked const or constexpr statement stands
// for, with the values of its result's type: products are rounded to halves.
func (b *Blob) Dense(s *Stmt) ([]float32, error) {
	switch s.Op {
	case "const":
		return b.Floats(s.Lit("val"))
	case "constexpr_affine_dequantize":
		return b.scaled(s.Lit("quantized_data"), s.Lit("scale"))
	case "constexpr_blockwise_shift_scale":
		return b.scaled(s.Lit("data"), s.Lit("scale"))
	case "constexpr_lut_to_dense":
		return b.palette(s.Lit("indices"), s.Lit("lut"))
	case "constexpr_sparse_to_dense":
		return b.sparse(s.Lit("mask"), s.Lit("nonzero_data"))
	}
	return nil, fmt.Errorf("mil: %s is not a constant", s.Op)
}

// scaled is code·scale, each scale standing for an equal run of elements.
func (b *Blob) scaled(codes, scale *Literal) ([]float32, error) {
	out, err := b.Floats(codes)
	if err != nil {
		return nil, err
	}
	s, err := b.Floats(scale)
	if err != nil {
		return nil, err
	}
	if len(s) == 0 || len(out)%len(s) != 0 {
		return nil, fmt.Errorf("mil: %d scales for %d codes", len(s), len(out))
	}
	run := len(out) / len(s)
	for i, q := range out {
		out[i] = fp16.Float32(fp16.Bits(q * s[i/run])) // exact before rounding: 8 and 11 bits
	}
	return out, nil
}

func (b *Blob) palette(indices, lut *Literal) ([]float32, error) {
	out, err := b.Floats(indices)
	if err != nil {
		return nil, err
	}
	table, err := b.Floats(lut)
	if err != nil {
		return nil, err
	}
	if len(table) < 16 {
		return nil, fmt.Errorf("mil: lookup table of %d entries, want 16", len(table))
	}
	for i, k := range out {
		out[i] = table[int(k)]
	}
	return out, nil
}

func (b *Blob) sparse(mask, nonzeros *Literal) ([]float32, error) {
	out, err := b.Floats(mask)
	if err != nil {
		return nil, err
	}
	v, err := b.Floats(nonzeros)
	if err != nil {
		return nil, err
	}
	set := 0
	for i, bit := range out {
		if bit == 0 {
			continue
		}
		if set < len(v) {
			out[i] = v[set]
		}
		set++
	}
	if set != len(v) {
		return nil, fmt.Errorf("mil: the mask has %d set bits, nonzero_data %d values", set, len(v))
	}
	return out, nil
}
