// Package reference evaluates graphs in float64. It is the meaning of every
// operation of internal/graph and the oracle that engines are held to, so its
// loops are plain and shared with no engine.
//
// # Arithmetic
//
// Inputs and constants are read as the float64 value of their float32s, or as
// Wide values where the data has them; all arithmetic and all intermediate
// results are float64. Sums run in row-major order of the operands, each by
// one goroutine, so that results do not depend on the number of processors.
//
// # Memory
//
// Constants are never copied as a whole: products convert a tile at a time.
// An intermediate result is released after its last use.
package reference

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"devicemap/internal/graph"
)

// Eval gives the outputs of g, in order, for inputs in the order of g.Inputs.
// The result shares no memory with the inputs or the graph.
func Eval(g *graph.Graph, inputs []graph.Data) ([][]float64, error) {
	if len(inputs) != len(g.Inputs) {
		return nil, fmt.Errorf("reference: graph %s: %d inputs given, want %d", g.Name, len(inputs), len(g.Inputs))
	}
	e := evaluation{values: make([]tensor, len(g.Values)), uses: make([]int, len(g.Values))}
	for i, v := range g.Inputs {
		if err := checkInput(v, inputs[i]); err != nil {
			return nil, fmt.Errorf("reference: graph %s: input %s: %w", g.Name, v.Name, err)
		}
		e.values[v.ID] = tensorOf(v.Shape, inputs[i])
	}
	for _, v := range g.Consts {
		e.values[v.ID] = tensorOf(v.Shape, *v.Const)
	}
	for _, n := range g.Nodes {
		for _, v := range n.In {
			e.uses[v.ID]++
		}
	}
	for _, o := range g.Outputs {
		e.uses[o.Value.ID]++
	}
	for _, n := range g.Nodes {
		if err := e.run(n); err != nil {
			return nil, fmt.Errorf("reference: graph %s: %w", g.Name, err)
		}
	}
	out := make([][]float64, len(g.Outputs))
	for i, o := range g.Outputs {
		out[i] = e.values[o.Value.ID].copied()
	}
	return out, nil
}

func checkInput(v *graph.Value, d graph.Data) error {
	n := v.Shape.Elems()
	if len(d.Narrow) != n && len(d.Wide) != n {
		return fmt.Errorf("%d values given, want %d of shape %v", d.Len(), n, v.Shape)
	}
	if d.Wide != nil && len(d.Wide) != n {
		return fmt.Errorf("%d wide values given, want %d of shape %v", len(d.Wide), n, v.Shape)
	}
	if v.DType != graph.Uint8 {
		return nil
	}
	for t, i := tensorOf(v.Shape, d), 0; i < n; i++ {
		if x := t.at(i); !(x >= 0 && x <= 255) || x != math.Trunc(x) {
			return fmt.Errorf("value %d is %v, want an integer of 0 to 255", i, x)
		}
	}
	return nil
}

// evaluation is the state of one Eval.
type evaluation struct {
	values []tensor // by value ID; empty where not yet known or released
	uses   []int    // by value ID: operands and outputs still to be served
}

func (e *evaluation) run(n *graph.Node) error {
	eval, ok := evaluators[n.Op.Name()]
	if !ok {
		return fmt.Errorf("%s: no evaluator of %q; add one to the table", n.Name, n.Op.Name())
	}
	in := make([]tensor, len(n.In))
	for i, v := range n.In {
		in[i] = e.values[v.ID]
	}
	for i, y := range eval(n, in) {
		e.values[n.Out[i].ID] = tensor{shape: n.Out[i].Shape, wide: y}
	}
	for _, v := range n.In {
		if e.uses[v.ID]--; e.uses[v.ID] == 0 {
			e.values[v.ID] = tensor{}
		}
	}
	for _, v := range n.Out {
		if e.uses[v.ID] == 0 {
			e.values[v.ID] = tensor{}
		}
	}
	return nil
}

// tensor is a row-major value with wide or narrow elements. Booleans are 0
// and 1.
type tensor struct {
	shape  graph.Shape
	wide   []float64
	narrow []float32
}

func tensorOf(s graph.Shape, d graph.Data) tensor {
	if d.Wide != nil {
		return tensor{shape: s, wide: d.Wide}
	}
	return tensor{shape: s, narrow: d.Narrow}
}

func (t tensor) len() int { return max(len(t.wide), len(t.narrow)) }

// at is element i in row-major order.
func (t tensor) at(i int) float64 {
	if t.wide != nil {
		return t.wide[i]
	}
	return float64(t.narrow[i])
}

// read copies the elements from i on to dst.
func (t tensor) read(dst []float64, i int) {
	if t.wide != nil {
		copy(dst, t.wide[i:i+len(dst)])
		return
	}
	for k, v := range t.narrow[i : i+len(dst)] {
		dst[k] = float64(v)
	}
}

// floats are the elements, to be read only.
func (t tensor) floats() []float64 {
	if t.wide != nil {
		return t.wide
	}
	return t.copied()
}

// copied are the elements in memory of their own.
func (t tensor) copied() []float64 {
	if t.wide != nil {
		return slices.Clone(t.wide)
	}
	out := make([]float64, len(t.narrow))
	t.read(out, 0)
	return out
}

// evaluator computes the results of a node from its operands.
type evaluator func(n *graph.Node, in []tensor) [][]float64

// one makes an evaluator of an operation of type O with one result of shape
// out.
func one[O graph.Op](f func(op O, in []tensor, out graph.Shape) []float64) evaluator {
	return func(n *graph.Node, in []tensor) [][]float64 {
		return [][]float64{f(n.Op.(O), in, n.Out[0].Shape)}
	}
}

// parallel runs f(i) for i of 0..n-1 on all processors; f(i) must not touch
// what another call writes.
func parallel(n int, f func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers < 2 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// chunks runs f over parts [lo, hi) of 0..n, where one element costs a few
// nanoseconds.
func chunks(n int, f func(lo, hi int)) {
	const size = 1 << 14
	parallel((n+size-1)/size, func(i int) { f(i*size, min(n, (i+1)*size)) })
}
