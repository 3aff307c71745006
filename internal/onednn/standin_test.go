package onednn

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/stretchr/testify/require"
)

// standIn is a library of version 3.x made of callbacks that compute nothing:
// it hands out handles, writes calls down, and fails where it is told to.
// Callbacks are never freed, so there is one.
type standIn struct {
	version version
	missing string
	fail    map[string]Status // by symbol
	calls   []string          // function and arguments, without the out cell
	open    map[handle]string // objects, with the function that made them
	next    handle
	threads int32
	addr    map[string]uintptr
}

var (
	fake     standIn
	fakeOnce sync.Once
)

// stand prepares the stand-in as version major.minor on a runtime.
func stand(major, minor int32, runtime uint32) *standIn {
	fakeOnce.Do(fake.export)
	fake = standIn{addr: fake.addr, version: version{major: major, minor: minor, cpu: runtime}, fail: map[string]Status{},
		open: map[handle]string{}, next: 1000}
	return &fake
}

func (s *standIn) lookup(name string) (uintptr, error) {
	if name == s.missing || s.addr[name] == 0 {
		return 0, errors.New("undefined symbol: " + name)
	}
	return s.addr[name], nil
}

func (s *standIn) called(name string, args ...any) uintptr {
	text := name
	for _, a := range args {
		text += fmt.Sprint(" ", a)
	}
	s.calls = append(s.calls, text)
	return uintptr(uint32(s.fail[name]))
}

// made answers a call that makes an object.
func (s *standIn) made(out *handle, name string, args ...any) uintptr {
	if st := s.called(name, args...); st != 0 {
		return st
	}
	s.next++
	*out = s.next
	s.open[s.next] = name
	return 0
}

// drop makes the function that destroys an object; an unknown one is refused.
func (s *standIn) drop(name string) func(h handle) uintptr {
	return func(h handle) uintptr {
		if s.open[h] == "" {
			return 2
		}
		delete(s.open, h)
		return s.called(name, h)
	}
}

// pair is the first two entries of an array.
func pair(p *int64) string { return fmt.Sprint(unsafe.Slice(p, 2)) }

var implementation = []byte("stand-in\x00")

// export makes the callbacks. Their arguments follow oneDNN's headers of 3.x.
func (s *standIn) export() {
	s.addr = map[string]uintptr{
		"omp_set_num_threads": purego.NewCallback(func(n int32) uintptr { s.threads = n; return 0 }),
		"omp_get_max_threads": purego.NewCallback(func() int32 { return s.threads }),
	}
	for _, table := range []map[string]any{s.objects(), s.layouts(), s.plans()} {
		for name, f := range table {
			s.addr["dnnl_"+name] = purego.NewCallback(f)
		}
	}
}

func (s *standIn) objects() map[string]any {
	return map[string]any{
		"version":                func() *version { return &s.version },
		"get_effective_cpu_isa":  func() int32 { return 4079 },
		"engine_create":          func(out *handle, kind int32, i uint64) uintptr { return s.made(out, "engine_create", kind, i) },
		"engine_destroy":         s.drop("engine_destroy"),
		"stream_create":          func(out *handle, e handle, f uint32) uintptr { return s.made(out, "stream_create", e, f) },
		"stream_destroy":         s.drop("stream_destroy"),
		"stream_wait":            func(h handle) uintptr { return s.called("stream_wait", h) },
		"memory_create":          func(out *handle, md, e handle, _ unsafe.Pointer) uintptr { return s.made(out, "memory_create", md, e) },
		"memory_destroy":         s.drop("memory_destroy"),
		"primitive_attr_create":  func(out *handle) uintptr { return s.made(out, "primitive_attr_create") },
		"primitive_attr_destroy": s.drop("primitive_attr_destroy"),
		"primitive_attr_set_scratchpad_mode": func(a handle, mode int32) uintptr {
			return s.called("primitive_attr_set_scratchpad_mode", a, mode)
		},
		"primitive_attr_set_post_ops": func(a, p handle) uintptr { return s.called("primitive_attr_set_post_ops", a, p) },
		"post_ops_create":             func(out *handle) uintptr { return s.made(out, "post_ops_create") },
		"post_ops_destroy":            s.drop("post_ops_destroy"),
		"post_ops_append_eltwise": func(po handle, alg int32, a, b float32) uintptr {
			return s.called("post_ops_append_eltwise", po, alg, a, b)
		},
		"primitive_create":  func(out *handle, pd handle) uintptr { return s.made(out, "primitive_create", pd) },
		"primitive_destroy": s.drop("primitive_destroy"),
		"primitive_execute": func(p, stream handle, n int32, args *execArg) uintptr {
			var ids []ArgID
			for _, a := range unsafe.Slice(args, n) {
				ids = append(ids, a.id)
			}
			return s.called("primitive_execute", ids)
		},
	}
}

func (s *standIn) layouts() map[string]any {
	return map[string]any{
		"memory_desc_create_with_strides": func(out *handle, n int32, dims *int64, t int32, strides *int64) uintptr {
			return s.made(out, "memory_desc_create_with_strides", n, pair(dims), t, pair(strides))
		},
		"memory_desc_create_with_tag": func(out *handle, n int32, dims *int64, t, tag int32) uintptr {
			return s.made(out, "memory_desc_create_with_tag", n, pair(dims), t, tag)
		},
		"memory_desc_destroy":  s.drop("memory_desc_destroy"),
		"memory_desc_get_size": func(handle) uint64 { return 64 },
		"memory_desc_equal": func(a, b handle) int32 {
			if a == b {
				return 1
			}
			return 0
		},
		"primitive_desc_query": func(pd handle, what, i int32, out *uintptr) uintptr {
			*out = uintptr(unsafe.Pointer(&implementation[0]))
			return s.called("primitive_desc_query", what, i)
		},
		"primitive_desc_query_md": func(pd handle, what, i int32) handle { return handle(what) },
		"primitive_desc_destroy":  s.drop("primitive_desc_destroy"),
	}
}

func (s *standIn) plans() map[string]any {
	return map[string]any{
		"reorder_primitive_desc_create": func(out *handle, src, srcEngine, dst, dstEngine, attr handle) uintptr {
			return s.made(out, "reorder", src, srcEngine, dst, dstEngine, attr)
		},
		"matmul_primitive_desc_create": func(out *handle, e, src, w, bias, dst, attr handle) uintptr {
			return s.made(out, "matmul", e, src, w, bias, dst, attr)
		},
		"convolution_forward_primitive_desc_create": func(out *handle, e handle, prop, alg int32, src, w, bias, dst handle,
			strides, dilates, l, r *int64, attr handle) uintptr {
			return s.made(out, "convolution", e, prop, alg, src, w, bias, dst, pair(strides), pair(dilates), pair(l), pair(r), attr)
		},
		"softmax_forward_primitive_desc_create": func(out *handle, e handle, prop, alg int32, src, dst handle, axis int32, attr handle) uintptr {
			return s.made(out, "softmax", e, prop, alg, src, dst, axis, attr)
		},
		"layer_normalization_forward_primitive_desc_create": func(out *handle, e handle, prop int32, src, dst, stat handle,
			eps float32, flags uint32, attr handle) uintptr {
			return s.made(out, "layer norm", e, prop, src, dst, stat, eps, flags, attr)
		},
		"eltwise_forward_primitive_desc_create": func(out *handle, e handle, prop, alg int32, src, dst handle, a, b float32, attr handle) uintptr {
			return s.made(out, "eltwise", e, prop, alg, src, dst, a, b, attr)
		},
		"binary_primitive_desc_create": func(out *handle, e handle, alg int32, a, b, dst, attr handle) uintptr {
			return s.made(out, "binary", e, alg, a, b, dst, attr)
		},
		"reduction_primitive_desc_create": func(out *handle, e handle, alg int32, src, dst handle, p, eps float32, attr handle) uintptr {
			return s.made(out, "reduction", e, alg, src, dst, p, eps, attr)
		},
		"pooling_forward_primitive_desc_create": func(out *handle, e handle, prop, alg int32, src, dst handle,
			strides, kernel, dilates, l, r *int64, attr handle) uintptr {
			return s.made(out, "pooling", e, prop, alg, src, dst, pair(strides), pair(kernel), pair(dilates), pair(l), pair(r), attr)
		},
	}
}

// plans3 gives the arguments of each plan of 3.x. Handles count from 1001:
// engine, stream, attributes, then the layouts of dims in order.
var plans3 = []struct {
	name string
	make func(x *Context, l []*Layout) (*Primitive, error)
	dims [][]int
	want []string
}{
	{"matmul", func(x *Context, l []*Layout) (*Primitive, error) {
		return x.Matmul(l[0], l[1], l[2], l[3], Post{Clip, 1, 2})
	}, [][]int{{2, 3}, {3, 4}, {1, 4}, {2, 4}}, []string{"post_ops_append_eltwise 1009 46 1 2",
		"primitive_attr_set_post_ops 1008 1009", "matmul 1001 1004 1005 1006 1007 1008"}},
	{"convolution", func(x *Context, l []*Layout) (*Primitive, error) {
		return x.Convolution(l[0], l[1], nil, l[2],
			Window{Stride: [2]int{2, 1}, Dilation: [2]int{1, 3}, Before: [2]int{1, 2}, After: [2]int{0, 4}})
	}, [][]int{{1, 3, 4, 5}, {6, 3, 3, 3}, {1, 6, 2, 5}},
		[]string{"convolution 1001 96 3 1004 1005 0 1006 [2 1] [0 2] [1 2] [0 4] 1007"}},
	{"pooling", func(x *Context, l []*Layout) (*Primitive, error) {
		return x.Pooling(AvgUnpadded, l[0], l[1], [2]int{3, 2},
			Window{Stride: [2]int{2, 1}, Dilation: [2]int{1, 1}, Before: [2]int{1, 0}, After: [2]int{0, 1}})
	}, [][]int{{1, 3, 4, 5}, {1, 3, 2, 5}}, []string{"pooling 1001 96 1023 1004 1005 [2 1] [3 2] [0 0] [1 0] [0 1] 1003"}},
	{"softmax", func(x *Context, l []*Layout) (*Primitive, error) { return x.Softmax(true, l[0], 1) },
		[][]int{{2, 3}}, []string{"softmax 1001 96 196609 1004 1004 1 1003"}},
	{"layer norm", func(x *Context, l []*Layout) (*Primitive, error) { return x.LayerNorm(l[0], 0.5) },
		[][]int{{2, 3}}, []string{"layer norm 1001 96 1004 1004 0 0.5 6 1003"}},
	{"eltwise", func(x *Context, l []*Layout) (*Primitive, error) { return x.Eltwise(Linear, l[0], 2, 3) },
		[][]int{{2, 3}}, []string{"eltwise 1001 96 38 1004 1004 2 3 1003"}},
	{"binary", func(x *Context, l []*Layout) (*Primitive, error) { return x.Binary(Sub, l[0], l[1], l[2]) },
		[][]int{{2, 3}, {1, 3}, {2, 3}}, []string{"binary 1001 131061 1004 1005 1006 1007"}},
	{"reduction", func(x *Context, l []*Layout) (*Primitive, error) { return x.Reduction(ReduceMax, l[0], l[1]) },
		[][]int{{2, 3}, {2, 1}}, []string{"reduction 1001 196594 1004 1005 0 0 1003"}},
	{"reorder", func(x *Context, l []*Layout) (*Primitive, error) { return x.Reorder(l[0], l[1]) },
		[][]int{{2, 3}, {2, 3}}, []string{"reorder 1004 1001 1005 1001 1003"}},
}

func TestArgumentsOf3(t *testing.T) {
	for _, tt := range plans3 {
		t.Run(tt.name, func(t *testing.T) {
			s := stand(3, 7, openMP)
			l, err := Bind("stand-in", s.lookup, 3)
			require.NoError(t, err)
			require.Equal(t, 3, l.Threads())
			require.True(t, l.HasAMX())
			x, err := l.NewContext()
			require.NoError(t, err)
			var layouts []*Layout
			for _, d := range tt.dims {
				layout, err := x.Dense(F32, d...)
				require.NoError(t, err)
				layouts = append(layouts, layout)
			}
			p, err := tt.make(x, layouts)
			require.NoError(t, err)
			require.Equal(t, "stand-in", p.Name)
			require.Subset(t, s.calls, tt.want)
			require.NoError(t, errors.Join(x.Close(), l.Close()))
			require.Empty(t, s.open, "objects left")
		})
	}
}

// TestLayoutsOf3 holds the arguments of layouts, what open ones become, and
// the checks and the status of a call.
func TestLayoutsOf3(t *testing.T) {
	s := stand(3, 0, sequential)
	l, err := Bind("stand-in", s.lookup, 3)
	require.NoError(t, err)
	require.Equal(t, 1, l.Threads())
	x, err := l.NewContext()
	require.NoError(t, err)
	turned, err := x.Strided(BF16, []int{4, 5}, []int{1, 4})
	require.NoError(t, err)
	require.Equal(t, 40, turned.Bytes())
	open, err := x.Any(F32, 4, 4)
	require.NoError(t, err)
	require.Subset(t, s.calls, []string{"memory_desc_create_with_strides 2 [4 5] 2 [1 4]", "memory_desc_create_with_tag 2 [4 4] 3 1"})
	p, err := x.Matmul(open, open, nil, open)
	require.NoError(t, err)
	args := []Arg{{ID: Src}, {ID: Weights}, {ID: Dst}, {ID: Scratchpad}}
	for i, md := range []handle{querySrc, queryWeights, queryDst, queryScratchpad} {
		chosen := p.Layout(args[i].ID)
		require.Equal(t, md, chosen.md)
		args[i].Memory, err = x.NewMemory(chosen, make([]float32, 16))
		require.NoError(t, err)
	}
	_, err = p.Call(args[:3]...)
	require.EqualError(t, err, "onednn: matmul: operand 80 is missing")
	_, err = p.Call(append(args, args[0])...)
	require.EqualError(t, err, "onednn: matmul: operand 1 is given twice")
	_, err = p.Call(Arg{Src, args[1].Memory}, args[1], args[2], args[3])
	require.EqualError(t, err, "onednn: matmul: operand 1 is absent, unknown or in another layout")
	c, err := p.Call(args...)
	require.NoError(t, err)
	require.NoError(t, c.Run())
	require.Contains(t, s.calls, "primitive_execute [1 33 17 80]")
	s.fail["primitive_execute"] = 5
	require.EqualError(t, c.Run(), "onednn: dnnl_primitive_execute of matmul: runtime error")
	require.NoError(t, errors.Join(x.Close(), l.Close()))
	require.Empty(t, s.open)
}

// TestUnusableLibraries: each is one line that names the file and the reason.
func TestUnusableLibraries(t *testing.T) {
	tests := []struct {
		name          string
		major, minor  int32
		runtime       uint32
		missing, fail string
		want          string
	}{
		{name: "old", major: 2, minor: 5, runtime: openMP, want: "onednn: not available: lib.so is version 2.5; 2.6, 2.7 and 3.x are supported"},
		{name: "new", major: 4, runtime: openMP, want: "onednn: not available: lib.so is version 4.0; 2.6, 2.7 and 3.x are supported"},
		{name: "pool", major: 3, runtime: 8, want: "onednn: not available: lib.so runs its kernels on a user's thread pool; a build on OpenMP is needed"},
		{name: "SYCL", major: 3, runtime: 512, want: "onednn: not available: lib.so runs its kernels on SYCL; a build on OpenMP is needed"},
		{name: "no version", missing: "dnnl_version", want: "onednn: not available: lib.so lacks dnnl_version"},
		{name: "no matmul", major: 3, runtime: openMP, missing: "dnnl_matmul_primitive_desc_create",
			want: "onednn: not available: lib.so lacks dnnl_matmul_primitive_desc_create"},
		{name: "no OpenMP", major: 3, runtime: openMP, missing: "omp_set_num_threads",
			want: "onednn: not available: lib.so lacks omp_set_num_threads"},
		{name: "engine", major: 3, runtime: openMP, fail: "engine_create", want: "onednn: dnnl_engine_create: out of memory"},
		{name: "stream", major: 3, runtime: openMP, fail: "stream_create", want: "onednn: dnnl_stream_create: out of memory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := stand(tt.major, tt.minor, tt.runtime)
			s.missing, s.fail[tt.fail] = tt.missing, 1
			_, err := Bind("lib.so", s.lookup, 1)
			require.EqualError(t, err, tt.want)
			require.Equal(t, tt.fail == "", errors.Is(err, errors.ErrUnsupported))
			require.Empty(t, s.open)
		})
	}
}

// TestBadInput: mistakes are one-line errors before a plan is asked for.
func TestBadInput(t *testing.T) {
	s := stand(3, 7, openMP)
	l, err := Bind("stand-in", s.lookup, 1)
	require.NoError(t, err)
	x, err := l.NewContext()
	require.NoError(t, err)
	shape := func(dims ...int) *Layout {
		layout, err := x.Dense(F32, dims...)
		require.NoError(t, err)
		return layout
	}
	window := func(stride, pad int) Window {
		return Window{Stride: [2]int{stride, stride}, Dilation: [2]int{1, 1}, Before: [2]int{pad, pad}, After: [2]int{pad, pad}}
	}
	a, b, image, filter := shape(2, 3), shape(3, 4), shape(1, 4, 5, 5), shape(6, 4, 3, 3)
	plan := func(_ *Primitive, err error) error { return err }
	layout := func(_ *Layout, err error) error { return err }
	conv := func(w, bias, dst *Layout, win Window) error { return plan(x.Convolution(image, w, bias, dst, win)) }
	pool := func(dst *Layout) error { return plan(x.Pooling(MaxPool, image, dst, [2]int{3, 3}, window(1, 0))) }
	_, short := x.NewMemory(a, make([]float32, 5))
	for name, err := range map[string]error{
		"no dimension":    layout(x.Dense(F32)),
		"rank 13":         layout(x.Dense(F32, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)),
		"dimension 0":     layout(x.Any(F32, 2, 0)),
		"missing stride":  layout(x.Strided(F32, []int{2, 3}, []int{3})),
		"stride 0":        layout(x.Strided(F32, []int{2, 3}, []int{3, 0})),
		"short data":      short,
		"matmul depth":    plan(x.Matmul(a, a, nil, a)),
		"matmul rank":     plan(x.Matmul(a, b, nil, image)),
		"matmul batch":    plan(x.Matmul(shape(2, 2, 3), shape(3, 3, 4), nil, shape(3, 2, 4))),
		"matmul bias":     plan(x.Matmul(a, b, shape(1, 3), shape(2, 4))),
		"matmul post":     plan(x.Matmul(a, b, nil, shape(2, 4), Post{Fn: eltwiseCount})),
		"conv channels":   conv(shape(6, 3, 3, 3), nil, shape(1, 6, 3, 3), window(1, 0)),
		"conv size":       conv(filter, nil, shape(1, 6, 4, 4), window(1, 0)),
		"conv stride":     conv(filter, nil, shape(1, 6, 3, 3), window(0, 0)),
		"conv padding":    conv(filter, nil, shape(1, 6, 1, 1), window(1, -1)),
		"conv bias":       conv(filter, shape(5), shape(1, 6, 3, 3), window(1, 0)),
		"pool channels":   pool(shape(1, 3, 3, 3)),
		"pool size":       pool(shape(1, 4, 2, 2)),
		"softmax axis":    plan(x.Softmax(false, a, 2)),
		"layer norm rank": plan(x.LayerNorm(shape(3), 0)),
		"eltwise":         plan(x.Eltwise(eltwiseCount, a, 0, 0)),
		"binary":          plan(x.Binary(Add, a, shape(2, 2), a)),
		"reduction":       plan(x.Reduction(ReduceSum, a, shape(3, 1))),
		"reorder":         plan(x.Reorder(a, b)),
	} {
		require.ErrorContains(t, err, "onednn: ", name)
		require.NotContains(t, err.Error(), "\n", name)
	}
	for _, kind := range s.open {
		require.NotContains(t, []string{"matmul", "convolution", "pooling", "softmax", "layer norm", "eltwise", "binary", "reduction", "reorder"}, kind)
	}
	require.NoError(t, errors.Join(x.Close(), l.Close()))
	require.Empty(t, s.open)
}
