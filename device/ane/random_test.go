package ane

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/graph"
	"devicemap/internal/softane"
)

func (d dice) fill(kind values, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		switch kind {
		case positive:
			v[i] = float32(32+d.IntN(768)) / 256
		case coarse, truth:
			v[i] = float32(d.IntN(16))/4 - 2
		case index:
			v[i] = float32(d.IntN(20) - 2)
		case bytes8:
			v[i] = float32(d.IntN(256))
		default:
			v[i] = float32(d.IntN(1024)-512) / 256
		}
	}
	return v
}

// graph builds the case; the later operands are constants where fixed.
func (d dice) graph(c drawn, fixed bool) (*graph.Graph, [][]float32, error) {
	b := graph.New(c.op.Name())
	var inputs [][]float32
	operands := 0
	add := func(o operand) *graph.Value {
		v := d.fill(o.kind, o.shape.Elems())
		name := fmt.Sprint("v", operands)
		operands++
		switch {
		case o.kind == bytes8:
			inputs = append(inputs, v)
			return b.InputOf(name, graph.Type{DType: graph.Uint8, Shape: o.shape})
		case fixed && operands > 1:
			return b.Const(name, graph.F32(v), o.shape...)
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

// refused are the operations that a family has no form for.
var refused = map[softane.Arch]map[string]bool{softane.H13: {"affine": true}}

// TestRandomShapes holds every operation of the graph, on every family, to the
// float64 reference on random shapes and parameters.
func TestRandomShapes(t *testing.T) {
	for seed, arch := range softane.Archs() {
		rounds := 1
		if !testing.Short() && (arch == softane.H13 || arch == softane.H17) {
			rounds = 4 // the other families differ from these in limits only
		}
		r := softRig(t, arch)
		for _, proto := range graph.Catalog() {
			name := proto.Name()
			t.Run(string(arch)+"/"+name, func(t *testing.T) {
				d := dice{rand.New(rand.NewPCG(uint64(seed), 11))}
				for round := range rounds {
					err := d.ask(&subject{engine: r.engine}, proto, round%3 == 2)
					if refused[arch][name] {
						require.ErrorIs(t, err, device.ErrRefused)
						continue
					}
					if err != nil {
						t.Errorf("round %d: %v", round, err)
					}
				}
			})
		}
	}
}
