// Package route replaces bridge operations of a graph by equivalent fused
// ones.
//
// A bridge operation is a native layer of the Neural Engine at a cut of the
// graph. Four of the 19 have an equal form without a cut:
//
//	sdpa         softmax(s·(q·kᵀ))·v: transpose, matmul, muls, softmax, matmul
//	minmax_norm  (x − min)/((max − min) + eps): reduce_min, reduce_max, sub, sub, adds, real_div
//	flatten      reshape
//	lrn          local_response_norm of size C with alpha·C
//
// [Decomposable] are the forms that exist, [Flippable] the nodes that
// [Optimize] replaces. The route gate of package corpus holds both, and the
// capability registry, to one set.
package route

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"devicemap/internal/graph"
)

// decomposer builds the fused equivalent of n on the operands in.
type decomposer func(b *graph.Builder, n *graph.Node, in []*graph.Value) *graph.Value

var decomposers = map[string]decomposer{
	"sdpa":        sdpa,
	"minmax_norm": minMaxNorm,
	"flatten":     flatten,
	"lrn":         lrn,
}

// Decomposable lists the operations that have a fused equivalent, by name.
func Decomposable() []string { return slices.Sorted(maps.Keys(decomposers)) }

// sdpa has no place for a mask; [Flippable] keeps masked and causal attention
// away from it.
func sdpa(b *graph.Builder, n *graph.Node, in []*graph.Value) *graph.Value {
	q, k, v := in[0], in[1], in[2]
	scale := n.Op.(graph.SDPA).Scale
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(q.Shape[3]))
	}
	scores := b.Scale(b.MatMul(q, b.Transpose(k, 0, 1, 3, 2)), scale)
	return b.MatMul(b.Softmax(scores), v)
}

func minMaxNorm(b *graph.Builder, n *graph.Node, in []*graph.Value) *graph.Value {
	op, x := n.Op.(graph.MinMaxNorm), in[0]
	low := b.Apply(graph.Reduce{Fn: graph.Min, Axes: []int{op.Axis}}, x)
	high := b.Apply(graph.Reduce{Fn: graph.Max, Axes: []int{op.Axis}}, x)
	span := b.Apply(graph.Unary{Fn: graph.AddScalar, A: op.Eps}, b.Binary(graph.Sub, high, low))
	return b.Binary(graph.Div, b.Binary(graph.Sub, x, low), span)
}

func flatten(b *graph.Builder, n *graph.Node, in []*graph.Value) *graph.Value {
	return b.Reshape(in[0], n.Out[0].Shape...)
}

// lrn scales alpha by C, because local_response_norm divides it by its size.
func lrn(b *graph.Builder, n *graph.Node, in []*graph.Value) *graph.Value {
	op, c := n.Op.(graph.LRN), in[0].Shape[1]
	return b.Apply(graph.LocalResponseNorm{Size: c, Alpha: op.Alpha * float64(c), Beta: op.Beta, K: op.K}, in[0])
}

// Flippable lists the positions in g.Nodes that may be replaced without loss:
// unmasked attention, min-max normalisation, flattening and the native
// response norm.
func Flippable(g *graph.Graph) (positions []int) {
	for i, n := range g.Nodes {
		switch op := n.Op.(type) {
		case graph.SDPA:
			if !op.Causal && len(n.In) == 3 {
				positions = append(positions, i)
			}
		case graph.MinMaxNorm, graph.Flatten, graph.LRN:
			positions = append(positions, i)
		}
	}
	return positions
}

// Optimize replaces every flippable node: on this suite's route a cut always
// costs more than the fused form.
func Optimize(g *graph.Graph) (*graph.Graph, error) { return Decompose(g, Flippable(g)) }

// Decompose replaces the nodes at the given positions of g.Nodes by their
// fused equivalents. A position whose operation has none is left alone.
func Decompose(g *graph.Graph, positions []int) (*graph.Graph, error) {
	return Rebuild(g, func(b *graph.Builder, i int, n *graph.Node, in []*graph.Value) []*graph.Value {
		build := decomposers[n.Op.Name()]
		if build == nil || !slices.Contains(positions, i) {
			return nil
		}
		return []*graph.Value{build(b, n, in)}
	})
}

// Rebuild copies g node by node in topological order, each once. replace gives
// the results that stand for node i, made from its operands in the copy, or
// nil to keep the node. The copy shares the data of constants.
func Rebuild(g *graph.Graph, replace func(b *graph.Builder, i int, n *graph.Node, in []*graph.Value) []*graph.Value) (*graph.Graph, error) {
	b := graph.New(g.Name)
	copies := make([]*graph.Value, len(g.Values))
	for _, v := range g.Inputs {
		copies[v.ID] = b.InputOf(v.Name, v.Type)
	}
	for _, v := range g.Consts {
		copies[v.ID] = b.Const(v.Name, *v.Const, v.Shape...)
	}
	for i, n := range g.Nodes {
		in := make([]*graph.Value, len(n.In))
		for k, v := range n.In {
			in[k] = copies[v.ID]
		}
		out := replace(b, i, n, in)
		if out == nil {
			out = b.ApplyMany(n.Op, in...)
		}
		if len(out) != len(n.Out) {
			return nil, fmt.Errorf("route: graph %s: %d results stand for the %d of %s", g.Name, len(out), len(n.Out), n.Name)
		}
		for k, v := range n.Out {
			copies[v.ID] = out[k]
		}
	}
	for _, o := range g.Outputs {
		b.Output(o.Name, copies[o.Value.ID])
	}
	return b.Build()
}
