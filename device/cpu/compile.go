package cpu

import (
	"errors"
	"math"

	"devicemap/device"
	"devicemap/internal/graph"
)

// step is the work of one node: loops that run one after the other.
type step []loop

// compiler holds what the planning functions share. Buffers exist when a node
// is planned, so that a loop's body captures its slices.
type compiler struct {
	kernels *kernels
	budget  *budget
	data    [][]float32 // by value ID
	fixed   []bool      // by value ID: the storage is a constant's
	copies  map[layout][]float32
	err     error // of what is planned without an error of its own; the first one

	scratch, panels, partials, sums, pairs int // per worker
	shared                                 int // of all workers

	release []func() error // of what kernels hold outside of Go, run when the program closes
}

func (c *compiler) in(n *graph.Node, i int) []float32  { return c.data[n.In[i].ID] }
func (c *compiler) out(n *graph.Node, i int) []float32 { return c.data[n.Out[i].ID] }

// needScratch asks for elems scratch values per worker during a loop.
func (c *compiler) needScratch(elems int)  { c.scratch = max(c.scratch, elems) }
func (c *compiler) needPanels(elems int)   { c.panels = max(c.panels, elems) }
func (c *compiler) needShared(elems int)   { c.shared = max(c.shared, elems) }
func (c *compiler) needPartials(elems int) { c.partials = max(c.partials, elems) }
func (c *compiler) needSums(elems int)     { c.sums = max(c.sums, elems) }
func (c *compiler) needPairs(elems int)    { c.pairs = max(c.pairs, elems) }

// minChunk is the least work worth handing to another worker.
const minChunk = 5000.0 // ns

// loop plans a parallel loop over items that take about ns nanoseconds each.
// A chunk is worth a hand-over, and there are at most 256 of them.
func (c *compiler) loop(items int, ns float64, body func(w *worker, lo, hi int)) loop {
	grain := max(1, int(math.Ceil(minChunk/max(ns, 0.01))), (items+255)/256)
	if grain >= 4*lineElems { // items are elements or nearly so: keep cache lines whole
		grain = (grain + lineElems - 1) / lineElems * lineElems
	}
	return loop{items: items, grain: grain, body: body}
}

// one plans a single loop as a step.
func (c *compiler) one(items int, ns float64, body func(w *worker, lo, hi int)) (step, error) {
	return step{c.loop(items, ns, body)}, nil
}

// layout names a copy of a constant's elements: rows × cols of them from at,
// with their steps, arranged for a use.
type layout struct {
	at                       *float32
	row, col, rows, cols, as int
}

// asTranspose is the use of transposed; others are the widths of slivers.
const asTranspose = 0

// copied returns the copy l of a constant, made once: write fills its elems
// values. Beyond the budget it returns nil, and compile ends with an error.
func (c *compiler) copied(l layout, elems int, write func(dst []float32)) []float32 {
	if t, ok := c.copies[l]; ok {
		return t
	}
	if err := c.budget.take("rearranged constants", elems, 4); err != nil {
		c.fail(err)
		return nil
	}
	t := make([]float32, elems)
	write(t)
	c.copies[l] = t
	return t
}

// fail makes compile end with err, unless it already ends with another error.
func (c *compiler) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// transposed returns constant data [rows, cols] as [cols, rows].
func (c *compiler) transposed(data []float32, rows, cols int) []float32 {
	return c.copied(layout{&data[0], cols, 1, rows, cols, asTranspose}, rows*cols, func(dst []float32) {
		turn(dst, rows, data, cols, cols, rows)
	})
}

// place says where a value lives: at an offset of its root's storage.
type place struct {
	root   *graph.Value
	offset int
}

// places resolves views: by value ID, the value whose storage it shares.
func places(g *graph.Graph) []place {
	at := make([]place, len(g.Values))
	for _, v := range g.Values {
		at[v.ID] = place{root: v}
		if v.Node == nil {
			continue
		}
		if view := table[v.Node.Op.Name()].view; view != nil {
			from := at[v.Node.In[0].ID] // operands have lower IDs
			at[v.ID] = place{from.root, from.offset + view(v.Node)}
		}
	}
	return at
}

// lifetimes lists the arena's spans by the ID of their root; values that live
// outside of the arena have none.
func lifetimes(g *graph.Graph, at []place, outside func(*graph.Value) bool) map[int]*span {
	spans := map[int]*span{}
	for i, n := range g.Nodes {
		for _, v := range n.Out {
			if root := at[v.ID].root; root == v && !outside(v) {
				spans[v.ID] = &span{elems: v.Shape.Elems(), first: i, last: i}
			}
		}
		for _, v := range n.In {
			if s := spans[at[v.ID].root.ID]; s != nil {
				s.last = i
			}
		}
	}
	return spans
}

// compile plans g for e with the given kernels.
func compile(e *engine, k *kernels, g *graph.Graph) (*program, error) {
	for _, n := range g.Nodes {
		if _, ok := table[n.Op.Name()]; !ok {
			return nil, &device.UnsupportedError{Engine: e.info.Name, Node: n.Name, What: n.Op.Name(),
				Reason: "the engine has no kernel for it"}
		}
	}
	c := &compiler{
		kernels: k,
		budget:  &budget{graph: g.Name, max: e.max},
		data:    make([][]float32, len(g.Values)),
		fixed:   make([]bool, len(g.Values)),
		copies:  map[layout][]float32{},
	}
	at := places(g)
	if err := c.allocate(g, at); err != nil {
		return nil, err
	}
	p := &program{name: g.Name, pool: e.pool, exec: e.exec}
	p.compute = newCall(p.runLoops)
	err := c.plan(g, at, p)
	if err == nil {
		err = c.finish(g, at, p)
	}
	if err != nil {
		return nil, errors.Join(err, releaseAll(c.release))
	}
	p.release = c.release
	return p, nil
}

// allocate binds every value of g to storage.
func (c *compiler) allocate(g *graph.Graph, at []place) error {
	results := map[int]bool{} // roots that a caller reads
	for _, o := range g.Outputs {
		results[at[o.Value.ID].root.ID] = true
	}
	spans := lifetimes(g, at, func(v *graph.Value) bool { return results[v.ID] })
	var list []*span
	own := 0
	for _, v := range g.Values { // not over the map: the layout must not vary
		if s := spans[v.ID]; s != nil {
			list = append(list, s)
		} else if at[v.ID].root == v && v.Const == nil {
			own += v.Shape.Elems()
		}
	}
	size := layOut(list)
	if err := c.budget.take("activations", size+own, 4); err != nil {
		return err
	}
	arena := make([]float32, size)
	for _, v := range g.Values {
		root, off, n := at[v.ID].root, at[v.ID].offset, v.Shape.Elems()
		switch s := spans[v.ID]; {
		case root != v:
			c.data[v.ID] = c.data[root.ID][off : off+n : off+n]
			c.fixed[v.ID] = c.fixed[root.ID]
		case v.Const != nil:
			c.data[v.ID] = v.Const.Narrow
			c.fixed[v.ID] = true
		case s != nil:
			c.data[v.ID] = arena[s.offset : s.offset+n : s.offset+n]
		default:
			c.data[v.ID] = make([]float32, n)
		}
	}
	return nil
}

// finish adds the program's host buffers and its workers.
func (c *compiler) finish(g *graph.Graph, at []place, p *program) error {
	for _, v := range g.Inputs {
		p.inputs = append(p.inputs, c.data[v.ID])
	}
	for _, o := range g.Outputs {
		src := c.data[o.Value.ID]
		if at[o.Value.ID].root.Node != nil {
			p.outputs = append(p.outputs, src)
			continue
		}
		// A view of an input or constant: a copy keeps the output valid while
		// the caller fills the next input.
		if err := c.budget.take("outputs", len(src), 4); err != nil {
			return err
		}
		dst := make([]float32, len(src))
		p.outputs = append(p.outputs, dst)
		p.loops = append(p.loops, c.loop(len(dst), 0.3, func(_ *worker, lo, hi int) { copy(dst[lo:hi], src[lo:hi]) }))
	}
	if c.err != nil {
		return c.err
	}
	threads := p.pool.threads()
	if err := c.budget.take("scratch", threads*(c.scratch+c.panels+4*c.partials+2*c.sums+2*c.pairs)+c.shared, 4); err != nil {
		return err
	}
	p.workers = make([]worker, threads)
	shared := make([]float32, c.shared)
	for i := range p.workers {
		p.workers[i] = worker{scratch: make([]float32, c.scratch), panels: make([]float32, c.panels), shared: shared,
			partials: make([]partial, c.partials), sums: make([]float64, c.sums), pairs: make([]pair, c.pairs)}
	}
	return nil
}
