package cpu

import (
	"math"

	"devicemap/internal/graph"
)

// attention is softmax(scale·q·kᵀ + mask)·v over heads = B·H pairs: q
// [heads, queries, d], k [heads, keys, d], v [heads, keys, dv], y
// [heads, queries, dv]. maskAt gives each head's offset in mask, whose rows
// and columns have the steps maskRow and maskCol; mask may be nil.
type attention struct {
	q, k, v, mask, y            []float32
	heads, queries, keys, d, dv int
	scale                       float64
	causal                      bool
	maskAt                      []int
	maskRow, maskCol            int
}

// maxScores bounds a worker's block of scores (1 MiB) and of transposed
// values (1 MiB).
const maxScores = 1 << 18

func planSDPA(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.SDPA)
	q, k, v := n.In[0].Shape, n.In[1].Shape, n.In[2].Shape
	p := attention{q: c.in(n, 0), k: c.in(n, 1), v: c.in(n, 2), y: c.out(n, 0),
		heads: q[0] * q[1], queries: q[2], keys: k[2], d: q[3], dv: v[3], scale: op.Scale, causal: op.Causal}
	if p.scale == 0 {
		p.scale = 1 / math.Sqrt(float64(p.d))
	}
	if len(n.In) == 4 {
		p.addMask(c.in(n, 3), n.In[3].Shape, q)
	}
	return c.kernels.attention(c, p), nil
}

// addMask resolves the mask's broadcast to [B, H, queries, keys].
func (p *attention) addMask(mask []float32, s, q graph.Shape) {
	full := graph.Shape{1, 1, 1, 1}
	copy(full[4-len(s):], s)
	steps := full.Strides()
	for i, d := range full {
		if d == 1 {
			steps[i] = 0
		}
	}
	p.mask, p.maskRow, p.maskCol = mask, steps[2], steps[3]
	for head := range p.heads {
		p.maskAt = append(p.maskAt, head/q[1]*steps[0]+head%q[1]*steps[1])
	}
}

// planAttention computes a block of queries of one head per item, with its
// full rows of scores in scratch.
func planAttention(c *compiler, p attention) step {
	block := min(p.queries, gemmCols, max(1, maxScores/p.keys))
	depth := min(p.keys, max(1, min(gemmDepth, maxScores/p.dv))) // keys of a block of transposed values
	blocks := ceilDiv(p.queries, block)
	c.needScratch(block*p.keys + p.dv*depth)
	k := c.kernels
	ns := 2*float64(block*p.keys)*float64(p.d+p.dv)/gonumFlopsPerNs + 7*float64(block*p.keys)
	return step{c.loop(p.heads*blocks, ns, func(w *worker, lo, hi int) {
		scores, turned := w.scratch[:block*p.keys], w.scratch[block*p.keys:]
		for item := lo; item < hi; item++ {
			head, from := item/blocks, item%blocks*block
			n := min(block, p.queries-from)
			p.scores(k, scores[:n*p.keys], head, from, n)
			y := p.y[(head*p.queries+from)*p.dv:][:n*p.dv]
			clear(y)
			v := p.v[head*p.keys*p.dv:][:p.keys*p.dv]
			for s := 0; s < p.keys; s += depth {
				part := min(depth, p.keys-s)
				turn(turned, part, v[s*p.dv:], p.dv, p.dv, part)
				k.dots(n, p.dv, part, scores[s:], p.keys, turned, part, y, p.dv)
			}
		}
	})}
}

// scores writes the softmax of n queries from the given one.
func (p *attention) scores(k *kernels, dst []float32, head, from, n int) {
	clear(dst)
	q, keys := p.q[(head*p.queries+from)*p.d:], p.k[head*p.keys*p.d:]
	k.dots(n, p.keys, p.d, q, p.d, keys, p.d, dst, p.keys)
	scale := float32(p.scale)
	for i := range n {
		row := dst[i*p.keys : (i+1)*p.keys]
		seen := p.keys
		if p.causal {
			seen = from + i + 1
		}
		for j := range row[:seen] {
			row[j] *= scale
		}
		if p.mask != nil {
			at := p.maskAt[head] + (from+i)*p.maskRow
			for j := range row[:seen] {
				row[j] += p.mask[at+j*p.maskCol]
			}
		}
		k.softmax(row[:seen], row[:seen])
		clear(row[seen:])
	}
}
