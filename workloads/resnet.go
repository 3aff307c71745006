package workloads

import (
	"fmt"
	"math"

	"devicemap/internal/graph"
)

// bnEps is the ε of every BatchNorm of ResNet.
const bnEps = 1e-5

// ResNet is an image classifier of basic blocks (measurements, Models):
// 7×7/2 stem with 64 channels, ReLU, 3×3/2 max-pool; stages of basic blocks
// with 64, 128, 256, ... channels, all but the first halving the map; mean
// over the map, linear with bias. Names follow torchvision.
type ResNet struct {
	Blocks        []int // basic blocks per stage
	Classes       int
	Height, Width int
	InputSeed     uint64 // of the image, N(0,1), not normalised further
	// KeepBatchNorm leaves BatchNorm in the graph. By default it is folded
	// into the convolutions in float64, W' = W·γ/√(var+ε) and
	// bias' = β − mean·γ/√(var+ε); the folded constants stay wide.
	KeepBatchNorm bool
}

// ResNet18 is the published model and image.
func ResNet18() ResNet {
	return ResNet{Blocks: []int{2, 2, 2, 2}, Classes: 1000, Height: 224, Width: 224, InputSeed: 6}
}

// basicBlock is two 3×3 convolutions around a shortcut; project says that the
// shortcut is a 1×1 convolution.
type basicBlock struct {
	name            string
	in, out, stride int
	project, last   bool // last of its stage
}

func (c ResNet) blocks() []basicBlock {
	var list []basicBlock
	in := 64
	for stage, n := range c.Blocks {
		out := 64 << stage
		for i := range n {
			b := basicBlock{name: fmt.Sprintf("layer%d.%d", stage+1, i), in: in, out: out, stride: 1, last: i == n-1}
			if i == 0 && stage > 0 {
				b.stride, b.project = 2, true
			}
			list = append(list, b)
			in = out
		}
	}
	return list
}

func (c ResNet) features() int { return 64 << (len(c.Blocks) - 1) }

// Parameters lists what the model asks its [Params] for, in the order of the
// state dictionary.
func (c ResNet) Parameters() []Parameter {
	unit := func(conv, bn string, out, in, k int) []Parameter {
		list := []Parameter{{conv + ".weight", graph.Shape{out, in, k, k}}}
		for _, field := range []string{".weight", ".bias", ".running_mean", ".running_var"} {
			list = append(list, Parameter{bn + field, graph.Shape{out}})
		}
		return list
	}
	list := unit("conv1", "bn1", 64, 3, 7)
	for _, b := range c.blocks() {
		list = append(list, unit(b.name+".conv1", b.name+".bn1", b.out, b.in, 3)...)
		list = append(list, unit(b.name+".conv2", b.name+".bn2", b.out, b.out, 3)...)
		if b.project {
			list = append(list, unit(b.name+".downsample.0", b.name+".downsample.1", b.out, b.in, 1)...)
		}
	}
	return append(list, withBias("fc", c.Classes, c.features())...)
}

// Build makes the graph: image [1, 3, Height, Width] → logits [1, Classes].
func (c ResNet) Build(p Params) (*Instance, error) {
	w, err := load(p, c.Parameters())
	if err != nil {
		return nil, err
	}
	n := network{newSketch("ResNet", c.InputSeed), w}
	x := n.fed("image", 1, 1, 3, c.Height, c.Width)
	x = c.unit(n, "conv1", "bn1", x, graph.Conv{Stride: [2]int{2, 2}, Pad: [4]int{3, 3, 3, 3}})
	x = n.layer("relu", n.Unary(graph.ReLU, x))
	x = n.layer("maxpool", n.Apply(graph.Pool{Fn: graph.MaxPool, Kernel: [2]int{3, 3}, Stride: [2]int{2, 2},
		Pad: [4]int{1, 1, 1, 1}}, x))
	for _, b := range c.blocks() {
		x = c.block(n, b, x)
		if b.last {
			n.layer(b.name[:len("layer1")], x)
		}
	}
	x = n.layer("avgpool", n.Apply(graph.Reduce{Fn: graph.Mean, Axes: []int{2, 3}, Drop: true}, x))
	x = n.layer("fc", n.linear("fc", n.Reshape(x, 1, c.features())))
	return n.done("logits", x, evidenceFor("ResNet-18-forward"))
}

func (c ResNet) block(n network, b basicBlock, x *graph.Value) *graph.Value {
	pad := [4]int{1, 1, 1, 1}
	stride := [2]int{b.stride, b.stride}
	y := c.unit(n, b.name+".conv1", b.name+".bn1", x, graph.Conv{Stride: stride, Pad: pad})
	y = n.layer(b.name+".relu", n.Unary(graph.ReLU, y))
	y = c.unit(n, b.name+".conv2", b.name+".bn2", y, graph.Conv{Pad: pad})
	if b.project {
		x = c.unit(n, b.name+".downsample.0", b.name+".downsample.1", x, graph.Conv{Stride: stride})
	}
	return n.layer(b.name, n.Unary(graph.ReLU, n.Add(y, x)))
}

// unit is a convolution and its BatchNorm.
func (c ResNet) unit(n network, conv, bn string, x *graph.Value, op graph.Conv) *graph.Value {
	if c.KeepBatchNorm {
		y := n.layer(conv, n.Conv(op, x, n.param(conv+".weight"), nil))
		return n.layer(bn, n.Apply(graph.BatchNorm{Eps: bnEps}, y, n.param(bn+".weight"), n.param(bn+".bias"),
			n.param(bn+".running_mean"), n.param(bn+".running_var")))
	}
	w, bias := n.fold(conv, bn)
	filter := n.Const(conv+".weight", graph.F64(w), n.w.tensor(conv+".weight").shape...)
	return n.layer(bn, n.Conv(op, x, filter, n.Const(bn+".bias", graph.F64(bias), len(bias))))
}

// fold merges the BatchNorm bn into the convolution conv.
func (n network) fold(conv, bn string) (w, bias []float64) {
	filter := n.w.tensor(conv + ".weight").data
	gamma, beta := n.w.tensor(bn+".weight").data, n.w.tensor(bn+".bias").data
	mean, variance := n.w.tensor(bn+".running_mean").data, n.w.tensor(bn+".running_var").data
	w, bias = make([]float64, len(filter)), make([]float64, len(gamma))
	per := len(filter) / len(gamma)
	for o := range bias {
		scale := float64(gamma[o]) / math.Sqrt(float64(variance[o])+bnEps)
		bias[o] = float64(beta[o]) - float64(mean[o])*scale
		for i := o * per; i < (o+1)*per; i++ {
			w[i] = float64(filter[i]) * scale
		}
	}
	return w, bias
}
