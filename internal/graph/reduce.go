package graph

import (
	"fmt"
	"slices"
)

// ReduceFn names a reduction.
type ReduceFn string

// The reductions.
const (
	Sum       ReduceFn = "reduce_sum"
	Mean      ReduceFn = "reduce_mean"
	Max       ReduceFn = "reduce_max"
	Min       ReduceFn = "reduce_min"
	L1Norm    ReduceFn = "reduce_l1_norm" // Σ|x|
	L2NormSum ReduceFn = "reduce_l2_norm" // √Σx²
	SumSquare ReduceFn = "reduce_sum_square"
	LogSum    ReduceFn = "reduce_log_sum"     // ln Σx
	LogSumExp ReduceFn = "reduce_log_sum_exp" // ln Σe^x
)

var reduceFns = map[ReduceFn]float64{
	Sum: 1, Mean: 1, Max: 1, Min: 1, L1Norm: 2, L2NormSum: 2, SumSquare: 2, LogSum: 1, LogSumExp: 11,
}

// ReduceFns lists every reduction, by name.
func ReduceFns() []ReduceFn { return sortedKeys(reduceFns) }

// Reduce folds Axes with Fn. The axes stay with length 1, as on the Neural
// Engine, unless Drop removes them.
type Reduce struct {
	Fn   ReduceFn
	Axes []int
	Drop bool
}

func (r Reduce) Name() string { return string(r.Fn) }

func (r Reduce) Infer(in []Type) ([]Type, error) {
	if _, ok := reduceFns[r.Fn]; !ok {
		return nil, fmt.Errorf("no reduction %q", r.Fn)
	}
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	if err := checkAxes(r.Axes, len(in[0].Shape)); err != nil {
		return nil, err
	}
	return one(reduced(in[0].Shape, r.Axes, r.Drop)), nil
}

func (r Reduce) FLOPs(in, _ []Type) float64 { return reduceFns[r.Fn] * elems(in) }

// reduced is s with axes of length 1 or, with drop, without them (at least
// one axis of length 1 stays).
func reduced(s Shape, axes []int, drop bool) Shape {
	var out Shape
	for i, d := range s {
		switch {
		case !slices.Contains(axes, i):
			out = append(out, d)
		case !drop:
			out = append(out, 1)
		}
	}
	if len(out) == 0 {
		return Shape{1}
	}
	return out
}

// ArgFn names an index reduction.
type ArgFn string

// The index reductions. The first of equal values wins.
const (
	ArgMax ArgFn = "argmax"
	ArgMin ArgFn = "argmin"
)

// Arg is the index of the largest or smallest value along Axis, as a
// floating-point number. Drop removes the axis.
type Arg struct {
	Fn   ArgFn
	Axis int
	Drop bool
}

func (a Arg) Name() string { return string(a.Fn) }

func (a Arg) Infer(in []Type) ([]Type, error) {
	if a.Fn != ArgMax && a.Fn != ArgMin {
		return nil, fmt.Errorf("no index reduction %q", a.Fn)
	}
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	if err := checkAxis(a.Axis, len(in[0].Shape)); err != nil {
		return nil, err
	}
	return one(reduced(in[0].Shape, []int{a.Axis}, a.Drop)), nil
}

func (Arg) FLOPs(in, _ []Type) float64 { return elems(in) }

// TopK gives the K largest (or smallest) values along Axis, best first, and
// their indices: two results. The earlier of equal values comes first.
type TopK struct {
	K, Axis  int
	Smallest bool
}

func (TopK) Name() string { return "topk" }

func (t TopK) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	s := slices.Clone(in[0].Shape)
	if err := checkAxis(t.Axis, len(s)); err != nil {
		return nil, err
	}
	if t.K < 1 || t.K > s[t.Axis] {
		return nil, fmt.Errorf("k=%d, want 1 to %d", t.K, s[t.Axis])
	}
	s[t.Axis] = t.K
	return []Type{{Float, s}, {Float, s}}, nil
}

func (TopK) FLOPs(in, _ []Type) float64 { return elems(in) }

// Sort orders the values along Axis, stably, and gives them and their
// indices: two results.
type Sort struct {
	Axis       int
	Descending bool
}

func (Sort) Name() string { return "sort" }

func (s Sort) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	if err := checkAxis(s.Axis, len(in[0].Shape)); err != nil {
		return nil, err
	}
	return []Type{in[0], in[0]}, nil
}

func (Sort) FLOPs(in, _ []Type) float64 { return elems(in) }
