package workloads

import (
	"fmt"

	"devicemap/internal/graph"
)

// vitEps is the ε of every layer norm of ViT.
const vitEps = 1e-6

// ViT is a vision transformer (measurements, Models): patch convolution with
// bias, class token, positions, pre-norm layers with exact gelu, final norm,
// row 0, linear head. Names follow torchvision.
type ViT struct {
	Image, Patch int // side lengths in pixels
	Depth, Heads int
	Dim, MLP     int
	Classes      int
	InputSeed    uint64 // of the image, N(0,1)
}

// ViTB16 is the published model and image.
func ViTB16() ViT {
	return ViT{Image: 224, Patch: 16, Depth: 12, Heads: 12, Dim: 768, MLP: 3072, Classes: 1000}
}

// Tokens is the number of patches plus the class token.
func (c ViT) Tokens() int { return c.side()*c.side() + 1 }

// side is the number of patches along a side.
func (c ViT) side() int { return c.Image / c.Patch }

// Parameters lists what the model asks its [Params] for, in the order of the
// state dictionary.
func (c ViT) Parameters() []Parameter {
	d := c.Dim
	list := []Parameter{{"class_token", graph.Shape{1, 1, d}}}
	list = append(list, withBias("conv_proj", d, 3, c.Patch, c.Patch)...)
	list = append(list, Parameter{"encoder.pos_embedding", graph.Shape{1, c.Tokens(), d}})
	for i := range c.Depth {
		layer := vitLayer(i)
		list = append(list, withBias(layer+".ln_1", d)...)
		list = append(list,
			Parameter{layer + ".self_attention.in_proj_weight", graph.Shape{3 * d, d}},
			Parameter{layer + ".self_attention.in_proj_bias", graph.Shape{3 * d}})
		list = append(list, withBias(layer+".self_attention.out_proj", d, d)...)
		list = append(list, withBias(layer+".ln_2", d)...)
		list = append(list, withBias(layer+".mlp.0", c.MLP, d)...)
		list = append(list, withBias(layer+".mlp.3", d, c.MLP)...)
	}
	list = append(list, withBias("encoder.ln", d)...)
	return append(list, withBias("heads.head", c.Classes, d)...)
}

func vitLayer(i int) string { return fmt.Sprintf("encoder.layers.encoder_layer_%d", i) }

// Build makes the graph: image [1, 3, Image, Image], class token [1, Dim] and
// positions [Tokens, Dim] → logits [1, Classes]. The latter two are inputs
// because the paper feeds them on each call.
func (c ViT) Build(p Params) (*Instance, error) {
	w, err := load(p, c.Parameters())
	if err != nil {
		return nil, err
	}
	n := network{newSketch("ViT", c.InputSeed), w}
	d := c.Dim
	image := n.fed("image", 1, 1, 3, c.Image, c.Image)
	class := n.feed("class_token", graph.F32(w.tensor("class_token").data), 1, d)
	positions := n.feed("positions", graph.F32(w.tensor("encoder.pos_embedding").data), c.Tokens(), d)

	patch := graph.Conv{Stride: [2]int{c.Patch, c.Patch}}
	x := n.layer("conv_proj", n.Conv(patch, image, n.param("conv_proj.weight"), n.param("conv_proj.bias")))
	x = n.Transpose(n.Reshape(x, d, c.Tokens()-1), 1, 0)
	x = n.Add(n.Apply(graph.Concat{Axis: 0}, class, x), positions)
	for i := range c.Depth {
		x = c.layer(n, vitLayer(i), x)
	}
	x = n.layer("encoder.ln", n.norm("encoder.ln", x, vitEps))
	row := n.Apply(graph.Slice{Begin: []int{0, 0}, Size: []int{1, d}}, x)
	return n.done("logits", n.layer("heads.head", n.linear("heads.head", row)), evidenceFor("ViT-B-16-forward"))
}

// layer is x + attention(norm(x)), then x + MLP(norm(x)).
func (c ViT) layer(n network, name string, x *graph.Value) *graph.Value {
	attn := name + ".self_attention"
	weight := func(i int) *graph.Value { return n.third(attn+".in_proj_weight", i) }
	bias := func(i int) *graph.Value { return n.third(attn+".in_proj_bias", i) }
	p := graph.Projections{
		Wq: weight(0), Wk: weight(1), Wv: weight(2), Wo: n.param(attn + ".out_proj.weight"),
		Bq: bias(0), Bk: bias(1), Bv: bias(2), Bo: n.param(attn + ".out_proj.bias"),
	}
	y := n.layer(name+".ln_1", n.norm(name+".ln_1", x, vitEps))
	x = n.Add(x, n.layer(attn, n.MultiHeadAttention(y, p, c.Heads)))
	y = n.layer(name+".ln_2", n.norm(name+".ln_2", x, vitEps))
	y = n.layer(name+".mlp.0", n.linear(name+".mlp.0", y))
	y = n.layer(name+".mlp.1", n.Unary(graph.GELU, y))
	y = n.layer(name+".mlp.3", n.linear(name+".mlp.3", y))
	return n.layer(name, n.Add(x, y))
}
