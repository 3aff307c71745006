package ane

import (
	"bytes"
	"errors"

	"devicemap/device"
	"devicemap/internal/e5rt"
	"devicemap/internal/graph"
	"devicemap/internal/lower"
	"devicemap/internal/mil"
)

// spell lowers g for the engine's chip.
func (e *engine) spell(g *graph.Graph) (source, error) {
	l, err := lower.Lower(g, e.chip)
	if err != nil {
		return source{}, e.refused(g.Name, err)
	}
	s, err := newSource(g.Name, l.Program, l.Weights)
	if err != nil {
		return source{}, e.refused(g.Name, err)
	}
	s.inputs, s.outputs = portSpecs(l.Inputs), portSpecs(l.Outputs)
	return s, nil
}

// refused puts a refusal of the lowering in the words of package device.
func (e *engine) refused(program string, err error) error {
	var none *lower.NoLoweringError
	var limit *lower.LimitError
	switch {
	case errors.As(err, &none):
		return &device.UnsupportedError{Engine: e.config.Name, Node: none.Node, What: none.Op, Reason: none.Reason + " (" + none.Chip + ")"}
	case errors.As(err, &limit):
		return &device.LimitError{Engine: e.config.Name, Node: limit.Node, What: limit.What, Got: limit.Got, Limit: limit.Limit,
			Family: limit.Chip, Hint: limit.Hint}
	}
	return &RefusedError{e.config.Name, program, err}
}

// spelled is a hand-made program as a source.
func spelled(name string, b *mil.Builder) (source, error) {
	p, w, err := b.Build()
	if err != nil {
		return source{}, err
	}
	return newSource(name, p, w)
}

// newSource writes a program down, with its ports in the order of the text.
func newSource(name string, p *mil.Program, w weights) (source, error) {
	var text bytes.Buffer
	if err := mil.Write(&text, p); err != nil {
		return source{}, err
	}
	return source{name, text.Bytes(), w, portSpecs(p.Func.Params), portSpecs(p.Func.Outputs)}, nil
}

func portSpecs(values []*mil.Value) (list []e5rt.PortSpec) {
	for _, v := range values {
		d := e5rt.FP16
		if v.Type.DType == mil.UInt8 {
			d = e5rt.UInt8
		}
		list = append(list, e5rt.PortSpec{Name: v.Name, Shape: v.Type.Shape, DType: d})
	}
	return list
}
