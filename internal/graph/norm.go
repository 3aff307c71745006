package graph

import "fmt"

// Softmax is e^(x−max)/Σe^(x−max) along Axis; with Log its logarithm.
type Softmax struct {
	Axis int
	Log  bool
}

func (s Softmax) Name() string {
	if s.Log {
		return "log_softmax"
	}
	return "softmax"
}

func (s Softmax) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	return one(in[0].Shape), checkAxis(s.Axis, len(in[0].Shape))
}

// FLOPs are 5 per element (measurements E05).
func (Softmax) FLOPs(_, out []Type) float64 { return 5 * elems(out) }

// LayerNorm is (x−mean)/√(var+Eps)·γ + β along Axis, with the population
// variance: operands x, γ [n], β [n], n = the length of Axis. Over the last
// axis it is the usual layer norm; over axis 1 the channel-first form.
type LayerNorm struct {
	Axis int
	Eps  float64
}

func (LayerNorm) Name() string { return "layer_norm" }

func (l LayerNorm) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 3, 3); err != nil {
		return nil, err
	}
	if err := checkAxis(l.Axis, len(in[0].Shape)); err != nil {
		return nil, err
	}
	return one(in[0].Shape), vectors(in, 1, in[0].Shape[l.Axis])
}

// FLOPs are 10 per element (measurements E05).
func (LayerNorm) FLOPs(_, out []Type) float64 { return 10 * elems(out) }

// RMSNorm is x/√(mean(x²)+Eps)·γ along the last axis: operands x [..., D],
// γ [D].
type RMSNorm struct{ Eps float64 }

func (RMSNorm) Name() string { return "rms_norm" }

func (RMSNorm) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 2, 2); err != nil {
		return nil, err
	}
	return one(in[0].Shape), vectors(in, 1, in[0].Shape.last())
}

func (RMSNorm) FLOPs(_, out []Type) float64 { return 4 * elems(out) }

// GroupNorm normalises x [N, C, H, W] per sample and group of C/Groups
// channels with the population variance, then applies γ [C] and β [C].
type GroupNorm struct {
	Groups int
	Eps    float64
}

func (GroupNorm) Name() string { return "group_norm" }

func (g GroupNorm) Infer(in []Type) ([]Type, error) {
	if err := floatsRank(in, 3, 3, 4); err != nil {
		return nil, err
	}
	c := in[0].Shape[1]
	if g.Groups < 1 || c%g.Groups != 0 {
		return nil, fmt.Errorf("%d channels do not divide into %d groups", c, g.Groups)
	}
	return one(in[0].Shape), vectors(in, 1, c)
}

// FLOPs are 8 per element (measurements E13).
func (GroupNorm) FLOPs(_, out []Type) float64 { return 8 * elems(out) }

// InstanceNorm normalises x [N, C, H, W] per sample and channel, then applies
// γ [C] and β [C].
type InstanceNorm struct{ Eps float64 }

func (InstanceNorm) Name() string { return "instance_norm" }

func (InstanceNorm) Infer(in []Type) ([]Type, error) {
	if err := floatsRank(in, 3, 3, 4); err != nil {
		return nil, err
	}
	return one(in[0].Shape), vectors(in, 1, in[0].Shape[1])
}

func (InstanceNorm) FLOPs(_, out []Type) float64 { return 8 * elems(out) }

// BatchNorm is (x−mean)/√(var+Eps)·γ + β per channel (axis 1) with given
// statistics: operands x [N, C, ...], γ, β, mean, var, each [C].
type BatchNorm struct{ Eps float64 }

func (BatchNorm) Name() string { return "batch_norm" }

func (BatchNorm) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 5, 5); err != nil {
		return nil, err
	}
	if len(in[0].Shape) < 3 {
		return nil, fmt.Errorf("want x of rank 3 or more, got %v", in[0].Shape)
	}
	return one(in[0].Shape), vectors(in, 1, in[0].Shape[1])
}

func (BatchNorm) FLOPs(_, out []Type) float64 { return 4 * elems(out) }

// L2Norm is x/max(‖x‖₂, Floor) along Axis.
type L2Norm struct {
	Axis  int
	Floor float64
}

func (L2Norm) Name() string { return "l2_norm" }

func (l L2Norm) Infer(in []Type) ([]Type, error) {
	if err := floats(in, 1, 1); err != nil {
		return nil, err
	}
	return one(in[0].Shape), checkAxis(l.Axis, len(in[0].Shape))
}

func (L2Norm) FLOPs(_, out []Type) float64 { return 3 * elems(out) }

// LocalResponseNorm is x_c/(K + Alpha/Size·Σx_j²)^Beta over Size channels
// centred on c, zero outside: x [N, C, H, W]. The window of channel c is
// c−⌊(Size−1)/2⌋ … c+⌊Size/2⌋; for an even Size that is the Neural Engine's
// choice (its lrn layer agrees with it exactly), not PyTorch's.
type LocalResponseNorm struct {
	Size           int
	Alpha, Beta, K float64
}

func (LocalResponseNorm) Name() string { return "local_response_norm" }

func (l LocalResponseNorm) Infer(in []Type) ([]Type, error) {
	if err := floatsRank(in, 1, 1, 4); err != nil {
		return nil, err
	}
	if l.Size < 1 {
		return nil, fmt.Errorf("window of %d channels, want at least 1", l.Size)
	}
	return one(in[0].Shape), nil
}

func (l LocalResponseNorm) FLOPs(_, out []Type) float64 { return elems(out) * float64(2*l.Size+22) }
