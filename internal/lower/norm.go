package lower

import (
	"math"
	"slices"

	"devicemap/internal/graph"
	"devicemap/internal/mil"
)

func softmax(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op, x := n.Op.(graph.Softmax), l.in(n, 0)
	if !op.Log {
		return one(l.op("softmax", mil.Int("axis", op.Axis), mil.In("x", x)))
	}
	centred := l.sub(x, l.fold("reduce_max", x, op.Axis))
	return one(l.sub(centred, l.fold("reduce_log_sum_exp", centred, op.Axis)))
}

// fold reduces axes, which stay with length 1.
func (l *lowering) fold(op string, x *mil.Value, axes ...int) *mil.Value {
	return l.op(op, mil.Ints("axes", axes...), mil.Flag("keep_dims", true), mil.In("x", x))
}

// mean is a mean of means, one axis after the other: no fp16 sum grows longer
// than an axis, and no factor falls below the normal numbers.
func (l *lowering) mean(x *mil.Value, axes ...int) *mil.Value {
	for _, a := range slices.Backward(axes) {
		if x.Type.Shape[a] > 1 {
			x = l.fold("reduce_mean", x, a)
		}
	}
	return x
}

// standardize is (x−mean)/√(var+eps) over axes.
func (l *lowering) standardize(x *mil.Value, eps float64, axes ...int) *mil.Value {
	centred := l.sub(x, l.mean(x, axes...))
	variance := l.mean(l.mul(centred, centred), axes...)
	inv := l.op("rsqrt", mil.Half("epsilon", 0), mil.In("x", l.add(variance, l.half(positive(eps)))))
	return l.mul(centred, inv)
}

// affinely is x·γ + β with operands 1 and 2 of n along one axis.
func (l *lowering) affinely(n *graph.Node, x *mil.Value, axis int) *mil.Value {
	shape := slices.Repeat([]int{1}, max(2, len(x.Type.Shape)))
	shape[axis+len(shape)-len(x.Type.Shape)] = x.Type.Shape[axis]
	return l.reshape(l.add(l.mul(x, l.as(n, 1, shape...)), l.as(n, 2, shape...)), x.Type.Shape...)
}

func layerNorm(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op := n.Op.(graph.LayerNorm)
	return one(l.affinely(n, l.standardize(l.in(n, 0), op.Eps, op.Axis), op.Axis))
}

// rmsNorm divides by the L2 norm and scales γ by √D; ε is a floor of the norm,
// √(D·ε), not an addend. They differ only where mean(x²) is near ε.
func rmsNorm(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op, x := n.Op.(graph.RMSNorm), l.in(n, 0)
	axis := len(x.Type.Shape) - 1
	d := float64(x.Type.Shape[axis])
	shape := slices.Repeat([]int{1}, max(2, len(x.Type.Shape)))
	shape[len(shape)-1] = int(d)
	var gamma *mil.Value
	if c := n.In[1].Const; c != nil {
		scaled := make([]float32, len(c.Narrow))
		for i, g := range c.Narrow {
			scaled[i] = float32(float64(g) * math.Sqrt(d))
		}
		gamma = l.Weight(n.In[1].Name, scaled, shape...)
	} else {
		gamma = l.scale(l.as(n, 1, shape...), math.Sqrt(d))
	}
	y := l.mul(l.normalized(x, axis, math.Sqrt(d*op.Eps)), gamma)
	return one(l.reshape(y, x.Type.Shape...))
}

// normalized is x/max(‖x‖₂, floor) along axis.
func (l *lowering) normalized(x *mil.Value, axis int, floor float64) *mil.Value {
	norm := l.binary("maximum", l.fold("reduce_l2_norm", x, axis), l.half(positive(floor)))
	return l.binary("real_div", x, norm)
}

func l2Norm(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op := n.Op.(graph.L2Norm)
	return one(l.normalized(l.in(n, 0), op.Axis, op.Floor))
}

// groupNorm works at rank 4, on [N·G, C/G, H, W].
func groupNorm(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op, x := n.Op.(graph.GroupNorm), l.in(n, 0)
	s := x.Type.Shape
	groups := l.reshape(x, s[0]*op.Groups, s[1]/op.Groups, s[2], s[3])
	y := l.reshape(l.standardize(groups, op.Eps, 1, 2, 3), s...)
	return one(l.affinely(n, y, 1))
}

// baked reports whether all operands of n but the first are constants.
func baked(n *graph.Node) bool {
	return !slices.ContainsFunc(n.In[1:], func(v *graph.Value) bool { return v.Const == nil })
}

// instanceNorm is native for constant parameters; computed ones scale the
// native norm with unit parameters.
func instanceNorm(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	eps, x := mil.Half("epsilon", positive(n.Op.(graph.InstanceNorm).Eps)), l.in(n, 0)
	if baked(n) {
		return one(l.op("instance_norm", mil.In("gamma", l.in(n, 1)), mil.In("beta", l.in(n, 2)), eps, mil.In("x", x)))
	}
	c := x.Type.Shape[1]
	unit := l.op("instance_norm", mil.In("gamma", l.plane("unit", 1, c)), mil.In("beta", l.plane("zero", 0, c)), eps, mil.In("x", x))
	return one(l.affinely(n, unit, 1))
}

// batchNorm is native for constant statistics; computed ones are applied by
// the definition.
func batchNorm(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	eps, x := positive(n.Op.(graph.BatchNorm).Eps), l.in(n, 0)
	if baked(n) {
		return one(l.op("batch_norm", mil.In("gamma", l.in(n, 1)), mil.In("beta", l.in(n, 2)), mil.In("mean", l.in(n, 3)),
			mil.In("variance", l.in(n, 4)), mil.Half("epsilon", eps), mil.In("x", x)))
	}
	shape := along(x, 1)
	inv := l.op("rsqrt", mil.Half("epsilon", 0), mil.In("x", l.add(l.as(n, 4, shape...), l.half(eps))))
	return one(l.affinely(n, l.mul(l.sub(x, l.as(n, 3, shape...)), inv), 1))
}

func localResponse(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op := n.Op.(graph.LocalResponseNorm)
	return one(l.localResponse(l.in(n, 0), op.Size, op.Alpha, op.Beta, op.K))
}

func (l *lowering) localResponse(x *mil.Value, size int, alpha, beta, k float64) *mil.Value {
	return l.op("local_response_norm", mil.Half("alpha", alpha), mil.Half("beta", beta), mil.Half("k", k), mil.Int("size", size), mil.In("x", x))
}

// lrn is the fused form with a window of all channels; its division of α by
// the window is undone.
func lrn(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op, x := n.Op.(graph.LRN), l.in(n, 0)
	c := x.Type.Shape[1]
	return one(l.localResponse(x, c, op.Alpha*float64(c), op.Beta, op.K))
}

func minMaxNorm(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op, x := n.Op.(graph.MinMaxNorm), l.in(n, 0)
	lo, hi := l.fold("reduce_min", x, op.Axis), l.fold("reduce_max", x, op.Axis)
	return one(l.binary("real_div", l.sub(x, lo), l.add(l.sub(hi, lo), l.half(positive(op.Eps)))))
}
