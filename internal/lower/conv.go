package lower

import (
	"devicemap/internal/graph"
	"devicemap/internal/mil"
)

// conv is one statement plus the bias. A filter that is as large as its stride
// folds space into depth first, which no width limit touches.
func conv(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op := n.Op.(graph.Conv).Defaults()
	x, w := l.in(n, 0), n.In[1]
	k := w.Shape[2:]
	if k[1] > l.chip.MaxKernelWidth {
		patch := w.Const != nil && k[0] == k[1] && op.Stride == [2]int{k[0], k[0]} && op.Dilation == [2]int{1, 1} &&
			op.Groups == 1 && op.Pad == [4]int{} && n.In[0].Shape[2]%k[0] == 0 && n.In[0].Shape[3]%k[0] == 0
		if !patch {
			return nil, l.limit("conv kernel width", k[1], l.chip.MaxKernelWidth, "split the filter's columns into groups and add the results, or fold space into depth first")
		}
		y := l.conv(graph.Conv{}.Defaults(), l.op("space_to_depth", mil.Int("block_size", k[0]), mil.In("x", x)), l.patchFilters(w))
		return one(l.bias(n, y))
	}
	if w.Const != nil {
		return one(l.bias(n, l.conv(op, x, l.value(w))))
	}
	var samples []*mil.Value // computed filters take a batch of 1
	for i := range n.In[0].Shape[0] {
		samples = append(samples, l.conv(op, l.cut(x, 0, i, 1), l.value(w)))
	}
	return one(l.bias(n, l.join(0, samples...)))
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
	src, dst := w.Const.Narrow, make([]float32, w.Shape.Elems())
	for f := range o {
		for ch := range c {
			for at := range k * k {
				dst[(f*k*k+at)*c+ch] = src[(f*c+ch)*k*k+at]
			}
		}
	}
	return l.Weight(w.Name, dst, o, c*k*k, 1, 1)
}

// convTranspose takes the output padding off the trailing pads: the extra rows
// and columns are those that the padding would have cut away.
func convTranspose(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op := n.Op.(graph.ConvTranspose).Defaults()
	w, err := l.baked(n, 1)
	if err != nil {
		return nil, err
	}
	if kw := w.Type.Shape[3]; kw > l.chip.MaxKernelWidth {
		return nil, l.limit("transposed conv kernel width", kw, l.chip.MaxKernelWidth, "split the filter's columns into groups and add the results")
	}
	for i := range 2 {
		if op.Pad[2*i+1] -= op.OutputPad[i]; op.Pad[2*i+1] < 0 {
			return nil, l.none("output padding %v exceeds the padding", op.OutputPad)
		}
	}
	y := l.op("conv_transpose", append(windows(op.Stride, op.Pad), mil.Ints("dilations", op.Dilation[:]...), mil.Int("groups", op.Groups),
		mil.In("weight", w), mil.In("x", l.in(n, 0)))...)
	return one(l.bias(n, y))
}

func pool(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op := n.Op.(graph.Pool).Defaults()
	args := append(windows(op.Stride, op.Pad), mil.Ints("kernel_sizes", op.Kernel[:]...), mil.Flag("ceil_mode", op.Ceil), mil.In("x", l.in(n, 0)))
	if op.Fn == graph.AvgPool {
		args = append(args, mil.Flag("exclude_padding_from_average", op.ExcludePad))
	}
	return one(l.op(string(op.Fn), args...))
}
