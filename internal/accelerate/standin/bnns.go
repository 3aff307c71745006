package standin

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"gonum.org/v1/gonum/blas/gonum"

	"devicemap/internal/fp16"
)

var bnnsFunctions = map[string]any{
	"BNNSFilterCreateLayerConvolution": func(params, filter unsafe.Pointer) (handle uintptr) {
		call("BNNSFilterCreateLayerConvolution", func(s *state) {
			l := readConvolution(structure(params, 840), structure(filter, 32))
			s.mu.Lock()
			defer s.mu.Unlock()
			handle = uintptr(0x1000 + 16*(len(s.layers)+s.destroyed))
			s.layers[handle] = l
		})
		return handle
	},
	"BNNSFilterApplyBatch": func(handle uintptr, n uint64, in *float32, inStride uint64, out *float32, outStride uint64) int32 {
		return call("BNNSFilterApplyBatch", func(s *state) {
			s.mu.Lock()
			l := s.layers[handle]
			s.mu.Unlock()
			if l == nil {
				panic(fmt.Sprintf("no filter %#x", handle))
			}
			x, y := values(in, n*inStride), values(out, n*outStride)
			for i := range n {
				l.apply(x[i*inStride:], y[i*outStride:])
			}
			y[len(y)-1] += s.off("BNNSFilterApplyBatch")
		})
	},
	"BNNSFilterDestroy": func(handle uintptr) {
		call("BNNSFilterDestroy", func(s *state) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.layers[handle] != nil { // else one of an earlier Lookup
				delete(s.layers, handle)
				s.destroyed++
			}
		})
	},
	"BNNSMatMul": func(ta, tb bool, alpha float32, a, b, c, workspace, filter unsafe.Pointer) int32 {
		return call("BNNSMatMul", func(s *state) {
			if workspace == nil || filter != nil || alpha != 1 {
				panic("want a workspace, default parameters and a factor of 1")
			}
			multiplyHalves(ta, tb, structure(a, 176), structure(b, 176), structure(c, 176), s.off("BNNSMatMul"))
		})
	},
	"BNNSMatMulWorkspaceSize": func(_, _ bool, _ float32, a, b, c, _ unsafe.Pointer) int64 {
		if call("BNNSMatMulWorkspaceSize", func(*state) {
			for _, p := range []unsafe.Pointer{a, b, c} {
				structure(p, 176)
			}
		}) != 0 {
			return -1
		}
		return 4096
	},
}

// record is a C structure as bytes.
type record []byte

func structure(p unsafe.Pointer, bytes uint64) record {
	if uintptr(p)%8 != 0 {
		panic("a structure is not aligned to 8 bytes")
	}
	return values((*byte)(p), bytes)
}

func (r record) word(at int) uint32 { return binary.NativeEndian.Uint32(r[at:]) }
func (r record) long(at int) int    { return int(binary.NativeEndian.Uint64(r[at:])) }

func (r record) longs(at, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = r.long(at + 8*i)
	}
	return out
}

func (r record) pointer(at int) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&r[at])) }

// tensor is a descriptor: 176 bytes with layout at 4, extents at 8, strides at
// 72, data at 136, type at 144 and scale at 164.
func (r record) tensor(at int, dtype, layout uint32, rank int) []int {
	d := r[at : at+176]
	if d.word(144) != dtype || d.word(4) != layout {
		panic(fmt.Sprintf("tensor of type %#x and layout %#x, want %#x and %#x", d.word(144), d.word(4), dtype, layout))
	}
	if scale := math.Float32frombits(d.word(164)); scale != 1 {
		panic(fmt.Sprintf("tensor with a scale of %v", scale))
	}
	return d.longs(8, rank)
}

// layer is a convolution.
type layer struct {
	in, out                [3]int // W, H, C
	kernel, stride, spread [2]int // width, height
	left, top              int
	weights, bias          []float32
}

func readConvolution(p, filter record) *layer {
	l := new(layer)
	copy(l.in[:], p.tensor(0, 0x10020, 0x30000, 3))
	w := p.tensor(176, 0x10020, 0x40000, 4)
	copy(l.out[:], p.tensor(352, 0x10020, 0x30000, 3))
	bias := p.tensor(528, 0x10020, 0x10000, 1)
	copy(l.kernel[:], w)
	copy(l.stride[:], p.longs(752, 2))
	copy(l.spread[:], p.longs(768, 2))
	if w[2] != l.in[2] || w[3] != l.out[2] || bias[0] != l.out[2] || p.long(800) != 1 || p.long(784) != 0 || p.long(792) != 0 {
		panic(fmt.Sprintf("weights %v and %v biases for %v to %v", w, bias, l.in, l.out))
	}
	pad := p.longs(808, 4) // left, right, up, down
	l.left, l.top = pad[0], pad[2]
	for side := range 2 {
		reach := l.in[side] + pad[2*side] + pad[2*side+1] - (l.kernel[side]-1)*l.spread[side] - 1
		if reach < 0 || reach/l.stride[side]+1 != l.out[side] {
			panic(fmt.Sprintf("%v does not give %v", l.in, l.out))
		}
	}
	if filter.word(0) != 0 || filter.long(8) < 1 {
		panic("want copied weights and a number of threads")
	}
	l.weights = append(l.weights, values((*float32)(p.pointer(176+136)), uint64(w[0]*w[1]*w[2]*w[3]))...)
	l.bias = append(l.bias, values((*float32)(p.pointer(528+136)), uint64(bias[0]))...)
	return l
}

// apply adds one scaled row of x at a time.
func (l *layer) apply(x, y []float32) {
	w, h, channels := l.in[0], l.in[1], l.in[2]
	area, ow := l.kernel[0]*l.kernel[1], l.out[0]
	for row := range l.out[1] * l.out[2] {
		oy, o := row%l.out[1], row/l.out[1]
		line := y[row*ow : (row+1)*ow]
		for i := range line {
			line[i] = l.bias[o]
		}
		for tap := range channels * area {
			iy := oy*l.stride[1] - l.top + tap%area/l.kernel[0]*l.spread[1]
			if iy < 0 || iy >= h {
				continue
			}
			src, k := x[(tap/area*h+iy)*w:][:w], l.weights[o*channels*area+tap]
			shift := tap%l.kernel[0]*l.spread[0] - l.left
			first, last := inside(ow, l.stride[0], shift, w)
			if first < last {
				gonum.Implementation{}.Saxpy(last-first, k, src[first*l.stride[0]+shift:], l.stride[0], line[first:last], 1)
			}
		}
	}
}

// inside gives the range of i in [0, n) with i·stride + shift in [0, w).
func inside(n, stride, shift, w int) (first, last int) {
	for first < n && first*stride+shift < 0 {
		first++
	}
	for last = n; last > first && (last-1)*stride+shift >= w; {
		last--
	}
	return first, last
}

// multiplyHalves is c = a·b with float32 sums.
func multiplyHalves(ta, tb bool, a, b, c record, off float32) {
	type view struct{ rows, cols, row, col int }
	read := func(r record, dtype uint32, turn bool) view {
		e, s := r.tensor(0, dtype, 0x28001, 2), r.longs(72, 2)
		if turn {
			return view{e[1], e[0], s[1], s[0]}
		}
		return view{e[0], e[1], s[0], s[1]}
	}
	va, vb, vc := read(a, 0x10010, ta), read(b, 0x10010, tb), read(c, 0x10020, false)
	if va.cols != vb.rows || va.rows != vc.rows || vb.cols != vc.cols {
		panic(fmt.Sprintf("product of %v and %v into %v", va, vb, vc))
	}
	decoded := func(r record, v view) []float32 {
		halves := values((*uint16)(r.pointer(136)), uint64((v.rows-1)*v.row+(v.cols-1)*v.col+1))
		out := make([]float32, len(halves))
		fp16.Decode(out, halves)
		return out
	}
	x, y := decoded(a, va), decoded(b, vb)
	dst := values((*float32)(c.pointer(136)), uint64((vc.rows-1)*vc.row+vc.cols))
	for i := range vc.rows {
		row := dst[i*vc.row : i*vc.row+vc.cols]
		clear(row)
		for k := range va.cols {
			f := x[i*va.row+k*va.col]
			for j := range row {
				row[j] += f * y[k*vb.row+j*vb.col]
			}
		}
	}
	dst[len(dst)-1] += off
}
