package workloads

import (
	"fmt"
	"slices"

	"devicemap/internal/graph"
	"devicemap/internal/rng"
)

// DecodeConfig describes the decode stack of a language model (measurements
// E12): Llama-like layers without rotary positions, grouped keys or biases,
// and a fixed cache that all streams share.
type DecodeConfig struct {
	D, Layers, Heads, FF, Vocab int
	Cache                       int // cached tokens
	Seed                        uint64
	InputSeed                   uint64
}

// FullDecode is the published configuration, 610 million weights.
func FullDecode() DecodeConfig {
	return DecodeConfig{D: 2048, Layers: 8, Heads: 16, FF: 8192, Vocab: 32000, Cache: 256, InputSeed: 123}
}

// QuickDecode is the published quick configuration, 100 million weights.
func QuickDecode() DecodeConfig {
	return DecodeConfig{D: 1024, Layers: 4, Heads: 16, FF: 4096, Vocab: 32000, Cache: 128, InputSeed: 123}
}

// FLOPs of one step of batch streams, by the paper's formula
// 2B(L(4d² + 2H·s·d_head + 3d·d_ff) + d·vocab). It leaves out the step's own
// key and value.
func (c DecodeConfig) FLOPs(batch int) float64 {
	d, ff := float64(c.D), float64(c.FF)
	layer := 4*d*d + 2*float64(c.Cache)*d + 3*d*ff
	return 2 * float64(batch) * (float64(c.Layers)*layer + d*float64(c.Vocab))
}

// Decoder holds the drawn weights and caches of a decode stack, so that the
// programs of a sweep share them.
type Decoder struct {
	config  DecodeConfig
	tensors []tensor
	names   []string
}

// NewDecoder draws, per layer, γ1, γ2 (1+0.02N), q, k, v, o, gate, up (N/√D),
// down (N/√FF), K and V caches (0.5N); then the final γ and the vocabulary
// matrix (N/√D).
func NewDecoder(c DecodeConfig) *Decoder {
	dec := &Decoder{config: c}
	src := rng.New(c.Seed)
	add := func(name string, scale, offset float64, shape ...int) {
		data := src.Float32s(graph.Shape(shape).Elems(), scale, offset)
		dec.names = append(dec.names, name)
		dec.tensors = append(dec.tensors, tensor{shape, data})
	}
	for i := range c.Layers {
		layer := decodeLayer(i)
		add(layer+".gamma1", 0.02, 1, c.D)
		add(layer+".gamma2", 0.02, 1, c.D)
		for _, w := range []string{".Wq", ".Wk", ".Wv", ".Wo"} {
			add(layer+w, perRoot(c.D), 0, c.D, c.D)
		}
		add(layer+".Wg", perRoot(c.D), 0, c.FF, c.D)
		add(layer+".Wu", perRoot(c.D), 0, c.FF, c.D)
		add(layer+".Wd", perRoot(c.FF), 0, c.D, c.FF)
		add(layer+".K", 0.5, 0, c.Heads, c.Cache, c.D/c.Heads)
		add(layer+".V", 0.5, 0, c.Heads, c.Cache, c.D/c.Heads)
	}
	add("gamma_f", 0.02, 1, c.D)
	add("Wvocab", perRoot(c.D), 0, c.Vocab, c.D)
	return dec
}

func decodeLayer(i int) string { return fmt.Sprintf("layer%d", i) }

// Param gives a drawn tensor by name, [Params] fashion.
func (dec *Decoder) Param(name string, shape ...int) ([]float32, error) {
	i := slices.Index(dec.names, name)
	switch {
	case i < 0:
		return nil, fmt.Errorf("workloads: the decode stack has no tensor %q", name)
	case !slices.Equal(dec.tensors[i].shape, shape):
		return nil, fmt.Errorf("workloads: %s has shape %v, not %v", name, dec.tensors[i].shape, graph.Shape(shape))
	}
	return dec.tensors[i].data, nil
}

// DecodeStep chooses a program of the sweep.
type DecodeStep struct {
	Batch   int
	Earlier []int // batch sizes of the earlier points, whose inputs are drawn first
	// CachesAsInputs feeds keys [B·H, d_head, s] and values [B·H, s, d_head]
	// on each call, as the paper's Neural Engine arm does. Otherwise they are
	// constants that the streams share, as on its GPU and CPU.
	CachesAsInputs bool
}

// Step makes the program of one token for every stream: x [B, D] = 0.1N →
// logits [B, Vocab].
func (dec *Decoder) Step(o DecodeStep) (*Instance, error) {
	c := dec.config
	w := weights{}
	for i, name := range dec.names {
		w[name] = dec.tensors[i]
	}
	n := network{newSketch("decode", c.InputSeed), w}
	n.skip(total(o.Earlier) * c.D)
	x := n.fed("x", 0.1, o.Batch, c.D)
	for i := range c.Layers {
		layer := decodeLayer(i)
		h := n.rmsNorm(layer+".gamma1", x)
		x = n.Add(x, n.Linear(dec.attend(n, layer, h, o), n.param(layer+".Wo"), nil))
		h = n.rmsNorm(layer+".gamma2", x)
		gate := n.Unary(graph.SiLU, n.Linear(h, n.param(layer+".Wg"), nil))
		up := n.Linear(h, n.param(layer+".Wu"), nil)
		x = n.layer(layer, n.Add(x, n.Linear(n.Binary(graph.Mul, gate, up), n.param(layer+".Wd"), nil)))
	}
	logits := n.Linear(n.rmsNorm("gamma_f", x), n.param("Wvocab"), nil)
	return n.done("logits", logits, evidenceFor("decode"))
}

func (n network) rmsNorm(gamma string, x *graph.Value) *graph.Value {
	return n.Apply(graph.RMSNorm{Eps: 1e-5}, x, n.param(gamma))
}

// attend is the new query of each stream over the cached keys and its own:
// h [B, D] → [B, D]. Scores of cache and self are joined before the softmax,
// so that no cache is copied.
func (dec *Decoder) attend(n network, layer string, h *graph.Value, o DecodeStep) *graph.Value {
	c := dec.config
	dh := c.D / c.Heads
	lead := graph.Shape{o.Batch, c.Heads}
	if o.CachesAsInputs {
		lead = graph.Shape{o.Batch * c.Heads}
	}
	own := append(slices.Clone(lead), 1, dh)
	heads := func(w string) *graph.Value {
		return n.Reshape(n.Linear(h, n.param(layer+w), nil), own...)
	}
	q, k, v := heads(".Wq"), heads(".Wk"), heads(".Wv")
	cached, values := dec.caches(n, layer, o)
	// A fed cache lies transposed already.
	past := n.Apply(graph.MatMul{TransposeY: !o.CachesAsInputs}, q, cached)
	self := n.Apply(graph.MatMul{TransposeY: true}, q, k)
	axis := len(own) - 1
	scores := n.Scale(n.Apply(graph.Concat{Axis: axis}, past, self), perRoot(dh))
	parts := n.ApplyMany(graph.Split{Axis: axis, Sizes: []int{c.Cache, 1}}, n.Softmax(scores))
	if n.Err() != nil {
		return h
	}
	context := n.Add(n.MatMul(parts[0], values), n.MatMul(parts[1], v))
	return n.Reshape(context, o.Batch, c.D)
}

// caches adds the keys and values of a layer as constants [1, H, s, d_head] or
// as inputs.
func (dec *Decoder) caches(n network, layer string, o DecodeStep) (keys, values *graph.Value) {
	k, v := n.w.tensor(layer+".K"), n.w.tensor(layer+".V")
	h, s, dh := k.shape[0], k.shape[1], k.shape[2]
	if !o.CachesAsInputs {
		return n.Const(layer+".K", graph.F32(k.data), 1, h, s, dh), n.Const(layer+".V", graph.F32(v.data), 1, h, s, dh)
	}
	keys = n.feed(layer+".K", graph.F32(slices.Repeat(swapLast(k.data, h, s, dh), o.Batch)), o.Batch*h, dh, s)
	values = n.feed(layer+".V", graph.F32(slices.Repeat(v.data, o.Batch)), o.Batch*h, s, dh)
	return keys, values
}

// swapLast transposes x [n, r, c] to [n, c, r].
func swapLast(x []float32, n, r, c int) []float32 {
	out := make([]float32, len(x))
	for m := range n {
		for i := range r {
			for j := range c {
				out[(m*c+j)*r+i] = x[(m*r+i)*c+j]
			}
		}
	}
	return out
}
