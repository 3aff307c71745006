package accelerate

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/ebitengine/purego"
)

// bindGemm registers the preferred sgemm where it takes floats.
func (l *Lib) bindGemm() {
	switch f := l.gemms[0]; f {
	case Sgemm64:
		purego.RegisterFunc(&l.cblas.long, l.addr[f])
	case Sgemm32New, Sgemm32:
		purego.RegisterFunc(&l.cblas.short, l.addr[f])
	}
}

// GemmFunc is the sgemm in use.
func (l *Lib) GemmFunc() Func { return l.gemms[0] }

// DropGemm goes on with the next sgemm, and reports whether there is one.
func (l *Lib) DropGemm() bool {
	if len(l.gemms) == 1 {
		return false
	}
	l.gemms = l.gemms[1:]
	l.bindGemm()
	return true
}

// Product is a matrix product c = a·b over row-major operands: a [M, K] or,
// with TransA, [K, M]; b [K, N] or, with TransB, [N, K]; c [M, N]. LDA, LDB
// and LDC are the steps between their rows, in values.
type Product struct {
	M, N, K        int
	TransA, TransB bool
	LDA, LDB, LDC  int
}

// extents are the values that a, b and c span.
func (p Product) extents() (a, b, c int) {
	span := func(rows, cols, ld int) int { return (rows-1)*ld + cols }
	a, b = span(p.M, p.K, p.LDA), span(p.K, p.N, p.LDB)
	if p.TransA {
		a = span(p.K, p.M, p.LDA)
	}
	if p.TransB {
		b = span(p.N, p.K, p.LDB)
	}
	return a, b, span(p.M, p.N, p.LDC)
}

func (p Product) check() error {
	colsA, colsB := p.K, p.N
	if p.TransA {
		colsA = p.M
	}
	if p.TransB {
		colsB = p.K
	}
	if p.M < 1 || p.N < 1 || p.K < 1 || p.LDA < colsA || p.LDB < colsB || p.LDC < p.N {
		return fmt.Errorf("accelerate: product %d×%d×%d with row steps %d, %d, %d: want sizes of at least 1 and rows that do not overlap",
			p.M, p.N, p.K, p.LDA, p.LDB, p.LDC)
	}
	return nil
}

// Gemm is a prepared product, safe for concurrent use.
type Gemm struct {
	Product
	lib                 *Lib
	sizes               [6]int64   // M, N, K, LDA, LDB, LDC
	factors             [2]float32 // of a·b and of the old c
	transA, transB      byte       // as the Fortran entry takes them
	formA, formB        int32      // as cblas does
	spanA, spanB, spanC int
}

// Values of the cblas enumerations.
const (
	rowMajor = 101
	asIs     = 111
	turned   = 112
)

// NewGemm prepares p. It refuses sizes that the bound sgemm cannot take.
func (l *Lib) NewGemm(p Product) (*Gemm, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	g := &Gemm{Product: p, lib: l, factors: [2]float32{1, 0}, transA: 'N', transB: 'N', formA: asIs, formB: asIs}
	for i, n := range []int{p.M, p.N, p.K, p.LDA, p.LDB, p.LDC} {
		g.sizes[i] = int64(n)
		if f := l.GemmFunc(); n > math.MaxInt32 && f != FortranSgemm64 && f != Sgemm64 {
			return nil, fmt.Errorf("accelerate: %v takes sizes below 2³¹, got %d", f, n)
		}
	}
	if p.TransA {
		g.transA, g.formA = 'T', turned
	}
	if p.TransB {
		g.transB, g.formB = 'T', turned
	}
	g.spanA, g.spanB, g.spanC = p.extents()
	return g, nil
}

// Run computes the product. It panics if a slice is too short.
func (g *Gemm) Run(a, b, c []float32) {
	if len(a) < g.spanA || len(b) < g.spanB || len(c) < g.spanC {
		panic(fmt.Sprintf("accelerate: product of %d and %d values into %d, want %d, %d, %d",
			len(a), len(b), len(c), g.spanA, g.spanB, g.spanC))
	}
	l, s := g.lib, &g.sizes
	switch f := l.gemms[0]; f {
	case FortranSgemm64:
		// Column-major, the rows of c are columns: cᵀ = bᵀ·aᵀ.
		word := func(i int) uintptr { return uintptr(unsafe.Pointer(&s[i])) }
		cell := l.take()
		cell.call(l.addr[f], uintptr(unsafe.Pointer(&g.transB)), uintptr(unsafe.Pointer(&g.transA)), word(1), word(0), word(2),
			uintptr(unsafe.Pointer(&g.factors[0])), cell.hold(0, at(b)), word(4), cell.hold(1, at(a)), word(3),
			uintptr(unsafe.Pointer(&g.factors[1])), cell.hold(2, at(c)), word(5))
		l.give(cell)
	case Sgemm64:
		l.cblas.long(rowMajor, g.formA, g.formB, s[0], s[1], s[2], 1, &a[0], s[3], &b[0], s[4], 0, &c[0], s[5])
	default:
		l.cblas.short(rowMajor, g.formA, g.formB, int32(s[0]), int32(s[1]), int32(s[2]), 1,
			&a[0], int32(s[3]), &b[0], int32(s[4]), 0, &c[0], int32(s[5]))
	}
}
