package workloads

import (
	"fmt"
	"slices"

	"devicemap/internal/graph"
)

// A large result is held to the reference on some of its rows, the indices of
// the leading axis: the float64 evaluation of the whole would take minutes and
// gigabytes. All of it must still be finite.

// firstRows are the rows [0, n) of lead.
func firstRows(lead, n int) []int {
	rows := make([]int, min(lead, n))
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// spreadRows are at most n rows of lead at equal distances, the first and the
// last among them.
func spreadRows(lead, n int) []int {
	if lead <= n || n < 2 {
		return firstRows(lead, n)
	}
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i * (lead - 1) / (n - 1)
	}
	return rows
}

// onRows limits the reference to the given rows; a list of all rows changes
// nothing.
func (w *Instance) onRows(rows []int) *Instance {
	if len(rows) < w.lead() {
		w.rows = rows
	}
	return w
}

// lead is the length of the leading axis.
func (w *Instance) lead() int { return w.Graph.Inputs[0].Shape[0] }

// sampled is the part of the workload that computes w.rows.
func (w *Instance) sampled() (*graph.Graph, []graph.Data, error) {
	g, err := restrict(w.Graph, w.lead(), len(w.rows))
	if err != nil {
		return nil, nil, err
	}
	var inputs []graph.Data
	for _, d := range w.Inputs {
		inputs = append(inputs, graph.F32(pick(d.Narrow, w.lead(), w.rows)))
	}
	return g, inputs, nil
}

// pick gathers rows of x, whose leading axis has length lead.
func pick(x []float32, lead int, rows []int) []float32 {
	size := len(x) / lead
	out := make([]float32, 0, len(rows)*size)
	for _, r := range rows {
		out = append(out, x[r*size:(r+1)*size]...)
	}
	return out
}

// restrict is g with rows in place of lead as the leading dimension of its
// inputs and results; the constants are shared. An operation whose result does
// not keep the leading axis is an error.
func restrict(g *graph.Graph, lead, rows int) (*graph.Graph, error) {
	b := graph.New(g.Name)
	values := map[*graph.Value]*graph.Value{}
	narrowed := func(s graph.Shape) graph.Shape { return append(graph.Shape{rows}, s[1:]...) }
	for _, v := range g.Inputs {
		if v.Shape[0] != lead {
			return nil, fmt.Errorf("workloads: %s: input %s has %d rows, not %d; it cannot be sampled", g.Name, v.Name, v.Shape[0], lead)
		}
		values[v] = b.Input(v.Name, narrowed(v.Shape)...)
	}
	for _, v := range g.Consts {
		values[v] = b.Const(v.Name, *v.Const, v.Shape...)
	}
	for _, n := range g.Nodes {
		in := make([]*graph.Value, len(n.In))
		for i, v := range n.In {
			in[i] = values[v]
		}
		op := n.Op
		if r, ok := op.(graph.Reshape); ok && r.Shape[0] == lead {
			op = graph.Reshape{Shape: narrowed(r.Shape)}
		}
		out := b.ApplyMany(op, in...)
		if err := b.Err(); err != nil {
			return nil, err
		}
		for i, v := range n.Out {
			if v.Shape[0] != lead || !slices.Equal(out[i].Shape, narrowed(v.Shape)) {
				return nil, fmt.Errorf("workloads: %s: %s mixes rows; it cannot be sampled", g.Name, n.Name)
			}
			values[v] = out[i]
		}
	}
	for _, o := range g.Outputs {
		b.Output(o.Name, values[o.Value])
	}
	return b.Build()
}
