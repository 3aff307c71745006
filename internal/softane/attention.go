package softane

import "math"

// attention is softmax(q·kᵀ/√d + mask)·v over the last two axes. The scores
// and the probabilities are fp16 values, as in the decomposed form.
func attention(c *call) (work, *refusal) {
	q, k, v := c.tensor("query"), c.tensor("key"), c.tensor("value")
	r := len(q.shape)
	d := q.shape[r-1]
	scores := append(append([]int(nil), q.shape[:r-1]...), k.shape[r-2])
	first := newProduct(scores, whole(q.shape), whole(k.shape))
	second := newProduct(c.out(0), whole(scores), whole(v.shape).swapLast())
	score, context := first.work(k.data), second.work(v.data)
	var mask *walk
	if c.has("attn_mask") {
		mask = newWalk(scores, c.tensor("attn_mask").shape)
	}
	n, cols, scale := elems(scores), scores[r-1], float32(1/math.Sqrt(float64(d)))
	return work{round: saturating, scratch: n + score.scratch + context.scratch,
		run: func(out, in [][]float32, scratch []float32) {
			s, rest := scratch[:n], scratch[n:]
			score.run([][]float32{s}, in[:2], rest[:score.scratch])
			saturating.quantise(s)
			for i := range s {
				s[i] *= scale
			}
			if mask != nil {
				mask.rows(func(off int, at []int) {
					for i, p := off, at[0]; i < off+mask.n; i, p = i+1, p+mask.step[0] {
						s[i] += in[3][p]
					}
				})
			}
			nearest.quantise(s)
			for lo := 0; lo < n; lo += cols {
				softmaxRow(s[lo:lo+cols], s[lo:lo+cols], 1)
			}
			nearest.quantise(s)
			context.run(out, [][]float32{s, in[2]}, rest[score.scratch:])
		}}, nil
}

// softmaxRow is y[i] = exp(x[i]−max)/Σ exp over elements step apart.
func softmaxRow(y, x []float32, step int) {
	top := float32(math.Inf(-1))
	for i := 0; i < len(x); i += step {
		top = max(top, x[i])
	}
	var sum float64
	for i := 0; i < len(x); i += step {
		sum += math.Exp(float64(x[i] - top))
	}
	for i := 0; i < len(x); i += step {
		y[i] = float32(math.Exp(float64(x[i]-top)) / sum)
	}
}
