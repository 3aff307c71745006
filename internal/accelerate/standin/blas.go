package standin

import (
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

var blasFunctions = map[string]any{
	"sgemm$NEWLAPACK$ILP64": func(ta, tb *byte, m, n, k *int64, alpha, a *float32, lda *int64, b *float32, ldb *int64,
		beta, c *float32, ldc *int64) {
		call("sgemm$NEWLAPACK$ILP64", func(s *state) {
			// Column-major is row-major of the transposes, in the other order.
			p := product{int(*n), int(*m), int(*k), letter(*tb), letter(*ta), b, int(*ldb), a, int(*lda), c, int(*ldc)}
			p.compute(*alpha, *beta, s.off("sgemm$NEWLAPACK$ILP64"))
		})
	},
	"cblas_sgemm$NEWLAPACK$ILP64": func(order, ta, tb int32, m, n, k int64, alpha float32, a *float32, lda int64, b *float32, ldb int64,
		beta float32, c *float32, ldc int64) {
		cblas("cblas_sgemm$NEWLAPACK$ILP64", order, ta, tb, product{int(m), int(n), int(k), 0, 0, a, int(lda), b, int(ldb), c, int(ldc)}, alpha, beta)
	},
	"cblas_sgemm$NEWLAPACK": func(order, ta, tb, m, n, k int32, alpha float32, a *float32, lda int32, b *float32, ldb int32,
		beta float32, c *float32, ldc int32) {
		cblas("cblas_sgemm$NEWLAPACK", order, ta, tb, product{int(m), int(n), int(k), 0, 0, a, int(lda), b, int(ldb), c, int(ldc)}, alpha, beta)
	},
	"cblas_sgemm": func(order, ta, tb, m, n, k int32, alpha float32, a *float32, lda int32, b *float32, ldb int32,
		beta float32, c *float32, ldc int32) {
		cblas("cblas_sgemm", order, ta, tb, product{int(m), int(n), int(k), 0, 0, a, int(lda), b, int(ldb), c, int(ldc)}, alpha, beta)
	},
	"BLASSetThreading": func(mode uint32) int32 {
		return call("BLASSetThreading", func(*state) { oneOf("mode", int(mode), 0, 1) })
	},
	"pthread_set_qos_class_self_np": func(class uint32, priority int32) int32 {
		return call("pthread_set_qos_class_self_np", func(*state) {
			oneOf("class", int(class), 0x21, 0x19, 0x15, 0x11, 0x09)
			oneOf("priority", int(priority), 0)
		})
	},
}

func oneOf(what string, v int, allowed ...int) {
	for _, a := range allowed {
		if v == a {
			return
		}
	}
	panic(fmt.Sprintf("%s = %#x", what, v))
}

// product is a row-major matrix product.
type product struct {
	m, n, k int
	ta, tb  blas.Transpose
	a       *float32
	lda     int
	b       *float32
	ldb     int
	c       *float32
	ldc     int
}

func letter(b byte) blas.Transpose {
	oneOf("transposition", int(b), 'N', 'T')
	return blas.Transpose(b)
}

func cblas(name string, order, ta, tb int32, p product, alpha, beta float32) {
	call(name, func(s *state) {
		oneOf("order", int(order), 101)
		oneOf("transposition of a", int(ta), 111, 112)
		oneOf("transposition of b", int(tb), 111, 112)
		p.ta, p.tb = blas.NoTrans, blas.NoTrans
		if ta == 112 {
			p.ta = blas.Trans
		}
		if tb == 112 {
			p.tb = blas.Trans
		}
		p.compute(alpha, beta, s.off(name))
	})
}

// compute is c = alpha·a·b + beta·c + off; gonum checks the row steps.
func (p product) compute(alpha, beta, off float32) {
	span := func(t blas.Transpose, rows, cols, ld int) uint64 {
		if t == blas.Trans {
			rows, cols = cols, rows
		}
		return uint64((rows-1)*ld + cols)
	}
	c := values(p.c, span(blas.NoTrans, p.m, p.n, p.ldc))
	gonum.Implementation{}.Sgemm(p.ta, p.tb, p.m, p.n, p.k, alpha, values(p.a, span(p.ta, p.m, p.k, p.lda)), p.lda,
		values(p.b, span(p.tb, p.k, p.n, p.ldb)), p.ldb, beta, c, p.ldc)
	c[len(c)-1] += off
}
