package graph

import (
	"fmt"
	"slices"
)

// MatMul is x·y over the last two axes: x [..., M, K], y [..., K, N] →
// [..., M, N]. The leading axes broadcast. TransposeX and TransposeY swap the
// last two axes of the operand first.
type MatMul struct{ TransposeX, TransposeY bool }

func (MatMul) Name() string { return "matmul" }

func (m MatMul) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 2, 2); err != nil {
		return nil, err
	}
	x, y := in[0].Shape, in[1].Shape
	if len(x) < 2 || len(y) < 2 {
		return nil, fmt.Errorf("want operands of rank 2 or more, got x %v, y %v", x, y)
	}
	M, K, K2, N := m.Dims(x, y)
	if K != K2 {
		return nil, fmt.Errorf("inner dimensions differ: x has K=%d, y has K=%d", K, K2)
	}
	lead, err := Broadcast(x[:len(x)-2], y[:len(y)-2])
	if err != nil {
		return nil, err
	}
	return one(append(lead, M, N)), nil
}

// Dims are the matrix dimensions of operands of the given shapes, after
// transposition: x is M×K, y is K2×N.
func (m MatMul) Dims(x, y Shape) (M, K, K2, N int) {
	M, K = x[len(x)-2], x.last()
	if m.TransposeX {
		M, K = K, M
	}
	K2, N = y[len(y)-2], y.last()
	if m.TransposeY {
		K2, N = N, K2
	}
	return M, K, K2, N
}

func (m MatMul) FLOPs(in, out []Type) float64 {
	_, K, _, _ := m.Dims(in[0].Shape, in[1].Shape)
	return 2 * elems(out) * float64(K)
}

// Linear is y = x·Wᵀ + b: operands x [..., K], W [N, K], optional b [N] →
// [..., N].
type Linear struct{}

func (Linear) Name() string { return "linear" }

func (Linear) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 2, 3); err != nil {
		return nil, err
	}
	x, w := in[0].Shape, in[1].Shape
	if len(w) != 2 || x.last() != w[1] {
		return nil, fmt.Errorf("want x [..., K], W [N, K]; got x %v, W %v", x, w)
	}
	if err := vectors(in, 2, w[0]); err != nil {
		return nil, err
	}
	y := slices.Clone(x)
	y[len(y)-1] = w[0]
	return one(y), nil
}

func (Linear) FLOPs(in, out []Type) float64 { return 2 * elems(out) * float64(in[1].Shape[1]) }

// Einsum is the one contraction that the Neural Engine takes natively,
// nchw,nwhu->nchu: x [N, C, H, W], B [N, W, H, U] → [N, C, H, U].
type Einsum struct{}

func (Einsum) Name() string { return "einsum" }

func (Einsum) Infer(in []Type) ([]Type, error) {
	if err := floatsRank(in, 2, 2, 4); err != nil {
		return nil, err
	}
	x, w := in[0].Shape, in[1].Shape
	if len(w) != 4 || w[0] != x[0] || w[1] != x[3] || w[2] != x[2] {
		return nil, fmt.Errorf("want x [N,C,H,W], B [N,W,H,U]; got x %v, B %v", x, w)
	}
	return one(Shape{x[0], x[1], x[2], w[3]}), nil
}

func (Einsum) FLOPs(in, out []Type) float64 { return 2 * elems(out) * float64(in[0].Shape[3]) }

// CumSum is the inclusive running sum along Axis.
type CumSum struct{ Axis int }

func (CumSum) Name() string { return "cumsum" }

func (c CumSum) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	return one(in[0].Shape), checkAxis(c.Axis, len(in[0].Shape))
}

func (CumSum) FLOPs(_, out []Type) float64 { return elems(out) }

// SDPA is scaled dot-product attention, softmax(Scale·q·kᵀ + mask)·v: operands
// q [B, H, Sq, D], k and v [B, H, Sk, D], optional mask broadcast to
// [B, H, Sq, Sk]. Scale 0 means 1/√D. With Causal, query i sees keys 0..i.
type SDPA struct {
	Scale  float64
	Causal bool
}

func (SDPA) Name() string { return "sdpa" }

func (a SDPA) Infer(in []Type) ([]Type, error) {
	if err := floatsRank(in, 3, 4, 4); err != nil {
		return nil, err
	}
	q, k, v := in[0].Shape, in[1].Shape, in[2].Shape
	if len(k) != 4 || len(v) != 4 || q[0] != k[0] || q[1] != k[1] || q[3] != k[3] || !slices.Equal(k[:3], v[:3]) {
		return nil, fmt.Errorf("want q [B,H,Sq,D], k [B,H,Sk,D], v [B,H,Sk,Dv]; got q %v, k %v, v %v", q, k, v)
	}
	if a.Causal && q[2] != k[2] {
		return nil, fmt.Errorf("causal attention wants Sq = Sk, got %d and %d", q[2], k[2])
	}
	if len(in) == 4 {
		scores := Shape{q[0], q[1], q[2], k[2]}
		if s, err := Broadcast(scores, in[3].Shape); err != nil || !slices.Equal(s, scores) {
			return nil, fmt.Errorf("mask %v does not broadcast to the scores %v", in[3].Shape, scores)
		}
	}
	return one(Shape{q[0], q[1], q[2], v[3]}), nil
}

// FLOPs are 2 products of 2·Sq·Sk·D and 5 per score for the softmax
// (measurements E05).
func (SDPA) FLOPs(in, _ []Type) float64 {
	q, v := in[0].Shape, in[2].Shape
	scores := float64(q[0] * q[1] * q[2] * v[2])
	return scores * float64(2*q[3]+2*v[3]+5)
}
