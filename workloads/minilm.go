package workloads

import (
	"fmt"
	"math"
	"slices"

	"devicemap/internal/graph"
)

// MiniLM is a sentence encoder (measurements, Models): post-norm layers with
// exact gelu, no mask. Names follow the published BERT state dictionary.
//
// The host embeds the token ids; the program takes the embedded and normalised
// tokens. The paper takes the mean over tokens on the host and the L2 norm in a
// second program; here both end the one program, so that its row covers the
// whole encoder.
type MiniLM struct {
	Vocab, Positions int
	Dim, MLP         int
	Depth, Heads     int
	Eps              float64 // of every layer norm
	IDs              []int   // word pieces of the sentence with its special tokens
}

// MiniLML6 is the published encoder with an 11-word sentence about the Neural
// Engine, 14 tokens.
func MiniLML6() MiniLM {
	return MiniLM{Vocab: 30522, Positions: 512, Dim: 384, MLP: 1536, Depth: 6, Heads: 12, Eps: 1e-12,
		IDs: []int{101, 1996, 6207, 15756, 3194, 2003, 1037, 7772, 23468, 2005, 8185, 8785, 1012, 102}}
}

const (
	wordTable     = "embeddings.word_embeddings.weight"
	positionTable = "embeddings.position_embeddings.weight"
	typeTable     = "embeddings.token_type_embeddings.weight"
	embeddingNorm = "embeddings.LayerNorm"
)

// Parameters lists what the model asks its [Params] for, in the order of the
// state dictionary.
func (c MiniLM) Parameters() []Parameter {
	d := c.Dim
	list := []Parameter{
		{wordTable, graph.Shape{c.Vocab, d}},
		{positionTable, graph.Shape{c.Positions, d}},
		{typeTable, graph.Shape{2, d}},
	}
	list = append(list, withBias(embeddingNorm, d)...)
	for i := range c.Depth {
		layer := bertLayer(i)
		for _, name := range []string{".attention.self.query", ".attention.self.key", ".attention.self.value", ".attention.output.dense"} {
			list = append(list, withBias(layer+name, d, d)...)
		}
		list = append(list, withBias(layer+".attention.output.LayerNorm", d)...)
		list = append(list, withBias(layer+".intermediate.dense", c.MLP, d)...)
		list = append(list, withBias(layer+".output.dense", d, c.MLP)...)
		list = append(list, withBias(layer+".output.LayerNorm", d)...)
	}
	return list
}

func bertLayer(i int) string { return fmt.Sprintf("encoder.layer.%d", i) }

// Build makes the graph: tokens [S, Dim] → embedding [1, Dim], where S is the
// number of IDs.
func (c MiniLM) Build(p Params) (*Instance, error) {
	w, err := load(p, c.Parameters())
	if err != nil {
		return nil, err
	}
	tokens, err := c.embed(w)
	if err != nil {
		return nil, err
	}
	n := network{newSketch("MiniLM", 0), w} // nothing is drawn
	x := n.layer(embeddingNorm, n.feed("tokens", graph.F64(tokens), len(c.IDs), c.Dim))
	for i := range c.Depth {
		x = c.layer(n, bertLayer(i), x)
	}
	x = n.Apply(graph.Reduce{Fn: graph.Mean, Axes: []int{0}}, x)
	// The floor is PyTorch's, far below any mean of normalised tokens.
	return n.done("embedding", n.Apply(graph.L2Norm{Axis: 1, Floor: 1e-12}, x), evidenceFor("MiniLM-encoder"))
}

func (c MiniLM) layer(n network, name string, x *graph.Value) *graph.Value {
	self, out := name+".attention.self", name+".attention.output"
	p := graph.Projections{
		Wq: n.param(self + ".query.weight"), Bq: n.param(self + ".query.bias"),
		Wk: n.param(self + ".key.weight"), Bk: n.param(self + ".key.bias"),
		Wv: n.param(self + ".value.weight"), Bv: n.param(self + ".value.bias"),
		Wo: n.param(out + ".dense.weight"), Bo: n.param(out + ".dense.bias"),
	}
	y := n.layer(out+".dense", n.MultiHeadAttention(x, p, c.Heads))
	x = n.layer(out+".LayerNorm", n.norm(out+".LayerNorm", n.Add(x, y), c.Eps))
	y = n.layer(name+".intermediate.dense", n.linear(name+".intermediate.dense", x))
	y = n.layer(name+".output.dense", n.linear(name+".output.dense", n.Unary(graph.GELU, y)))
	return n.layer(name, n.norm(name+".output.LayerNorm", n.Add(x, y), c.Eps))
}

// embed is LayerNorm(word + position + type 0) of every token, [S, Dim], in
// float64.
func (c MiniLM) embed(w weights) ([]float64, error) {
	d := c.Dim
	word, position, kind := w.tensor(wordTable).data, w.tensor(positionTable).data, w.tensor(typeTable).data
	gamma, beta := w.tensor(embeddingNorm+".weight").data, w.tensor(embeddingNorm+".bias").data
	if len(c.IDs) == 0 || len(c.IDs) > c.Positions {
		return nil, fmt.Errorf("workloads: MiniLM takes 1 to %d tokens, got %d", c.Positions, len(c.IDs))
	}
	if bad := slices.IndexFunc(c.IDs, func(id int) bool { return id < 0 || id >= c.Vocab }); bad >= 0 {
		return nil, fmt.Errorf("workloads: MiniLM token %d is %d, want 0 to %d", bad, c.IDs[bad], c.Vocab-1)
	}
	out := make([]float64, 0, len(c.IDs)*d)
	row := make([]float64, d)
	for t, id := range c.IDs {
		for j := range row {
			row[j] = float64(word[id*d+j]) + float64(position[t*d+j]) + float64(kind[j])
		}
		mean, variance := moments(row)
		for j, v := range row {
			out = append(out, (v-mean)/math.Sqrt(variance+c.Eps)*float64(gamma[j])+float64(beta[j]))
		}
	}
	return out, nil
}

// moments are the mean and the population variance.
func moments(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, v := range x {
		variance += (v - mean) * (v - mean)
	}
	return mean, variance / float64(len(x))
}
