package softane

import "slices"

func products() map[string]build {
	return map[string]build{
		"matmul":                       matmul,
		"linear":                       linear,
		"einsum":                       einsum,
		"scaled_dot_product_attention": attention,
	}
}

// product computes dst = A·Bᵀ for a batch of pairs of matrices.
type product struct {
	m, n, k    int
	x, y       view // [batch…, m, k] and [batch…, n, k]
	xn, yn     int  // elements of the operands
	y1         bool // y is one matrix for all batches
	fixed      []float32
	narrowActs bool // activations beyond 4094 become infinite: int8 weights
}

// matmul is x·y over the last two axes; either may be transposed, leading axes
// broadcast. Products of fp16 values are accumulated wide; a result from 2^15
// on is infinite.
func matmul(c *call) (work, *refusal) {
	x, y := c.tensor("x"), c.tensor("y")
	if len(x.shape) < 2 || len(y.shape) < 2 {
		return work{}, c.notImplemented("operand of rank 1")
	}
	if len(c.out(0)) == 5 && (fromTranspose(x) || fromTranspose(y)) {
		return work{}, c.backEnd("transpose before a matmul of rank 5")
	}
	xv, yv := whole(x.shape), whole(y.shape)
	if c.stmt.Flag("transpose_x", false) {
		xv = xv.swapLast()
	}
	if !c.stmt.Flag("transpose_y", false) {
		yv = yv.swapLast()
	}
	p := newProduct(c.out(0), xv, yv)
	p.narrowActs = int8Weight(y)
	return p.work(y.data), nil
}

func fromTranspose(o operand) bool { return o.def != nil && o.def.Op == "transpose" }

// int8Weight says whether o is decoded from int8 codes per channel.
func int8Weight(o operand) bool { return o.def != nil && o.def.Op == "constexpr_affine_dequantize" }

func (v view) swapLast() view {
	r := len(v.dims)
	perm := make([]int, r)
	for i := range perm {
		perm[i] = i
	}
	perm[r-1], perm[r-2] = r-2, r-1
	return v.permute(perm)
}

// newProduct takes x [batch…, m, k] and y [batch…, n, k], in any memory order.
func newProduct(out []int, x, y view) *product {
	r := len(out)
	p := &product{m: out[r-2], n: out[r-1], k: x.dims[len(x.dims)-1], xn: elems(x.dims), yn: elems(y.dims)}
	p.y1 = elems(y.dims[:len(y.dims)-2]) == 1
	batch := out[:r-2]
	p.x, p.y = x.spread(batch), y.spread(batch)
	if p.y1 {
		p.y = y.spread(nil)
	}
	return p
}

// spread broadcasts the leading axes of a batch of matrices.
func (v view) spread(batch []int) view {
	r := len(v.dims)
	res := view{dims: append(slices.Clone(batch), v.dims[r-2:]...), base: v.base}
	res.strides = make([]int, len(batch), len(batch)+2)
	for i := range batch {
		if j := i + r - 2 - len(batch); j >= 0 && v.dims[j] != 1 {
			res.strides[i] = v.strides[j]
		}
	}
	res.strides = append(res.strides, v.strides[r-2:]...)
	return res
}

// packed says whether the view's elements already lie in row-major order.
func (v view) packed() bool {
	m := v.merged()
	return m.base == 0 && len(m.dims) == 1 && m.strides[0] == 1
}

// work makes the kernel; y is nil unless it is constant.
func (p *product) work(y []float32) work {
	w := work{round: saturating}
	packX, packY := !p.x.packed() || p.narrowActs, !p.y.packed()
	if packY && y != nil {
		p.fixed = make([]float32, elems(p.y.dims))
		p.y.copyTo(p.fixed, y)
		packY = false
	}
	nx, ny := 0, 0
	if packX {
		nx = elems(p.x.dims)
	}
	if packY {
		ny = elems(p.y.dims)
	}
	w.scratch = nx + ny
	w.run = func(out, in [][]float32, scratch []float32) {
		x, y := in[0], in[1]
		if packX {
			p.x.copyTo(scratch[:nx], x)
			x = scratch[:nx]
			if p.narrowActs {
				clampInput(x, x, narrowPath)
			}
		}
		if p.fixed != nil {
			y = p.fixed
		} else if packY {
			p.y.copyTo(scratch[nx:nx+ny], y)
			y = scratch[nx : nx+ny]
		}
		p.multiply(out[0], x, y)
	}
	return w
}

// multiply runs over packed operands. The work is split over batches, rows or
// columns, whichever there are most of.
func (p *product) multiply(dst, x, y []float32) {
	m, n, k := p.m, p.n, p.k
	batches := len(dst) / (m * n)
	if p.y1 {
		m, batches = m*batches, 1
	}
	grain := max(1, (1<<18)/max(1, n*k))
	if batches > 1 {
		inParallel(batches, max(1, grain/m), func(_, lo, hi int) {
			for b := lo; b < hi; b++ {
				mulNT(matrix{dst[b*m*n:], n}, matrix{x[b*m*k:], k}, matrix{y[b*n*k:], k}, m, n, k)
			}
		})
		return
	}
	if m >= n {
		inParallel(m, grain, func(_, lo, hi int) {
			mulNT(matrix{dst[lo*n:], n}, matrix{x[lo*k:], k}, matrix{y, k}, hi-lo, n, k)
		})
		return
	}
	inParallel(n, max(1, (1<<18)/max(1, m*k)), func(_, lo, hi int) {
		mulNT(matrix{dst[lo:], n}, matrix{x, k}, matrix{y[lo*k:], k}, m, hi-lo, k)
	})
}

// linear is x·wᵀ + b with w [N, K], b [N].
func linear(c *call) (work, *refusal) {
	x, w := c.tensor("x"), c.tensor("weight")
	p := newProduct(atLeast2(c.out(0)), atLeast2View(x.shape), whole(w.shape))
	p.narrowActs = int8Weight(w)
	done := p.work(w.data)
	if !c.has("bias") {
		return done, nil
	}
	c.tensor("bias")
	multiply := done.run
	done.run = func(out, in [][]float32, scratch []float32) {
		multiply(out, in, scratch)
		for i := range out[0] {
			out[0][i] += in[2][i%p.n]
		}
	}
	return done, nil
}

// atLeast2 puts an axis of 1 before a vector.
func atLeast2(shape []int) []int {
	if len(shape) == 1 {
		return []int{1, shape[0]}
	}
	return shape
}

func atLeast2View(shape []int) view { return whole(atLeast2(shape)) }

// einsum is the one equation of the route, nchw,nwhu->nchu: for each n and h a
// product [C, W]·[W, U].
func einsum(c *call) (work, *refusal) {
	if eq := c.stmt.Word("equation", ""); eq != "nchw,nwhu->nchu" {
		return work{}, c.notImplemented("equation " + eq)
	}
	in := c.list("values")
	x, y := in[0].shape, in[1].shape
	n, ch, h, u := x[0], x[1], x[2], y[3]
	xv := whole(x).permute([]int{0, 2, 1, 3})
	yv := whole(y).permute([]int{0, 2, 3, 1})
	p := newProduct([]int{n, h, ch, u}, xv, yv)
	inner := p.work(nil)
	total := n * h * ch * u
	back := whole([]int{n, h, ch, u}).permute([]int{0, 2, 1, 3})
	return work{round: saturating, scratch: inner.scratch + total, run: func(out, in [][]float32, scratch []float32) {
		tmp := scratch[inner.scratch:][:total]
		inner.run([][]float32{tmp}, in, scratch[:inner.scratch])
		back.copyTo(out[0], tmp)
	}}, nil
}
