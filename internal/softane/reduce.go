package softane

import (
	"math"
	"slices"
	"sort"
)

func reductions() map[string]build {
	return map[string]build{
		"reduce_sum":         reduce(nearest, narrowSum),
		"reduce_mean":        reduce(nearest, func(v []float32) float32 { return narrowSum(v) / float32(len(v)) }),
		"reduce_max":         reduce(exact, slices.Max[[]float32]),
		"reduce_min":         reduce(exact, slices.Min[[]float32]),
		"reduce_l1_norm":     reduce(nearest, narrowOf(func(x float32) float32 { return max(x, -x) })),
		"reduce_log_sum":     reduce(nearest, func(v []float32) float32 { return float32(math.Log(float64(narrowSum(v)))) }),
		"reduce_l2_norm":     reduce(nearest, l2Norm),
		"reduce_sum_square":  reduce(nearest, narrowOf(func(x float32) float32 { return x * x })),
		"reduce_log_sum_exp": reduce(nearest, logSumExp),
		"topk":               topK,
	}
}

// narrowSum adds in fp16, the reduction unit's accumulator, and destroys v. The
// order of the additions is not published; a balanced tree is assumed, since a
// running sum would be far worse than the measured errors.
func narrowSum(v []float32) float32 {
	for len(v) > 1 {
		half := len(v) / 2
		for i := range half {
			v[i] = narrow(v[2*i] + v[2*i+1])
		}
		if len(v)%2 == 1 {
			v[half] = v[len(v)-1]
			half++
		}
		v = v[:half]
	}
	return v[0]
}

// narrowOf sums f(x) in fp16.
func narrowOf(f func(float32) float32) func([]float32) float32 {
	return func(v []float32) float32 {
		for i, x := range v {
			v[i] = narrow(f(x))
		}
		return narrowSum(v)
	}
}

// l2Norm accumulates wide: its error was published as that of one rounding.
func l2Norm(v []float32) float32 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return float32(math.Sqrt(sum))
}

func logSumExp(v []float32) float32 {
	top := slices.Max(v)
	if math.IsInf(float64(top), 0) {
		return top
	}
	var sum float64
	for _, x := range v {
		sum += math.Exp(float64(x - top))
	}
	return top + float32(math.Log(sum))
}

// reduce makes the build of a reduction; f may destroy its argument.
func reduce(r rounding, f func(v []float32) float32) build {
	return func(c *call) (work, *refusal) {
		x := c.tensor("x")
		starts, inner := splitAxes(x.shape, c.axes("axes", len(x.shape)))
		n, team := len(inner), workers()
		return work{round: r, scratch: team * n, run: func(out, in [][]float32, scratch []float32) {
			parts := min(team, 1+len(in[0])/(1<<13))
			inParallelUpTo(parts, len(starts), func(worker, lo, hi int) {
				row := scratch[worker*n:][:n]
				for i := lo; i < hi; i++ {
					for j, off := range inner {
						row[j] = in[0][starts[i]+off]
					}
					out[0][i] = f(row)
				}
			})
		}}, nil
	}
}

// splitAxes gives the offsets of all positions over the kept axes, and those
// over the reduced axes, both in row-major order.
func splitAxes(shape, reduced []int) (kept, inner []int) {
	st := strides(shape)
	kept, inner = []int{0}, []int{0}
	for a, d := range shape {
		if slices.Contains(reduced, a) {
			inner = extend(inner, d, st[a])
		} else {
			kept = extend(kept, d, st[a])
		}
	}
	return kept, inner
}

// extend adds an axis of d positions, stride apart, inside the given ones.
func extend(offsets []int, d, stride int) []int {
	all := make([]int, 0, len(offsets)*d)
	for _, o := range offsets {
		for i := range d {
			all = append(all, o+i*stride)
		}
	}
	return all
}

// topK is the k largest (or smallest) values along an axis in order, and their
// indices; equal values keep their order.
func topK(c *call) (work, *refusal) {
	x := c.tensor("x")
	axis := c.axis("axis", len(x.shape))
	starts, inner := splitAxes(x.shape, []int{axis})
	ascending, k := c.stmt.Flag("ascending", false), c.stmt.Int("k", 1)
	places, _ := splitAxes(c.out(0), []int{axis})
	step := strides(c.out(0))[axis]
	return work{run: func(out, in [][]float32, _ []float32) {
		order := make([]int, len(inner))
		at := func(i, o int) float32 { return in[0][starts[i]+inner[o]] }
		for i := range starts {
			for j := range order {
				order[j] = j
			}
			sort.SliceStable(order, func(a, b int) bool {
				if ascending {
					return at(i, order[a]) < at(i, order[b])
				}
				return at(i, order[a]) > at(i, order[b])
			})
			for j := range k {
				out[0][places[i]+j*step] = at(i, order[j])
				if len(out) > 1 {
					out[1][places[i]+j*step] = float32(order[j])
				}
			}
		}
	}}, nil
}
