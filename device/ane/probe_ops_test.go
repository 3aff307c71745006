package ane

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"devicemap/internal/e5rt"
	"devicemap/internal/graph"
	"devicemap/internal/reference"
)

// askOperations computes every operation of the graph on random shapes, the
// constructions that stand for native layers among them, and lists what is
// refused or is farther from the float64 reference than the software engine
// may be.
func askOperations(s *subject) (string, error) {
	if s.soft == nil {
		s.config.Isolate = e5rt.CompileInChild // one refusal may end a process
	}
	const rounds = 2
	good := 0
	var odd []string
	for _, proto := range graph.Catalog() {
		d := dice{rand.New(rand.NewPCG(1, 11))}
		failed := ""
		for round := range rounds {
			if err := d.ask(s, proto, round%2 == 1); err != nil {
				failed = fmt.Sprintf("%s: %s", proto.Name(), short(err))
			}
		}
		if failed == "" {
			good++
			continue
		}
		odd = append(odd, failed)
	}
	return fmt.Sprintf("%d operations right; %s", good, strings.Join(odd, "; ")), nil
}

// ask computes one drawn case and compares it.
func (d dice) ask(s *subject, proto graph.Op, fixed bool) error {
	c := d.draw(proto)
	if c.op == nil {
		return fmt.Errorf("no generator for %T", proto)
	}
	g, inputs, err := d.graph(c, c.fixed || fixed)
	if err != nil {
		return err
	}
	var data []graph.Data
	for _, v := range inputs {
		data = append(data, graph.F32(v))
	}
	want, err := reference.Eval(g, data)
	if err != nil {
		return err
	}
	got, err := (&rig{engine: s.engine}).once(g, inputs)
	if err != nil {
		return err
	}
	for i := range want {
		if e := reference.RelL2(got[i], want[i]); !(e <= c.limit) {
			return fmt.Errorf("%+v of %v: output %d: relerr %.2g, limit %.2g", c.op, c.in, i, e, c.limit)
		}
	}
	return nil
}
