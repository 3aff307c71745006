package workloads

import (
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"devicemap/internal/graph"
	"devicemap/internal/rng"
)

// Params supplies a model's parameters by the names of its published state
// dictionary.
type Params interface {
	// Param is the parameter of that name and shape, row-major. The caller
	// does not write to it. It is called from several goroutines.
	Param(name string, shape ...int) ([]float32, error)
}

// Parameter is the name and shape of one parameter of a model.
type Parameter struct {
	Name  string
	Shape graph.Shape
}

// Generated draws each parameter from its own generator, seeded with the
// CRC-32 of its name plus SeedOffset. By name and rank, with normals n:
//
//	running_mean                                 0.1n
//	running_var                                  1 + 0.1|n|
//	embedding tables, class token, positions     0.02n
//	other parameters of rank 2 and more          n·(1/√fan_in), fan_in = ∏ Shape[1:]
//	weights of rank 1 (a norm's γ)               1 + 0.1n
//	biases and β                                 0.01n
type Generated struct {
	SeedOffset uint64
}

// Param implements [Params]; it never fails.
func (g Generated) Param(name string, shape ...int) ([]float32, error) {
	src := rng.New(uint64(crc32.ChecksumIEEE([]byte(name))) + g.SeedOffset)
	n := graph.Shape(shape).Elems()
	switch {
	case strings.HasSuffix(name, "running_mean"):
		return src.Float32s(n, 0.1, 0), nil
	case strings.HasSuffix(name, "running_var"):
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(1 + float64(0.1*math.Abs(src.Normal())))
		}
		return out, nil
	case name == "class_token", strings.Contains(name, "embedding") && !strings.Contains(name, "LayerNorm"):
		return src.Float32s(n, 0.02, 0), nil
	case len(shape) > 1:
		return src.Float32s(n, perRoot(n/shape[0]), 0), nil
	case strings.HasSuffix(name, "weight"):
		return src.Float32s(n, 0.1, 1), nil
	default:
		return src.Float32s(n, 0.01, 0), nil
	}
}

// weights are a model's parameters by name.
type weights map[string]tensor

type tensor struct {
	shape graph.Shape
	data  []float32
}

// load asks p for all parameters of list, on all processors, and reports every
// one that is missing or of the wrong size.
func load(p Params, list []Parameter) (weights, error) {
	data, errs := make([][]float32, len(list)), make([]error, len(list))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(list); i = int(next.Add(1)) - 1 {
				data[i], errs[i] = param(p, list[i])
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	w := weights{}
	for i, q := range list {
		w[q.Name] = tensor{q.Shape, data[i]}
	}
	return w, nil
}

func param(p Params, q Parameter) ([]float32, error) {
	v, err := p.Param(q.Name, q.Shape...)
	if err != nil {
		return nil, fmt.Errorf("workloads: parameter %s: %w", q.Name, err)
	}
	if len(v) != q.Shape.Elems() {
		return nil, fmt.Errorf("workloads: parameter %s has %d values, want %v", q.Name, len(v), q.Shape)
	}
	return v, nil
}

// tensor panics on a name that the model did not declare, a mistake in this
// package.
func (w weights) tensor(name string) tensor {
	t, ok := w[name]
	if !ok {
		panic("workloads: parameter " + name + " is not declared")
	}
	return t
}

// network is a model under construction.
type network struct {
	*sketch
	w weights
}

// param adds a whole parameter as a constant.
func (n network) param(name string) *graph.Value {
	t := n.w.tensor(name)
	return n.Const(name, graph.F32(t.data), t.shape...)
}

// third adds rows [i·D, (i+1)·D) of a fused query, key, value parameter with
// 3·D rows as a constant of its own; it shares the data.
func (n network) third(name string, i int) *graph.Value {
	t := n.w.tensor(name)
	size := len(t.data) / 3
	shape := append(graph.Shape{t.shape[0] / 3}, t.shape[1:]...)
	return n.Const(name+"."+"qkv"[i:i+1], graph.F32(t.data[i*size:(i+1)*size]), shape...)
}

// linear applies name.weight and name.bias.
func (n network) linear(name string, x *graph.Value) *graph.Value {
	return n.Linear(x, n.param(name+".weight"), n.param(name+".bias"))
}

// norm applies the layer norm name.weight, name.bias over the last axis.
func (n network) norm(name string, x *graph.Value, eps float64) *graph.Value {
	return n.LayerNorm(x, n.param(name+".weight"), n.param(name+".bias"), eps)
}

// withBias declares name.weight of the given shape and name.bias of its first
// dimension.
func withBias(name string, shape ...int) []Parameter {
	return []Parameter{{name + ".weight", shape}, {name + ".bias", graph.Shape{shape[0]}}}
}
