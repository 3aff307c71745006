package cpu

import (
	"github.com/klauspost/cpuid/v2"

	"devicemap/internal/simd"
)

// view is a matrix inside of a slice: element (i, j) is data[i·row + j·col].
// One of the steps is 1 where it shall be fast.
type view struct {
	data     []float32
	row, col int
}

// leading is the step between rows as stored, of which the other step is 1.
func (v view) leading() int { return max(v.row, v.col) }

// multiply is c = a·b, or c += a·b with add, on one worker: a [m, k], b
// [k, n], c [m, n] with rows ldc values apart.
type multiply func(w *worker, m, n, k int, a, b view, c []float32, ldc int, add bool)

// tiles multiplies with the register tiles of one instruction set.
//
// Both operands are packed into slivers, so that their steps and odd sizes
// cost nothing in the tiles. Sums run over blocks of depth in order, whatever
// the partition: the value of an element depends on the shapes alone.
type tiles struct {
	*simd.Matrix
	vector *simd.Vector
	depth  int // of a block: a sliver of b fills the L1 cache
	rows   int // of a block of a, a quarter of the L2 cache
	cols   int // of a block of b on one worker, half of the L2 cache
	shared int // values of both operands packed at a time for all workers
	lanes  int // rows and columns packed at a time for all workers
}

// Limits of what is packed for all workers: 8 MiB, which a last-level cache
// holds, and 4096 rows and columns. Packing an operand again for every 4096
// lanes of the other one costs below 1 %.
const (
	sharedMax = 8 << 20 / 4
	lanesMax  = 4096
)

// newTiles derives the blocks from the sizes of the caches in bytes.
func newTiles(m *simd.Matrix, v *simd.Vector, l1, l2 int) *tiles {
	t := &tiles{Matrix: m, vector: v, shared: sharedMax, lanes: lanesMax}
	t.depth = min(max(l1/(4*m.NR)/64*64, 128), 512)
	t.rows = max(l2/4/(4*t.depth)/m.MR, 1) * m.MR
	t.cols = max(l2/2/(4*t.depth)/m.NR, 1) * m.NR
	return t
}

// hostTiles are the tiles of l for this machine's caches; 32 KiB and 1 MiB
// where they are not known.
func hostTiles(l simd.Level) *tiles {
	l1, l2 := cpuid.CPU.Cache.L1D, cpuid.CPU.Cache.L2
	if l1 <= 0 {
		l1 = 32 << 10
	}
	if l2 <= 0 {
		l2 = 1 << 20
	}
	return newTiles(simd.MatrixFor(l), simd.VectorFor(l), l1, l2)
}

// side is an operand of a packed product, as lanes along k: the rows of a or
// the columns of b.
type side struct {
	data        []float32
	lane, depth int // steps
	count, k    int
	width       int // of a sliver
	pack        func(dst, src []float32, lane, depth, lanes, k int)
}

func (t *tiles) left(v view, m, k int) side { return side{v.data, v.row, v.col, m, k, t.MR, t.PackA} }
func (t *tiles) right(v view, n, k int) side {
	return side{v.data, v.col, v.row, n, k, t.NR, t.PackB}
}

func (s *side) slivers() int { return ceilDiv(s.count, s.width) }

// sliver packs depths [from, from+k) of sliver i of the operand at an offset.
func (s *side) sliver(dst []float32, at, i, from, k int) {
	first := i * s.width
	s.pack(dst, s.data[at+first*s.lane+from*s.depth:], s.lane, s.depth, min(s.width, s.count-first), k)
}

// part is the operand's lanes [from, from+count).
func (s side) part(from, count int) side {
	s.data, s.count = s.data[from*s.lane:], count
	return s
}

// fixed returns all slivers of a constant operand at an offset, packed over
// the whole of k.
func (s *side) fixed(c *compiler, at int) []float32 {
	step := s.width * s.k
	return c.copied(layout{&s.data[at], s.lane, s.depth, s.count, s.k, s.width}, s.slivers()*step, func(dst []float32) {
		for i := range s.slivers() {
			s.sliver(dst[i*step:], at, i, 0, s.k)
		}
	})
}

// slivers are packed lanes: sliver i begins at data[i·step].
type slivers struct {
	data []float32
	step int
}

// block is c = a·b, or c += a·b with add, over k depths of packed operands. A
// bias is what c holds in front of the sum, in place of 0.
func (t *tiles) block(m, n, k int, a, b slivers, c []float32, ldc int, bias []float32, add bool) {
	for j := 0; j < n; j += t.NR {
		cols := min(t.NR, n-j)
		right := b.data[j/t.NR*b.step:]
		for i := 0; i < m; i += t.MR {
			rows := min(t.MR, m-i)
			dst := c[i*ldc+j:]
			if bias != nil {
				for r := range rows {
					copy(dst[r*ldc:r*ldc+cols], bias[j:])
				}
			}
			t.Tile(k, a.data[i/t.MR*a.step:], right, dst, ldc, rows, cols, add || bias != nil)
		}
	}
}

// needPanels asks for the panels of a product of at most m × n × k on one
// worker; the first left values are those of a.
func (t *tiles) needPanels(c *compiler, m, n, k int) (left int) {
	depth := min(k, t.depth)
	left = min(roundUp(m, t.MR), t.rows) * depth
	c.needPanels(left + min(roundUp(n, t.NR), t.cols)*depth)
	return left
}

// multiplier plans products of at most m × n × k that single workers compute,
// with panels of their own.
func (t *tiles) multiplier(c *compiler, m, n, k int) multiply {
	left := t.needPanels(c, m, n, k)
	return func(w *worker, m, n, k int, a, b view, c []float32, ldc int, add bool) {
		t.alone(w.panels[:left], w.panels[left:], t.left(a, m, k), t.right(b, n, k), c, ldc, nil, add)
	}
}

// alone computes a product on one worker, packing a block of each operand at a
// time into the panels pa and pb.
func (t *tiles) alone(pa, pb []float32, a, b side, c []float32, ldc int, bias []float32, add bool) {
	for j := 0; j < b.count; j += t.cols {
		right := b.part(j, min(t.cols, b.count-j))
		for p := 0; p < a.k; p += t.depth {
			depth := min(t.depth, a.k-p)
			packed := right.all(pb, p, depth)
			first := bias
			if first != nil {
				first = first[j:]
			}
			if p > 0 {
				first = nil
			}
			for i := 0; i < a.count; i += t.rows {
				left := a.part(i, min(t.rows, a.count-i))
				t.block(left.count, right.count, depth, left.all(pa, p, depth), packed, c[i*ldc+j:], ldc, first, add || p > 0)
			}
		}
	}
}

// all packs depths [from, from+k) of all lanes. Memory that is contiguous along
// lanes is read some depths at a time, across all slivers.
func (s *side) all(dst []float32, from, k int) slivers {
	p := slivers{dst, s.width * k}
	some := k
	if s.lane == 1 {
		some = lineElems
	}
	for q := 0; q < k; q += some {
		for i := range s.slivers() {
			s.sliver(dst[i*p.step+q*s.width:], 0, i, from+q, min(some, k-q))
		}
	}
	return p
}

func roundUp(a, b int) int { return ceilDiv(a, b) * b }
