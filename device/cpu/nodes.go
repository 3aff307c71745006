package cpu

import "devicemap/internal/graph"

// nodePlanner is a set's own way through one program, in the order of its
// nodes. It may keep values elsewhere than in the compiler's storage.
type nodePlanner interface {
	// plan plans node i, or leaves it (ok false) to the engine's planner.
	plan(i int) (s step, ok bool, err error)
	// settle brings values into the compiler's storage.
	settle(vs ...*graph.Value) (step, error)
	// finish is called after the last node.
	finish() error
}

// plan adds the loops of all nodes to p.
func (c *compiler) plan(g *graph.Graph, at []place, p *program) (err error) {
	var own nodePlanner
	if c.kernels.nodes != nil {
		if own, err = c.kernels.nodes(c, g, at); err != nil {
			return err
		}
	}
	for i, n := range g.Nodes {
		op := table[n.Op.Name()]
		if op.view != nil {
			continue
		}
		if own != nil {
			s, ok, err := own.plan(i)
			if err == nil && !ok {
				s, err = own.settle(n.In...)
			}
			if err != nil {
				return err
			}
			p.loops = append(p.loops, s...)
			if ok {
				continue
			}
		}
		s, err := op.plan(c, n)
		if err != nil {
			return err
		}
		p.loops = append(p.loops, s...)
	}
	if own == nil {
		return nil
	}
	for _, o := range g.Outputs {
		s, err := own.settle(o.Value)
		if err != nil {
			return err
		}
		p.loops = append(p.loops, s...)
	}
	return own.finish()
}
