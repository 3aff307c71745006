package graph

import (
	"fmt"
	"slices"
)

// one wraps the common case of a single floating-point result.
func one(s Shape) []Type { return []Type{{Float, s}} }

// arity checks the number of operands.
func arity(in []Type, lo, hi int) error {
	if len(in) < lo || len(in) > hi {
		if lo == hi {
			return fmt.Errorf("want %d operands, got %d", lo, len(in))
		}
		return fmt.Errorf("want %d to %d operands, got %d", lo, hi, len(in))
	}
	return nil
}

// floats checks the number of operands and that all are floating point.
func floats(in []Type, lo, hi int) error {
	if err := arity(in, lo, hi); err != nil {
		return err
	}
	for i, t := range in {
		if t.DType != Float {
			return fmt.Errorf("operand %d is %v, want float", i, t.DType)
		}
	}
	return nil
}

// floatsRank is floats plus the rank of the first operand.
func floatsRank(in []Type, lo, hi, rank int) error {
	if err := floats(in, lo, hi); err != nil {
		return err
	}
	if len(in[0].Shape) != rank {
		return fmt.Errorf("want x of rank %d, got %v", rank, in[0].Shape)
	}
	return nil
}

func checkAxis(axis, rank int) error {
	if axis < 0 || axis >= rank {
		return fmt.Errorf("axis %d, want 0 to %d", axis, rank-1)
	}
	return nil
}

func checkAxes(axes []int, rank int) error {
	if len(axes) == 0 {
		return fmt.Errorf("no axes given")
	}
	for i, a := range axes {
		if err := checkAxis(a, rank); err != nil {
			return err
		}
		if slices.Contains(axes[:i], a) {
			return fmt.Errorf("axis %d is given twice", a)
		}
	}
	return nil
}

// vectors checks that operands from..end are vectors of n values, such as the
// per-channel parameters of a norm.
func vectors(in []Type, from, n int) error {
	for i := from; i < len(in); i++ {
		if s := in[i].Shape; len(s) != 1 || s[0] != n {
			return fmt.Errorf("operand %d: want [%d], got %v", i, n, s)
		}
	}
	return nil
}

// Broadcast is the NumPy rule: shapes are right-aligned and dimensions are
// equal or 1.
func Broadcast(a, b Shape) (Shape, error) {
	out := make(Shape, max(len(a), len(b)))
	for i := range out {
		da, db := dimFromRight(a, len(out)-i), dimFromRight(b, len(out)-i)
		switch {
		case da == db || db == 1:
			out[i] = da
		case da == 1:
			out[i] = db
		default:
			return nil, fmt.Errorf("cannot broadcast %v with %v: dimensions must be equal or 1", a, b)
		}
	}
	return out, nil
}

func dimFromRight(s Shape, k int) int {
	if k > len(s) {
		return 1
	}
	return s[len(s)-k]
}

func elems(ts []Type) float64 {
	n := 0.0
	for _, t := range ts {
		n += float64(t.Shape.Elems())
	}
	return n
}
