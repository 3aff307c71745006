package onednn

import "unsafe"

// abi makes layouts and plans. A plan is the library's primitive descriptor:
// an operation with layouts, attributes and the chosen implementation. Absent
// operands are 0. What it allocates on the Go heap it gives to the Context.
type abi interface {
	symbols() []symbol

	strided(x *Context, dims, strides []int64, t DType) (handle, error)
	anyLayout(x *Context, dims []int64, t DType) (handle, error)

	appendEltwise(post handle, alg int32, alpha, beta float32) error

	matmul(x *Context, plan *handle, attr, src, weights, bias, dst handle) error
	convolution(x *Context, plan *handle, attr, src, weights, bias, dst handle, w *window) error
	softmax(x *Context, plan *handle, alg int32, src, dst handle, axis int32) error
	layerNorm(x *Context, plan *handle, src, dst handle, eps float32, flags uint32) error
	eltwise(x *Context, plan *handle, alg int32, src, dst handle, alpha, beta float32) error
	binary(x *Context, plan *handle, attr handle, alg int32, a, b, dst handle) error
	reduction(x *Context, plan *handle, alg int32, src, dst handle) error
	pooling(x *Context, plan *handle, alg int32, src, dst handle, w *window) error
}

// window holds the parameters of a window per spatial axis. A dilation of 0 is
// dense. The library reads no more entries than there are axes.
type window struct{ strides, dilates, kernel, padL, padR [2]int64 }

func first(v *[2]int64) *int64 { return &v[0] }

// Sizes of the descriptors of 2.6 and 2.7 in bytes. Source: dnnl_types.h.
const (
	layoutBytes    = 696
	matmulBytes    = 2800
	convBytes      = 5976
	softmaxBytes   = 2800
	layerNormBytes = 3496
	eltwiseBytes   = 1416
	reductionBytes = 1408
	binaryBytes    = 2096
	poolingBytes   = 3288
)

// abi2 is that of 2.6 and 2.7: descriptors are memory of the caller. The
// library fills them and reads them again when a plan or a memory is made.
type abi2 struct {
	byStrides func(out unsafe.Pointer, rank int32, dims *int64, t DType, strides *int64) Status
	byTag     func(out unsafe.Pointer, rank int32, dims *int64, t DType, tag int32) Status
	create    func(plan *handle, op unsafe.Pointer, attr, engine, hint handle) Status
	append    func(post handle, scale float32, alg int32, alpha, beta float32) Status

	initMatmul    func(op unsafe.Pointer, src, weights, bias, dst handle) Status
	initConv      func(op unsafe.Pointer, prop, alg int32, src, weights, bias, dst handle, strides, dilates, padL, padR *int64) Status
	initSoftmax   func(op unsafe.Pointer, prop, alg int32, src, dst handle, axis int32) Status
	initLayerNorm func(op unsafe.Pointer, prop int32, data, stat handle, eps float32, flags uint32) Status
	initEltwise   func(op unsafe.Pointer, prop, alg int32, data handle, alpha, beta float32) Status
	initBinary    func(op unsafe.Pointer, alg int32, a, b, dst handle) Status
	initReduction func(op unsafe.Pointer, alg int32, src, dst handle, p, eps float32) Status
	initPooling   func(op unsafe.Pointer, prop, alg int32, src, dst handle, strides, kernel, dilates, padL, padR *int64) Status
}

func (a *abi2) symbols() []symbol {
	return []symbol{
		{"dnnl_memory_desc_init_by_strides", &a.byStrides},
		{"dnnl_memory_desc_init_by_tag", &a.byTag},
		{"dnnl_primitive_desc_create", &a.create},
		{"dnnl_post_ops_append_eltwise", &a.append},
		{"dnnl_matmul_desc_init", &a.initMatmul},
		{"dnnl_dilated_convolution_forward_desc_init", &a.initConv},
		{"dnnl_softmax_v2_forward_desc_init", &a.initSoftmax},
		{"dnnl_layer_normalization_forward_desc_init", &a.initLayerNorm},
		{"dnnl_eltwise_forward_desc_init", &a.initEltwise},
		{"dnnl_binary_desc_init", &a.initBinary},
		{"dnnl_reduction_desc_init", &a.initReduction},
		{"dnnl_pooling_v2_forward_desc_init", &a.initPooling},
	}
}

// zeroed is n bytes, aligned to 8, on the heap, where memory does not move.
func zeroed(n int) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(make([]uint64, (n+7)/8)))
}

func (a *abi2) strided(x *Context, dims, strides []int64, t DType) (handle, error) {
	md := x.keepPointer(zeroed(layoutBytes))
	return handle(md), failed("memory_desc_init_by_strides", a.byStrides(md, int32(len(dims)), &dims[0], t, &strides[0]))
}

func (a *abi2) anyLayout(x *Context, dims []int64, t DType) (handle, error) {
	md := x.keepPointer(zeroed(layoutBytes))
	return handle(md), failed("memory_desc_init_by_tag", a.byTag(md, int32(len(dims)), &dims[0], t, anyTag))
}

func (a *abi2) appendEltwise(post handle, alg int32, alpha, beta float32) error {
	return failed("post_ops_append_eltwise", a.append(post, 1, alg, alpha, beta))
}

// plan fills an operation descriptor of n bytes and makes the plan from it.
func (a *abi2) plan(x *Context, plan *handle, attr handle, name string, n int, fill func(op unsafe.Pointer) Status) error {
	op := zeroed(n)
	if err := failed(name+"_desc_init", fill(op)); err != nil {
		return err
	}
	return failed("primitive_desc_create of "+name, a.create(plan, op, attr, x.lib.engine, 0))
}

func (a *abi2) matmul(x *Context, plan *handle, attr, src, weights, bias, dst handle) error {
	return a.plan(x, plan, attr, "matmul", matmulBytes, func(op unsafe.Pointer) Status {
		return a.initMatmul(op, src, weights, bias, dst)
	})
}

func (a *abi2) convolution(x *Context, plan *handle, attr, src, weights, bias, dst handle, w *window) error {
	return a.plan(x, plan, attr, "dilated_convolution_forward", convBytes, func(op unsafe.Pointer) Status {
		return a.initConv(op, inference, autoConv, src, weights, bias, dst,
			first(&w.strides), first(&w.dilates), first(&w.padL), first(&w.padR))
	})
}

func (a *abi2) softmax(x *Context, plan *handle, alg int32, src, dst handle, axis int32) error {
	return a.plan(x, plan, x.attr, "softmax_v2_forward", softmaxBytes, func(op unsafe.Pointer) Status {
		return a.initSoftmax(op, inference, alg, src, dst, axis)
	})
}

func (a *abi2) layerNorm(x *Context, plan *handle, src, _ handle, eps float32, flags uint32) error {
	return a.plan(x, plan, x.attr, "layer_normalization_forward", layerNormBytes, func(op unsafe.Pointer) Status {
		return a.initLayerNorm(op, inference, src, 0, eps, flags)
	})
}

func (a *abi2) eltwise(x *Context, plan *handle, alg int32, src, _ handle, alpha, beta float32) error {
	return a.plan(x, plan, x.attr, "eltwise_forward", eltwiseBytes, func(op unsafe.Pointer) Status {
		return a.initEltwise(op, inference, alg, src, alpha, beta)
	})
}

func (a *abi2) binary(x *Context, plan *handle, attr handle, alg int32, l, r, dst handle) error {
	return a.plan(x, plan, attr, "binary", binaryBytes, func(op unsafe.Pointer) Status {
		return a.initBinary(op, alg, l, r, dst)
	})
}

func (a *abi2) reduction(x *Context, plan *handle, alg int32, src, dst handle) error {
	return a.plan(x, plan, x.attr, "reduction", reductionBytes, func(op unsafe.Pointer) Status {
		return a.initReduction(op, alg, src, dst, 0, 0)
	})
}

func (a *abi2) pooling(x *Context, plan *handle, alg int32, src, dst handle, w *window) error {
	return a.plan(x, plan, x.attr, "pooling_v2_forward", poolingBytes, func(op unsafe.Pointer) Status {
		return a.initPooling(op, inference, alg, src, dst,
			first(&w.strides), first(&w.kernel), first(&w.dilates), first(&w.padL), first(&w.padR))
	})
}

// abi3 is that of 3.x: layouts are objects of the library, and a plan is made
// in one call.
type abi3 struct {
	byStrides func(out *handle, rank int32, dims *int64, t DType, strides *int64) Status
	byTag     func(out *handle, rank int32, dims *int64, t DType, tag int32) Status
	drop      func(layout handle) Status
	append    func(post handle, alg int32, alpha, beta float32) Status

	newMatmul    func(plan *handle, e, src, weights, bias, dst, attr handle) Status
	newConv      func(plan *handle, e handle, prop, alg int32, src, weights, bias, dst handle, strides, dilates, padL, padR *int64, attr handle) Status
	newSoftmax   func(plan *handle, e handle, prop, alg int32, src, dst handle, axis int32, attr handle) Status
	newLayerNorm func(plan *handle, e handle, prop int32, src, dst, stat handle, eps float32, flags uint32, attr handle) Status
	newEltwise   func(plan *handle, e handle, prop, alg int32, src, dst handle, alpha, beta float32, attr handle) Status
	newBinary    func(plan *handle, e handle, alg int32, a, b, dst, attr handle) Status
	newReduction func(plan *handle, e handle, alg int32, src, dst handle, p, eps float32, attr handle) Status
	newPooling   func(plan *handle, e handle, prop, alg int32, src, dst handle, strides, kernel, dilates, padL, padR *int64, attr handle) Status
}

func (a *abi3) symbols() []symbol {
	return []symbol{
		{"dnnl_memory_desc_create_with_strides", &a.byStrides},
		{"dnnl_memory_desc_create_with_tag", &a.byTag},
		{"dnnl_memory_desc_destroy", &a.drop},
		{"dnnl_post_ops_append_eltwise", &a.append},
		{"dnnl_matmul_primitive_desc_create", &a.newMatmul},
		{"dnnl_convolution_forward_primitive_desc_create", &a.newConv},
		{"dnnl_softmax_forward_primitive_desc_create", &a.newSoftmax},
		{"dnnl_layer_normalization_forward_primitive_desc_create", &a.newLayerNorm},
		{"dnnl_eltwise_forward_primitive_desc_create", &a.newEltwise},
		{"dnnl_binary_primitive_desc_create", &a.newBinary},
		{"dnnl_reduction_primitive_desc_create", &a.newReduction},
		{"dnnl_pooling_forward_primitive_desc_create", &a.newPooling},
	}
}

func (a *abi3) strided(x *Context, dims, strides []int64, t DType) (handle, error) {
	md := new(handle)
	err := failed("memory_desc_create_with_strides", a.byStrides(md, int32(len(dims)), &dims[0], t, &strides[0]))
	return x.own(*md, a.drop, err)
}

func (a *abi3) anyLayout(x *Context, dims []int64, t DType) (handle, error) {
	md := new(handle)
	err := failed("memory_desc_create_with_tag", a.byTag(md, int32(len(dims)), &dims[0], t, anyTag))
	return x.own(*md, a.drop, err)
}

func (a *abi3) appendEltwise(post handle, alg int32, alpha, beta float32) error {
	return failed("post_ops_append_eltwise", a.append(post, alg, alpha, beta))
}

func (a *abi3) matmul(x *Context, plan *handle, attr, src, weights, bias, dst handle) error {
	return failed("matmul_primitive_desc_create", a.newMatmul(plan, x.lib.engine, src, weights, bias, dst, attr))
}

func (a *abi3) convolution(x *Context, plan *handle, attr, src, weights, bias, dst handle, w *window) error {
	return failed("convolution_forward_primitive_desc_create", a.newConv(plan, x.lib.engine, inference, autoConv,
		src, weights, bias, dst, first(&w.strides), first(&w.dilates), first(&w.padL), first(&w.padR), attr))
}

func (a *abi3) softmax(x *Context, plan *handle, alg int32, src, dst handle, axis int32) error {
	return failed("softmax_forward_primitive_desc_create", a.newSoftmax(plan, x.lib.engine, inference, alg, src, dst, axis, x.attr))
}

func (a *abi3) layerNorm(x *Context, plan *handle, src, dst handle, eps float32, flags uint32) error {
	return failed("layer_normalization_forward_primitive_desc_create",
		a.newLayerNorm(plan, x.lib.engine, inference, src, dst, 0, eps, flags, x.attr))
}

func (a *abi3) eltwise(x *Context, plan *handle, alg int32, src, dst handle, alpha, beta float32) error {
	return failed("eltwise_forward_primitive_desc_create",
		a.newEltwise(plan, x.lib.engine, inference, alg, src, dst, alpha, beta, x.attr))
}

func (a *abi3) binary(x *Context, plan *handle, attr handle, alg int32, l, r, dst handle) error {
	return failed("binary_primitive_desc_create", a.newBinary(plan, x.lib.engine, alg, l, r, dst, attr))
}

func (a *abi3) reduction(x *Context, plan *handle, alg int32, src, dst handle) error {
	return failed("reduction_primitive_desc_create", a.newReduction(plan, x.lib.engine, alg, src, dst, 0, 0, x.attr))
}

func (a *abi3) pooling(x *Context, plan *handle, alg int32, src, dst handle, w *window) error {
	return failed("pooling_forward_primitive_desc_create", a.newPooling(plan, x.lib.engine, inference, alg, src, dst,
		first(&w.strides), first(&w.kernel), first(&w.dilates), first(&w.padL), first(&w.padR), x.attr))
}
