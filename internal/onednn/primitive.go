package onednn

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Primitive is an operation made for layouts.
type Primitive struct {
	// Name is the library's name of the implementation; "ref:any" is its slow
	// reference.
	Name string
	// Scratch is the layout of the memory that a call needs for itself; nil
	// for none.
	Scratch *Layout

	x    *Context
	what string
	h    handle
	want map[ArgID]*Layout
}

// Layout is that of an operand, as the primitive chose it where it was left
// open; nil for an operand that the primitive does not have.
func (p *Primitive) Layout(a ArgID) *Layout { return p.want[a] }

// IsReference reports whether the implementation is plain loops, made to be
// right and not to be fast.
func (p *Primitive) IsReference() bool { return strings.HasPrefix(p.Name, "ref") }

// make builds the primitive of a plan. want lists the operands' layouts; those
// that were left open are asked for.
func (x *Context) make(what string, want map[ArgID]*Layout, plan func(out *handle) error) (*Primitive, error) {
	out := new(handle)
	err := plan(out)
	h, err := x.own(*out, x.lib.planDestroy, err)
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", err, describe(want))
	}
	p := &Primitive{x: x, what: what, want: want}
	for arg, query := range map[ArgID]int32{Src: querySrc, Weights: queryWeights, Dst: queryDst} {
		if l := want[arg]; l != nil && l.size == 0 {
			want[arg] = x.chosen(h, query, l)
		}
	}
	if l := x.chosen(h, queryScratchpad, &Layout{Type: F32}); l != nil && l.size > 0 {
		p.Scratch = l
		want[Scratchpad] = l
	}
	text := new(uintptr)
	if err := failed("primitive_desc_query", x.lib.planQuery(h, queryImplementation, 0, text)); err != nil {
		return nil, err
	}
	p.Name = goString(*text)
	st := x.lib.create(out, h)
	p.h, err = x.own(*out, x.lib.destroy, failed("primitive_create of "+what, st))
	return p, err
}

// chosen is the layout that a plan gives to an operand. It lives as long as
// the plan.
func (x *Context) chosen(plan handle, query int32, like *Layout) *Layout {
	md := x.lib.planLayout(plan, query, 0)
	if md == 0 {
		return nil
	}
	return &Layout{Type: like.Type, Dims: like.Dims, md: md, size: int(x.lib.layoutSize(md))}
}

func describe(want map[ArgID]*Layout) string {
	var parts []string
	for _, a := range []ArgID{Src, Src1, Weights, Bias, Dst} {
		if l := want[a]; l != nil {
			parts = append(parts, l.String())
		}
	}
	return strings.Join(parts, ", ")
}

// goString copies a C string of at most 256 bytes.
func goString(addr uintptr) string {
	if addr == 0 {
		return ""
	}
	p := *(**byte)(unsafe.Pointer(&addr)) // an address of C memory, not of the Go heap
	b := unsafe.Slice(p, 256)
	n := 0
	for n < len(b) && b[n] != 0 {
		n++
	}
	return string(b[:n])
}

// Matmul is dst = src·weights + bias with the ranks of all operands equal:
// src […, m, k], weights […, k, n], bias [1, …, n] or nil, dst […, m, n].
// Leading dimensions of 1 are repeated. post is applied to the sum.
func (x *Context) Matmul(src, weights, bias, dst *Layout, post ...Post) (*Primitive, error) {
	r := len(dst.Dims)
	a, b, c := src.Dims, weights.Dims, dst.Dims
	if r < 2 || len(a) != r || len(b) != r || a[r-1] != b[r-2] || a[r-2] != c[r-2] || b[r-1] != c[r-1] {
		return nil, fmt.Errorf("onednn: matmul: src %v, weights %v and dst %v do not fit", src, weights, dst)
	}
	for i := range r - 2 {
		if c[i] != max(a[i], b[i]) || (a[i] != c[i] && a[i] != 1) || (b[i] != c[i] && b[i] != 1) {
			return nil, fmt.Errorf("onednn: matmul: batches of src %v, weights %v and dst %v do not fit", src, weights, dst)
		}
	}
	if bias != nil && (len(bias.Dims) != r || bias.Dims[r-1] != c[r-1] || elems(bias.Dims) != c[r-1]) {
		return nil, fmt.Errorf("onednn: matmul: bias %v does not fit dst %v", bias, dst)
	}
	want := map[ArgID]*Layout{Src: src, Weights: weights, Bias: bias, Dst: dst}
	attr, err := x.attributes(post)
	if err != nil {
		return nil, err
	}
	return x.make("matmul", want, func(out *handle) error {
		return x.lib.matmul(x, out, attr, src.md, weights.md, mdOf(bias), dst.md)
	})
}

func mdOf(l *Layout) handle {
	if l == nil {
		return 0
	}
	return l.md
}

func elems(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// Window is that of a convolution or pooling per spatial axis: padding before
// and after, and for a convolution the dilation, 1 for dense.
type Window struct{ Stride, Dilation, Before, After [2]int }

// plain converts w for a kernel, and checks that it leads from in to out.
func (w Window) plain(kernel, in, out []int) (*window, error) {
	v := new(window)
	for i := range 2 {
		span := in[i] + w.Before[i] + w.After[i] - w.Dilation[i]*(kernel[i]-1) - 1
		if w.Stride[i] < 1 || w.Dilation[i] < 1 || w.Before[i] < 0 || w.After[i] < 0 || kernel[i] < 1 ||
			span < 0 || span/w.Stride[i]+1 != out[i] {
			return nil, fmt.Errorf("window %v of size %v does not lead from %v to %v", w, kernel, in, out)
		}
		v.strides[i], v.dilates[i] = int64(w.Stride[i]), int64(w.Dilation[i]-1)
		v.padL[i], v.padR[i], v.kernel[i] = int64(w.Before[i]), int64(w.After[i]), int64(kernel[i])
	}
	return v, nil
}

// Convolution is the cross-correlation of src [N, C, H, W] with weights
// [O, C, h, w], or with [G, O/G, C/G, h, w] in G groups, plus bias [O] or nil.
func (x *Context) Convolution(src, weights, bias, dst *Layout, w Window, post ...Post) (*Primitive, error) {
	f := weights.Dims
	groups := 1
	if len(f) == 5 {
		groups, f = f[0], f[1:]
	}
	if len(src.Dims) != 4 || len(dst.Dims) != 4 || len(f) != 4 || src.Dims[0] != dst.Dims[0] ||
		src.Dims[1] != groups*f[1] || dst.Dims[1] != groups*f[0] ||
		(bias != nil && !slices.Equal(bias.Dims, dst.Dims[1:2])) {
		return nil, fmt.Errorf("onednn: convolution: src %v, weights %v and dst %v do not fit", src, weights, dst)
	}
	v, err := w.plain(f[2:], src.Dims[2:], dst.Dims[2:])
	if err != nil {
		return nil, fmt.Errorf("onednn: convolution: %w", err)
	}
	want := map[ArgID]*Layout{Src: src, Weights: weights, Bias: bias, Dst: dst}
	attr, err := x.attributes(post)
	if err != nil {
		return nil, err
	}
	return x.make("convolution", want, func(out *handle) error {
		return x.lib.convolution(x, out, attr, src.md, weights.md, mdOf(bias), dst.md, v)
	})
}

// Pooling reduces windows of src [N, C, H, W].
func (x *Context) Pooling(fn PoolFn, src, dst *Layout, kernel [2]int, w Window) (*Primitive, error) {
	if len(src.Dims) != 4 || len(dst.Dims) != 4 || !slices.Equal(src.Dims[:2], dst.Dims[:2]) {
		return nil, fmt.Errorf("onednn: pooling: src %v and dst %v do not fit", src, dst)
	}
	v, err := w.plain(kernel[:], src.Dims[2:], dst.Dims[2:])
	if err != nil {
		return nil, fmt.Errorf("onednn: pooling: %w", err)
	}
	return x.make("pooling", map[ArgID]*Layout{Src: src, Dst: dst}, func(out *handle) error {
		return x.lib.pooling(x, out, int32(fn), src.md, dst.md, v)
	})
}

// same is the error of operands that must have equal dimensions.
func same(what string, l ...*Layout) error {
	for _, other := range l[1:] {
		if !slices.Equal(l[0].Dims, other.Dims) {
			return fmt.Errorf("onednn: %s: %v and %v do not fit", what, l[0], other)
		}
	}
	return nil
}

// Softmax is e^(x−max)/Σe^(x−max) along axis, or with log its logarithm.
func (x *Context) Softmax(log bool, l *Layout, axis int) (*Primitive, error) {
	if axis < 0 || axis >= len(l.Dims) {
		return nil, fmt.Errorf("onednn: softmax: axis %d of %v", axis, l)
	}
	alg := int32(softmaxPlain)
	if log {
		alg = softmaxLog
	}
	return x.make("softmax", map[ArgID]*Layout{Src: l, Dst: l}, func(out *handle) error {
		return x.lib.softmax(x, out, alg, l.md, l.md, int32(axis))
	})
}

// LayerNorm is (x−mean)/√(variance+eps)·γ + β over the last axis, with γ
// (Scale) and β (Shift) of its size.
func (x *Context) LayerNorm(l *Layout, eps float32) (*Primitive, error) {
	if len(l.Dims) < 2 {
		return nil, fmt.Errorf("onednn: layer norm of %v: at least 2 dimensions are needed", l)
	}
	row, err := x.Dense(F32, l.Dims[len(l.Dims)-1])
	if err != nil {
		return nil, err
	}
	want := map[ArgID]*Layout{Src: l, Dst: l, Scale: row, Shift: row}
	return x.make("layer norm", want, func(out *handle) error {
		return x.lib.layerNorm(x, out, l.md, l.md, eps, x.lib.values.normScale|x.lib.values.normShift)
	})
}

// Eltwise applies fn to every element.
func (x *Context) Eltwise(fn Eltwise, l *Layout, alpha, beta float32) (*Primitive, error) {
	if fn >= eltwiseCount {
		return nil, fmt.Errorf("onednn: no elementwise function %d", fn)
	}
	return x.make("eltwise", map[ArgID]*Layout{Src: l, Dst: l}, func(out *handle) error {
		return x.lib.eltwise(x, out, x.lib.values.eltwise[fn], l.md, l.md, alpha, beta)
	})
}

// Binary is dst = fn(a, b); dimensions of 1 of b are repeated.
func (x *Context) Binary(fn BinaryFn, a, b, dst *Layout, post ...Post) (*Primitive, error) {
	if err := same("binary", a, dst); err != nil {
		return nil, err
	}
	fits := len(a.Dims) == len(b.Dims)
	for i := 0; fits && i < len(b.Dims); i++ {
		fits = b.Dims[i] == 1 || b.Dims[i] == a.Dims[i]
	}
	if !fits {
		return nil, fmt.Errorf("onednn: binary: %v and %v do not fit", a, b)
	}
	attr, err := x.attributes(post)
	if err != nil {
		return nil, err
	}
	return x.make("binary", map[ArgID]*Layout{Src: a, Src1: b, Dst: dst}, func(out *handle) error {
		return x.lib.binary(x, out, attr, int32(fn), a.md, b.md, dst.md)
	})
}

// Reduction reduces the axes of src that are 1 in dst.
func (x *Context) Reduction(fn ReduceFn, src, dst *Layout) (*Primitive, error) {
	fits := len(src.Dims) == len(dst.Dims)
	for i := 0; fits && i < len(dst.Dims); i++ {
		fits = dst.Dims[i] == 1 || dst.Dims[i] == src.Dims[i]
	}
	if !fits {
		return nil, fmt.Errorf("onednn: reduction: %v and %v do not fit", src, dst)
	}
	return x.make("reduction", map[ArgID]*Layout{Src: src, Dst: dst}, func(out *handle) error {
		return x.lib.reduction(x, out, int32(fn), src.md, dst.md)
	})
}

// Reorder copies a tensor to another layout or type.
func (x *Context) Reorder(src, dst *Layout) (*Primitive, error) {
	if err := same("reorder", src, dst); err != nil {
		return nil, err
	}
	if src.size == 0 || dst.size == 0 {
		return nil, errors.New("onednn: reorder: an open layout")
	}
	return x.make("reorder", map[ArgID]*Layout{Src: src, Dst: dst}, func(out *handle) error {
		st := x.lib.reorder(out, src.md, x.lib.engine, dst.md, x.lib.engine, x.attr)
		return failed("reorder_primitive_desc_create", st)
	})
}

// Arg is an operand of a call.
type Arg struct {
	ID     ArgID
	Memory *Memory
}

// execArg mirrors dnnl_exec_arg_t.
type execArg struct {
	id     ArgID
	_      int32
	memory handle
}

// Call is a primitive bound to its operands.
type Call struct {
	lib   *Lib
	what  string
	args  []execArg
	words [4]uintptr // arguments of dnnl_primitive_execute
	keep  *Context   // and with it the operands' memory
}

// Call binds operands, all that the primitive has, in their layouts.
func (p *Primitive) Call(args ...Arg) (*Call, error) {
	c := &Call{lib: p.x.lib, what: p.what, keep: p.x}
	for _, a := range args {
		want := p.want[a.ID]
		if want == nil || a.Memory == nil || !p.x.Equal(want, a.Memory.Layout) {
			return nil, fmt.Errorf("onednn: %s: operand %d is absent, unknown or in another layout", p.what, a.ID)
		}
		if slices.ContainsFunc(c.args, func(e execArg) bool { return e.id == a.ID }) {
			return nil, fmt.Errorf("onednn: %s: operand %d is given twice", p.what, a.ID)
		}
		c.args = append(c.args, execArg{id: a.ID, memory: a.Memory.h})
	}
	for id, l := range p.want {
		if l != nil && !slices.ContainsFunc(c.args, func(e execArg) bool { return e.id == id }) {
			return nil, fmt.Errorf("onednn: %s: operand %d is missing", p.what, id)
		}
	}
	c.words = [4]uintptr{p.h, c.lib.stream, uintptr(len(c.args)), uintptr(unsafe.Pointer(&c.args[0]))}
	return c, nil
}

// Run executes the call and waits for its end. It allocates nothing: the
// arguments lie ready.
func (c *Call) Run() error {
	st, _, _ := purego.SyscallN(c.lib.execute, c.words[:]...)
	if Status(st) == 0 {
		st, _, _ = purego.SyscallN(c.lib.wait, c.words[1:2]...)
	}
	runtime.KeepAlive(c)
	if Status(st) != 0 {
		return failed("primitive_execute of "+c.what, Status(st))
	}
	return nil
}
