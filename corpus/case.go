package corpus

import (
	"fmt"
	"slices"
	"sync"

	"devicemap/internal/fp16"
	"devicemap/internal/graph"
	"devicemap/internal/reference"
)

// Case is one graph with its inputs, reference and limits.
type Case struct {
	Name     string
	Category string
	Tol      float64 // limit of the fp16 variant; 0: 0.02
	Exact    bool    // bit equality instead of a limit
	AbsErr   float64 // not 0: limit of the largest absolute error instead
	Int8Tol  float64 // limit of the int8 variant; 0: there is none
	XFail    string  // not empty: why the case is expected to fail

	// MayFail, if not empty, is why a failure is an expected one although the
	// case usually passes.
	MayFail string

	accept  func(got []float32, ref []float64) Metric // instead of Exact, AbsErr and Tol
	unhalf  bool                                      // the reference reads the values before their rounding to halves
	arrays  []*array
	uint8s  []string // inputs of type uint8
	build   func(n *net) *graph.Value
	meaning func(n *net) *graph.Value // of the reference, where it is not build
	stream  *stream

	mu  sync.Mutex
	ref []float64
}

// DefaultTol is the published relerr limit of a case that names none.
const DefaultTol = 0.02

// Variant is the storage of a case's weights.
type Variant string

// The variants of a case.
const (
	FP16 Variant = "fp16"
	Int8 Variant = "int8"
)

// Variants lists what c runs as.
func (c *Case) Variants() []Variant {
	if c.Int8Tol > 0 {
		return []Variant{FP16, Int8}
	}
	return []Variant{FP16}
}

// Limit is the relerr limit of a variant.
func (c *Case) Limit(v Variant) float64 {
	switch {
	case v == Int8:
		return c.Int8Tol
	case c.Tol == 0:
		return DefaultTol
	}
	return c.Tol
}

// Graph is the case's program with one output.
func (c *Case) Graph(v Variant) (*graph.Graph, error) { return c.graph(v, c.build) }

func (c *Case) graph(v Variant, build func(*net) *graph.Value) (*graph.Graph, error) {
	c.stream.draw()
	n := &net{Builder: graph.New(c.Name), c: c, int8: v == Int8, values: map[string]*graph.Value{}}
	for _, a := range c.arrays {
		if a.input {
			n.v(a.name)
		}
	}
	n.Output("y", build(n))
	return n.Build()
}

// Inputs are the values of the graph's inputs: halves held as float32s.
func (c *Case) Inputs() [][]float32 {
	c.stream.draw()
	var in [][]float32
	for _, a := range c.arrays {
		if a.input {
			in = append(in, a.values())
		}
	}
	return in
}

// Fingerprint identifies the case's drawn arrays.
func (c *Case) Fingerprint() Fingerprint {
	c.stream.draw()
	return fingerprint(c.arrays)
}

// Reference is the float64 result, row-major. It is computed once; after an
// error the next call tries again.
func (c *Case) Reference() ([]float64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ref != nil {
		return c.ref, nil
	}
	build := c.build
	if c.meaning != nil {
		build = c.meaning
	}
	g, err := c.graph(FP16, build)
	if err != nil {
		return nil, err
	}
	var in []graph.Data
	for _, a := range c.arrays {
		switch {
		case !a.input:
		case c.unhalf:
			in = append(in, graph.F32(a.wide))
		default:
			in = append(in, graph.F32(a.values()))
		}
	}
	out, err := reference.Eval(g, in)
	if err != nil {
		return nil, err
	}
	c.ref = out[0]
	return c.ref, nil
}

// Ops names the operations of the case's graph, sorted, each once.
func (c *Case) Ops() ([]string, error) {
	g, err := c.Graph(FP16)
	if err != nil {
		return nil, err
	}
	var ops []string
	for _, n := range g.Nodes {
		ops = append(ops, n.Op.Name())
	}
	slices.Sort(ops)
	return slices.Compact(ops), nil
}

// net builds the graph of one variant of a case.
type net struct {
	*graph.Builder
	c      *Case
	int8   bool
	values map[string]*graph.Value
}

// array finds a declared array; a wrong name is a mistake in the table.
func (n *net) array(name string) *array {
	for _, a := range n.c.arrays {
		if a.name == name {
			return a
		}
	}
	panic(fmt.Sprintf("corpus: case %s draws no %q", n.c.Name, name))
}

// v is the named array as a graph input or an unquantised constant.
func (n *net) v(name string) *graph.Value {
	return n.once(name, func(a *array) *graph.Value {
		if !a.input {
			return n.Const(name, graph.F32(a.values()), a.shape...)
		}
		t := graph.Type{DType: graph.Float, Shape: a.shape}
		if slices.Contains(n.c.uint8s, name) {
			t.DType = graph.Uint8
		}
		return n.InputOf(name, t)
	})
}

// once makes the value of an array at its first use.
func (n *net) once(name string, make func(a *array) *graph.Value) *graph.Value {
	if v, ok := n.values[name]; ok {
		return v
	}
	v := make(n.array(name))
	n.values[name] = v
	return v
}

// weight is the named constant, quantised by store in the int8 variant.
func (n *net) weight(name string, store func(w []float32, a *array)) *graph.Value {
	return n.once(name, func(a *array) *graph.Value {
		w := a.values()
		if n.int8 {
			store(w, a)
		}
		return n.Const(name, graph.F32(w), a.shape...)
	})
}

func int8ByRow(w []float32, a *array) { Int8Rows(w, a.shape[0]) }

// opt is the named constant, or nil for the empty name.
func (n *net) opt(name string) *graph.Value {
	if name == "" {
		return nil
	}
	return n.v(name)
}

// linear is x·Wᵀ + b, W [out, in]; b may be empty.
func (n *net) linear(x *graph.Value, w, b string) *graph.Value {
	return n.Linear(x, n.weight(w, int8ByRow), n.opt(b))
}

// times is x·W with a constant W [in, out].
func (n *net) times(x *graph.Value, w string) *graph.Value {
	return n.MatMul(x, n.weight(w, func(v []float32, a *array) { int8Columns(v, a.shape[1]) }))
}

// conv is a convolution with equal padding and stride on all sides; b may be
// empty.
func (n *net) conv(x *graph.Value, w, b string, pad, stride int) *graph.Value {
	return n.convOf(graph.Conv{Pad: [4]int{pad, pad, pad, pad}, Stride: [2]int{stride, stride}}, x, w, b)
}

func (n *net) convOf(c graph.Conv, x *graph.Value, w, b string) *graph.Value {
	return n.Conv(c, x, n.weight(w, int8ByRow), n.opt(b))
}

func (n *net) relu(x *graph.Value) *graph.Value { return n.Unary(graph.ReLU, x) }

// with applies an elementwise function with parameters.
func (n *net) with(fn graph.UnaryFn, x *graph.Value, a, b float64) *graph.Value {
	return n.Apply(graph.Unary{Fn: fn, A: a, B: b}, x)
}

// fold reduces axes, which stay with length 1.
func (n *net) fold(fn graph.ReduceFn, x *graph.Value, axes ...int) *graph.Value {
	return n.Apply(graph.Reduce{Fn: fn, Axes: axes}, x)
}

// half is part 0 or 1 of a constant cut in two along its leading dimension,
// under a name of its own.
func (n *net) half(name string, part int) *graph.Value {
	key := fmt.Sprintf("%s.%d", name, part)
	if v, ok := n.values[key]; ok {
		return v
	}
	a := n.array(name)
	values, shape := a.values(), slices.Clone(a.shape)
	mid := len(values) / 2
	shape[0] /= 2
	if part == 0 {
		values = values[:mid]
	} else {
		values = values[mid:]
	}
	v := n.Const(key, graph.F32(values), shape...)
	n.values[key] = v
	return v
}

// round16 is a parameter as the engine stores it.
func round16(x float64) float64 { return fp16.Round(x) }

// cases gives c the category and one stream over all arrays in order.
func cases(category string, s *stream, list []*Case) []*Case {
	for _, c := range list {
		c.Category, c.stream = category, s
		s.arrays = append(s.arrays, c.arrays...)
	}
	return list
}
