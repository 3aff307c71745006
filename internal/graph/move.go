package graph

import (
	"fmt"
	"slices"
)

// moves is embedded by operations that only move data: no FLOPs.
type moves struct{}

func (moves) FLOPs(_, _ []Type) float64 { return 0 }

// Reshape reads the elements in row-major order under another shape.
type Reshape struct {
	moves
	Shape Shape
}

func (Reshape) Name() string { return "reshape" }

func (r Reshape) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	if err := checkType(Type{Float, r.Shape}); err != nil {
		return nil, err
	}
	if r.Shape.Elems() != in[0].Shape.Elems() {
		return nil, fmt.Errorf("%v has %d elements, %v has %d", in[0].Shape, in[0].Shape.Elems(), r.Shape, r.Shape.Elems())
	}
	return one(slices.Clone(r.Shape)), nil
}

// Transpose permutes the axes: output axis i is input axis Perm[i].
type Transpose struct {
	moves
	Perm []int
}

func (Transpose) Name() string { return "transpose" }

func (t Transpose) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	s := in[0].Shape
	if len(t.Perm) != len(s) {
		return nil, fmt.Errorf("permutation %v of a tensor of rank %d", t.Perm, len(s))
	}
	if err := checkAxes(t.Perm, len(s)); err != nil {
		return nil, err
	}
	out := make(Shape, len(s))
	for i, p := range t.Perm {
		out[i] = s[p]
	}
	return one(out), nil
}

// Squeeze removes Axes, each of length 1.
type Squeeze struct {
	moves
	Axes []int
}

func (Squeeze) Name() string { return "squeeze" }

func (q Squeeze) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	s := in[0].Shape
	if err := checkAxes(q.Axes, len(s)); err != nil {
		return nil, err
	}
	for _, a := range q.Axes {
		if s[a] != 1 {
			return nil, fmt.Errorf("axis %d of %v has length %d, want 1", a, s, s[a])
		}
	}
	return one(reduced(s, q.Axes, true)), nil
}

// ExpandDims inserts axes of length 1; Axes count in the output's rank.
type ExpandDims struct {
	moves
	Axes []int
}

func (ExpandDims) Name() string { return "expand_dims" }

func (e ExpandDims) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	rank := len(in[0].Shape) + len(e.Axes)
	if err := checkAxes(e.Axes, rank); err != nil {
		return nil, err
	}
	rest, out := in[0].Shape, make(Shape, rank)
	for i := range out {
		if slices.Contains(e.Axes, i) {
			out[i] = 1
		} else {
			out[i], rest = rest[0], rest[1:]
		}
	}
	return one(out), nil
}

// Flatten2D reshapes to [∏ dims before Axis, ∏ dims from Axis].
type Flatten2D struct {
	moves
	Axis int
}

func (Flatten2D) Name() string { return "flatten2d" }

func (f Flatten2D) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	s := in[0].Shape
	if f.Axis < 0 || f.Axis > len(s) {
		return nil, fmt.Errorf("axis %d, want 0 to %d", f.Axis, len(s))
	}
	return one(Shape{s[:f.Axis].Elems(), s[f.Axis:].Elems()}), nil
}

// Slice cuts a window: Size elements per axis from Begin in steps of Stride
// (nil means 1 everywhere).
type Slice struct {
	moves
	Begin, Size, Stride []int
}

func (s Slice) Name() string {
	if s.Stride != nil {
		return "slice_by_index"
	}
	return "slice_by_size"
}

// Step is the stride of an axis.
func (s Slice) Step(axis int) int {
	if s.Stride == nil {
		return 1
	}
	return s.Stride[axis]
}

func (s Slice) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	x := in[0].Shape
	if len(s.Begin) != len(x) || len(s.Size) != len(x) || (s.Stride != nil && len(s.Stride) != len(x)) {
		return nil, fmt.Errorf("begin %v, size %v, stride %v for %v: want one number per axis", s.Begin, s.Size, s.Stride, x)
	}
	for i, d := range x {
		b, n, st := s.Begin[i], s.Size[i], s.Step(i)
		if b < 0 || n < 1 || st < 1 || b >= d || n-1 > (d-1-b)/st {
			return nil, fmt.Errorf("axis %d: %d elements from %d in steps of %d leave 0..%d", i, n, b, st, d-1)
		}
	}
	return one(slices.Clone(Shape(s.Size))), nil
}

// Concat joins operands along Axis; the other dimensions are equal.
type Concat struct {
	moves
	Axis int
}

func (Concat) Name() string { return "concat" }

func (c Concat) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1<<20); err != nil {
		return nil, err
	}
	out := slices.Clone(in[0].Shape)
	if err := checkAxis(c.Axis, len(out)); err != nil {
		return nil, err
	}
	for _, t := range in[1:] {
		if len(t.Shape) != len(out) {
			return nil, fmt.Errorf("ranks of %v and %v differ", in[0].Shape, t.Shape)
		}
		for i, d := range t.Shape {
			if i != c.Axis && d != out[i] {
				return nil, fmt.Errorf("%v and %v differ outside axis %d", in[0].Shape, t.Shape, c.Axis)
			}
		}
		out[c.Axis] += t.Shape[c.Axis]
	}
	return one(out), nil
}

// Stack joins operands of one shape along a new axis.
type Stack struct {
	moves
	Axis int
}

func (Stack) Name() string { return "stack" }

func (s Stack) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1<<20); err != nil {
		return nil, err
	}
	for _, t := range in[1:] {
		if !slices.Equal(t.Shape, in[0].Shape) {
			return nil, fmt.Errorf("shapes %v and %v differ", in[0].Shape, t.Shape)
		}
	}
	if err := checkAxis(s.Axis, len(in[0].Shape)+1); err != nil {
		return nil, err
	}
	return one(slices.Insert(slices.Clone(in[0].Shape), s.Axis, len(in))), nil
}

// Split cuts x along Axis into parts of the given Sizes: one result each.
type Split struct {
	moves
	Axis  int
	Sizes []int
}

func (Split) Name() string { return "split" }

func (s Split) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	x := in[0].Shape
	if err := checkAxis(s.Axis, len(x)); err != nil {
		return nil, err
	}
	var out []Type
	left := x[s.Axis]
	for _, n := range s.Sizes {
		part := slices.Clone(x)
		part[s.Axis] = n
		out = append(out, Type{Float, part})
		left -= n
	}
	if left != 0 || len(out) == 0 {
		return nil, fmt.Errorf("sizes %v do not add up to %d, the length of axis %d", s.Sizes, x[s.Axis], s.Axis)
	}
	return out, nil
}

// Reverse mirrors Axes.
type Reverse struct {
	moves
	Axes []int
}

func (Reverse) Name() string { return "reverse" }

func (r Reverse) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	return one(in[0].Shape), checkAxes(r.Axes, len(in[0].Shape))
}

// Tile repeats x Reps times per axis.
type Tile struct {
	moves
	Reps []int
}

func (Tile) Name() string { return "tile" }

func (t Tile) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	out := slices.Clone(in[0].Shape)
	if len(t.Reps) != len(out) {
		return nil, fmt.Errorf("%d repetitions for rank %d", len(t.Reps), len(out))
	}
	for i, r := range t.Reps {
		out[i] *= r
	}
	return one(out), nil
}

// PadMode says what a padded element is.
type PadMode string

// The padding modes.
const (
	PadConstant  PadMode = "constant"
	PadReflect   PadMode = "reflect"   // mirrored without repeating the edge
	PadReplicate PadMode = "replicate" // the edge, repeated
)

// Pad adds Pads[axis][0] elements before and Pads[axis][1] after each axis.
type Pad struct {
	moves
	Pads  [][2]int
	Mode  PadMode
	Value float64 // of PadConstant
}

func (Pad) Name() string { return "pad" }

func (p Pad) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	out := slices.Clone(in[0].Shape)
	if len(p.Pads) != len(out) {
		return nil, fmt.Errorf("%d pads for rank %d", len(p.Pads), len(out))
	}
	if p.Mode != PadConstant && p.Mode != PadReflect && p.Mode != PadReplicate {
		return nil, fmt.Errorf("no padding mode %q", p.Mode)
	}
	for i, ab := range p.Pads {
		if ab[0] < 0 || ab[1] < 0 || (p.Mode == PadReflect && max(ab[0], ab[1]) >= out[i]) {
			return nil, fmt.Errorf("axis %d of length %d: cannot pad %v by %s", i, out[i], ab, p.Mode)
		}
		out[i] += ab[0] + ab[1]
	}
	return one(out), nil
}

// Gather takes whole slices by constant Indices along Axis.
type Gather struct {
	moves
	Axis    int
	Indices []int
}

func (Gather) Name() string { return "gather" }

func (g Gather) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	out := slices.Clone(in[0].Shape)
	if err := checkAxis(g.Axis, len(out)); err != nil {
		return nil, err
	}
	for _, i := range g.Indices {
		if i < 0 || i >= out[g.Axis] {
			return nil, fmt.Errorf("index %d, want 0 to %d", i, out[g.Axis]-1)
		}
	}
	out[g.Axis] = len(g.Indices)
	return one(out), nil
}

// GatherAlongAxis is y[i,j] = x[i, idx[i,j]] for axis 1 and likewise for other
// axes: operands x, idx of equal rank whose other dimensions agree. An index
// out of range is clamped.
type GatherAlongAxis struct {
	moves
	Axis int
}

func (GatherAlongAxis) Name() string { return "gather_along_axis" }

func (g GatherAlongAxis) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 2, 2); err != nil {
		return nil, err
	}
	x, idx := in[0].Shape, in[1].Shape
	if err := checkAxis(g.Axis, len(x)); err != nil {
		return nil, err
	}
	if len(idx) != len(x) {
		return nil, fmt.Errorf("ranks of x %v and indices %v differ", x, idx)
	}
	for i := range x {
		if i != g.Axis && x[i] != idx[i] {
			return nil, fmt.Errorf("x %v and indices %v differ outside axis %d", x, idx, g.Axis)
		}
	}
	return one(slices.Clone(idx)), nil
}
