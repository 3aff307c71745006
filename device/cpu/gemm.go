package cpu

import "devicemap/internal/graph"

// product is a batch of matrix products c = a·b + bias over row-major slices:
// a [m, k] or, with aT, [k, m]; b [k, n] or, with bT, [n, k]; c [m, n]; bias
// [n] or nil. aAt and bAt are the element offsets of the batch's operands;
// product i writes c from i·m·n. A fixed operand is a constant.
type product struct {
	m, n, k        int
	a, b, c        []float32
	bias           []float32
	aT, bT         bool
	aFixed, bFixed bool
	aAt, bAt       []int
}

// left and right are the operands at offset 0.
func (p *product) left() view {
	if p.aT {
		return view{p.a, 1, p.m}
	}
	return view{p.a, p.k, 1}
}

func (p *product) right() view {
	if p.bT {
		return view{p.b, 1, p.k}
	}
	return view{p.b, p.n, 1}
}

// Blocking of the gonum kernel set. A panel of b (64 rows of 1024 values,
// 256 KiB) stays in L2 while 192 rows of a pass over it.
const (
	gemmRows  = 192
	gemmCols  = 64
	gemmDepth = 1024
	// fewRows is the height up to which a product is bound by reading b once:
	// transposing b would cost more than it gains, and longer dots are free.
	fewRows, fewRowsDepth = 8, 4096
	// shortDepth is the depth below which dots are all overhead and gonum's
	// other form, row updates, is faster.
	shortDepth = 24

	gonumFlopsPerNs = 15 // one core, estimate for the partition only
)

// planGemm partitions c into items of gemmRows × gemmCols. Operands that are
// not contiguous along k are transposed panel by panel into scratch, at most
// 1 MiB per worker.
func planGemm(c *compiler, p product) step {
	if p.bFixed && !p.bT && p.k >= shortDepth && len(p.b) == p.k*p.n {
		p.b, p.bT = c.transposed(p.b, p.k, p.n), true
	}
	byRows := !p.bT && (p.k < shortDepth || p.m < fewRows)
	depth, cols := gemmDepth, gemmCols
	switch {
	case byRows:
		cols = (serialTiles - 1) * serialBlock
	case p.aT: // a is transposed once per item: make the items wide
		cols = 4 * gemmCols
	}
	if p.m < fewRows {
		depth = fewRowsDepth
	}
	depth = min(depth, p.k)
	rowBlocks, colBlocks := ceilDiv(p.m, gemmRows), ceilDiv(p.n, cols)
	items := len(p.aAt) * rowBlocks * colBlocks

	panelA := 0
	if p.aT {
		panelA = min(gemmRows, p.m) * depth
	}
	panelB := 0
	if !p.bT && !byRows {
		panelB = min(gemmCols, p.n) * depth
	}
	c.needScratch(panelA + panelB)
	g := gemmTile{product: p, dots: c.kernels.dots, rows: c.kernels.rows, depth: depth, panelA: panelA, byRows: byRows}
	ns := 2 * float64(min(gemmRows, p.m)) * float64(min(cols, p.n)) * float64(p.k) / gonumFlopsPerNs
	return step{c.loop(items, ns, func(w *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			batch, rest := item/(rowBlocks*colBlocks), item%(rowBlocks*colBlocks)
			j, i := rest/rowBlocks*cols, rest%rowBlocks*gemmRows
			g.compute(w, batch, i, min(i+gemmRows, p.m), j, min(j+cols, p.n))
		}
	})}
}

// gemmTile is the prepared form of a product.
type gemmTile struct {
	product
	dots, rows func(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int)
	depth      int // block of k
	panelA     int // elements of scratch for a
	byRows     bool
}

// compute fills rows [i0, i1) and columns [j0, j1) of one product.
func (g *gemmTile) compute(w *worker, batch, i0, i1, j0, j1 int) {
	a, b := g.a[g.aAt[batch]:], g.b[g.bAt[batch]:]
	dst := g.c[batch*g.m*g.n:]
	for i := i0; i < i1; i++ {
		row := dst[i*g.n+j0 : i*g.n+j1]
		if g.bias == nil {
			clear(row)
		} else {
			copy(row, g.bias[j0:j1])
		}
	}
	for k := 0; k < g.k; k += g.depth {
		depth := min(g.depth, g.k-k)
		pa, lda := a, g.k
		if g.aT {
			pa, lda = w.scratch[:g.panelA], depth
			turn(pa, depth, a[k*g.m+i0:], g.m, i1-i0, depth)
		} else {
			pa = a[i0*g.k+k:]
		}
		if g.byRows {
			g.rows(i1-i0, j1-j0, depth, pa, lda, b[k*g.n+j0:], g.n, dst[i0*g.n+j0:], g.n)
			continue
		}
		for j := j0; j < j1; j += gemmCols {
			n := min(gemmCols, j1-j)
			pb, ldb := b, g.k
			if g.bT {
				pb = b[j*g.k+k:]
			} else {
				pb, ldb = w.scratch[g.panelA:], depth
				turn(pb, depth, b[k*g.n+j:], g.n, n, depth)
			}
			g.dots(i1-i0, n, depth, pa, lda, pb, ldb, dst[i0*g.n+j:], g.n)
		}
	}
}

func planMatMul(c *compiler, n *graph.Node) (step, error) {
	op := n.Op.(graph.MatMul)
	x, y, out := n.In[0].Shape, n.In[1].Shape, n.Out[0].Shape
	m, k, _, cols := op.Dims(x, y)
	p := product{m: m, n: cols, k: k, a: c.in(n, 0), b: c.in(n, 1), c: c.out(n, 0),
		aT: op.TransposeX, bT: op.TransposeY, aFixed: c.fixed[n.In[0].ID], bFixed: c.fixed[n.In[1].ID]}
	lead := out[:len(out)-2]
	p.aAt, p.bAt = batchOffsets(lead, x[:len(x)-2], m*k), batchOffsets(lead, y[:len(y)-2], k*cols)
	if len(y) == 2 && !op.TransposeX && len(x) == len(out) {
		// One right operand for the whole batch: the batch becomes rows.
		p.m, p.aAt, p.bAt = m*len(p.aAt), []int{0}, []int{0}
	}
	return c.kernels.gemm(c, p), nil
}

func planLinear(c *compiler, n *graph.Node) (step, error) {
	w := n.In[1].Shape
	p := product{m: n.Out[0].Shape.Elems() / w[0], n: w[0], k: w[1], a: c.in(n, 0), b: c.in(n, 1), c: c.out(n, 0),
		bT: true, aFixed: c.fixed[n.In[0].ID], bFixed: c.fixed[n.In[1].ID], aAt: []int{0}, bAt: []int{0}}
	if len(n.In) == 3 {
		p.bias = c.in(n, 2)
	}
	return c.kernels.gemm(c, p), nil
}

// planEinsum computes y[n,c,h,:] = x[n,c,h,:]·B[n,:,h,:]: one product per (n, h)
// whose rows, one per channel, are strided in all three tensors.
func planEinsum(c *compiler, n *graph.Node) (step, error) {
	x, b, y := c.in(n, 0), c.in(n, 1), c.out(n, 0)
	s, u := n.In[0].Shape, n.Out[0].Shape[3]
	N, C, H, W := s[0], s[1], s[2], s[3]
	multiply := c.kernels.multiplier(c, C, u, W)
	return c.one(N*H, 2*float64(C*W*u)/gonumFlopsPerNs, func(w *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			i, h := item/H, item%H
			multiply(w, C, u, W, view{x[(i*C*H+h)*W:], H * W, 1}, view{b[(i*W*H+h)*u:], H * u, 1}, y[(i*C*H+h)*u:], H*u, false)
		}
	})
}

// batchOffsets lists the element offsets of an operand with leading dimensions
// have, broadcast to lead; each entry has size elements.
func batchOffsets(lead, have graph.Shape, size int) []int {
	b := newBroadcast(lead, have)
	at := make([]int, lead.Elems())
	for i := range at {
		at[i] = b.at(i)[0] * size
	}
	return at
}

// distinct lists the different ones of a batch's offsets in the order in which
// they first occur, and which of them each product has.
func distinct(offsets []int) (each, index []int) {
	known := map[int]int{}
	for _, at := range offsets {
		i, ok := known[at]
		if !ok {
			i = len(each)
			known[at], each = i, append(each, at)
		}
		index = append(index, i)
	}
	return each, index
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
