package mil

import "slices"

// The shape rules. Each reads a statement whose parameters have been checked
// and gives the types of its results. Dimensions saturate above MaxElems
// instead of wrapping; the checker refuses what is too large.

// wrong is a broken shape rule of s.
func wrong(s *Stmt, format string, args ...any) error {
	return errorAt(s.Pos, RuleShape, s.Op+": "+format, args...)
}

// one wraps the usual single result of halves.
func one(shape ...int) ([]Type, error) { return []Type{{FP16, shape}}, nil }

// mulDim multiplies non-negative sizes and saturates at MaxElems+1.
func mulDim(a, b int) int {
	if a != 0 && b > (MaxElems+1)/a {
		return MaxElems + 1
	}
	return min(a*b, MaxElems+1)
}

func product(dims []int) int { return Type{Shape: dims}.Elems() }

// axis is a constant axis of a tensor of the given rank; negative ones count
// from the end.
func axis(s *Stmt, name string, rank int) (int, error) {
	a := s.Int(name, 0)
	if a < -rank || a >= rank {
		return 0, wrong(s, "%s %d is not in %d..%d", name, a, -rank, rank-1)
	}
	return (a + rank) % rank, nil
}

// axes is a constant list of distinct axes.
func axes(s *Stmt, name string, rank int) ([]int, error) {
	out := s.Ints(name)
	for i, a := range out {
		if a < -rank || a >= rank {
			return nil, wrong(s, "%s %v: axis %d is not in %d..%d", name, out, a, -rank, rank-1)
		}
		out[i] = (a + rank) % rank
		if slices.Contains(out[:i], out[i]) {
			return nil, wrong(s, "%s %v: axis %d is given twice", name, out, out[i])
		}
	}
	return out, nil
}

// vector is a constant vector of n integers, each at least low.
func vector(s *Stmt, name string, n, low int) ([]int, error) {
	v := s.Ints(name)
	if len(v) != n {
		return nil, wrong(s, "%s has %d numbers, want %d", name, len(v), n)
	}
	for _, x := range v {
		if x < low {
			return nil, wrong(s, "%s %s: %d is below %d", name, dims(v), x, low)
		}
	}
	return v, nil
}

func same(s *Stmt) ([]Type, error) { return []Type{s.In("x").Type}, nil }

// joined is the NumPy broadcast of two shapes: right-aligned, equal or 1.
func joined(s *Stmt, a, b []int) ([]int, error) {
	out := make([]int, max(len(a), len(b)))
	at := func(v []int, i int) int {
		if i += len(v) - len(out); i < 0 {
			return 1
		} else {
			return v[i]
		}
	}
	for i := range out {
		da, db := at(a, i), at(b, i)
		if da != db && da != 1 && db != 1 {
			return nil, wrong(s, "%s and %s do not broadcast", dims(a), dims(b))
		}
		out[i] = max(da, db)
	}
	return out, nil
}

func broadcast(s *Stmt) ([]Type, error) {
	x, y := s.In("x").Type, s.In("y").Type
	if x.IsScalar() && y.IsScalar() {
		return nil, wrong(s, "both operands are scalars")
	}
	shape, err := joined(s, x.Shape, y.Shape)
	return []Type{{FP16, shape}}, err
}

func compare(s *Stmt) ([]Type, error) {
	out, err := broadcast(s)
	if err != nil {
		return nil, err
	}
	out[0].DType = Bool
	return out, nil
}

// inferSelect gives the broadcast of a and b; the condition has to fit into
// it, because the compiler does not widen a and b by it.
func inferSelect(s *Stmt) ([]Type, error) {
	a, b, c := s.In("a").Type, s.In("b").Type, s.In("cond").Type
	shape, err := joined(s, a.Shape, b.Shape)
	if err != nil {
		return nil, err
	}
	if full, err := joined(s, shape, c.Shape); err != nil || !slices.Equal(full, shape) {
		return nil, wrong(s, "cond %s is wider than the result %s of a and b; bake one of them in full", dims(c.Shape), dims(shape))
	}
	return one(shape...)
}

func inferCast(s *Stmt) ([]Type, error) { return one(s.In("x").Type.Shape...) }

// channels is the length of axis 1 of an x of rank 3 or more.
func channels(s *Stmt) (int, error) {
	x := s.In("x").Type.Shape
	if len(x) < 3 {
		return 0, wrong(s, "x %s has no rank of 3 or more", dims(x))
	}
	return x[1], nil
}

func inferPReLU(s *Stmt) ([]Type, error) {
	c, err := channels(s)
	if err == nil && s.In("alpha").Type.Shape[0] != c {
		err = wrong(s, "alpha %s for %d channels", dims(s.In("alpha").Type.Shape), c)
	}
	return []Type{s.In("x").Type}, err
}

func inferChannelNorm(s *Stmt) ([]Type, error) {
	c, err := channels(s)
	for _, name := range []string{"beta", "gamma", "mean", "variance"} {
		if v := s.In(name); err == nil && v != nil && v.Type.Shape[0] != c {
			err = wrong(s, "%s %s for %d channels", name, dims(v.Type.Shape), c)
		}
	}
	return []Type{s.In("x").Type}, err
}

func inferLayerNorm(s *Stmt) ([]Type, error) {
	x := s.In("x").Type
	over, err := axes(s, "axes", len(x.Shape))
	if err != nil {
		return nil, err
	}
	var want []int
	for _, a := range over {
		want = append(want, x.Shape[a])
	}
	for _, name := range []string{"beta", "gamma"} {
		if v := s.In(name); v != nil && !slices.Equal(v.Type.Shape, want) {
			return nil, wrong(s, "%s %s, want the normalised axes %s", name, dims(v.Type.Shape), dims(want))
		}
	}
	return []Type{x}, nil
}

func inferLRN(s *Stmt) ([]Type, error) {
	if n := s.Int("size", 0); n < 1 {
		return nil, wrong(s, "size %d is below 1", n)
	}
	_, err := channels(s)
	return []Type{s.In("x").Type}, err
}

func inferAlongAxis(s *Stmt) ([]Type, error) {
	x := s.In("x").Type
	_, err := axis(s, "axis", len(x.Shape))
	return []Type{x}, err
}

func inferReduce(s *Stmt) ([]Type, error) {
	if !s.Flag("keep_dims", false) {
		return nil, wrong(s, "keep_dims must be true; reshape the result afterwards")
	}
	shape := slices.Clone(s.In("x").Type.Shape)
	over, err := axes(s, "axes", len(shape))
	for _, a := range over {
		shape[a] = 1
	}
	return []Type{{FP16, shape}}, err
}

func inferTopK(s *Stmt) ([]Type, error) {
	shape := slices.Clone(s.In("x").Type.Shape)
	a, err := axis(s, "axis", len(shape))
	if err != nil {
		return nil, err
	}
	k := s.Int("k", 0)
	if k < 1 || k > shape[a] {
		return nil, wrong(s, "k %d is not in 1..%d", k, shape[a])
	}
	shape[a] = k
	if !s.Flag("return_indices", true) {
		return one(shape...)
	}
	return []Type{{FP16, shape}, {Int32, shape}}, nil
}

// inferMatmul gives x·y over the last two axes. The leading axes of both are
// equal, or y is one matrix for all of x.
func inferMatmul(s *Stmt) ([]Type, error) {
	x, y := s.In("x").Type.Shape, s.In("y").Type.Shape
	if len(x) < 2 || len(y) < 2 {
		return nil, wrong(s, "x %s and y %s need rank 2 or more", dims(x), dims(y))
	}
	lead, leadY := x[:len(x)-2], y[:len(y)-2]
	if len(leadY) > 0 && !slices.Equal(lead, leadY) {
		return nil, wrong(s, "leading axes of x %s and y %s differ", dims(x), dims(y))
	}
	m, k := x[len(x)-2], x[len(x)-1]
	if s.Flag("transpose_x", false) {
		m, k = k, m
	}
	ky, n := y[len(y)-2], y[len(y)-1]
	if s.Flag("transpose_y", false) {
		ky, n = n, ky
	}
	if k != ky {
		return nil, wrong(s, "x %s has K = %d, y %s has K = %d", dims(x), k, dims(y), ky)
	}
	return one(append(slices.Clone(lead), m, n)...)
}

func inferLinear(s *Stmt) ([]Type, error) {
	x, w := slices.Clone(s.In("x").Type.Shape), s.In("weight").Type.Shape
	if x[len(x)-1] != w[1] {
		return nil, wrong(s, "x %s has K = %d, weight %s has K = %d", dims(x), x[len(x)-1], dims(w), w[1])
	}
	if b := s.In("bias"); b != nil && b.Type.Shape[0] != w[0] {
		return nil, wrong(s, "bias %s for %d outputs", dims(b.Type.Shape), w[0])
	}
	x[len(x)-1] = w[0]
	return one(x...)
}

// inferEinsum is the one equation of the route: nchw,nwhu->nchu.
func inferEinsum(s *Stmt) ([]Type, error) {
	v := s.List("values")
	if len(v) != 2 || len(v[0].Type.Shape) != 4 || len(v[1].Type.Shape) != 4 {
		return nil, wrong(s, "want two values of rank 4")
	}
	x, w := v[0].Type.Shape, v[1].Type.Shape
	if x[0] != w[0] || x[3] != w[1] || x[2] != w[2] {
		return nil, wrong(s, "want x [N, C, H, W], y [N, W, H, U]; got %s, %s", dims(x), dims(w))
	}
	return one(x[0], x[1], x[2], w[3])
}

// inferSDPA is softmax(query·keyᵀ/√d + attn_mask)·value.
func inferSDPA(s *Stmt) ([]Type, error) {
	q, k, v := s.In("query").Type.Shape, s.In("key").Type.Shape, s.In("value").Type.Shape
	n := len(q)
	if n < 3 || len(k) != n || len(v) != n || q[n-1] != k[n-1] ||
		!slices.Equal(q[:n-2], k[:n-2]) || !slices.Equal(k[:n-1], v[:n-1]) {
		return nil, wrong(s, "want query […, Sq, D], key […, Sk, D], value […, Sk, E]; got %s, %s, %s", dims(q), dims(k), dims(v))
	}
	scores := append(slices.Clone(q[:n-1]), k[n-2])
	if m := s.In("attn_mask"); m != nil {
		if full, err := joined(s, scores, m.Type.Shape); err != nil || !slices.Equal(full, scores) {
			return nil, wrong(s, "mask %s does not broadcast to the scores %s", dims(m.Type.Shape), dims(scores))
		}
	}
	return one(append(slices.Clone(q[:n-1]), v[n-1])...)
}
