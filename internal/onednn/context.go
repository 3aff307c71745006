package onednn

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"
)

// maxRank is the largest rank of a layout. Source: DNNL_MAX_NDIMS.
const maxRank = 12

// Context owns layouts, primitives and memories. It is used on the thread
// that loaded the library.
type Context struct {
	lib   *Lib
	attr  handle // scratchpads are the caller's
	kept  []any  // Go memory whose address the library holds
	owned []owned
}

type owned struct {
	h    handle
	drop func(handle) Status
}

// NewContext makes an empty context.
func (l *Lib) NewContext() (*Context, error) {
	x := &Context{lib: l}
	var err error
	if x.attr, err = x.attributes(nil); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

// Post is a function that a primitive applies to its results before it stores
// them.
type Post struct {
	Fn          Eltwise
	Alpha, Beta float32
}

// attributes makes attributes with scratchpads of the caller's and post, in
// order.
func (x *Context) attributes(post []Post) (handle, error) {
	l, out := x.lib, new(handle)
	st := l.attrCreate(out)
	attr, err := x.own(*out, l.attrDestroy, failed("primitive_attr_create", st))
	if err == nil {
		err = failed("primitive_attr_set_scratchpad_mode", l.attrScratchpad(attr, userScratchpad))
	}
	if err != nil || len(post) == 0 {
		return attr, err
	}
	st = l.postCreate(out)
	ops, err := x.own(*out, l.postDestroy, failed("post_ops_create", st))
	for i := 0; err == nil && i < len(post); i++ {
		p := post[i]
		if p.Fn >= eltwiseCount {
			return 0, fmt.Errorf("onednn: no elementwise function %d", p.Fn)
		}
		err = l.appendEltwise(ops, l.values.eltwise[p.Fn], p.Alpha, p.Beta)
	}
	if err == nil {
		err = failed("primitive_attr_set_post_ops", l.attrPostOps(attr, ops))
	}
	return attr, err
}

// Close destroys what the context owns, the last first. Calls made through it
// must not run any more.
func (x *Context) Close() error {
	var errs []error
	for _, o := range slices.Backward(x.owned) {
		if st := o.drop(o.h); st != 0 {
			errs = append(errs, failed("destroy", st))
		}
	}
	x.owned, x.kept = nil, nil
	return errors.Join(errs...)
}

func (x *Context) keepPointer(p unsafe.Pointer) unsafe.Pointer {
	x.kept = append(x.kept, p)
	return p
}

// own takes over h unless err says that there is none.
func (x *Context) own(h handle, drop func(handle) Status, err error) (handle, error) {
	if err == nil {
		x.owned = append(x.owned, owned{h, drop})
	}
	return h, err
}

// Layout is a tensor's type, its dimensions and where its elements lie.
type Layout struct {
	Type DType
	Dims []int
	md   handle
	size int // bytes; 0 while the library may choose
}

// Bytes is the size of a tensor of this layout, padding included.
func (l *Layout) Bytes() int { return l.size }

func (l *Layout) String() string { return fmt.Sprint(l.Type, l.Dims) }

func checkDims(dims []int) ([]int64, error) {
	if len(dims) == 0 || len(dims) > maxRank {
		return nil, fmt.Errorf("onednn: rank %d is not in 1..%d", len(dims), maxRank)
	}
	out := make([]int64, len(dims))
	for i, d := range dims {
		if d < 1 {
			return nil, fmt.Errorf("onednn: dimensions %v are not all positive", dims)
		}
		out[i] = int64(d)
	}
	return out, nil
}

// Strided is the layout of a tensor with element strides, the first element at
// offset 0.
func (x *Context) Strided(t DType, dims, strides []int) (*Layout, error) {
	d, err := checkDims(dims)
	if err != nil {
		return nil, err
	}
	if len(strides) != len(dims) {
		return nil, fmt.Errorf("onednn: %d strides for dimensions %v", len(strides), dims)
	}
	s := make([]int64, len(d))
	last := 0
	for i, st := range strides {
		if st < 1 {
			return nil, fmt.Errorf("onednn: strides %v are not all positive", strides)
		}
		s[i] = int64(st)
		last += (dims[i] - 1) * st
	}
	md, err := x.lib.strided(x, d, s, t)
	return &Layout{Type: t, Dims: dims, md: md, size: (last + 1) * t.size()}, err
}

// Dense is the row-major layout.
func (x *Context) Dense(t DType, dims ...int) (*Layout, error) {
	strides := make([]int, len(dims))
	n := 1
	for i := len(dims) - 1; i >= 0; i-- {
		strides[i] = n
		n *= dims[i]
	}
	return x.Strided(t, dims, strides)
}

// Any leaves the layout to the primitive that it is given to.
func (x *Context) Any(t DType, dims ...int) (*Layout, error) {
	d, err := checkDims(dims)
	if err != nil {
		return nil, err
	}
	md, err := x.lib.anyLayout(x, d, t)
	return &Layout{Type: t, Dims: dims, md: md}, err
}

// Equal reports whether two tensors have the same layout.
func (x *Context) Equal(a, b *Layout) bool { return a == b || x.lib.layoutEqual(a.md, b.md) != 0 }

// Memory is a tensor: a layout over a slice.
type Memory struct {
	Layout *Layout
	h      handle
}

// NewMemory makes a tensor over the bytes of data, whatever its type, and keeps
// data alive.
func (x *Context) NewMemory(l *Layout, data []float32) (*Memory, error) {
	if l.size == 0 || 4*len(data) < l.size {
		return nil, fmt.Errorf("onednn: %d bytes for a tensor %v of %d bytes", 4*len(data), l, l.size)
	}
	m := new(handle)
	st := x.lib.memoryCreate(m, l.md, x.lib.engine, x.keepPointer(unsafe.Pointer(&data[0])))
	h, err := x.own(*m, x.lib.memoryDestroy, failed("memory_create", st))
	if err != nil {
		return nil, err
	}
	return &Memory{l, h}, nil
}

// lineBytes is the size of a cache line, which kernels prefer buffers to
// start on.
const lineBytes = 64

// Alloc makes memory of at least size bytes.
func Alloc(size int) []float32 {
	data := make([]float32, (size+3)/4+lineBytes/4)
	skip := -uintptr(unsafe.Pointer(&data[0])) % lineBytes / 4
	return data[skip:]
}
