package cpu

import (
	"math"

	"devicemap/internal/simd"
)

// Blocks of packed attention: the scores of attentionSlivers slivers of queries
// for up to attentionKeys keys, once as rows and once as slivers, stay in L2
// with the keys and values that they meet.
const (
	attentionSlivers = 4
	attentionKeys    = 256
	// fewQueries is the number up to which a head is bound by reading its keys
	// and values once, and packing them would be most of the work.
	fewQueries = 3
)

// packedAttention computes blocks of queries against blocks of keys: scores,
// their exponentials relative to the largest score so far, and the sum of
// values under these weights. When the largest score grows, what has been
// summed shrinks (Milakov and Gimelshein, arXiv 1805.02867); the division by
// the sum of weights comes last. Keys and values are packed once per head.
type packedAttention struct {
	attention
	*tiles
	vector       *simd.Vector
	block        int // queries of an item
	span         int // keys of a block, in whole slivers
	keysPacked   int // values of a head's packed keys
	valuesPacked int
}

// attention plans attention on register tiles.
func (t *tiles) attention(v *simd.Vector) func(c *compiler, p attention) step {
	return func(c *compiler, p attention) step {
		if p.queries <= fewQueries {
			return planAttention(c, p)
		}
		g := &packedAttention{attention: p, tiles: t, vector: v,
			block: even(p.queries, attentionSlivers*t.MR, t.MR), span: attentionKeys / t.NR * t.NR,
			keysPacked: roundUp(p.keys, t.NR) * p.d, valuesPacked: roundUp(p.dv, t.NR) * p.keys}
		c.needScratch(g.block * (p.d + 2*min(p.keys, g.span) + 2))
		heads := min(p.heads, max(1, sharedMax/(g.keysPacked+g.valuesPacked))) // packed at a time
		c.needShared(heads * (g.keysPacked + g.valuesPacked))
		var s step
		for from := 0; from < p.heads; from += heads {
			n := min(heads, p.heads-from)
			s = append(s, g.pack(c, from, n), g.attend(c, from, n))
		}
		return s
	}
}

// pack packs the keys and values of n heads from the given one; an item is a
// sliver.
func (g *packedAttention) pack(c *compiler, from, n int) loop {
	keys, values := g.right(view{g.k, 1, g.d}, g.keys, g.d), g.right(view{g.v, g.dv, 1}, g.dv, g.keys)
	count := keys.slivers() + values.slivers()
	return c.loop(n*count, float64(g.keysPacked+g.valuesPacked)/float64(4*count), func(w *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			head, i := item/count, item%count
			dst := w.shared[head*(g.keysPacked+g.valuesPacked):]
			if i < keys.slivers() {
				keys.sliver(dst[i*g.NR*g.d:], (from+head)*g.keys*g.d, i, 0, g.d)
				continue
			}
			i -= keys.slivers()
			values.sliver(dst[g.keysPacked+i*g.NR*g.keys:], (from+head)*g.keys*g.dv, i, 0, g.keys)
		}
	})
}

// attend computes a block of queries of one head per item.
func (g *packedAttention) attend(c *compiler, from, n int) loop {
	blocks := ceilDiv(g.queries, g.block)
	ns := float64(g.block*g.keys) * (2*float64(g.d+g.dv)/gemmFlopsPerNs + 0.3)
	return c.loop(n*blocks, ns, func(w *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			head, first := item/blocks, item%blocks*g.block
			packed := w.shared[head*(g.keysPacked+g.valuesPacked):]
			g.compute(w.scratch, packed[:g.keysPacked], packed[g.keysPacked:], from+head, first, min(g.block, g.queries-first))
		}
	})
}

// compute fills n queries of a head, from the given one.
func (g *packedAttention) compute(scratch, keys, values []float32, head, from, n int) {
	take := func(elems int) []float32 {
		part := scratch[:elems]
		scratch = scratch[elems:]
		return part
	}
	wide := min(g.keys, g.span)
	left, weights := take(roundUp(n, g.MR)*g.d), take(roundUp(n, g.MR)*wide)
	scores, top, sum := take(n*wide), take(n), take(n)
	fill(top, float32(math.Inf(-1)))
	clear(sum)
	q := g.left(view{g.q, g.d, 1}, n, g.d)
	for i := range q.slivers() {
		q.sliver(left[i*g.MR*g.d:], (head*g.queries+from)*g.d, i, 0, g.d)
	}
	g.vector.Scale(left, left, simd.Params{float32(g.scale)})
	y := g.y[(head*g.queries+from)*g.dv:][:n*g.dv]
	seen := g.keys
	if g.causal {
		seen = from + n
	}
	for s := 0; s < seen; s += g.span {
		count := min(g.span, seen-s)
		g.tiles.block(n, count, g.d, slivers{left, g.MR * g.d}, slivers{keys[s*g.d:], g.NR * g.d}, scores, count, nil, false)
		for i := range n {
			g.weigh(scores[i*count:(i+1)*count], y[i*g.dv:(i+1)*g.dv], &top[i], &sum[i], head, from+i, s)
		}
		p := g.left(view{scores, count, 1}, n, count)
		g.tiles.block(n, g.dv, count, p.all(weights, 0, count), slivers{values[s*g.NR:], g.NR * g.keys}, y, g.dv, nil, s > 0)
	}
	for i := range n {
		row := y[i*g.dv : (i+1)*g.dv]
		g.vector.Scale(row, row, simd.Params{1 / sum[i]})
	}
}

// weigh turns the scores of a query for keys from the given one into weights
// e^(score − top), and scales what y and sum hold to a larger top.
func (g *packedAttention) weigh(row, y []float32, top, sum *float32, head, query, from int) {
	seen := len(row)
	if g.causal {
		seen = min(seen, max(0, query+1-from))
		clear(row[seen:])
		row = row[:seen]
	}
	if g.mask != nil {
		at := g.maskAt[head] + query*g.maskRow + from*g.maskCol
		if g.maskCol == 0 {
			g.vector.Shift(row, row, simd.Params{g.mask[at]})
		} else {
			g.vector.Add(row, row, g.mask[at:])
		}
	}
	largest := max(*top, g.vector.Largest(row))
	if math.IsInf(float64(largest), -1) {
		clear(row)
		return
	}
	if from > 0 && largest != *top {
		shrink := float32(math.Exp(float64(*top) - float64(largest)))
		*sum *= shrink
		g.vector.Scale(y, y, simd.Params{shrink})
	}
	*top = largest
	*sum += float32(g.vector.ExpSum(row, row, largest))
}
