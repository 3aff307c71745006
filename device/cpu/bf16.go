package cpu

import "devicemap/internal/amx"

// bf16Kernels are the kernels of base with products and convolutions on the
// tile unit: operands rounded to bf16, sums in float32. Attention in one node,
// depthwise convolutions and everything else stay float32.
func bf16Kernels(base *kernels, multiply amx.Kernel) *kernels {
	k := *base
	t := tileUnit{base: base, multiply: multiply}
	k.gemm, k.conv = t.gemm, t.conv
	return &k
}

// tileUnit plans products and convolutions for an AMX kernel.
type tileUnit struct {
	base     *kernels // for what does not fit the unit
	multiply amx.Kernel
}

// Blocking of the tile unit.
const (
	// tileSteps is the most steps of depth (32 values each) of one pass: a
	// panel of a pass, 32 KiB, stays in L1 while those of the other operand
	// stream from L2. Depth 512 reaches 80 % of the instruction's peak, twice
	// that no more.
	tileSteps = 16
	// tileRows and tileCols are the most panels of an item: 256 rows by 512
	// columns, whose operands of a pass take 768 KiB of L2.
	tileRows, tileCols = 8, 16
	// tileItems is the number of items that feeds the workers.
	tileItems = 16

	tileFlopsPerNs = 1500 // one core, estimate for the partition only
	packNs         = 200  // a step of a panel, as tileFlopsPerNs
)

// passes splits steps into passes of about equal length.
func passes(steps int) (pass int) { return ceilDiv(steps, ceilDiv(steps, tileSteps)) }

// panelMatrix is one operand of a batch of products, in panels. Those of a
// constant are made at compile time; others are made by each run in the memory
// that the workers share.
type panelMatrix struct {
	src      []float32
	at       []int // where a different matrix begins in src
	index    []int // by product of the batch: which of them it takes
	lanes, k int
	along    bool // lanes are contiguous along the depth: src is [lanes, k], else [k, lanes]
	pairs    bool // the form of the panels
	panels   int  // of one matrix
	elems    int  // of one panel
	fixed    []uint16
	offset   int // in the shared memory
}

func newPanelMatrix(src []float32, at []int, lanes, k int, along, pairs bool) *panelMatrix {
	m := &panelMatrix{src: src, lanes: lanes, k: k, along: along, pairs: pairs,
		panels: amx.Panels(lanes), elems: amx.Steps(k) * amx.StepElems}
	m.at, m.index = distinct(at)
	return m
}

// items is the number of panels of all matrices.
func (m *panelMatrix) items() int { return len(m.at) * m.panels }

// floats is the memory that all panels take, in float32 values.
func (m *panelMatrix) floats() int { return m.items() * m.elems / 2 }

// packed is where the panels are.
func (m *panelMatrix) packed(w *worker) []uint16 {
	if m.fixed != nil {
		return m.fixed
	}
	return amx.Halves(w.shared[m.offset:][:m.floats()])
}

// panel is panel i of the matrix that product batch takes, from a step on.
func (m *panelMatrix) panel(w *worker, batch, i, step int) []uint16 {
	return m.packed(w)[(m.index[batch]*m.panels+i)*m.elems:][step*amx.StepElems:]
}

// pack fills the panels [lo, hi) of all matrices.
func (m *panelMatrix) pack(packed []uint16, lo, hi int) {
	for item := lo; item < hi; item++ {
		src, lane := m.src[m.at[item/m.panels]:], item%m.panels*amx.Lanes
		dst, lanes := packed[item*m.elems:][:m.elems], min(amx.Lanes, m.lanes-lane)
		if m.along {
			amx.PackRows(dst, src[lane*m.k:], m.k, lanes, m.k)
		} else {
			amx.PackPairs(dst, src[lane:], m.lanes, lanes, m.k)
		}
		if m.along == m.pairs {
			amx.Turn(dst)
		}
	}
}

// prepare packs a constant now, and everything else in a loop that it adds to
// s, to the shared memory behind used values. It returns what is used then.
func (m *panelMatrix) prepare(c *compiler, fixed bool, s *step, used int) int {
	if fixed {
		l := layout{at: &m.src[0], row: 1, col: m.lanes, rows: m.lanes, cols: m.k, as: asPanels - 2*len(m.at)}
		if m.along {
			l.row, l.col = m.k, 1
		}
		if m.pairs {
			l.as--
		}
		m.fixed = amx.Halves(c.copied(l, m.floats(), func(dst []float32) { m.pack(amx.Halves(dst), 0, m.items()) }))
		return used
	}
	m.offset = used
	c.needShared(used + m.floats())
	*s = append(*s, c.loop(m.items(), packNs*float64(amx.Steps(m.k)), func(w *worker, lo, hi int) {
		m.pack(m.packed(w), lo, hi)
	}))
	return used + m.floats()
}

// Uses of a constant's copy, see layout: filters of a convolution, and panels
// of several matrices in either form.
const (
	asFilters = -1
	asPanels  = -2
)

// store computes rows ≤ 32 and cols columns of c, whose edges it reaches
// through edge [32·cols rounded up to 32].
func (t tileUnit) store(edge, c []float32, ldc, rows, cols int, a, b []uint16, steps, stride int, add bool) {
	if full := cols / amx.Lanes; rows == amx.Lanes && full > 0 {
		t.multiply(c, ldc, a, b, steps, full, stride, add)
		if cols -= full * amx.Lanes; cols == 0 {
			return
		}
		c, b = c[full*amx.Lanes:], b[full*stride:]
	}
	panels := amx.Panels(cols)
	ld := panels * amx.Lanes
	t.multiply(edge, ld, a, b, steps, panels, stride, false)
	for i := range rows {
		row, from := c[i*ldc:i*ldc+cols], edge[i*ld:]
		if !add {
			copy(row, from)
			continue
		}
		for j := range row {
			row[j] += from[j]
		}
	}
}

// gemm packs both operands, constants at compile time, and multiplies. The
// packed copies take half of the operands' bytes, rounded up to 32 lanes.
func (t tileUnit) gemm(c *compiler, p product) step {
	if p.m == 0 || p.n == 0 || p.k == 0 {
		return t.base.gemm(c, p)
	}
	a := newPanelMatrix(p.a, p.aAt, p.m, p.k, !p.aT, false)
	b := newPanelMatrix(p.b, p.bAt, p.n, p.k, p.bT, true)
	var s step
	b.prepare(c, p.bFixed, &s, a.prepare(c, p.aFixed, &s, 0))

	rows, cols := tileRows, tileCols
	items := func() int { return len(p.aAt) * ceilDiv(a.panels, rows) * ceilDiv(b.panels, cols) }
	for items() < tileItems && rows*cols > 4 {
		if cols > rows {
			cols /= 2
		} else {
			rows /= 2
		}
	}
	c.needScratch(amx.Lanes * amx.Lanes * cols)
	across, down := ceilDiv(b.panels, cols), ceilDiv(a.panels, rows)
	g := tileProduct{tileUnit: t, product: p, left: a, right: b}
	ns := 2 * float64(min(rows*amx.Lanes, p.m)) * float64(min(cols*amx.Lanes, p.n)) * float64(p.k) / tileFlopsPerNs
	return append(s, c.loop(items(), ns, func(w *worker, lo, hi int) {
		for item := lo; item < hi; item++ {
			batch, i, j := item/(across*down), item/across%down*rows, item%across*cols
			g.compute(w, batch, i, min(i+rows, a.panels), j, min(j+cols, b.panels))
		}
	}))
}

// tileProduct is a product whose operands are in panels.
type tileProduct struct {
	tileUnit
	product
	left, right *panelMatrix
}

// compute fills the panels [i0, i1) of rows and [j0, j1) of columns.
func (g *tileProduct) compute(w *worker, batch, i0, i1, j0, j1 int) {
	dst, cols := g.c[batch*g.m*g.n+j0*amx.Lanes:], min(g.n, j1*amx.Lanes)-j0*amx.Lanes
	steps := amx.Steps(g.k)
	pass := passes(steps)
	for s := 0; s < steps; s += pass {
		b := g.right.panel(w, batch, j0, s)
		for i := i0; i < i1; i++ {
			at, rows := i*amx.Lanes*g.n, min(amx.Lanes, g.m-i*amx.Lanes)
			if s == 0 && g.bias != nil {
				for r := range rows {
					copy(dst[at+r*g.n:][:cols], g.bias[j0*amx.Lanes:])
				}
			}
			g.store(w.scratch, dst[at:], g.n, rows, cols, g.left.panel(w, batch, i, s), b,
				min(pass, steps-s), g.right.elems, s > 0 || g.bias != nil)
		}
	}
}
