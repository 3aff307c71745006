package cpu

import (
	"fmt"

	"devicemap/internal/graph"
	"devicemap/internal/onednn"
	"devicemap/internal/simd"
)

// openOneDNN loads the system's oneDNN for the calling thread. bf16 products
// are offered where they run on AMX; without it they are slower than float32.
func openOneDNN(threads int) (*library, error) {
	lib, err := onednn.Load(threads)
	if err != nil {
		return nil, err
	}
	l := &library{name: "onednn", kernels: oneDNNKernels(lib, onednn.F32), locked: true, close: lib.Close,
		version: fmt.Sprintf("oneDNN %s, %s, %s", lib.Version(), lib.ISA(), plural(lib.Threads(), "thread"))}
	if lib.HasAMX() {
		l.bf16 = oneDNNKernels(lib, onednn.BF16)
	}
	return l, nil
}

// oneDNNKernels are the embedded kernels with the nodes that oneDNN takes over
// in front. Products read operands of the given type and give float32.
func oneDNNKernels(lib *onednn.Lib, dtype onednn.DType) *kernels {
	k := *embeddedKernels(simd.Best())
	k.nodes = func(c *compiler, g *graph.Graph, at []place) (nodePlanner, error) {
		x, err := lib.NewContext()
		if err != nil {
			return nil, err
		}
		c.release = append(c.release, x.Close)
		return newOneDNN(c, g, at, x, dtype), nil
	}
	return &k
}

// oneDNN plans the nodes of one program. A value lies in its plain storage,
// the compiler's, or in buffers of another layout, such as the blocked ones
// of convolutions. Consecutive nodes hand those on; the plain storage is
// filled before the first node that needs it.
type oneDNN struct {
	c     *compiler
	g     *graph.Graph
	at    []place
	x     *onednn.Context
	dtype onednn.DType

	state []state // by value ID
	last  []int   // by value ID: the last node that reads the value or a view of it
	node  int     // being planned
	done  []bool  // by node: its result came with an earlier one's
	uses  []int   // by value ID: how many nodes and outputs read it

	free    []*buffer
	live    []*buffer
	weights []packed
	bound   []*boundCall
}

// state says where a value lies at the node being planned.
type state struct {
	away   bool // not in the plain storage
	copies []*onednn.Memory
}

// buffer is memory of a value in a layout of the library's, in use until a
// node.
type buffer struct {
	data  []float32
	until int
}

// packed is a constant in another layout; values and programs' layers that
// share their data share it.
type packed struct {
	data   *float32
	plain  *onednn.Layout
	memory *onednn.Memory
}

// boundCall is a primitive with its operands; the call itself is made when
// the size of the shared scratch memory is known.
type boundCall struct {
	p    *onednn.Primitive
	args []onednn.Arg
	call *onednn.Call
}

func newOneDNN(c *compiler, g *graph.Graph, at []place, x *onednn.Context, dtype onednn.DType) *oneDNN {
	o := &oneDNN{c: c, g: g, at: at, x: x, dtype: dtype, state: make([]state, len(g.Values)),
		last: make([]int, len(g.Values)), uses: make([]int, len(g.Values)), done: make([]bool, len(g.Nodes))}
	read := func(v *graph.Value, node int) {
		o.last[v.ID], o.last[at[v.ID].root.ID] = node, node
		o.uses[v.ID]++
	}
	for i, n := range g.Nodes {
		for _, v := range n.In {
			read(v, i)
		}
	}
	for _, out := range g.Outputs {
		read(out.Value, len(g.Nodes))
	}
	return o
}

// do makes the loop of a call.
func (o *oneDNN) do(p *onednn.Primitive, args ...onednn.Arg) loop {
	b := &boundCall{p: p, args: args}
	o.bound = append(o.bound, b)
	return loop{items: 1, grain: 1, body: func(w *worker, _, _ int) {
		if err := b.call.Run(); err != nil {
			w.fail(err)
		}
	}}
}

// finish binds the calls, with one scratch memory for all of them.
func (o *oneDNN) finish() error {
	size := 0
	for _, b := range o.bound {
		if b.p.Scratch != nil {
			size = max(size, b.p.Scratch.Bytes())
		}
	}
	scratch, err := o.alloc("scratch", size)
	if err != nil {
		return err
	}
	for _, b := range o.bound {
		if b.p.Scratch != nil {
			m, err := o.x.NewMemory(b.p.Scratch, scratch)
			if err != nil {
				return err
			}
			b.args = append(b.args, onednn.Arg{ID: onednn.Scratchpad, Memory: m})
		}
		if b.call, err = b.p.Call(b.args...); err != nil {
			return err
		}
	}
	return nil
}
