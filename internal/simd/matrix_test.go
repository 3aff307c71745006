package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// guard is what a buffer holds where a kernel must not write.
const guard = float32(-12345.5)

func filled(n int, v float32) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = v
	}
	return s
}

// noise is n small multiples of 1/8: products of a few hundred of them are
// exact in float32, so that the order of a sum does not matter.
func noise(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.IntN(33)-16) / 8
	}
	return v
}

// eachMatrix runs f for the kernels of every level of this machine.
func eachMatrix(t *testing.T, f func(t *testing.T, m *Matrix)) {
	for _, l := range Levels() {
		t.Run(l.String(), func(t *testing.T) { f(t, MatrixFor(l)) })
	}
}

func TestMatrixOfLevel(t *testing.T) {
	eachMatrix(t, func(t *testing.T, m *Matrix) {
		if want := t.Name(); want != "TestMatrixOfLevel/"+m.Level.String() {
			t.Errorf("kernels of level %v, want those of %s", m.Level, want)
		}
	})
}

// TestTile compares every number of rows and columns, and depths on both sides
// of the unrolled loop, with plain loops; around the tile nothing is written.
func TestTile(t *testing.T) {
	eachMatrix(t, func(t *testing.T, m *Matrix) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, k := range []int{0, 1, 2, 3, 4, 5, 7, 8, 33, 256} {
			a, b := noise(r, k*m.MR), noise(r, k*m.NR)
			for rows := 1; rows <= m.MR; rows++ {
				for cols := 1; cols <= m.NR; cols++ {
					for _, add := range []bool{false, true} {
						checkTile(t, m, k, a, b, rows, cols, add)
					}
				}
			}
		}
	})
}

func checkTile(t *testing.T, m *Matrix, k int, a, b []float32, rows, cols int, add bool) {
	t.Helper()
	const lead = 5
	ldc := cols + 3
	c := filled(lead+rows*ldc+m.NR, guard)
	for i := range rows {
		for j := range cols {
			c[lead+i*ldc+j] = float32(i - j)
		}
	}
	m.Tile(k, a, b, c[lead:], ldc, rows, cols, add)
	for at, got := range c {
		i, j := (at-lead)/ldc, (at-lead)%ldc
		want := guard
		if at >= lead && i < rows && j < cols {
			want = 0
			if add {
				want = float32(i - j)
			}
			for p := range k {
				want += a[p*m.MR+i] * b[p*m.NR+j]
			}
		}
		if got != want {
			t.Fatalf("k=%d rows=%d cols=%d add=%v: c[%d][%d] = %g, want %g", k, rows, cols, add, i, j, got, want)
		}
	}
}

// TestTileKeepsPropagating: an infinity or NaN of one lane reaches its own row
// or column and no other.
func TestTileKeepsPropagating(t *testing.T) {
	eachMatrix(t, func(t *testing.T, m *Matrix) {
		const k = 6
		a, b := filled(k*m.MR, 1), filled(k*m.NR, 1)
		a[3*m.MR+m.MR-1] = float32(math.Inf(1))
		b[2*m.NR+m.NR-1] = float32(math.NaN())
		c := make([]float32, m.MR*m.NR)
		m.Tile(k, a, b, c, m.NR, m.MR, m.NR, false)
		for i := range m.MR {
			for j := range m.NR {
				got := float64(c[i*m.NR+j])
				switch {
				case j == m.NR-1:
					if !math.IsNaN(got) {
						t.Errorf("c[%d][%d] = %g, want NaN", i, j, got)
					}
				case i == m.MR-1:
					if !math.IsInf(got, 1) {
						t.Errorf("c[%d][%d] = %g, want Inf", i, j, got)
					}
				case got != k:
					t.Errorf("c[%d][%d] = %g, want %d", i, j, got, k)
				}
			}
		}
	})
}

// TestPack compares every number of lanes, in all kinds of steps, with plain
// loops; beyond the sliver nothing is written, and beyond the last element of
// src nothing is used.
func TestPack(t *testing.T) {
	steps := []struct {
		name string
		of   func(lanes, k int) (lane, depth int)
	}{
		{"along depth", func(_, k int) (int, int) { return k, 1 }},
		{"along depth, spaced", func(_, k int) (int, int) { return k + 3, 1 }},
		{"along lanes", func(lanes, _ int) (int, int) { return 1, lanes }},
		{"along lanes, spaced", func(lanes, _ int) (int, int) { return 1, lanes + 5 }},
		{"strided", func(lanes, k int) (int, int) { return 2*k + 1, 2 }},
		{"one lane repeated", func(int, int) (int, int) { return 0, 1 }},
		{"one depth repeated", func(int, int) (int, int) { return 1, 0 }},
	}
	eachMatrix(t, func(t *testing.T, m *Matrix) {
		r := rand.New(rand.NewPCG(3, 4))
		sides := []struct {
			name  string
			width int
			pack  func(dst, src []float32, lane, depth, lanes, k int)
		}{{"A", m.MR, m.PackA}, {"B", m.NR, m.PackB}}
		for _, side := range sides {
			for _, k := range []int{0, 1, 2, 7, 8, 9, 15, 16, 17, 40, 65} {
				for lanes := 1; lanes <= side.width; lanes++ {
					for _, s := range steps {
						lane, depth := s.of(lanes, k)
						src := noise(r, (lanes-1)*lane+max(k-1, 0)*depth+1)
						dst := filled(k*side.width+7, guard)
						side.pack(dst, src[:len(src):len(src)], lane, depth, lanes, k)
						what := fmt.Sprintf("Pack%s %s lanes=%d k=%d", side.name, s.name, lanes, k)
						checkSliver(t, what, dst, src, side.width, lane, depth, lanes, k)
					}
				}
			}
		}
	})
}

func checkSliver(t *testing.T, what string, dst, src []float32, width, lane, depth, lanes, k int) {
	t.Helper()
	for at, got := range dst {
		p, i := at/width, at%width
		want := guard
		if p < k {
			want = 0
			if i < lanes {
				want = src[i*lane+p*depth]
			}
		}
		if got != want {
			t.Fatalf("%s: lane %d at depth %d = %g, want %g", what, i, p, got, want)
		}
	}
}
