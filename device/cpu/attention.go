package cpu

import (
	"math"

	"devicemap/internal/graph"
	"devicemap/internal/simd"
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
	k, weigh := c.kernels, p.weigher(c.kernels)
	ns := 2*float64(block*p.keys)*float64(p.d+p.dv)/gonumFlopsPerNs + 7*float64(block*p.keys)
	return step{c.loop(p.heads*blocks, ns, func(w *worker, lo, hi int) {
		scores, turned := w.scratch[:block*p.keys], w.scratch[block*p.keys:]
		for item := lo; item < hi; item++ {
			head, from := item/blocks, item%blocks*block
			n := min(block, p.queries-from)
			clear(scores[:n*p.keys])
			k.dots(n, p.keys, p.d, p.q[(head*p.queries+from)*p.d:], p.d, p.k[head*p.keys*p.d:], p.d, scores, p.keys)
			for i := range n {
				weigh(scores[i*p.keys:(i+1)*p.keys], head, from+i)
			}
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

// weigher turns a query's row of scores into weights: scale, mask, softmax. Keys
// behind a causal query weigh 0.
func (p *attention) weigher(k *kernels) func(row []float32, head, query int) {
	scale, add := k.unary(graph.Unary{Fn: graph.MulScalar, A: p.scale}), k.binary(graph.Add)
	return func(row []float32, head, query int) {
		seen := row
		if p.causal {
			seen = row[:query+1]
		}
		scale(seen, seen)
		if p.mask != nil {
			at := p.maskAt[head] + query*p.maskRow
			if p.maskCol == 1 {
				add(seen, seen, p.mask[at:at+len(seen)])
			} else { // one value for the whole row
				k.vector.Shift(seen, seen, simd.Params{p.mask[at]})
			}
		}
		k.softmax(seen, seen)
		clear(row[len(seen):])
	}
}
