package graph

import "fmt"

// The operations of this file are layers of the Neural Engine that its
// compiler's front end does not offer ("bridge" operations, spec/ane.md
// chapter 5). On this suite's route each is lowered to fused ones.

// Flatten reshapes to one dimension.
type Flatten struct{ moves }

func (Flatten) Name() string { return "flatten" }

func (Flatten) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	return one(Shape{in[0].Shape.Elems()}), nil
}

// MinMaxNorm is (x−min)/(max−min+Eps) along Axis.
type MinMaxNorm struct {
	Axis int
	Eps  float64
}

func (MinMaxNorm) Name() string { return "minmax_norm" }

func (m MinMaxNorm) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	return one(in[0].Shape), checkAxis(m.Axis, len(in[0].Shape))
}

func (MinMaxNorm) FLOPs(_, out []Type) float64 { return 4 * elems(out) }

// LRN is x_c/(K + Alpha·S_c)^Beta for x [1, C, H, W], where S_c sums x_j² over
// j from max(0, c−⌊(C−1)/2⌋) to min(C, c+⌊C/2⌋+1)−1. Alpha is not divided by
// the window, unlike [LocalResponseNorm].
type LRN struct{ Alpha, Beta, K float64 }

func (LRN) Name() string { return "lrn" }

func (LRN) Infer(in []Type) ([]Type, error) {
	if err := floatsRank(in, 1, 1, 4); err != nil {
		return nil, err
	}
	return one(in[0].Shape), nil
}

func (LRN) FLOPs(in, out []Type) float64 { return elems(out) * float64(2*in[0].Shape[1]+22) }

// CrossProduct is a×b of two 3-vectors.
type CrossProduct struct{}

func (CrossProduct) Name() string { return "cross_product" }

func (CrossProduct) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 2, 2); err != nil {
		return nil, err
	}
	return one(Shape{3}), vectors(in, 0, 3)
}

func (CrossProduct) FLOPs(_, _ []Type) float64 { return 9 }

// CrossCorrelation is y[i,j] = Σ x[i+u,j+v]·t[u,v] over the valid positions:
// x [H, W], t [Th, Tw] → [H−Th+1, W−Tw+1].
type CrossCorrelation struct{}

func (CrossCorrelation) Name() string { return "cross_correlation" }

func (CrossCorrelation) Infer(in []Type) ([]Type, error) {
	if err := floatsRank(in, 2, 2, 2); err != nil {
		return nil, err
	}
	x, t := in[0].Shape, in[1].Shape
	if len(t) != 2 || t[0] > x[0] || t[1] > x[1] {
		return nil, fmt.Errorf("want x [H,W] and a smaller template; got x %v, t %v", x, t)
	}
	return one(Shape{x[0] - t[0] + 1, x[1] - t[1] + 1}), nil
}

func (CrossCorrelation) FLOPs(in, out []Type) float64 {
	return 2 * elems(out) * float64(in[1].Shape.Elems())
}

// CostVolume is y[d,x] = |aux[x] − ref[x+d]| for d = 0..Range: aux [Wa],
// ref [Wr ≥ Wa+Range] → [Range+1, Wa].
type CostVolume struct{ Range int }

func (CostVolume) Name() string { return "cost_volume" }

func (c CostVolume) Infer(in []Type) ([]Type, error) {
	if err := floatsRank(in, 2, 2, 1); err != nil {
		return nil, err
	}
	a, r := in[0].Shape, in[1].Shape
	if len(r) != 1 || c.Range < 0 || r[0] < a[0]+c.Range {
		return nil, fmt.Errorf("want aux [W], ref [W+%d or more]; got aux %v, ref %v", c.Range, a, r)
	}
	return one(Shape{c.Range + 1, a[0]}), nil
}

func (CostVolume) FLOPs(_, out []Type) float64 { return 2 * elems(out) }

// FurthestPoints picks K of the points p [N, 3] by furthest-point sampling
// from index 0 with Euclidean distance: → [K, 3]. The first of equally far
// points wins.
type FurthestPoints struct{ K int }

func (FurthestPoints) Name() string { return "fps" }

func (f FurthestPoints) Infer(in []Type) ([]Type, error) {
	if err := floatsRank(in, 1, 1, 2); err != nil {
		return nil, err
	}
	p := in[0].Shape
	if p[1] != 3 || f.K < 1 || f.K > p[0] || f.K > 1024 || p[0] > 8192 {
		return nil, fmt.Errorf("want at most 8192 points [N,3] and k of 1 to min(N,1024); got %v, k=%d", p, f.K)
	}
	return one(Shape{f.K, 3}), nil
}

func (f FurthestPoints) FLOPs(in, _ []Type) float64 { return float64(f.K * in[0].Shape[0] * 9) }

// RadiusSearch is 1 where ‖p−c‖ ≤ R, else 0: points p [N, 3], centres
// c [M, 3] → [N, M].
type RadiusSearch struct{ R float64 }

func (RadiusSearch) Name() string { return "radius_search" }

func (RadiusSearch) Infer(in []Type) ([]Type, error) {
	if err := floatsRank(in, 2, 2, 2); err != nil {
		return nil, err
	}
	p, c := in[0].Shape, in[1].Shape
	if len(c) != 2 || p[1] != 3 || c[1] != 3 {
		return nil, fmt.Errorf("want p [N,3], c [M,3]; got p %v, c %v", p, c)
	}
	return one(Shape{p[0], c[0]}), nil
}

func (RadiusSearch) FLOPs(_, out []Type) float64 { return 9 * elems(out) }

// InputView is the window of Size elements from Offset of the flattened x.
type InputView struct {
	moves
	Offset, Size int
}

func (InputView) Name() string { return "input_view" }

func (v InputView) Infer(in []Type) ([]Type, error) { return window(in, 1, v.Offset, v.Size) }

// DynamicSlice is x[Start:Start+Size] of a vector.
type DynamicSlice struct {
	moves
	Start, Size int
}

func (DynamicSlice) Name() string { return "dynamic_slice" }

func (d DynamicSlice) Infer(in []Type) ([]Type, error) {
	if err := floatsRank(in, 1, 1, 1); err != nil {
		return nil, err
	}
	return window(in, 1, d.Start, d.Size)
}

func window(in []Type, n, off, size int) ([]Type, error) {
	if err := floats(in, n, n); err != nil {
		return nil, err
	}
	if have := in[0].Shape.Elems(); off < 0 || size < 1 || off > have-size {
		return nil, fmt.Errorf("window [%d, +%d) leaves the %d elements", off, size, have)
	}
	return one(Shape{size}), nil
}

// ScaledElementwise is Scale·(a Fn b) of two flattened operands of equal
// size; Fn is Add, Sub, Mul, Maximum or Minimum.
type ScaledElementwise struct {
	Fn    BinaryFn
	Scale float64
}

func (ScaledElementwise) Name() string { return "scaled_elementwise" }

func (s ScaledElementwise) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 2, 2); err != nil {
		return nil, err
	}
	switch s.Fn {
	case Add, Sub, Mul, Maximum, Minimum:
	default:
		return nil, fmt.Errorf("no scaled form of %q", s.Fn)
	}
	a, b := in[0].Shape.Elems(), in[1].Shape.Elems()
	if a != b {
		return nil, fmt.Errorf("operands have %d and %d elements", a, b)
	}
	return one(Shape{a}), nil
}

func (ScaledElementwise) FLOPs(_, out []Type) float64 { return 2 * elems(out) }
