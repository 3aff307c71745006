package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"devicemap/internal/simd"
)

// eighths is n multiples of 1/8 below 2: sums of some thousand products of
// them are exact in float32, in any order.
func eighths(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.IntN(31)-15) / 8
	}
	return v
}

// smallTiles have blocks of a few tiles, so that small shapes cross them all.
func smallTiles(l simd.Level) *tiles {
	m := simd.MatrixFor(l)
	return &tiles{Matrix: m, vector: simd.VectorFor(l), depth: 12, rows: 2 * m.MR, cols: 2 * m.NR, shared: 40 * (5*m.MR + 3*m.NR), lanes: 4 * m.NR}
}

// eachTiles runs f for every level of this machine with small and with real
// blocks.
func eachTiles(t *testing.T, f func(t *testing.T, tiles *tiles)) {
	for _, l := range simd.Levels() {
		t.Run(fmt.Sprint(l, "/small blocks"), func(t *testing.T) { f(t, smallTiles(l)) })
		t.Run(fmt.Sprint(l, "/host's blocks"), func(t *testing.T) { f(t, hostTiles(l)) })
	}
}

// perform plans p and runs it on as many threads.
func perform(t *tiles, p product, threads int) {
	c := &compiler{budget: &budget{}, copies: map[layout][]float32{}}
	s := t.gemm(c, p)
	pool := newPool(threads)
	defer pool.close()
	shared := make([]float32, c.shared)
	ws := make([]worker, threads)
	for i := range ws {
		ws[i] = worker{panels: make([]float32, c.panels), shared: shared}
	}
	for i := range s {
		pool.run(&s[i], ws)
	}
}

// plainProduct is p by its definition.
func plainProduct(p product) []float32 {
	c := make([]float32, len(p.aAt)*p.m*p.n)
	for at := range c {
		batch, i, j := at/(p.m*p.n), at/p.n%p.m, at%p.n
		sum := 0.0
		if p.bias != nil {
			sum = float64(p.bias[j])
		}
		for x := range p.k {
			a, b := p.aAt[batch]+i*p.k+x, p.bAt[batch]+x*p.n+j
			if p.aT {
				a = p.aAt[batch] + x*p.m + i
			}
			if p.bT {
				b = p.bAt[batch] + j*p.k + x
			}
			sum += float64(p.a[a]) * float64(p.b[b])
		}
		c[at] = float32(sum)
	}
	return c
}

// drawProduct has every form: transposed, constant and broadcast operands.
func drawProduct(r *rand.Rand, m, n, k, batch int) product {
	p := product{m: m, n: n, k: k, aT: r.IntN(2) == 0, bT: r.IntN(2) == 0, bFixed: r.IntN(2) == 0}
	p.a, p.b = eighths(r, batch*m*k), eighths(r, batch*k*n)
	p.c = eighths(r, batch*m*n+1)
	if r.IntN(2) == 0 {
		p.bias = eighths(r, n)
	}
	spreadA, spreadB := r.IntN(3) > 0, r.IntN(3) > 0
	for i := range batch {
		a, b := 0, 0
		if spreadA {
			a = i * m * k
		}
		if spreadB {
			b = i * k * n
		}
		p.aAt, p.bAt = append(p.aAt, a), append(p.bAt, b)
	}
	return p
}

func checkProduct(t *testing.T, tiles *tiles, p product, threads int) {
	t.Helper()
	past := p.c[len(p.c)-1]
	want := plainProduct(p)
	perform(tiles, p, threads)
	for i, w := range want {
		if p.c[i] != w {
			t.Fatalf("m=%d n=%d k=%d batch=%d aT=%v bT=%v constant=%v bias=%v: element %d = %g, want %g",
				p.m, p.n, p.k, len(p.aAt), p.aT, p.bT, p.bFixed, p.bias != nil, i, p.c[i], w)
		}
	}
	if p.c[len(want)] != past {
		t.Fatalf("m=%d n=%d k=%d batch=%d: written past the result", p.m, p.n, p.k, len(p.aAt))
	}
}

// TestProducts draws sizes around 1, primes and the edges of every block.
func TestProducts(t *testing.T) {
	eachTiles(t, func(t *testing.T, tiles *tiles) {
		r := rand.New(rand.NewPCG(5, 6))
		edges := func(blocks ...int) int {
			sizes := []int{1, 2, 3, 7, 31, 61}
			for _, b := range blocks {
				sizes = append(sizes, b-1, b, b+1)
			}
			return max(1, min(sizes[r.IntN(len(sizes))], 150))
		}
		rounds := 400
		if testing.Short() {
			rounds = 100
		}
		for range rounds {
			m := edges(tiles.MR, 2*tiles.MR, tiles.rows, tiles.lanes)
			n := edges(tiles.NR, tiles.cols, tiles.lanes)
			k := edges(tiles.depth, 2*tiles.depth, 5*tiles.depth)
			batch := []int{1, 1, 2, 3, 5, manyProducts}[r.IntN(6)]
			checkProduct(t, tiles, drawProduct(r, m, n, k, batch), 1+r.IntN(3))
		}
	})
}

// TestLargeProducts crosses the real blocks: rows and columns beyond what is
// packed at a time, and depths beyond one block.
func TestLargeProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	tiles := hostTiles(simd.Best())
	for _, s := range [][3]int{
		{lanesMax + 5, 9, 3}, {9, lanesMax + 5, 3}, {40, lanesMax + 5, 7}, {70, 90, 2*tiles.depth + 3},
		{tiles.rows + 1, tiles.cols + 1, tiles.depth + 1}, {1, 700, 1100}, {29, 513, 600},
	} {
		for range 6 {
			checkProduct(t, tiles, drawProduct(r, s[0], s[1], s[2], 1), 2)
		}
	}
}

// TestMultiplier computes products of all sizes up to the planned ones, over
// strided views, stored and added.
func TestMultiplier(t *testing.T) {
	eachTiles(t, func(t *testing.T, tiles *tiles) {
		const most = 70
		r := rand.New(rand.NewPCG(9, 10))
		c := &compiler{}
		multiply := tiles.multiplier(c, most, most, most)
		w := &worker{panels: make([]float32, c.panels)}
		for range 300 {
			m, n, k := 1+r.IntN(most), 1+r.IntN(most), 1+r.IntN(most)
			a, b := drawView(r, m, k), drawView(r, k, n)
			ldc, add := n+r.IntN(3), r.IntN(2) == 0
			got := eighths(r, m*ldc)
			was := append([]float32(nil), got...)
			multiply(w, m, n, k, a, b, got, ldc, add)
			for at, g := range got {
				i, j := at/ldc, at%ldc
				want := was[at]
				if j < n {
					if !add {
						want = 0
					}
					for p := range k {
						want += a.data[i*a.row+p*a.col] * b.data[p*b.row+j*b.col]
					}
				}
				if g != want {
					t.Fatalf("m=%d n=%d k=%d a %d,%d b %d,%d add=%v: c[%d][%d] = %g, want %g",
						m, n, k, a.row, a.col, b.row, b.col, add, i, j, g, want)
				}
			}
		}
	})
}

// drawView is a view of rows × cols that ends with its last element.
func drawView(r *rand.Rand, rows, cols int) view {
	v := view{row: cols + r.IntN(4), col: 1}
	switch r.IntN(3) {
	case 0:
		v = view{row: 1, col: rows + r.IntN(4)}
	case 1:
		v.row, v.col = 2*cols+1, 2
	}
	v.data = eighths(r, (rows-1)*v.row+(cols-1)*v.col+1)
	return v
}

// TestGonumMultiply is TestMultiplier for views with a step of 1.
func TestGonumMultiply(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 200 {
		m, n, k := 1+r.IntN(300), 1+r.IntN(300), 1+r.IntN(40)
		p := product{m: m, n: n, k: k, aAt: []int{0}, bAt: []int{0}, a: eighths(r, m*k), b: eighths(r, k*n),
			aT: r.IntN(2) == 0, bT: r.IntN(2) == 0}
		a, b := view{p.a, k, 1}, view{p.b, n, 1}
		if p.aT {
			a = view{p.a, 1, m}
		}
		if p.bT {
			b = view{p.b, 1, k}
		}
		got := eighths(r, m*n)
		gonumMultiply(nil, m, n, k, a, b, got, n, false)
		for i, want := range plainProduct(p) {
			if got[i] != want {
				t.Fatalf("m=%d n=%d k=%d aT=%v bT=%v: element %d = %g, want %g", m, n, k, p.aT, p.bT, i, got[i], want)
			}
		}
	}
}

// TestProductsOfThreads compares bits over thread counts, for shapes of every
// way to cut a product.
func TestProductsOfThreads(t *testing.T) {
	tests := []struct {
		m, n, k, batch int
		fixed          bool
	}{
		{211, 131, 1500, 1, false}, {3, 900, 700, 1, false}, {3, 900, 700, 1, true}, {50, 60, 70, 20, false}, {90, 100, 300, 3, true},
	}
	for _, l := range simd.Levels() {
		tiles := hostTiles(l)
		for _, tt := range tests {
			r := rand.New(rand.NewPCG(13, 14))
			p := product{m: tt.m, n: tt.n, k: tt.k, bFixed: tt.fixed}
			p.a, p.b = noise(tt.batch*tt.m*tt.k), noise(tt.batch*tt.k*tt.n)
			for i := range tt.batch {
				p.aAt, p.bAt = append(p.aAt, i*tt.m*tt.k), append(p.bAt, i*tt.k*tt.n)
			}
			var want []float32
			for _, threads := range []int{1, 2, 3} {
				p.c = eighths(r, tt.batch*tt.m*tt.n)
				perform(tiles, p, threads)
				if want == nil {
					want = p.c
				}
				for i := range want {
					if math.Float32bits(p.c[i]) != math.Float32bits(want[i]) {
						t.Fatalf("%v, %+v: element %d = %g with %d threads, %g with 1", l, tt, i, p.c[i], threads, want[i])
					}
				}
			}
		}
	}
}

// TestBlocksOfCaches: blocks follow from the caches and are whole tiles.
func TestBlocksOfCaches(t *testing.T) {
	wide := &simd.Matrix{MR: 14, NR: 32}
	tests := []struct {
		l1, l2            int
		depth, rows, cols int
	}{
		{32 << 10, 1 << 20, 256, 252, 512},
		{48 << 10, 2 << 20, 384, 336, 672},
		{128 << 10, 12 << 20, 512, 1526, 3072},
		{1, 1, 128, 14, 32},
	}
	for _, tt := range tests {
		got := newTiles(wide, nil, tt.l1, tt.l2)
		if got.depth != tt.depth || got.rows != tt.rows || got.cols != tt.cols {
			t.Errorf("caches of %d and %d bytes: %d × %d × %d, want %d × %d × %d",
				tt.l1, tt.l2, got.depth, got.rows, got.cols, tt.depth, tt.rows, tt.cols)
		}
	}
}
