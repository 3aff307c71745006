package cpu

import (
	"math"

	"devicemap/internal/graph"
)

// partial is the state of a reduction: a sum, or a maximum and a sum relative
// to it.
type partial struct{ sum, top float64 }

// fold is a reduction in float64.
type fold struct {
	zero   partial
	lift   func(x []float32) partial          // over contiguous values, at least one
	across func(acc []partial, x []float32)   // acc[i] takes x[i] in
	merge  func(a, b partial) partial         // of disjoint parts, in order
	finish func(p partial, n float64) float64 // n: number of values
}

func plus(a, b partial) partial { return partial{sum: a.sum + b.sum} }

func total(p partial, _ float64) float64 { return p.sum }

// sumFold sums f of the values.
func sumFold(lift func([]float32) float64, f func(float64) float64, finish func(partial, float64) float64) fold {
	return fold{
		lift: func(x []float32) partial { return partial{sum: lift(x)} },
		across: func(acc []partial, x []float32) {
			for i, v := range x {
				acc[i].sum += f(float64(v))
			}
		},
		merge: plus, finish: finish,
	}
}

// extremeFold keeps the larger of sign·x.
func extremeFold(sign float64) fold {
	bigger := func(a, b partial) partial { return partial{top: max(a.top, b.top)} }
	return fold{
		zero: partial{top: math.Inf(-1)},
		lift: func(x []float32) partial {
			if sign < 0 {
				low := x[0]
				for _, v := range x[1:] {
					low = min(low, v)
				}
				return partial{top: -float64(low)}
			}
			return partial{top: float64(maxOf(x))}
		},
		across: func(acc []partial, x []float32) {
			for i, v := range x {
				acc[i].top = max(acc[i].top, sign*float64(v))
			}
		},
		merge:  bigger,
		finish: func(p partial, _ float64) float64 { return sign * p.top },
	}
}

// expFold keeps the maximum and Σe^(x−maximum).
func expFold() fold {
	merge := func(a, b partial) partial {
		top := max(a.top, b.top)
		if math.IsInf(top, -1) {
			return partial{top: top} // no value yet, or all −Inf
		}
		return partial{a.sum*exp(a.top-top) + b.sum*exp(b.top-top), top}
	}
	return fold{
		zero: partial{top: math.Inf(-1)},
		lift: func(x []float32) partial {
			top := float64(maxOf(x))
			if math.IsInf(top, -1) {
				return partial{top: top}
			}
			sum := 0.0
			for _, v := range x {
				sum += exp(float64(v) - top)
			}
			return partial{sum, top}
		},
		across: func(acc []partial, x []float32) {
			for i, v := range x {
				acc[i] = merge(acc[i], partial{1, float64(v)})
			}
		},
		merge:  merge,
		finish: func(p partial, _ float64) float64 { return p.top + math.Log(p.sum) },
	}
}

func identity(x float64) float64 { return x }
func squared(x float64) float64  { return x * x }

func squareSum(x []float32) float64 { return squaresOf(x, 0) }

func absSum(x []float32) float64 {
	s := 0.0
	for _, v := range x {
		s += math.Abs(float64(v))
	}
	return s
}

// folds holds every reduction.
var folds = map[graph.ReduceFn]fold{
	graph.Sum:       sumFold(sumOf, identity, total),
	graph.Mean:      sumFold(sumOf, identity, func(p partial, n float64) float64 { return p.sum / n }),
	graph.L1Norm:    sumFold(absSum, math.Abs, total),
	graph.SumSquare: sumFold(squareSum, squared, total),
	graph.L2NormSum: sumFold(squareSum, squared, func(p partial, _ float64) float64 { return math.Sqrt(p.sum) }),
	graph.LogSum:    sumFold(sumOf, identity, func(p partial, _ float64) float64 { return math.Log(p.sum) }),
	graph.Max:       extremeFold(1),
	graph.Min:       extremeFold(-1),
	graph.LogSumExp: expFold(),
}

// grid enumerates a tensor's elements along some of its axes.
type grid struct{ dims, steps []int } // innermost first

// grids splits the axes of s into kept and reduced ones and merges neighbours.
func grids(s graph.Shape, reduced []int) (kept, folded grid) {
	drop := make([]bool, len(s))
	for _, a := range reduced {
		drop[a] = true
	}
	for axis, step := len(s)-1, 1; axis >= 0; axis-- {
		g := &kept
		if drop[axis] {
			g = &folded
		}
		if s[axis] > 1 {
			if last := len(g.dims) - 1; last >= 0 && g.steps[last]*g.dims[last] == step {
				g.dims[last] *= s[axis]
			} else {
				g.dims, g.steps = append(g.dims, s[axis]), append(g.steps, step)
			}
		}
		step *= s[axis]
	}
	return kept, folded
}

// at is the offset of element i along the grid.
func (g grid) at(i int) int {
	at := 0
	for axis := 0; i > 0; axis++ {
		at += i % g.dims[axis] * g.steps[axis]
		i /= g.dims[axis]
	}
	return at
}

// contiguous takes the innermost axis off g when its elements are adjacent;
// length is then its size, else 1.
func (g grid) contiguous() (rest grid, length int) {
	if len(g.dims) > 0 && g.steps[0] == 1 {
		return grid{g.dims[1:], g.steps[1:]}, g.dims[0]
	}
	return g, 1
}

func (g grid) size() int { return graph.Shape(g.dims).Elems() }

// A reduction with few results is cut into parts so that all workers take
// part; the parts follow from the shape and are merged in order.
const (
	foldPiece = 1 << 14 // values of a contiguous piece
	foldParts = 64      // most parts of one result
)

func planReduce(c *compiler, n *graph.Node) (step, error) {
	r := newReduction(c, n)
	items := r.kept.size() * r.blocks
	ns := float64(r.pieces*r.piece*r.block) * r.cost(n.Op.(graph.Reduce).Fn)
	parts := 1
	if work := r.pieces * r.piece * r.block; work > 4*foldPiece {
		parts = min(max(1, foldParts/items), r.pieces)
	}
	if parts > 1 {
		return r.planParts(c, items, parts, ns)
	}
	c.needPartials(r.block)
	return c.one(items, ns, func(w *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			r.store(item, r.part(w.partials, item, 0, r.pieces))
		}
	})
}

// planParts reduces the parts of every item, then merges them in order.
func (r *reduction) planParts(c *compiler, items, parts int, ns float64) (step, error) {
	if err := c.budget.take("partial results", items*parts*r.block, 16); err != nil {
		return nil, err
	}
	all := make([]partial, items*parts*r.block)
	return step{
		c.loop(items*parts, ns/float64(parts), func(_ *worker, lo, hi int) {
			for i := lo; i < hi; i++ {
				part := i % parts
				r.part(all[i*r.block:(i+1)*r.block], i/parts, part*r.pieces/parts, (part+1)*r.pieces/parts)
			}
		}),
		c.loop(items, float64(parts*r.block), func(_ *worker, lo, hi int) {
			for item := lo; item < hi; item++ {
				acc := all[item*parts*r.block:][:r.block]
				for part := 1; part < parts; part++ {
					for j, p := range all[(item*parts+part)*r.block:][:r.block] {
						acc[j] = r.merge(acc[j], p)
					}
				}
				r.store(item, acc)
			}
		}),
	}, nil
}

// reduction is a planned Reduce. An item is one result, or a block of
// neighbouring results when the innermost axis is kept.
type reduction struct {
	fold
	x, dst        []float32
	count         float64 // values per result
	outer         grid    // reduced axes without the contiguous one
	length, piece int     // the contiguous reduced axis and its pieces
	kept          grid    // kept axes without the contiguous one
	width, block  int     // the contiguous kept axis and its blocks
	blocks        int     // blocks per row of width results
	pieces        int     // pieces per result
}

func newReduction(c *compiler, n *graph.Node) *reduction {
	op := n.Op.(graph.Reduce)
	kept, folded := grids(n.In[0].Shape, op.Axes)
	r := &reduction{fold: c.kernels.fold[op.Fn], x: c.in(n, 0), dst: c.out(n, 0), count: float64(folded.size())}
	r.outer, r.length = folded.contiguous()
	r.kept, r.width = kept, 1
	if r.length == 1 { // neighbours in memory belong to different results
		r.kept, r.width = kept.contiguous()
	}
	r.piece = min(r.length, foldPiece)
	r.block = min(r.width, blockElems)
	r.blocks = ceilDiv(r.width, r.block)
	r.pieces = ceilDiv(r.length, r.piece) * r.outer.size()
	return r
}

func (r *reduction) cost(fn graph.ReduceFn) float64 {
	if fn == graph.LogSumExp {
		return 8
	}
	return 0.7
}

// part reduces the pieces [first, last) of an item into acc and returns it.
func (r *reduction) part(acc []partial, item, first, last int) []partial {
	from := item % r.blocks * r.block
	acc = acc[:min(r.block, r.width-from)]
	base := r.kept.at(item/r.blocks) + from
	for j := range acc {
		acc[j] = r.zero
	}
	perRow := ceilDiv(r.length, r.piece)
	for i := first; i < last; i++ {
		at := base + r.outer.at(i/perRow)
		if r.length == 1 {
			r.across(acc, r.x[at:at+len(acc)])
			continue
		}
		lo := i % perRow * r.piece
		acc[0] = r.merge(acc[0], r.lift(r.x[at+lo:at+min(lo+r.piece, r.length)]))
	}
	return acc
}

// store writes the results of an item.
func (r *reduction) store(item int, acc []partial) {
	row, block := item/r.blocks, item%r.blocks
	at := row*r.width + block*r.block
	for j := range acc[:min(r.block, r.width-block*r.block)] {
		r.dst[at+j] = float32(r.finish(acc[j], r.count))
	}
}
