package cpu

// Partition of packed products, from their shapes alone.
const (
	// A batch of many small products is one product per item.
	manyProducts = 16
	smallProduct = 64e6 // operations

	itemFlops = 4e6 // of an item, at least, where the shape allows it
	itemBytes = 1 << 18
	maxItems  = 64
	itemCols  = 512

	gemmFlopsPerNs = 60 // one core, estimates for the partition only
	dotBytesPerNs  = 15
)

// gemm plans p. Either each worker packs what its item needs, or all pack
// together what then all read, or a single row meets b as it is.
func (t *tiles) gemm(c *compiler, p product) step {
	g := &packedProduct{product: p, tiles: t, left: t.left(p.left(), p.m, p.k), right: t.right(p.right(), p.n, p.k)}
	if p.bFixed {
		for _, at := range p.bAt {
			g.fixed = append(g.fixed, slivers{g.right.fixed(c, at), t.NR * p.k})
		}
	}
	flops := 2 * float64(p.m) * float64(p.n) * float64(p.k)
	many := len(p.aAt) >= manyProducts && flops <= smallProduct
	if g.fixed == nil && p.m == 1 && p.bT {
		return g.planDots(c)
	}
	if g.fixed == nil && (many || p.m <= 2*t.MR) {
		return g.planAlone(c)
	}
	return g.planTogether(c)
}

// packedProduct is a product and its prepared operands.
type packedProduct struct {
	product
	*tiles
	left, right side
	fixed       []slivers // of b, by product; nil if b is not a constant
}

// planAlone plans items of one product, or a block of its columns.
func (g *packedProduct) planAlone(c *compiler) step {
	cols := g.n
	if len(g.aAt) < maxItems {
		_, cols = g.split(g.m, g.n, g.k, maxItems/len(g.aAt))
	}
	if !g.bT { // rows of b are read in long pieces
		cols = max(cols, min(g.n, itemCols))
	}
	blocks := ceilDiv(g.n, cols)
	left := g.needPanels(c, g.m, cols, g.k)
	return step{c.loop(len(g.aAt)*blocks, 2*float64(g.m*cols)*float64(g.k)/gemmFlopsPerNs, func(w *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			i, j := item/blocks, item%blocks*cols
			a, b := g.left, g.right
			a.data, b.data = a.data[g.aAt[i]:], b.data[g.bAt[i]:]
			bias := g.bias
			if bias != nil {
				bias = bias[j:]
			}
			g.alone(w.panels[:left], w.panels[left:], a, b.part(j, min(cols, g.n-j)), g.c[i*g.m*g.n+j:], g.n, bias, false)
		}
	})}
}

// planDots plans a single row times columns that are contiguous along k: such a
// product is bound by reading b, and packing it would take as long.
func (g *packedProduct) planDots(c *compiler) step {
	bytes := 4 * float64(g.k)
	return step{c.loop(len(g.aAt)*g.n, bytes/dotBytesPerNs, func(_ *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			i, j := item/g.n, item%g.n
			a, b := g.a[g.aAt[i]:][:g.k], g.b[g.bAt[i]+j*g.k:][:g.k]
			sum := g.vector.Dot(a, b)
			if g.bias != nil {
				sum += float64(g.bias[j])
			}
			g.c[item] = float32(sum)
		}
	})}
}

// planTogether plans pairs of loops: one packs regions of the operands of some
// products, over some depths, the next one multiplies them.
func (g *packedProduct) planTogether(c *compiler) step {
	m, n := min(roundUp(g.m, g.MR), roundUp(g.lanes, g.MR)), min(roundUp(g.n, g.NR), roundUp(g.lanes, g.NR))
	packed := m
	if g.fixed == nil {
		packed += n
	} else {
		n = roundUp(g.n, g.NR)
	}
	depth := min(g.k, max(g.shared/packed/g.depth, 1)*g.depth)
	batch := 1
	if m >= g.m && n >= g.n && depth == g.k {
		batch = min(len(g.aAt), max(1, g.shared/(packed*depth)))
	}
	c.needShared(batch * packed * depth)
	var s step
	for from := 0; from < len(g.aAt); from += batch {
		for i := 0; i < g.m; i += m {
			for j := 0; j < g.n; j += n {
				for k := 0; k < g.k; k += depth {
					r := region{packedProduct: g, from: from, products: min(batch, len(g.aAt)-from), i: i, j: j, p: k,
						m: min(m, g.m-i), n: min(n, g.n-j), k: min(depth, g.k-k)}
					s = append(s, r.pack(c), r.multiply(c))
				}
			}
		}
	}
	return s
}

// region is rows [i, i+m), columns [j, j+n) and depths [p, p+k) of products
// [from, from+products).
type region struct {
	*packedProduct
	from, products   int
	i, j, p, m, n, k int
}

// steps are the values of the packed operands of one product.
func (r *region) steps() (a, b int) {
	a = roundUp(r.m, r.MR) * r.k
	if r.fixed == nil {
		b = roundUp(r.n, r.NR) * r.k
	}
	return a, b
}

// pack fills the shared memory with the slivers of each product.
func (r region) pack(c *compiler) loop {
	a, b := r.left.part(r.i, r.m), r.right.part(r.j, r.n)
	sizeA, sizeB := r.steps()
	count := a.slivers()
	if r.fixed == nil {
		count += b.slivers()
	}
	return c.loop(r.products*count, 0.1*float64(r.NR*r.k), func(w *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			batch, i := item/count, item%count
			dst := w.shared[batch*(sizeA+sizeB):]
			if i < a.slivers() {
				a.sliver(dst[i*a.width*r.k:], r.aAt[r.from+batch], i, r.p, r.k)
				continue
			}
			i -= a.slivers()
			b.sliver(dst[sizeA+i*b.width*r.k:], r.bAt[r.from+batch], i, r.p, r.k)
		}
	})
}

// multiply computes the region from its slivers.
func (r region) multiply(c *compiler) loop {
	rows, cols := r.split(r.m, r.n, r.k, ceilDiv(maxItems, r.products))
	rowBlocks, colBlocks := ceilDiv(r.m, rows), ceilDiv(r.n, cols)
	sizeA, sizeB := r.steps()
	blocks := rowBlocks * colBlocks
	return c.loop(r.products*blocks, 2*float64(rows*cols)*float64(r.k)/gemmFlopsPerNs, func(w *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			batch, rest := item/blocks, item%blocks
			i, j := rest%rowBlocks*rows, rest/rowBlocks*cols
			packed := w.shared[batch*(sizeA+sizeB):]
			a := slivers{packed[i*r.k:], r.MR * r.k}
			var b slivers
			if r.fixed == nil {
				b = slivers{packed[sizeA+j*r.k:], r.NR * r.k}
			} else {
				b = r.fixed[r.from+batch]
				b.data = b.data[(r.j+j)*r.packedProduct.k+r.p*r.NR:]
			}
			r.compute(r.from+batch, r.i+i, r.j+j, min(rows, r.m-i), min(cols, r.n-j), a, b)
		}
	})
}

// compute fills rows [i, i+m) and columns [j, j+n) of a product, or adds to
// them behind the first depths.
func (r *region) compute(batch, i, j, m, n int, a, b slivers) {
	dst := r.c[batch*r.packedProduct.m*r.packedProduct.n+i*r.packedProduct.n+j:]
	for p := 0; p < r.k; p += r.depth {
		add := r.p+p > 0
		var bias []float32
		if !add && r.bias != nil {
			bias = r.bias[j:]
		}
		left, right := slivers{a.data[p*r.MR:], a.step}, slivers{b.data[p*r.NR:], b.step}
		r.block(m, n, min(r.depth, r.k-p), left, right, dst, r.packedProduct.n, bias, add)
	}
}

// split cuts a product into blocks of whole tiles, of about itemFlops and at
// most atMost of them beyond what the caches ask for.
func (t *tiles) split(m, n, k, atMost int) (rows, cols int) {
	rows, cols = min(roundUp(m, t.MR), t.rows), min(roundUp(n, t.NR), roundUp(itemCols, t.NR))
	work := max(2*float64(m)*float64(n)*float64(k)/itemFlops, 4*float64(n)*float64(k)/itemBytes)
	want := min(int(work), atMost)
	for ceilDiv(m, rows)*ceilDiv(n, cols) < want && rows*cols > t.MR*t.NR {
		if cols > t.NR && (cols >= rows || rows == t.MR) {
			cols = roundUp(cols/2, t.NR)
		} else {
			rows = roundUp(rows/2, t.MR)
		}
	}
	return rows, cols
}
