package ane

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/corpus"
	"devicemap/device"
	"devicemap/internal/golden"
	"devicemap/internal/graph"
	"devicemap/internal/reference"
	"devicemap/internal/softane"
)

// corpusFLOPs bounds the cases computed here; package corpus runs the larger
// ones, and all families.
const corpusFLOPs = 1e8

// TestCorpus holds the path through the Neural Engine's interface to the
// suite's correctness gate and to the contract of package device.
func TestCorpus(t *testing.T) {
	corpus.New(corpus.NumPy1).Run(t, softRig(t, softane.H16).engine, corpus.Settings{Skip: func(c *corpus.Case) string {
		if flops, err := c.FLOPs(); err == nil && flops > corpusFLOPs {
			return fmt.Sprintf("%.2g FLOPs; see package corpus", flops)
		}
		return ""
	}})
}

// once compiles and runs g and gives its outputs.
func (r *rig) once(g *graph.Graph, inputs [][]float32) (outs [][]float32, err error) {
	p, err := r.Compile(g, device.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	for i, v := range inputs {
		copy(p.Input(i), v)
	}
	if err := p.Run(); err != nil {
		return nil, err
	}
	for i := range g.Outputs {
		outs = append(outs, slices.Clone(p.Output(i)))
	}
	return outs, nil
}

// parameters are the operations whose later operands the device takes as
// constants only.
var parameters = map[string]bool{"prelu": true, "einsum": true, "conv_transpose": true, "instance_norm": true, "batch_norm": true}

// bake makes constants of all inputs but the first.
func bake(t *testing.T, g *graph.Graph, inputs [][]float32) *graph.Graph {
	t.Helper()
	b := graph.New(g.Name)
	made := map[*graph.Value]*graph.Value{}
	for i, v := range g.Inputs {
		if i == 0 {
			made[v] = b.Input(v.Name, v.Shape...)
			continue
		}
		made[v] = b.Const(v.Name, graph.F32(inputs[i]), v.Shape...)
	}
	for _, c := range g.Consts {
		made[c] = b.Const(c.Name, *c.Const, c.Shape...)
	}
	for _, n := range g.Nodes {
		var in []*graph.Value
		for _, v := range n.In {
			in = append(in, made[v])
		}
		for i, v := range b.ApplyMany(n.Op, in...) {
			made[n.Out[i]] = v
		}
	}
	for _, o := range g.Outputs {
		b.Output(o.Name, made[o.Value])
	}
	baked, err := b.Build()
	require.NoError(t, err)
	return baked
}

// narrowSum is the published relative error of one sum or mean, which the
// device accumulates in fp16 (M5, macOS 26; spec/ane.md 4.6). A layer norm has
// two, whose errors are taken as independent.
const narrowSum = 8e-4

var narrow = map[string]float64{"reduce_sum": narrowSum, "reduce_mean": narrowSum, "layer_norm": math.Sqrt2 * narrowSum}

// TestGoldenOps holds every operation, on the oldest and the newest family, to
// PyTorch's float64 results. The limit is the golden data's rule for fp16
// storage with a wide accumulator, or the published error of narrow sums.
func TestGoldenOps(t *testing.T) {
	set, err := golden.Open("")
	require.NoError(t, err)
	ops, err := set.Ops()
	require.NoError(t, err)
	for _, arch := range []softane.Arch{softane.H13, softane.H17} {
		r := softRig(t, arch, func(c *Config) { c.Saturate = true })
		for _, c := range ops.Cases {
			t.Run(string(arch)+"/"+c.Name(), func(t *testing.T) {
				g, inputs, err := c.Graph()
				require.NoError(t, err)
				op := g.Nodes[0].Op.Name()
				if parameters[op] {
					g, inputs = bake(t, g, inputs), inputs[:1]
				}
				outs, err := r.once(g, inputs)
				require.NoError(t, err)
				for i, want := range c.Outputs {
					limit := max(1.5*want.RelErrFP16+2e-4, narrow[op])
					if got := reference.RelL2(outs[i], want.Floats()); !(got <= limit) {
						t.Errorf("output %d: relerr %.3g, limit %.3g", i, got, limit)
					}
				}
			})
		}
	}
}
