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
	lift   func(x []float32) partial                   // over contiguous values, at least one
	down   func(acc columns, rows [4][]float32, n int) // column i takes value i of the first n rows in
	merge  func(a, b partial) partial                  // of disjoint parts, in order
	finish func(p partial, n float64) float64          // n: number of values
}

// columns are partials side by side, for vector loops.
type columns struct {
	sum []float64
	top []float32
}

func (c columns) clear(zero partial) {
	clear(c.sum)
	for i := range c.top {
		c.top[i] = float32(zero.top)
	}
}

func plus(a, b partial) partial { return partial{sum: a.sum + b.sum} }

func total(p partial, _ float64) float64 { return p.sum }

// noRow stands for the rows that are missing in a group of four.
var noRow = make([]float32, blockElems)

// sumFold sums what lift sums over contiguous values and add over rows.
func sumFold(lift func([]float32) float64, add func(acc []float64, r0, r1, r2, r3 []float32),
	finish func(partial, float64) float64) fold {
	return fold{
		lift: func(x []float32) partial { return partial{sum: lift(x)} },
		down: func(acc columns, rows [4][]float32, n int) {
			for i := n; i < len(rows); i++ {
				rows[i] = noRow
			}
			add(acc.sum, rows[0], rows[1], rows[2], rows[3])
		},
		merge: plus, finish: finish,
	}
}

// maxFold keeps the largest value.
func maxFold(v vectors) fold {
	return fold{
		zero: partial{top: math.Inf(-1)},
		lift: func(x []float32) partial { return partial{top: float64(v.Largest(x))} },
		down: func(acc columns, rows [4][]float32, n int) {
			for _, row := range rows[:n] {
				v.Max(acc.top, acc.top, row)
			}
		},
		merge:  func(a, b partial) partial { return partial{top: max(a.top, b.top)} },
		finish: func(p partial, _ float64) float64 { return p.top },
	}
}

// minFold keeps the smallest value.
func minFold(v vectors) fold {
	return fold{
		zero: partial{top: math.Inf(1)},
		lift: func(x []float32) partial { return partial{top: float64(v.Smallest(x))} },
		down: func(acc columns, rows [4][]float32, n int) {
			for _, row := range rows[:n] {
				v.Min(acc.top, acc.top, row)
			}
		},
		merge:  func(a, b partial) partial { return partial{top: min(a.top, b.top)} },
		finish: func(p partial, _ float64) float64 { return p.top },
	}
}

// expFold keeps the maximum and Σe^(x−maximum).
func expFold(v vectors) fold {
	merge := func(a, b partial) partial {
		top := max(a.top, b.top)
		if math.IsInf(top, -1) {
			return partial{top: top} // no value yet, or all −Inf
		}
		return partial{a.sum*math.Exp(a.top-top) + b.sum*math.Exp(b.top-top), top}
	}
	return fold{
		zero: partial{top: math.Inf(-1)},
		lift: func(x []float32) partial {
			top, sum := v.expMoments(x)
			return partial{sum, float64(top)}
		},
		down: func(acc columns, rows [4][]float32, n int) {
			for _, row := range rows[:n] {
				for i := range acc.sum {
					p := merge(partial{acc.sum[i], float64(acc.top[i])}, partial{1, float64(row[i])})
					acc.sum[i], acc.top[i] = p.sum, float32(p.top)
				}
			}
		},
		merge:  merge,
		finish: func(p partial, _ float64) float64 { return p.top + math.Log(p.sum) },
	}
}

// folds holds every reduction.
func folds(v vectors) map[graph.ReduceFn]fold {
	return map[graph.ReduceFn]fold{
		graph.Sum:       sumFold(v.Sum, v.AddRows, total),
		graph.Mean:      sumFold(v.Sum, v.AddRows, func(p partial, n float64) float64 { return p.sum / n }),
		graph.L1Norm:    sumFold(v.SumAbs, v.AddAbsRows, total),
		graph.SumSquare: sumFold(v.squares, v.AddSquaresRows, total),
		graph.L2NormSum: sumFold(v.squares, v.AddSquaresRows, func(p partial, _ float64) float64 { return math.Sqrt(p.sum) }),
		graph.LogSum:    sumFold(v.Sum, v.AddRows, func(p partial, _ float64) float64 { return math.Log(p.sum) }),
		graph.Max:       maxFold(v),
		graph.Min:       minFold(v),
		graph.LogSumExp: expFold(v),
	}
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
	r.needColumns(c)
	return c.one(items, ns, func(w *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			r.store(item, r.part(w, w.partials, item, 0, r.pieces))
		}
	})
}

// planParts reduces the parts of every item, then merges them in order.
func (r *reduction) planParts(c *compiler, items, parts int, ns float64) (step, error) {
	if err := c.budget.take("partial results", items*parts*r.block, 16); err != nil {
		return nil, err
	}
	all := make([]partial, items*parts*r.block)
	r.needColumns(c)
	return step{
		c.loop(items*parts, ns/float64(parts), func(w *worker, lo, hi int) {
			for i := lo; i < hi; i++ {
				part := i % parts
				r.part(w, all[i*r.block:(i+1)*r.block], i/parts, part*r.pieces/parts, (part+1)*r.pieces/parts)
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

// cost is the time of a value in nanoseconds.
func (r *reduction) cost(fn graph.ReduceFn) float64 {
	switch {
	case fn == graph.LogSumExp && r.length == 1:
		return 20 // one value at a time
	case fn == graph.LogSumExp:
		return 0.6
	}
	return 0.1
}

// needColumns asks for the columns of a block.
func (r *reduction) needColumns(c *compiler) {
	if r.length == 1 {
		c.needScratch(r.block)
		c.needSums(r.block)
	}
}

// part reduces the pieces [first, last) of an item into acc and returns it.
func (r *reduction) part(w *worker, acc []partial, item, first, last int) []partial {
	from := item % r.blocks * r.block
	acc = acc[:min(r.block, r.width-from)]
	base := r.kept.at(item/r.blocks) + from
	if r.length == 1 {
		r.partDown(columns{w.sums[:len(acc)], w.scratch[:len(acc)]}, acc, base, first, last)
		return acc
	}
	acc[0] = r.zero
	perRow := ceilDiv(r.length, r.piece)
	for i := first; i < last; i++ {
		at, lo := base+r.outer.at(i/perRow), i%perRow*r.piece
		acc[0] = r.merge(acc[0], r.lift(r.x[at+lo:at+min(lo+r.piece, r.length)]))
	}
	return acc
}

// partDown reduces rows of neighbouring results, four at a time.
func (r *reduction) partDown(c columns, acc []partial, base, first, last int) {
	c.clear(r.zero)
	for i := first; i < last; i += 4 {
		var rows [4][]float32
		n := min(4, last-i)
		for j := range n {
			at := base + r.outer.at(i+j)
			rows[j] = r.x[at : at+len(acc)]
		}
		r.down(c, rows, n)
	}
	for j := range acc {
		acc[j] = partial{c.sum[j], float64(c.top[j])}
	}
}

// store writes the results of an item.
func (r *reduction) store(item int, acc []partial) {
	row, block := item/r.blocks, item%r.blocks
	at := row*r.width + block*r.block
	for j := range acc[:min(r.block, r.width-block*r.block)] {
		r.dst[at+j] = float32(r.finish(acc[j], r.count))
	}
}
