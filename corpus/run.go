package corpus

import (
	"fmt"
	"runtime/debug"
	"slices"

	"devicemap/device"
	"devicemap/internal/graph"
)

// Computer evaluates the first output of g for inputs in the order of
// g.Inputs. What a rewrite changes is judged by computing a case's graph
// before and after it.
type Computer func(g *graph.Graph, inputs [][]float32) ([]float32, error)

// Loaded is a compiled graph that computes its first output.
type Loaded interface {
	Compute(inputs [][]float32) ([]float32, error)
	Close() error
}

// Loader compiles a graph for repeated use.
type Loader func(g *graph.Graph) (Loaded, error)

// LoadOn compiles for e in dtype d.
func LoadOn(e device.Engine, d device.DType) Loader {
	return func(g *graph.Graph) (Loaded, error) {
		p, err := e.Compile(g, device.Options{DType: d})
		if err != nil {
			return nil, fmt.Errorf("compile: %w", err)
		}
		return loaded{p}, nil
	}
}

type loaded struct{ device.Program }

func (l loaded) Compute(inputs [][]float32) ([]float32, error) {
	if err := once(l.Program, inputs); err != nil {
		return nil, err
	}
	return slices.Clone(l.Output(0)), nil
}

// OnEngine computes with e in dtype d.
func OnEngine(e device.Engine, d device.DType) Computer {
	load := LoadOn(e, d)
	return func(g *graph.Graph, inputs [][]float32) (out []float32, err error) {
		p, err := load(g)
		if err != nil {
			return nil, err
		}
		defer func() {
			if cerr := p.Close(); err == nil && cerr != nil {
				err = fmt.Errorf("close: %w", cerr)
			}
		}()
		return p.Compute(inputs)
	}
}

// once fills, runs and reads p.
func once(p device.Program, inputs [][]float32) error {
	for i, in := range inputs {
		if n := copy(p.Input(i), in); n != len(in) || n != len(p.Input(i)) {
			return fmt.Errorf("input %d holds %d values, want %d", i, len(p.Input(i)), len(in))
		}
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{{"upload", p.Upload}, {"run", p.Run}, {"download", p.Download}} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// Result computes one variant and judges it. xfail, if not empty, is why the
// computer is expected to fail it.
func (c *Case) Result(compute Computer, v Variant, xfail string) Result {
	if xfail == "" {
		xfail = c.XFail
	}
	r := Result{Case: c.Name, Category: c.Category, Variant: v}
	r.Metric, r.Trace = c.measure(compute, v, &r.Reason)
	r.judge(xfail, c.MayFail)
	return r
}

// measure compares one variant; an error or a panic becomes an exception.
func (c *Case) measure(compute Computer, v Variant, reason *string) (m Metric, trace string) {
	defer func() {
		if p := recover(); p != nil {
			m, *reason, trace = Metric{Kind: Exception}, fmt.Sprint(p), string(debug.Stack())
		}
	}()
	ref, err := c.Reference()
	if err != nil {
		*reason = "reference: " + err.Error()
		return Metric{Kind: Exception}, ""
	}
	g, err := c.Graph(v)
	if err != nil {
		*reason = "build: " + err.Error()
		return Metric{Kind: Exception}, ""
	}
	got, err := compute(g, c.Inputs())
	if err != nil {
		*reason = err.Error()
		return Metric{Kind: Exception}, ""
	}
	return c.Compare(got, ref, v), ""
}
