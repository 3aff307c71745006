package cpu

import (
	"slices"

	"devicemap/internal/graph"
)

// frame is the layout of a padded plane that windows of kernel positions
// (a, b) read at a stride. The plane is split by the remainders of its padded
// coordinates modulo the stride into phases, dense planes of rows × pitch
// values one after the other; with that, output pixel (y, x) reads position
// (a, b) at tap(a, b) + y·pitch + x, at step 1 for any stride. Phases that no
// position reads are not there.
type frame struct {
	stride, dilation, kernel [2]int
	top, left                int   // padding
	h, w                     int   // of the plane
	oh, ow                   int   // of the output
	phaseY, phaseX           []int // the remainders that are read, rising
	rows, pitch              int   // of a phase
}

func newFrame(kernel, stride, dilation [2]int, pad [4]int, in, out graph.Shape) frame {
	f := frame{stride: stride, dilation: dilation, kernel: kernel, top: pad[0], left: pad[2],
		h: in[2], w: in[3], oh: out[2], ow: out[3]}
	f.phaseY, f.phaseX = remainders(kernel[0], dilation[0], stride[0]), remainders(kernel[1], dilation[1], stride[1])
	f.rows = f.oh + (kernel[0]-1)*dilation[0]/stride[0]
	f.pitch = f.ow + (kernel[1]-1)*dilation[1]/stride[1]
	return f
}

// remainders lists a·dilation mod stride for a < kernel, rising, each once.
func remainders(kernel, dilation, stride int) []int {
	var list []int
	for a := range min(kernel, stride) { // they repeat after at most stride positions
		list = append(list, a*dilation%stride)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (f *frame) phases() int { return len(f.phaseY) * len(f.phaseX) }
func (f *frame) elems() int  { return f.phases() * f.rows * f.pitch }

// taps lists where each kernel position is read for output pixel (0, 0), row
// by row.
func (f *frame) taps() []int {
	var at []int
	for a := range f.kernel[0] {
		y := a * f.dilation[0]
		py, _ := slices.BinarySearch(f.phaseY, y%f.stride[0])
		for b := range f.kernel[1] {
			x := b * f.dilation[1]
			px, _ := slices.BinarySearch(f.phaseX, x%f.stride[1])
			at = append(at, ((py*len(f.phaseX)+px)*f.rows+y/f.stride[0])*f.pitch+x/f.stride[1])
		}
	}
	return at
}

// fillPhase writes one phase of the plane.
func (f *frame) fillPhase(dst, plane []float32, phase int) {
	sy, sx := f.stride[0], f.stride[1]
	y := f.phaseY[phase/len(f.phaseX)] - f.top
	x := f.phaseX[phase%len(f.phaseX)] - f.left
	first := min(f.pitch, ceilDiv(max(-x, 0), sx)) // columns [first, last) are real
	last := max(first, min(f.pitch, ceilDiv(max(f.w-x, 0), sx)))
	for range f.rows {
		line := dst[:f.pitch]
		dst = dst[f.pitch:]
		if y < 0 || y >= f.h || first == last {
			clear(line)
		} else {
			clear(line[:first])
			clear(line[last:])
			every(line[first:last], plane[y*f.w+x+first*sx:(y+1)*f.w], sx)
		}
		y += sy
	}
}

// every is dst[i] = src[i·step].
func every(dst, src []float32, step int) {
	switch step {
	case 1:
		copy(dst, src)
	case 2:
		for len(dst) >= 4 && len(src) >= 8 {
			d, s := dst[:4:4], src[:8:8]
			d[0], d[1], d[2], d[3] = s[0], s[2], s[4], s[6]
			dst, src = dst[4:], src[8:]
		}
		fallthrough
	default:
		at := 0
		for i := range dst {
			dst[i] = src[at]
			at += step
		}
	}
}
