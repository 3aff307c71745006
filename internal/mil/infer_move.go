package mil

import (
	"math"
	"slices"
)

func inferReshape(s *Stmt) ([]Type, error) {
	x, shape := s.In("x").Type, s.Ints("shape")
	for _, d := range shape {
		if d < 1 {
			return nil, wrong(s, "shape %s: dimensions are static and positive", dims(shape))
		}
	}
	if product(shape) != x.Elems() {
		return nil, wrong(s, "%s has %d elements, %s has %d", dims(x.Shape), x.Elems(), dims(shape), product(shape))
	}
	return one(shape...)
}

func inferTranspose(s *Stmt) ([]Type, error) {
	x := s.In("x").Type.Shape
	perm, err := axes(s, "perm", len(x))
	if err != nil {
		return nil, err
	}
	if len(perm) != len(x) {
		return nil, wrong(s, "perm %s for x %s", dims(perm), dims(x))
	}
	out := make([]int, len(x))
	for i, p := range perm {
		out[i] = x[p]
	}
	return one(out...)
}

func inferSqueeze(s *Stmt) ([]Type, error) {
	x := s.In("x").Type.Shape
	drop, err := axes(s, "axes", len(x))
	if err != nil {
		return nil, err
	}
	var out []int
	for i, d := range x {
		switch {
		case !slices.Contains(drop, i):
			out = append(out, d)
		case d != 1:
			return nil, wrong(s, "axis %d of x %s is not 1", i, dims(x))
		}
	}
	if len(out) == 0 {
		return nil, wrong(s, "no axis of x %s is left", dims(x))
	}
	return one(out...)
}

// inferExpandDims counts the new axes in the rank of the result.
func inferExpandDims(s *Stmt) ([]Type, error) {
	x := s.In("x").Type.Shape
	rank := len(x) + len(s.Ints("axes"))
	add, err := axes(s, "axes", rank)
	if err != nil {
		return nil, err
	}
	out := make([]int, 0, min(rank, maxRank))
	for i := range rank {
		if slices.Contains(add, i) {
			out = append(out, 1)
		} else {
			out, x = append(out, x[0]), x[1:]
		}
	}
	return one(out...)
}

func inferFlatten2D(s *Stmt) ([]Type, error) {
	x := s.In("x").Type.Shape
	a := s.Int("axis", 0)
	if a < 0 {
		a += len(x)
	}
	if a < 0 || a > len(x) {
		return nil, wrong(s, "axis %d is not in 0..%d", a, len(x))
	}
	return one(product(x[:a]), product(x[a:]))
}

func inferSliceBySize(s *Stmt) ([]Type, error) {
	x := s.In("x").Type.Shape
	begin, err := vector(s, "begin", len(x), 0)
	if err != nil {
		return nil, err
	}
	size, err := vector(s, "size", len(x), 1)
	if err != nil {
		return nil, err
	}
	for i := range x {
		if begin[i] > x[i]-size[i] {
			return nil, wrong(s, "axis %d: [%d, +%d) leaves x %s", i, begin[i], size[i], dims(x))
		}
	}
	return one(size...)
}

// inferSliceByIndex takes begin ≤ i < end in steps; a mask bit means the end
// of the axis instead, a squeeze bit drops an axis of one element.
func inferSliceByIndex(s *Stmt) ([]Type, error) {
	x := s.In("x").Type.Shape
	low := -maxSetting
	begin, err := vector(s, "begin", len(x), low)
	if err != nil {
		return nil, err
	}
	end, err := vector(s, "end", len(x), low)
	if err != nil {
		return nil, err
	}
	stride := slices.Repeat([]int{1}, len(x))
	if s.Arg("stride") != nil {
		if stride, err = vector(s, "stride", len(x), 1); err != nil {
			return nil, err
		}
	}
	masks := [3][]int{}
	for i, name := range []string{"begin_mask", "end_mask", "squeeze_mask"} {
		masks[i] = make([]int, len(x))
		if s.Arg(name) != nil {
			if masks[i], err = vector(s, name, len(x), 0); err != nil {
				return nil, err
			}
		}
	}
	var out []int
	for i, d := range x {
		b, e := fromEnd(begin[i], d), fromEnd(end[i], d)
		if masks[0][i] == 1 {
			b = 0
		}
		if masks[1][i] == 1 {
			e = d
		}
		if masks[2][i] == 1 {
			e = b + 1
		}
		if b < 0 || e > d || b >= e {
			return nil, wrong(s, "axis %d: %d to %d leaves x %s or is empty", i, b, e, dims(x))
		}
		if masks[2][i] == 0 {
			out = append(out, (e-b+stride[i]-1)/stride[i])
		}
	}
	if len(out) == 0 {
		return nil, wrong(s, "no axis of x %s is left", dims(x))
	}
	return one(out...)
}

// fromEnd resolves a negative index.
func fromEnd(i, dim int) int {
	if i < 0 {
		return i + dim
	}
	return i
}

func inferConcat(s *Stmt) ([]Type, error) {
	if s.Flag("interleave", false) {
		return nil, wrong(s, "interleave must be false")
	}
	v := s.List("values")
	out := slices.Clone(v[0].Type.Shape)
	a, err := axis(s, "axis", len(out))
	if err != nil {
		return nil, err
	}
	for _, w := range v[1:] {
		shape := w.Type.Shape
		if len(shape) != len(out) || !slices.Equal(shape[:a], out[:a]) || !slices.Equal(shape[a+1:], out[a+1:]) {
			return nil, wrong(s, "%s and %s differ outside axis %d", dims(v[0].Type.Shape), dims(shape), a)
		}
		out[a] += shape[a]
	}
	return one(out...)
}

func inferStack(s *Stmt) ([]Type, error) {
	v := s.List("values")
	shape := v[0].Type.Shape
	for _, w := range v[1:] {
		if !slices.Equal(w.Type.Shape, shape) {
			return nil, wrong(s, "shapes %s and %s differ", dims(shape), dims(w.Type.Shape))
		}
	}
	a, err := axis(s, "axis", len(shape)+1)
	if err != nil {
		return nil, err
	}
	return one(slices.Insert(slices.Clone(shape), a, len(v))...)
}

// inferSplit cuts an axis into equal parts, one result each.
func inferSplit(s *Stmt) ([]Type, error) {
	part := slices.Clone(s.In("x").Type.Shape)
	a, err := axis(s, "axis", len(part))
	if err != nil {
		return nil, err
	}
	n := s.Int("num_splits", 0)
	if n < 1 || part[a]%n != 0 {
		return nil, wrong(s, "axis %d of x %s does not divide into %d parts", a, dims(part), n)
	}
	if n != len(s.Results) { // before a list of n is made
		return nil, wrong(s, "%d results for %d parts", len(s.Results), n)
	}
	part[a] /= n
	return slices.Repeat([]Type{{FP16, part}}, n), nil
}

func inferReverse(s *Stmt) ([]Type, error) {
	x := s.In("x").Type
	_, err := axes(s, "axes", len(x.Shape))
	return []Type{x}, err
}

func inferTile(s *Stmt) ([]Type, error) {
	out := slices.Clone(s.In("x").Type.Shape)
	reps, err := vector(s, "reps", len(out), 1)
	if err != nil {
		return nil, err
	}
	for i, r := range reps {
		out[i] = mulDim(out[i], r)
	}
	return one(out...)
}

// inferPad takes before and after of every axis. MIL lets the leading axes be
// left out; here they are given, so that the pairs cannot be misread.
func inferPad(s *Stmt) ([]Type, error) {
	out := slices.Clone(s.In("x").Type.Shape)
	pad, err := vector(s, "pad", 2*len(out), 0)
	if err != nil {
		return nil, err
	}
	for i, d := range out {
		before, after := pad[2*i], pad[2*i+1]
		reach := max(before, after)
		if mode := s.Word("mode", ""); mode == "reflect" && reach > d-1 || mode == "replicate" && reach > d {
			return nil, wrong(s, "axis %d of length %d cannot be padded by %d in mode %s", i, d, reach, mode)
		}
		out[i] += before + after
	}
	return one(out...)
}

func inferFill(s *Stmt) ([]Type, error) {
	shape := s.Ints("shape")
	for _, d := range shape {
		if d < 1 {
			return nil, wrong(s, "shape %s: dimensions are positive", dims(shape))
		}
	}
	return one(shape...)
}

func inferFillLike(s *Stmt) ([]Type, error) { return one(s.In("ref_tensor").Type.Shape...) }

// inferRange counts start, start+step, … below end.
func inferRange(s *Stmt) ([]Type, error) {
	start, end, step := s.Num("start", 0), s.Num("end", 0), s.Num("step", 0)
	n := math.Ceil((end - start) / step)
	if step == 0 || !(n >= 1 && n <= MaxDim) {
		return nil, wrong(s, "no values from %g to %g in steps of %g", start, end, step)
	}
	return one(int(n))
}
