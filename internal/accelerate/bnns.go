package accelerate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"unsafe"
)

// block is a C structure as 8-byte words; offsets below are in bytes.
type block []uint64

func newBlock(bytes int) block { return make(block, bytes/8) }

func (b block) bytes() []byte { return unsafe.Slice((*byte)(at(b)), 8*len(b)) }

func (b block) word(offset int, v uint32) { binary.NativeEndian.PutUint32(b.bytes()[offset:], v) }

func (b block) float(offset int, v float32) { b.word(offset, math.Float32bits(v)) }

func (b block) long(offset int, v ...int) {
	for i, n := range v {
		b[offset/8+i] = uint64(n)
	}
}

func (b block) pointer(offset int, p unsafe.Pointer) { b[offset/8] = uint64(uintptr(p)) }

// Sizes of BNNS structures in bytes, and offsets inside a tensor descriptor.
// Source: bnns_structures.h.
const (
	tensorSize = 176
	filterSize = 32
	convSize   = 840

	tensorLayout  = 4
	tensorExtents = 8
	tensorStrides = 72 // 0: dense
	tensorData    = 136
	tensorType    = 144
	tensorScale   = 164

	filterThreads = 8
)

// Data types and layouts. Source: bnns_constants.h.
const (
	half  = 0x10010
	float = 0x10020

	vector    = 0x10000 // [n]
	imageCHW  = 0x30000 // extents W, H, C
	weightsKK = 0x40000 // extents kW, kH, in, out
	matrix    = 0x28001 // extents rows, columns
)

// tensor writes a descriptor at an offset of b.
func (b block) tensor(offset int, dtype, layout uint32, extents ...int) {
	b.word(offset+tensorLayout, layout)
	b.long(offset+tensorExtents, extents...)
	b.word(offset+tensorType, dtype)
	b.float(offset+tensorScale, 1)
}

// Convolution is a layer over maps of In [C, H, W] to Out [C, H, W], one group,
// with weights [Out C, In C, kH, kW] and a bias [Out C] or nil. Pad is top,
// bottom, left, right.
type Convolution struct {
	In, Out                  [3]int
	Kernel, Stride, Dilation [2]int // height, width
	Pad                      [4]int
	Weights, Bias            []float32
	Threads                  int
}

// Offsets in the parameters of a convolution.
const (
	convIn, convWeights, convOut, convBias = 0, 176, 352, 528
	convStride, convDilation               = 752, 768 // x, y
	convGroups, convPad                    = 800, 808 // left, right, up, down
)

// ErrRefused: BNNS makes no such layer; its reason is in the system's log only.
var ErrRefused = errors.New("accelerate: BNNS refuses this layer")

// Filter is a BNNS layer. It serves one goroutine at a time.
type Filter struct {
	lib     *Lib
	handle  uintptr
	in, out int // values of one sample
}

// NewConvolution makes the layer; the weights are copied.
func (l *Lib) NewConvolution(c Convolution) (*Filter, error) {
	if !l.Has(CreateConvolution) || !l.Has(ApplyBatch) || !l.Has(DestroyFilter) {
		return nil, fmt.Errorf("%w: the library lacks %v", ErrUnavailable, CreateConvolution)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	b := newBlock(convSize)
	b.tensor(convIn, float, imageCHW, c.In[2], c.In[1], c.In[0])
	b.tensor(convWeights, float, weightsKK, c.Kernel[1], c.Kernel[0], c.In[0], c.Out[0])
	b.tensor(convOut, float, imageCHW, c.Out[2], c.Out[1], c.Out[0])
	b.tensor(convBias, float, vector, c.Out[0])
	b.long(convStride, c.Stride[1], c.Stride[0])
	b.long(convDilation, c.Dilation[1], c.Dilation[0])
	b.long(convGroups, 1)
	b.long(convPad, c.Pad[2], c.Pad[3], c.Pad[0], c.Pad[1])
	bias := c.Bias
	if bias == nil {
		bias = make([]float32, c.Out[0])
	}
	var pins runtime.Pinner
	defer pins.Unpin()
	pins.Pin(&c.Weights[0])
	pins.Pin(&bias[0])
	b.pointer(convWeights+tensorData, at(c.Weights))
	b.pointer(convBias+tensorData, at(bias))
	params := newBlock(filterSize)
	params.long(filterThreads, c.Threads)
	args := l.take()
	handle := args.call(l.addr[CreateConvolution], args.hold(0, at(b)), args.hold(1, at(params)))
	l.give(args)
	if handle == 0 {
		return nil, fmt.Errorf("%w: convolution of %v by %v", ErrRefused, c.In, c.Kernel)
	}
	return &Filter{lib: l, handle: handle, in: c.In[0] * c.In[1] * c.In[2], out: c.Out[0] * c.Out[1] * c.Out[2]}, nil
}

func (c Convolution) check() error {
	for side := range 2 {
		size := c.In[1+side] + c.Pad[2*side] + c.Pad[2*side+1] - (c.Kernel[side]-1)*c.Dilation[side] - 1
		if c.Stride[side] < 1 || c.Dilation[side] < 1 || c.Kernel[side] < 1 || size < 0 || size/c.Stride[side]+1 != c.Out[1+side] {
			return fmt.Errorf("accelerate: convolution of %v by %v, stride %v, dilation %v, padding %v does not give %v",
				c.In, c.Kernel, c.Stride, c.Dilation, c.Pad, c.Out)
		}
	}
	if want := c.Out[0] * c.In[0] * c.Kernel[0] * c.Kernel[1]; want < 1 || len(c.Weights) != want || (c.Bias != nil && len(c.Bias) != c.Out[0]) {
		return fmt.Errorf("accelerate: convolution with %d weights and %d biases, want %d and none or %d",
			len(c.Weights), len(c.Bias), want, c.Out[0])
	}
	return nil
}

// Close frees the layer; it may be called twice.
func (f *Filter) Close() error {
	if f.handle != 0 {
		new(cell).call(f.lib.addr[DestroyFilter], f.handle)
		f.handle = 0
	}
	return nil
}

// Apply computes n samples. It panics if a slice is too short or f is closed.
func (f *Filter) Apply(n int, in, out []float32) error {
	if f.handle == 0 || len(in) < n*f.in || len(out) < n*f.out {
		panic(fmt.Sprintf("accelerate: %d samples of %d and %d values, got %d and %d, filter %#x", n, f.in, f.out, len(in), len(out), f.handle))
	}
	c := f.lib.take()
	st := c.call(f.lib.addr[ApplyBatch], f.handle, uintptr(n), c.hold(0, at(in)), uintptr(f.in), c.hold(1, at(out)), uintptr(f.out))
	f.lib.give(c)
	return status(ApplyBatch, int32(st))
}

// status is the error of a call that returned st, 0 for success.
func status(f Func, st int32) error {
	if st == 0 {
		return nil
	}
	return fmt.Errorf("accelerate: %v: status %d", f, st)
}

// HalfProduct is a [Product] of fp16 operands with a float32 result. It serves
// one goroutine at a time.
type HalfProduct struct {
	Product
	lib                 *Lib
	a, b, c             block
	workspace           []uint64
	operands            [3]unsafe.Pointer // of the last run: kept alive and in place
	spanA, spanB, spanC int
}

// NewHalfProduct prepares p.
func (l *Lib) NewHalfProduct(p Product) (*HalfProduct, error) {
	if l.matMul == nil {
		return nil, fmt.Errorf("%w: the library lacks %v", ErrUnavailable, MatMul)
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	h := &HalfProduct{Product: p, lib: l, a: newBlock(tensorSize), b: newBlock(tensorSize), c: newBlock(tensorSize)}
	h.spanA, h.spanB, h.spanC = p.extents()
	describe := func(b block, dtype uint32, rows, cols, ld int, turned bool) {
		if turned {
			rows, cols = cols, rows
		}
		b.tensor(0, dtype, matrix, rows, cols)
		b.long(tensorStrides, ld, 1)
	}
	describe(h.a, half, p.M, p.K, p.LDA, p.TransA)
	describe(h.b, half, p.K, p.N, p.LDB, p.TransB)
	describe(h.c, float, p.M, p.N, p.LDC, false)
	n := l.workspace(p.TransA, p.TransB, 1, at(h.a), at(h.b), at(h.c), nil)
	if n < 0 {
		return nil, fmt.Errorf("%w: fp16 product %d×%d×%d", ErrRefused, p.M, p.N, p.K)
	}
	h.workspace = make([]uint64, max(128, (n+7)/8)) // from 1 KiB on Go aligns to 128 bytes
	return h, nil
}

// WorkspaceBytes is the memory that the product holds.
func (h *HalfProduct) WorkspaceBytes() int { return 8 * len(h.workspace) }

// Run computes c = a·b from fp16 bit patterns. It panics if a slice is too
// short.
func (h *HalfProduct) Run(a, b []uint16, c []float32) error {
	if len(a) < h.spanA || len(b) < h.spanB || len(c) < h.spanC {
		panic(fmt.Sprintf("accelerate: fp16 product of %d and %d values into %d, want %d, %d, %d",
			len(a), len(b), len(c), h.spanA, h.spanB, h.spanC))
	}
	h.operands = [3]unsafe.Pointer{at(a), at(b), at(c)}
	for i, b := range []block{h.a, h.b, h.c} {
		b.pointer(tensorData, h.operands[i])
	}
	return status(MatMul, h.lib.matMul(h.TransA, h.TransB, 1, at(h.a), at(h.b), at(h.c), at(h.workspace), nil))
}
