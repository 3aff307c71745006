package cpu

import (
	"slices"

	"devicemap/internal/graph"
	"devicemap/internal/onednn"
)

// alloc makes memory of size bytes that starts on a cache line.
func (o *oneDNN) alloc(what string, size int) ([]float32, error) {
	if err := o.c.budget.take(what, size, 1); err != nil {
		return nil, err
	}
	return onednn.Alloc(size), nil
}

// buffer gives memory for value v from this node to the last that reads it.
func (o *oneDNN) buffer(v *graph.Value, size int) ([]float32, error) {
	live := o.live[:0]
	for _, b := range o.live {
		if b.until < o.node {
			o.free = append(o.free, b)
		} else {
			live = append(live, b)
		}
	}
	o.live = live
	best := -1
	for i, b := range o.free {
		if 4*len(b.data) >= size && (best < 0 || len(b.data) < len(o.free[best].data)) {
			best = i
		}
	}
	if best < 0 {
		data, err := o.alloc("blocked activations", size)
		if err != nil {
			return nil, err
		}
		o.free = append(o.free, &buffer{data: data})
		best = len(o.free) - 1
	}
	b := o.free[best]
	o.free = append(o.free[:best], o.free[best+1:]...)
	b.until = o.last[v.ID]
	o.live = append(o.live, b)
	return b.data, nil
}

// settle brings values into their plain storage.
func (o *oneDNN) settle(vs ...*graph.Value) (step, error) {
	var s step
	for _, v := range vs {
		root := o.at[v.ID].root
		st := &o.state[root.ID]
		if !st.away {
			continue
		}
		st.away = false
		from := st.copies[0]
		dense, err := o.x.Dense(onednn.F32, from.Layout.Dims...)
		if err != nil {
			return nil, err
		}
		to, err := o.x.NewMemory(dense, o.c.data[root.ID])
		if err != nil {
			return nil, err
		}
		l, err := o.reorder(from, to)
		if err != nil {
			return nil, err
		}
		s = append(s, l)
	}
	return s, nil
}

func (o *oneDNN) reorder(from, to *onednn.Memory) (loop, error) {
	p, err := o.x.Reorder(from.Layout, to.Layout)
	if err != nil {
		return loop{}, err
	}
	return o.do(p, onednn.Arg{ID: onednn.Src, Memory: from}, onednn.Arg{ID: onednn.Dst, Memory: to}), nil
}

// read gives v in the layout want; plain is how the primitive sees its plain
// storage. Missing copies are made by steps that are added to s.
func (o *oneDNN) read(s *step, v *graph.Value, plain, want *onednn.Layout) (*onednn.Memory, error) {
	st := &o.state[v.ID]
	for _, m := range st.copies {
		if o.x.Equal(m.Layout, want) {
			return m, nil
		}
	}
	if o.c.fixed[v.ID] {
		return o.constant(v, plain, want)
	}
	from, err := o.source(s, v, plain)
	if err != nil || o.x.Equal(from.Layout, want) {
		return from, err
	}
	data, err := o.buffer(v, want.Bytes())
	if err != nil {
		return nil, err
	}
	to, err := o.x.NewMemory(want, data)
	if err != nil {
		return nil, err
	}
	l, err := o.reorder(from, to)
	if err != nil {
		return nil, err
	}
	*s = append(*s, l)
	st.copies = append(st.copies, to)
	return to, nil
}

// source gives v as it lies now: a copy with the dimensions of plain while v
// is away, else the plain storage.
func (o *oneDNN) source(s *step, v *graph.Value, plain *onednn.Layout) (*onednn.Memory, error) {
	if st := &o.state[v.ID]; st.away {
		for _, m := range st.copies {
			if slices.Equal(m.Layout.Dims, plain.Dims) {
				return m, nil
			}
		}
	}
	more, err := o.settle(v)
	if err != nil {
		return nil, err
	}
	*s = append(*s, more...)
	return o.x.NewMemory(plain, o.c.data[v.ID])
}

// constant gives a constant in the layout want, converted now.
func (o *oneDNN) constant(v *graph.Value, plain, want *onednn.Layout) (*onednn.Memory, error) {
	data := o.c.data[v.ID]
	for _, w := range o.weights {
		if w.data == &data[0] && o.x.Equal(w.plain, plain) && o.x.Equal(w.memory.Layout, want) {
			return w.memory, nil
		}
	}
	from, err := o.x.NewMemory(plain, data)
	if err != nil || o.x.Equal(plain, want) {
		return from, err
	}
	packedData, err := o.alloc("packed constants", want.Bytes())
	if err != nil {
		return nil, err
	}
	to, err := o.x.NewMemory(want, packedData)
	if err != nil {
		return nil, err
	}
	if err := o.convert(from, to); err != nil {
		return nil, err
	}
	o.weights = append(o.weights, packed{&data[0], plain, to})
	return to, nil
}

// convert reorders at once.
func (o *oneDNN) convert(from, to *onednn.Memory) error {
	p, err := o.x.Reorder(from.Layout, to.Layout)
	if err != nil {
		return err
	}
	args := []onednn.Arg{{ID: onednn.Src, Memory: from}, {ID: onednn.Dst, Memory: to}}
	if p.Scratch != nil {
		m, err := o.x.NewMemory(p.Scratch, onednn.Alloc(p.Scratch.Bytes()))
		if err != nil {
			return err
		}
		args = append(args, onednn.Arg{ID: onednn.Scratchpad, Memory: m})
	}
	call, err := p.Call(args...)
	if err != nil {
		return err
	}
	return call.Run()
}

// write gives the memory for result v in layout l: the plain storage if that
// is how it lies (plain), else a buffer. A result that is written before its
// own node's turn never gets space of the arena, which others still use.
func (o *oneDNN) write(v *graph.Value, plain, l *onednn.Layout) (*onednn.Memory, error) {
	early := v.Node != o.g.Nodes[o.node]
	if o.x.Equal(plain, l) && !early {
		return o.x.NewMemory(l, o.c.data[v.ID])
	}
	data, err := o.buffer(v, l.Bytes())
	if err != nil {
		return nil, err
	}
	m, err := o.x.NewMemory(l, data)
	if err != nil {
		return nil, err
	}
	o.state[v.ID] = state{away: true, copies: []*onednn.Memory{m}}
	return m, nil
}
