package lower

import (
	"fmt"
	"slices"

	"devicemap/internal/graph"
	"devicemap/internal/mil"
)

func conv(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op := n.Op.(graph.Conv).Defaults()
	f := filter{n.In[1], n.In[1].Shape}
	if f.shape[3] > l.chip.MaxKernelWidth && f.patches(op) {
		return one(l.bias(n, l.patched(l.in(n, 0), f)))
	}
	y, err := l.filtered(op, l.in(n, 0), f)
	if err != nil {
		return nil, err
	}
	return one(l.bias(n, y))
}

// filter is a filter bank in the shape [O, C/groups, kH, kW].
type filter struct {
	v     *graph.Value
	shape []int
}

// patches reports whether constant square filters tile the image.
func (f filter) patches(op graph.Conv) bool {
	k := f.shape[2]
	return f.v.Const != nil && f.shape[3] == k && op.Stride == [2]int{k, k} && op.Dilation == [2]int{1, 1} && op.Groups == 1 &&
		op.Pad == [4]int{}
}

// patched is the convolution by filters that tile the image: it folds space
// into depth first, which no width limit touches. Rows and columns that fill no
// tile are cut off.
func (l *lowering) patched(x *mil.Value, f filter) *mil.Value {
	k, s := f.shape[2], x.Type.Shape
	x = l.window(x, []int{0, 0, 0, 0}, []int{s[0], s[1], s[2] / k * k, s[3] / k * k}, nil)
	x = l.op("space_to_depth", mil.Int("block_size", k), mil.In("x", x))
	return l.conv(graph.Conv{}.Defaults(), x, l.patchFilters(f.v))
}

// filtered applies f, in groups of columns where it is wider than the chip
// takes: y = Σ_g x[:, :, :, from_g…] ∗ f[:, :, :, columns of g].
func (l *lowering) filtered(op graph.Conv, x *mil.Value, f filter) (*mil.Value, error) {
	width, w := f.shape[3], x.Type.Shape[3]
	groups := (width + l.chip.MaxKernelWidth - 1) / l.chip.MaxKernelWidth
	if groups == 1 {
		return l.samples(op, x, f, l.columns(f, 0, width)), nil
	}
	steps := (w + op.Pad[2] + op.Pad[3] - op.Dilation[1]*(width-1) - 1) / op.Stride[1]
	var sum *mil.Value
	for g := range groups {
		from, to := g*width/groups, (g+1)*width/groups
		// The group reads the columns [start, end) of the unpadded image.
		start := op.Dilation[1]*from - op.Pad[2]
		end := start + steps*op.Stride[1] + op.Dilation[1]*(to-from-1) + 1
		part := op
		part.Pad[2], part.Pad[3] = max(0, -start), max(0, end-w)
		start, end = max(0, start), min(w, end)
		if start >= end {
			continue // it meets the padding alone
		}
		y := l.samples(part, l.cut(x, 3, start, end-start), f, l.columns(f, from, to-from))
		if sum == nil {
			sum = y
		} else {
			sum = l.add(sum, y)
		}
	}
	if sum == nil {
		return nil, l.none("the filters meet nothing but padding")
	}
	return sum, nil
}

// columns are count columns of the filters: cut from a constant when it is
// written, else by a slice.
func (l *lowering) columns(f filter, from, count int) *mil.Value {
	width := f.shape[3]
	if f.v.Const == nil {
		return l.cut(l.reshape(l.value(f.v), f.shape...), 3, from, count)
	}
	if count == width && slices.Equal(f.v.Shape, f.shape) {
		return l.stored(f.v)
	}
	return l.weight(f.v, fmt.Sprint("columns ", from, count), func() []float32 {
		part := make([]float32, 0, f.v.Shape.Elems()/width*count)
		for row := range slices.Chunk(f.v.Const.Narrow, width) {
			part = append(part, row[from:from+count]...)
		}
		return part
	}, f.shape[0], f.shape[1], f.shape[2], count)
}

// samples applies filters w to a batch; computed ones take one sample at a
// time.
func (l *lowering) samples(op graph.Conv, x *mil.Value, f filter, w *mil.Value) *mil.Value {
	if f.v.Const != nil {
		return l.conv(op, x, w)
	}
	var parts []*mil.Value
	for i := range x.Type.Shape[0] {
		parts = append(parts, l.conv(op, l.cut(x, 0, i, 1), w))
	}
	return l.join(0, parts...)
}

func (l *lowering) conv(op graph.Conv, x, w *mil.Value) *mil.Value {
	return l.op("conv", append(windows(op.Stride, op.Pad), mil.Ints("dilations", op.Dilation[:]...), mil.Int("groups", op.Groups),
		mil.In("weight", w), mil.In("x", x))...)
}

// windows spells the settings that convolutions and pools share.
func windows(stride [2]int, pad [4]int) []mil.Arg {
	return []mil.Arg{mil.Ints("strides", stride[:]...), mil.Ints("pad", pad[:]...), mil.Word("pad_type", "custom")}
}

// bias adds operand 2 of n, if there is one, per channel.
func (l *lowering) bias(n *graph.Node, y *mil.Value) *mil.Value {
	if len(n.In) < 3 {
		return y
	}
	return l.add(y, l.as(n, 2, 1, n.In[2].Shape[0], 1, 1))
}

// patchFilters reorders filters [O, C, k, k] to those of the 1×1 convolution
// over space_to_depth(k): [O, (i·k+j)·C+c, 1, 1].
func (l *lowering) patchFilters(w *graph.Value) *mil.Value {
	o, c, k := w.Shape[0], w.Shape[1], w.Shape[2]
	return l.weight(w, "patches", func() []float32 {
		src, dst := w.Const.Narrow, make([]float32, w.Shape.Elems())
		for f := range o {
			for ch := range c {
				for at := range k * k {
					dst[(f*k*k+at)*c+ch] = src[(f*c+ch)*k*k+at]
				}
			}
		}
		return dst
	}, o, c*k*k, 1, 1)
}

// convTranspose takes the output padding off the trailing pads: the extra rows
// and columns are those that the padding would have cut away. What is left of
// it lies beyond every product and is zero.
func convTranspose(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op := n.Op.(graph.ConvTranspose).Defaults()
	if n.In[1].Const == nil {
		return nil, l.none("the filters must be constant")
	}
	w := l.in(n, 1)
	if kw := w.Type.Shape[3]; kw > l.chip.MaxKernelWidth {
		return nil, l.limit("transposed conv kernel width", kw, l.chip.MaxKernelWidth, "split the filter's columns into groups and add the results")
	}
	var beyond [2]int
	for i := range 2 {
		op.Pad[2*i+1] -= op.OutputPad[i]
		beyond[i] = max(0, -op.Pad[2*i+1])
		op.Pad[2*i+1] += beyond[i]
	}
	y := l.op("conv_transpose", append(windows(op.Stride, op.Pad), mil.Ints("dilations", op.Dilation[:]...), mil.Int("groups", op.Groups),
		mil.In("weight", w), mil.In("x", l.in(n, 0)))...)
	return one(l.bias(n, l.border(y, [4]int{0, beyond[0], 0, beyond[1]}, 0)))
}

// border adds rows and columns of one value: top, bottom, left, right.
func (l *lowering) border(x *mil.Value, pad [4]int, value float64) *mil.Value {
	if pad == [4]int{} {
		return x
	}
	return l.op("pad", mil.Half("constant_val", value), mil.Word("mode", "constant"),
		mil.Ints("pad", append([]int{0, 0, 0, 0}, pad[:]...)...), mil.In("x", x))
}

// pool spells a size that is rounded up as more padding behind, on whose
// meaning all agree. An average that counts padding is corrected where its
// window leaves the original padding.
func pool(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op := n.Op.(graph.Pool).Defaults()
	in, out := n.In[0].Shape[2:], n.Out[0].Shape[2:]
	pad, grown := op.Pad, false
	for i := range 2 {
		if reach := (out[i]-1)*op.Stride[i] + op.Kernel[i] - in[i] - pad[2*i]; reach > pad[2*i+1] {
			pad[2*i+1], grown = reach, true
		}
	}
	args := append(windows(op.Stride, pad), mil.Ints("kernel_sizes", op.Kernel[:]...), mil.Flag("ceil_mode", false), mil.In("x", l.in(n, 0)))
	if op.Fn != graph.AvgPool {
		return one(l.op(string(op.Fn), args...))
	}
	y := l.op("avg_pool", append(args, mil.Flag("exclude_padding_from_average", op.ExcludePad))...)
	if grown && !op.ExcludePad {
		y = l.mul(y, l.Weight("area", areas(op, in, out), 1, 1, out[0], out[1]))
	}
	return one(y)
}

// areas is, for each window, the kernel's area over that inside the padded map.
func areas(op graph.Pool, in, out []int) []float32 {
	inside := func(side, at int) int {
		first := at * op.Stride[side]
		return min(first+op.Kernel[side], in[side]+op.Pad[2*side]+op.Pad[2*side+1]) - first
	}
	m := make([]float32, 0, out[0]*out[1])
	for i := range out[0] {
		for j := range out[1] {
			m = append(m, float32(op.Kernel[0]*op.Kernel[1])/float32(inside(0, i)*inside(1, j)))
		}
	}
	return m
}
