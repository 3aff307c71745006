package cpu_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/device/cpu"
	"devicemap/internal/graph"
	"devicemap/internal/reference"
)

func (d dice) fill(kind values, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		switch kind {
		case positive:
			v[i] = 0.1 + 3*d.Float32()
		case coarse, truth:
			v[i] = float32(d.IntN(16))/4 - 2
		case index:
			v[i] = float32(d.IntN(20) - 2)
		case bytes:
			v[i] = float32(d.IntN(256))
		default:
			v[i] = 4*d.Float32() - 2
		}
	}
	return v
}

// graph builds the case; every second operand becomes a constant when fixed.
func (d dice) graph(c *drawn, fixed bool) (*graph.Graph, [][]float32, error) {
	b := graph.New(c.op.Name())
	var inputs [][]float32
	add := func(o operand) *graph.Value {
		v := d.fill(o.kind, o.shape.Elems())
		name := fmt.Sprint("v", len(inputs))
		switch {
		case o.kind == bytes:
			inputs = append(inputs, v)
			return b.InputOf(name, graph.Type{DType: graph.Uint8, Shape: o.shape})
		case fixed && len(inputs) > 0:
			return b.Const(fmt.Sprint("c", d.Uint64()), graph.F32(v), o.shape...)
		}
		inputs = append(inputs, v)
		return b.Input(name, o.shape...)
	}
	var in []*graph.Value
	for _, o := range c.in {
		v := add(o)
		if o.kind == truth {
			v = b.Apply(graph.Compare{Fn: graph.Less}, v, add(o))
		}
		in = append(in, v)
	}
	for i, v := range b.ApplyMany(c.op, in...) {
		if v.DType == graph.Bool {
			v = b.Apply(graph.Select{}, v, b.Const("one", graph.F32([]float32{1}), 1), b.Const("zero", graph.F32([]float32{0}), 1))
		}
		b.Output(fmt.Sprint("y", i), v)
	}
	g, err := b.Build()
	return g, inputs, err
}

// TestRandomShapes draws other shapes for every kernel set.
func TestRandomShapes(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	cpu.EachSet(t, 2, func(t *testing.T, e device.Engine) { randomShapes(t, e, rounds) })
}

// randomShapes holds every op of the catalog to the float64 reference on
// random shapes and parameters, with the later operands fed or constant.
func randomShapes(t *testing.T, e device.Engine, rounds int) {
	for _, proto := range graph.Catalog() {
		t.Run(proto.Name(), func(t *testing.T) {
			d := dice{rand.New(rand.NewPCG(7, 11))}
			for round := range rounds {
				c := d.draw(proto)
				require.NotNil(t, c, "no generator for %T", proto)
				g, inputs, err := d.graph(c, round%3 == 2)
				require.NoError(t, err)
				var data []graph.Data
				for _, v := range inputs {
					data = append(data, graph.F32(v))
				}
				want, err := reference.Eval(g, data)
				require.NoError(t, err)
				got := run(t, e, g, inputs)
				for i := range want {
					if r := reference.RelL2(got[i], want[i]); !(r <= c.limit) {
						t.Errorf("round %d: %+v of %v: output %d: relerr %.3g, want at most %.3g", round, c.op, c.in, i, r, c.limit)
					}
				}
			}
		})
	}
}
