// Package lower spells tensor graphs as MIL programs for the Neural Engine:
// one rule per operation, with the documented way around each operation that
// the compiler refuses or computes wrongly (spec/ane.md chapters 4 to 6).
//
// # Numbers
//
// Everything is fp16. Weights and scalars are rounded when they are written;
// statistics are means of means, so that no narrow sum grows long.
//
// # Refusals
//
// A graph that the chip's documented limits exclude is a [LimitError], an
// operation without a rule for it a [NoLoweringError]; both are found before a
// compiler sees the program.
package lower

import (
	"fmt"
	"math"
	"slices"

	"devicemap/internal/chip"
	"devicemap/internal/fp16"
	"devicemap/internal/graph"
	"devicemap/internal/mil"
)

// Lowered is a program with its weights and its ports in the order of the
// graph's inputs and outputs.
type Lowered struct {
	Program         *mil.Program
	Weights         *mil.BlobWriter
	Inputs, Outputs []*mil.Value // Name is the port
}

// NoLoweringError is an operation that has no form on the chip.
type NoLoweringError struct {
	Node, Op string
	Chip     string
	Reason   string
}

func (e *NoLoweringError) Error() string {
	return fmt.Sprintf("%s: %s has no form on %s: %s", e.Node, e.Op, e.Chip, e.Reason)
}

// LimitError is a quantity beyond what the chip takes.
type LimitError struct {
	Node       string // name in the graph
	What       string // the limited quantity
	Got, Limit int
	Chip       string
	Hint       string // what to do instead
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: %s %d exceeds %d on %s; %s", e.Node, e.What, e.Got, e.Limit, e.Chip, e.Hint)
}

// lowering is a program in the making.
type lowering struct {
	*mil.Builder
	chip    chip.Chip
	options Options
	node    *graph.Node  // being lowered
	values  []*mil.Value // by graph value ID
	weights map[weightKey]*mil.Value
	origin  map[*mil.Value]string // node that a value belongs to
	err     error                 // first refusal that a helper met
}

// rule lowers the current node; in holds its operands, nil for constants until
// [lowering.operand] writes them.
type rule func(l *lowering, n *graph.Node) ([]*mil.Value, error)

// Options choose between forms of a program. The zero value stores weights as
// fp16 and reduces by the native operations.
type Options struct {
	// Weight writes w, row-major, as a constant of b in another encoding, by one
	// of the builder's weight methods; nil keeps it fp16. It is called for the
	// weights of linear layers, constant right operands of products, and the
	// filters of convolutions.
	Weight func(b *mil.Builder, name string, w []float32, shape []int) *mil.Value
	// WideSums takes sums and means along the last axis by a product with ones,
	// whose accumulator is wide: the native ones accumulate in fp16, exact for
	// integers up to 2048 only.
	WideSums bool
}

// Lower spells g for the chip c.
func Lower(g *graph.Graph, c chip.Chip) (*Lowered, error) { return LowerWith(g, c, Options{}) }

// LowerWith spells g for the chip c in the form that o chooses.
func LowerWith(g *graph.Graph, c chip.Chip, o Options) (*Lowered, error) {
	l := &lowering{Builder: mil.NewBuilder(), chip: c, options: o, values: make([]*mil.Value, len(g.Values)), origin: map[*mil.Value]string{}}
	out := &Lowered{}
	for _, v := range g.Inputs {
		dtype := mil.FP16
		if v.DType == graph.Uint8 {
			dtype = mil.UInt8
		}
		in := l.Input(v.Name, mil.Tensor(dtype, v.Shape...))
		l.values[v.ID] = in
		l.note(in, "input "+v.Name)
		out.Inputs = append(out.Inputs, in)
	}
	used := live(g)
	for _, n := range g.Nodes {
		if !used[n] {
			continue
		}
		if err := l.lower(n); err != nil {
			return nil, err
		}
	}
	l.node = nil
	for _, o := range g.Outputs {
		out.Outputs = append(out.Outputs, l.Output(o.Name, l.value(o.Value)))
	}
	var err error
	if out.Program, out.Weights, err = l.Build(); err != nil {
		return nil, fmt.Errorf("graph %s: %w", g.Name, err)
	}
	prune(&out.Program.Func)
	if err := l.preflight(&out.Program.Func); err != nil {
		return nil, err
	}
	return out, nil
}

// live are the nodes that an output depends on.
func live(g *graph.Graph) map[*graph.Node]bool {
	used := map[*graph.Node]bool{}
	for _, o := range g.Outputs {
		used[o.Value.Node] = true
	}
	for _, n := range slices.Backward(g.Nodes) {
		for _, v := range n.In {
			used[v.Node] = used[v.Node] || used[n]
		}
	}
	return used
}

func (l *lowering) lower(n *graph.Node) error {
	l.node = n
	r, ok := rules[n.Op.Name()]
	if !ok {
		return l.none("no rule is known for it")
	}
	results, err := r(l, n)
	if err != nil {
		return err
	}
	if l.err != nil {
		return l.err
	}
	if err := l.Err(); err != nil {
		return fmt.Errorf("%s: %w", n.Name, err)
	}
	for i, v := range n.Out {
		if got := results[i].Type.Shape; !slices.Equal(got, v.Shape) {
			panic(fmt.Sprintf("lower: %s: program has %v, graph has %v", n.Name, got, v.Shape))
		}
		l.values[v.ID] = results[i]
	}
	return nil
}

// none refuses the current node.
func (l *lowering) none(format string, args ...any) error {
	return &NoLoweringError{l.node.Name, l.node.Op.Name(), l.chip.String(), fmt.Sprintf(format, args...)}
}

// limit refuses the current node for a quantity.
func (l *lowering) limit(what string, got, limit int, hint string) error {
	return &LimitError{l.node.Name, what, got, limit, l.chip.String(), hint}
}

func (l *lowering) note(v *mil.Value, node string) {
	if _, ok := l.origin[v]; !ok {
		l.origin[v] = node
	}
}

// op adds a statement for the current node. A number that is infinite or no
// number as a half has no spelling and refuses the node.
func (l *lowering) op(name string, args ...mil.Arg) *mil.Value {
	for _, a := range args {
		for _, o := range a.Operands {
			if o.Lit != nil && len(o.Lit.Floats) == 1 && !finite(o.Lit.Floats[0]) {
				l.refuseNumber(a.Name)
			}
		}
	}
	v := l.Op(name, args...)
	if l.node != nil {
		l.note(v, l.node.Name)
	}
	return v
}

// value is the program's value for a graph's; a constant is written at its
// first use.
func (l *lowering) value(v *graph.Value) *mil.Value {
	if l.values[v.ID] == nil {
		l.values[v.ID] = l.Weight(v.Name, v.Const.Narrow, v.Shape...)
		l.note(l.values[v.ID], "constant "+v.Name)
	}
	return l.values[v.ID]
}

// weightKey tells the forms of one constant apart.
type weightKey struct {
	v    *graph.Value
	form string
}

// weight is a constant that streams into a product or a convolution, in the
// encoding of the options; make gives the form's values. A form is written
// once.
func (l *lowering) weight(v *graph.Value, form string, make func() []float32, shape ...int) *mil.Value {
	key := weightKey{v, form}
	if w := l.weights[key]; w != nil {
		return w
	}
	data := make()
	var w *mil.Value
	if l.options.Weight != nil {
		w = l.options.Weight(l.Builder, v.Name, data, shape)
	}
	if w == nil {
		w = l.Weight(v.Name, data, shape...)
	}
	l.note(w, "constant "+v.Name)
	if l.weights == nil {
		l.weights = map[weightKey]*mil.Value{}
	}
	l.weights[key] = w
	return w
}

// stored is a weight that is written as it stands, or a computed one.
func (l *lowering) stored(v *graph.Value) *mil.Value {
	if v.Const == nil || l.options.Weight == nil {
		return l.value(v)
	}
	return l.weight(v, "", func() []float32 { return v.Const.Narrow }, v.Shape...)
}

// half is a scalar constant.
func (l *lowering) half(v float64) *mil.Value {
	if !finite(fp16.Round(v)) {
		l.refuseNumber("a scalar")
		v = 0
	}
	return l.Half(v)
}

func finite(v float64) bool { return !math.IsInf(v, 0) && !math.IsNaN(v) }

func (l *lowering) refuseNumber(what string) {
	if l.err == nil && l.node != nil {
		l.err = l.none("%s of it is not finite in fp16, whose limit is %d; scale the operands instead", what, fp16.Max)
	}
}

// positive is a small positive addend or floor that would vanish in fp16,
// where it keeps zeros from being divided by zeros, as the smallest half.
func positive(v float64) float64 {
	if v > 0 {
		return max(v, smallest)
	}
	return v
}

// smallest is the least positive half.
const smallest = 0x1p-24

// in is operand i of n.
func (l *lowering) in(n *graph.Node, i int) *mil.Value { return l.value(n.In[i]) }

// as is operand i in another shape: a constant is written in it, a computed
// value reshaped.
func (l *lowering) as(n *graph.Node, i int, shape ...int) *mil.Value {
	if c := n.In[i].Const; c != nil {
		return l.Weight(n.In[i].Name, c.Narrow, shape...)
	}
	return l.reshape(l.in(n, i), shape...)
}
