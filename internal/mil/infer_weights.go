package mil

import (
	"slices"
	"strings"
)

func constexpr(op string) bool { return strings.HasPrefix(op, "constexpr_") }

// checkScale holds scale and zero point to the axis that they vary along: a
// vector as long as the axis, or a scalar without an axis.
func checkScale(s *Stmt, x []int) error {
	scale, zero := s.In("scale").Type, s.In("zero_point")
	if zero != nil && !slices.Equal(zero.Type.Shape, scale.Shape) {
		return wrong(s, "scale %v and zero_point %v have different shapes", scale, zero.Type)
	}
	if scale.IsScalar() {
		if s.Arg("axis") != nil {
			return wrong(s, "a scalar scale takes no axis")
		}
		return nil
	}
	a, err := axis(s, "axis", len(x))
	switch {
	case err != nil:
		return err
	case s.Arg("axis") == nil || len(scale.Shape) != 1 || scale.Shape[0] != x[a]:
		return wrong(s, "scale %v needs an axis of its length in x %s", scale, dims(x))
	}
	return nil
}

func inferQuantize(s *Stmt) ([]Type, error) {
	x := s.In("input").Type.Shape
	return []Type{{Int8, x}}, checkScale(s, x)
}

func inferDequantize(s *Stmt) ([]Type, error) {
	x := s.In("input").Type.Shape
	return []Type{{FP16, x}}, checkScale(s, x)
}

// inferAffineDequantize is the per-channel int8 weight: scale [OUT] over axis
// 0 and a zero point of 0, the one form of the route.
func inferAffineDequantize(s *Stmt) ([]Type, error) {
	q, scale := s.Lit("quantized_data").Type.Shape, s.Lit("scale").Type.Shape
	if s.Int("axis", 1) != 0 || s.Int("zero_point", 1) != 0 {
		return nil, wrong(s, "axis and zero_point must be 0")
	}
	if scale[0] != q[0] {
		return nil, wrong(s, "scale %s for %d output channels", dims(scale), q[0])
	}
	return one(q...)
}

// inferLUT: the table of 16 centroids has the rank of the indices and two
// more axes, [1, …, 1, 16, 1]. Rows of an odd length would not pack.
func inferLUT(s *Stmt) ([]Type, error) {
	idx, lut := s.In("indices").Type.Shape, s.In("lut").Type.Shape
	want := append(slices.Repeat([]int{1}, len(idx)), 16, 1)
	if !slices.Equal(lut, want) {
		return nil, wrong(s, "lut %s for indices %s, want %s", dims(lut), dims(idx), dims(want))
	}
	if product(idx[1:])%2 != 0 {
		return nil, wrong(s, "indices %s have rows of odd length", dims(idx))
	}
	return one(idx...)
}

// inferSparse: the non-zeros are in row-major order of the mask's set bits,
// and at most half of the elements.
func inferSparse(s *Stmt) ([]Type, error) {
	mask, n := s.In("mask").Type, s.In("nonzero_data").Type.Shape[0]
	if n > mask.Elems()/2 {
		return nil, wrong(s, "%d of %d elements are non-zero; store it dense", n, mask.Elems())
	}
	return one(mask.Shape...)
}

// inferBlockwise: data [OUT, IN], scale [OUT, blocks], blocks dividing IN.
func inferBlockwise(s *Stmt) ([]Type, error) {
	d, scale := s.In("data").Type.Shape, s.In("scale").Type.Shape
	if scale[0] != d[0] || d[1]%scale[1] != 0 {
		return nil, wrong(s, "scale %s does not divide data %s into blocks of a row", dims(scale), dims(d))
	}
	return one(d...)
}
