package cpu

import (
	"errors"
	"slices"

	"devicemap/internal/graph"
	"devicemap/internal/onednn"
)

// oneDNNNodes are the operations that oneDNN takes over. A planner declines
// (ok false) what the library lacks or computes with its reference loops, and
// before it plans any copy.
//
// What loses a NaN stays with the embedded kernels: the library's maxima and
// clamps return the other operand, and its softmax clears the rest of the row
// (2.6.3 and 3.7.2).
var oneDNNNodes = func() map[string]func(o *oneDNN, n *graph.Node) (s step, ok bool, err error) {
	t := map[string]func(o *oneDNN, n *graph.Node) (step, bool, error){
		"linear":     (*oneDNN).linear,
		"matmul":     (*oneDNN).matmul,
		"conv":       (*oneDNN).conv,
		"avg_pool":   (*oneDNN).pool,
		"layer_norm": (*oneDNN).layerNorm,
	}
	for fn := range oneDNNUnary {
		t[string(fn)] = (*oneDNN).unary
	}
	for fn := range oneDNNBinary {
		t[string(fn)] = (*oneDNN).binary
	}
	return t
}()

// plan plans node i, or declines it.
func (o *oneDNN) plan(i int) (s step, ok bool, err error) {
	o.node = i
	n := o.g.Nodes[i]
	f := oneDNNNodes[n.Op.Name()]
	switch {
	case o.done[i]:
		return nil, true, nil
	case f == nil || slices.ContainsFunc(n.In, empty) || slices.ContainsFunc(n.Out, empty):
		return nil, false, nil
	}
	return f(o, n)
}

func empty(v *graph.Value) bool { return v.Shape.Elems() == 0 }

// usable tells a primitive to use from one to decline and from an error.
func usable(p *onednn.Primitive, err error) (bool, error) {
	if errors.Is(err, onednn.Unimplemented) {
		return false, nil
	}
	return err == nil && !p.IsReference(), err
}

// oneDNNUnary are the elementwise functions of the library's, applied in order.
var oneDNNUnary = map[graph.UnaryFn]func(u graph.Unary) []onednn.Post{
	// max(x, 0) in a form that keeps NaNs: the library's relu does so for α ≠ 0
	// only. The second function makes −0 a 0.
	graph.ReLU:        posts(onednn.Post{Fn: onednn.ELU}, onednn.Post{Fn: onednn.Linear, Alpha: 1}),
	graph.GELU:        posts(onednn.Post{Fn: onednn.GELUErf}),
	graph.GELUTanh:    posts(onednn.Post{Fn: onednn.GELUTanh}),
	graph.GELUSigmoid: posts(onednn.Post{Fn: onednn.Swish, Alpha: 1.702}),
	graph.SiLU:        posts(onednn.Post{Fn: onednn.Swish, Alpha: 1}),
	graph.Sigmoid:     posts(onednn.Post{Fn: onednn.Logistic}),
	graph.Tanh:        posts(onednn.Post{Fn: onednn.Tanh}),
	graph.Abs:         posts(onednn.Post{Fn: onednn.Abs}),
	graph.Square:      posts(onednn.Post{Fn: onednn.Square}),
	graph.MulScalar: func(u graph.Unary) []onednn.Post {
		return []onednn.Post{{Fn: onednn.Linear, Alpha: float32(u.A)}}
	},
}

func posts(p ...onednn.Post) func(graph.Unary) []onednn.Post {
	return func(graph.Unary) []onednn.Post { return p }
}

var oneDNNBinary = map[graph.BinaryFn]onednn.BinaryFn{
	graph.Add: onednn.Add, graph.Sub: onednn.Sub, graph.Mul: onednn.Mul,
}

// fused follows a result through elementwise functions that nothing else
// reads before: they are applied before it is stored, as final.
func (o *oneDNN) fused(v *graph.Value) (post []onednn.Post, final *graph.Value) {
	for i := o.node + 1; i < len(o.g.Nodes) && o.uses[v.ID] == 1; i++ {
		n := o.g.Nodes[i]
		if !slices.Contains(n.In, v) {
			continue
		}
		u, ok := n.Op.(graph.Unary)
		if !ok || oneDNNUnary[u.Fn] == nil {
			break
		}
		post, v = append(post, oneDNNUnary[u.Fn](u)...), n.Out[0]
	}
	return post, v
}

// store marks the nodes up to final as done and gives the memory of it.
func (o *oneDNN) store(n *graph.Node, final *graph.Value, plain, l *onednn.Layout) (*onednn.Memory, error) {
	for v := final; v != n.Out[0]; v = v.Node.In[0] {
		o.done[slices.Index(o.g.Nodes, v.Node)] = true
	}
	return o.write(final, plain, l)
}

// matrix is an operand of a product as the library sees it.
type matrix struct {
	v             *graph.Value
	dims, strides []int
}

// dense is v as a row-major tensor of the given dimensions.
func dense(v *graph.Value, dims ...int) matrix { return matrix{v, dims, graph.Shape(dims).Strides()} }

// transposed exchanges the last two axes.
func (m matrix) transposed() matrix {
	d, s, r := slices.Clone(m.dims), slices.Clone(m.strides), len(m.dims)
	d[r-1], d[r-2], s[r-1], s[r-2] = d[r-2], d[r-1], s[r-2], s[r-1]
	return matrix{m.v, d, s}
}

func (o *oneDNN) linear(n *graph.Node) (step, bool, error) {
	w := n.In[1].Shape
	rows := n.Out[0].Shape.Elems() / w[0]
	var bias *graph.Value
	if len(n.In) == 3 {
		bias = n.In[2]
	}
	return o.product(n, dense(n.In[0], rows, w[1]), dense(n.In[1], w[0], w[1]).transposed(), bias, []int{rows, w[0]})
}

func (o *oneDNN) matmul(n *graph.Node) (step, bool, error) {
	op := n.Op.(graph.MatMul)
	x, y, out := n.In[0].Shape, n.In[1].Shape, n.Out[0].Shape
	m, k, _, cols := op.Dims(x, y)
	var b matrix
	if len(y) == 2 && !op.TransposeX { // one right operand: the batch becomes rows
		rows := out.Elems() / cols
		if b = dense(n.In[1], y...); op.TransposeY {
			b = b.transposed()
		}
		return o.product(n, dense(n.In[0], rows, k), b, nil, []int{rows, cols})
	}
	a := dense(n.In[0], lifted(x, len(out))...)
	if b = dense(n.In[1], lifted(y, len(out))...); op.TransposeY {
		b = b.transposed()
	}
	if op.TransposeX {
		a = a.transposed()
	}
	return o.product(n, a, b, nil, append(slices.Clone(out[:len(out)-2]), m, cols))
}

// lifted gives s leading dimensions of 1 up to the rank.
func lifted(s graph.Shape, rank int) []int {
	dims := make([]int, rank)
	for i := range dims {
		dims[i] = 1
	}
	copy(dims[rank-len(s):], s)
	return dims
}

// product is out = a·b + bias in float32, of operands in the arm's type.
func (o *oneDNN) product(n *graph.Node, a, b matrix, bias *graph.Value, out []int) (step, bool, error) {
	src, e1 := o.x.Strided(onednn.F32, a.dims, a.strides)
	weights, e2 := o.x.Strided(onednn.F32, b.dims, b.strides)
	dst, e3 := o.x.Dense(onednn.F32, out...)
	shift, e4 := o.x.Dense(onednn.F32, lifted(out[len(out)-1:], len(out))...)
	if err := errors.Join(e1, e2, e3, e4); err != nil {
		return nil, false, err
	}
	wantSrc, wantWeights, wantShift := src, weights, shift
	var err error
	if o.dtype != onednn.F32 {
		wantSrc, e1 = o.x.Dense(o.dtype, a.dims...)
		wantWeights, e2 = o.x.Dense(o.dtype, b.dims...)
		err = errors.Join(e1, e2)
	}
	if o.c.fixed[b.v.ID] {
		wantWeights, e2 = o.x.Any(o.dtype, b.dims...)
		err = errors.Join(err, e2)
	}
	if bias == nil {
		wantShift = nil
	}
	if err != nil {
		return nil, false, err
	}
	post, final := o.fused(n.Out[0])
	p, err := o.x.Matmul(wantSrc, wantWeights, wantShift, dst, post...)
	if ok, err := usable(p, err); !ok || err != nil {
		return nil, ok, err
	}
	return o.weighted(n, p, final, operand{a.v, src}, operand{b.v, weights}, operand{bias, shift}, dst)
}

// operand is a value with the layout of its plain storage.
type operand struct {
	v     *graph.Value
	plain *onednn.Layout
}

// weighted plans a primitive of a source, weights and a bias, if bias.v is not
// nil.
func (o *oneDNN) weighted(n *graph.Node, p *onednn.Primitive, final *graph.Value, src, weights, bias operand,
	dst *onednn.Layout) (s step, ok bool, err error) {
	var args []onednn.Arg
	for i, id := range []onednn.ArgID{onednn.Src, onednn.Weights, onednn.Bias} {
		op := []operand{src, weights, bias}[i]
		if op.v == nil {
			continue
		}
		m, err := o.read(&s, op.v, op.plain, p.Layout(id))
		if err != nil {
			return nil, false, err
		}
		args = append(args, onednn.Arg{ID: id, Memory: m})
	}
	m, err := o.store(n, final, dst, p.Layout(onednn.Dst))
	if err != nil {
		return nil, false, err
	}
	return append(s, o.do(p, append(args, onednn.Arg{ID: onednn.Dst, Memory: m})...)), true, nil
}

func (o *oneDNN) conv(n *graph.Node) (step, bool, error) {
	op := n.Op.(graph.Conv).Defaults()
	in, out, filter := n.In[0].Shape, n.Out[0].Shape, n.In[1].Shape
	dims := []int(filter)
	if op.Groups > 1 {
		dims = append([]int{op.Groups, filter[0] / op.Groups}, filter[1:]...)
	}
	src, e1 := o.x.Dense(onednn.F32, in...)
	weights, e2 := o.x.Dense(onednn.F32, dims...)
	shift, e3 := o.x.Dense(onednn.F32, filter[0])
	dst, e4 := o.x.Dense(onednn.F32, out...)
	anySrc, e5 := o.x.Any(o.dtype, in...)
	anyWeights, e6 := o.x.Any(o.dtype, dims...)
	anyDst, e7 := o.x.Any(onednn.F32, out...)
	if err := errors.Join(e1, e2, e3, e4, e5, e6, e7); err != nil {
		return nil, false, err
	}
	bias, wantShift := operand{nil, shift}, shift
	if len(n.In) == 3 {
		bias.v = n.In[2]
	} else {
		wantShift = nil
	}
	post, final := o.fused(n.Out[0])
	w := onednn.Window{Stride: op.Stride, Dilation: op.Dilation,
		Before: [2]int{op.Pad[0], op.Pad[2]}, After: [2]int{op.Pad[1], op.Pad[3]}}
	p, err := o.x.Convolution(anySrc, anyWeights, wantShift, anyDst, w, post...)
	if ok, err := usable(p, err); !ok || err != nil {
		return nil, ok, err
	}
	return o.weighted(n, p, final, operand{n.In[0], src}, operand{n.In[1], weights}, bias, dst)
}

// lies is the layout that v has now, and the one of its plain storage.
func (o *oneDNN) lies(v *graph.Value) (now, plain *onednn.Layout, err error) {
	plain, err = o.x.Dense(onednn.F32, v.Shape...)
	if st := o.state[v.ID]; err == nil && st.away && slices.Equal(st.copies[0].Layout.Dims, plain.Dims) {
		return st.copies[0].Layout, plain, nil
	}
	return plain, plain, err
}

// mapped plans a primitive of one tensor and further operands; plain and result
// are the layouts of the plain storage of the tensor and of the result.
func (o *oneDNN) mapped(n *graph.Node, p *onednn.Primitive, plain, result *onednn.Layout, more ...onednn.Arg) (s step, ok bool, err error) {
	src, err := o.read(&s, n.In[0], plain, p.Layout(onednn.Src))
	if err != nil {
		return nil, false, err
	}
	dst, err := o.write(n.Out[0], result, p.Layout(onednn.Dst))
	if err != nil {
		return nil, false, err
	}
	return append(s, o.do(p, append(more, onednn.Arg{ID: onednn.Src, Memory: src}, onednn.Arg{ID: onednn.Dst, Memory: dst})...)), true, nil
}

// unary runs on values that lie in a layout of the library's; others are the
// embedded kernels'.
func (o *oneDNN) unary(n *graph.Node) (step, bool, error) {
	u := n.Op.(graph.Unary)
	now, plain, err := o.lies(n.In[0])
	post := oneDNNUnary[u.Fn](u)
	if err != nil || now == plain || len(post) > 1 {
		return nil, false, err
	}
	p, err := o.x.Eltwise(post[0].Fn, now, post[0].Alpha, post[0].Beta)
	if ok, err := usable(p, err); !ok || err != nil {
		return nil, ok, err
	}
	return o.mapped(n, p, plain, plain)
}

// binary runs on two tensors of which one lies in a layout of the library's.
func (o *oneDNN) binary(n *graph.Node) (step, bool, error) {
	a, b := n.In[0], n.In[1]
	if !slices.Equal(a.Shape, b.Shape) {
		return nil, false, nil
	}
	now, plain, err := o.lies(a)
	if err == nil && now == plain {
		now, plain, err = o.lies(b)
	}
	if err != nil || now == plain {
		return nil, false, err
	}
	post, final := o.fused(n.Out[0])
	p, err := o.x.Binary(oneDNNBinary[n.Op.(graph.Binary).Fn], now, now, now, post...)
	if ok, err := usable(p, err); !ok || err != nil {
		return nil, ok, err
	}
	var s step
	left, err := o.read(&s, a, plain, now)
	if err != nil {
		return nil, false, err
	}
	right, err := o.read(&s, b, plain, now)
	if err != nil {
		return nil, false, err
	}
	dst, err := o.store(n, final, plain, now)
	if err != nil {
		return nil, false, err
	}
	return append(s, o.do(p, onednn.Arg{ID: onednn.Src, Memory: left}, onednn.Arg{ID: onednn.Src1, Memory: right},
		onednn.Arg{ID: onednn.Dst, Memory: dst})), true, nil
}

func (o *oneDNN) pool(n *graph.Node) (step, bool, error) {
	op := n.Op.(graph.Pool).Defaults()
	in, out := n.In[0].Shape, n.Out[0].Shape
	fn := onednn.AvgPadded
	if op.ExcludePad {
		fn = onednn.AvgUnpadded
	}
	w := onednn.Window{Stride: op.Stride, Dilation: [2]int{1, 1},
		Before: [2]int{op.Pad[0], op.Pad[2]}, After: [2]int{op.Pad[1], op.Pad[3]}}
	for i := range 2 {
		if w.Before[i] >= op.Kernel[i] || w.After[i] >= op.Kernel[i] {
			return nil, false, nil // windows without an element
		}
		// Where the size is rounded up, the last window leaves the padded map,
		// which the library's averages count as padding and the graph's do not.
		need := (out[2+i]-1)*op.Stride[i] + op.Kernel[i] - in[2+i] - w.Before[i]
		if need > w.After[i] {
			if fn == onednn.AvgPadded || need >= op.Kernel[i] {
				return nil, false, nil
			}
			w.After[i] = need
		}
	}
	now, plain, err := o.lies(n.In[0])
	if err != nil {
		return nil, false, err
	}
	dst, err := o.x.Any(onednn.F32, out...)
	if err != nil {
		return nil, false, err
	}
	p, err := o.x.Pooling(fn, now, dst, op.Kernel, w)
	if ok, err := usable(p, err); !ok || err != nil {
		return nil, ok, err
	}
	result, err := o.x.Dense(onednn.F32, out...)
	if err != nil {
		return nil, false, err
	}
	return o.mapped(n, p, plain, result)
}

func (o *oneDNN) layerNorm(n *graph.Node) (s step, ok bool, err error) {
	op, shape := n.Op.(graph.LayerNorm), n.In[0].Shape
	if op.Axis != len(shape)-1 {
		return nil, false, nil
	}
	l, err := o.x.Dense(onednn.F32, shape.Elems()/shape[op.Axis], shape[op.Axis])
	if err != nil {
		return nil, false, err
	}
	p, err := o.x.LayerNorm(l, float32(op.Eps))
	if ok, err := usable(p, err); !ok || err != nil {
		return nil, ok, err
	}
	row := p.Layout(onednn.Scale)
	gamma, err := o.read(&s, n.In[1], row, row)
	if err != nil {
		return nil, false, err
	}
	beta, err := o.read(&s, n.In[2], row, row)
	if err != nil {
		return nil, false, err
	}
	more, ok, err := o.mapped(n, p, l, l, onednn.Arg{ID: onednn.Scale, Memory: gamma}, onednn.Arg{ID: onednn.Shift, Memory: beta})
	return append(s, more...), ok, err
}
