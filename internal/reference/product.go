package reference

import (
	"math"

	"devicemap/internal/graph"
)

// rows reads an operand of a product: the elements k, k+1, … of its row i, as
// many as dst takes.
type rows func(i, k int, dst []float64)

// rowsOf reads a matrix whose rows are contiguous: element (i, k) stands at
// base + i·stride + k.
func rowsOf(t tensor, base, stride int) rows {
	return func(i, k int, dst []float64) { t.read(dst, base+i*stride+k) }
}

// columnsOf reads the transposed matrix: element (i, k) stands at
// base + k·stride + i.
func columnsOf(t tensor, base, stride int) rows {
	return func(i, k int, dst []float64) {
		at := base + k*stride + i
		for j := range dst {
			dst[j] = t.at(at)
			at += stride
		}
	}
}

// The product works on blocks of the result; both operands' parts of a block
// fit the second-level cache.
const (
	blockM, blockN, blockK = 128, 128, 256
	tileM, tileN           = 4, 2
)

// product is y[base + i·stride + j] = Σ_k a_i[k]·b_j[k] for i < m, j < n. Each
// sum runs over k in order.
func product(m, n, k int, a, b rows, y []float64, base, stride int) {
	across, down := (n+blockN-1)/blockN, (m+blockM-1)/blockM
	parallel(across*down, func(t int) {
		i0, j0 := t/across*blockM, t%across*blockN
		mb, nb := min(blockM, m-i0), min(blockN, n-j0)
		ap, bp := make([]float64, roundUp(mb, tileM)*blockK), make([]float64, roundUp(nb, tileN)*blockK)
		sums := make([][tileM * tileN]float64, roundUp(mb, tileM)/tileM*(roundUp(nb, tileN)/tileN))
		for k0 := 0; k0 < k; k0 += blockK {
			kb := min(blockK, k-k0)
			pack(ap, a, i0, mb, k0, kb, tileM)
			pack(bp, b, j0, nb, k0, kb, tileN)
			s := 0
			for i := 0; i < mb; i += tileM {
				for j := 0; j < nb; j += tileN {
					tile4x2(ap[i*kb:(i+tileM)*kb], bp[j*kb:(j+tileN)*kb], &sums[s])
					s++
				}
			}
		}
		s := 0
		for i := 0; i < mb; i += tileM {
			for j := 0; j < nb; j += tileN {
				for e, v := range sums[s] {
					if di, dj := i+e/tileN, j+e%tileN; di < mb && dj < nb {
						y[base+(i0+di)*stride+j0+dj] = v
					}
				}
				s++
			}
		}
	})
}

// pack reads count rows from first on, interleaved in groups of width: group
// g, step k, row r at (g·kb + k)·width + r. Missing rows of the last group are
// zero.
func pack(dst []float64, src rows, first, count, k0, kb, width int) {
	var buf [blockK]float64
	row := buf[:kb]
	for i := range roundUp(count, width) {
		if i < count {
			src(first+i, k0, row)
		} else {
			clear(row)
		}
		at := i/width*width*kb + i%width
		for _, v := range row {
			dst[at] = v
			at += width
		}
	}
}

// tile4x2 adds the products of four interleaved rows of a with two of b to c,
// element (i, j) at 2i+j.
func tile4x2(a, b []float64, c *[tileM * tileN]float64) {
	c00, c01, c10, c11, c20, c21, c30, c31 := c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]
	for len(a) >= tileM && len(b) >= tileN {
		b0, b1 := b[0], b[1]
		a0, a1, a2, a3 := a[0], a[1], a[2], a[3]
		c00 += a0 * b0
		c01 += a0 * b1
		c10 += a1 * b0
		c11 += a1 * b1
		c20 += a2 * b0
		c21 += a2 * b1
		c30 += a3 * b0
		c31 += a3 * b1
		a, b = a[tileM:], b[tileN:]
	}
	*c = [...]float64{c00, c01, c10, c11, c20, c21, c30, c31}
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

func matMul(op graph.MatMul, in []tensor, out graph.Shape) []float64 {
	x, y := in[0], in[1]
	m, k, _, n := op.Dims(x.shape, y.shape)
	lead := out[:len(out)-2]
	sx, sy := steps(x.shape[:len(x.shape)-2], lead), steps(y.shape[:len(y.shape)-2], lead)
	res := make([]float64, out.Elems())
	walk(lead, func(i int, at []int) {
		bx, by := dot(at, sx)*m*k, dot(at, sy)*k*n
		a, b := rowsOf(x, bx, k), columnsOf(y, by, n)
		if op.TransposeX {
			a = columnsOf(x, bx, m)
		}
		if op.TransposeY {
			b = rowsOf(y, by, k)
		}
		product(m, n, k, a, b, res, i*m*n, n)
	})
	return res
}

func linear(_ graph.Linear, in []tensor, out graph.Shape) []float64 {
	x, w := in[0], in[1]
	n, k := w.shape[0], w.shape[1]
	y := make([]float64, out.Elems())
	product(len(y)/n, n, k, rowsOf(x, 0, k), rowsOf(w, 0, k), y, 0, n)
	if len(in) == 3 {
		bias := in[2].floats()
		for i := range y {
			y[i] += bias[i%n]
		}
	}
	return y
}

// einsum is y[n,c,h,u] = Σ_w x[n,c,h,w]·B[n,w,h,u].
func einsum(_ graph.Einsum, in []tensor, out graph.Shape) []float64 {
	x, b := in[0], in[1]
	channels, height, width, u := out[1], out[2], x.shape[3], out[3]
	y := make([]float64, out.Elems())
	for n := range out[0] {
		for h := range height {
			product(channels, u, width,
				rowsOf(x, (n*channels*height+h)*width, height*width), columnsOf(b, (n*width*height+h)*u, height*u),
				y, (n*channels*height+h)*u, height*u)
		}
	}
	return y
}

func cumSum(op graph.CumSum, in []tensor, out graph.Shape) []float64 {
	return alongLines(in[0], op.Axis, func(x, y []float64) {
		sum := 0.0
		for i, v := range x {
			sum += v
			y[i] = sum
		}
	})
}

func sdpa(op graph.SDPA, in []tensor, out graph.Shape) []float64 {
	q, k, v := in[0], in[1], in[2]
	sq, d, sk, dv := q.shape[2], q.shape[3], k.shape[2], v.shape[3]
	scale := op.Scale
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(d))
	}
	y := make([]float64, out.Elems())
	scores := make([]float64, sq*sk)
	for h := range out[0] * out[1] {
		product(sq, sk, d, rowsOf(q, h*sq*d, d), rowsOf(k, h*sk*d, d), scores, 0, sk)
		parallel(sq, func(i int) {
			row := scores[i*sk : (i+1)*sk]
			for j := range row {
				row[j] *= scale
			}
			if len(in) == 4 {
				addMask(row, in[3], graph.Shape{out[0], out[1], sq, sk}, h, i)
			}
			if op.Causal {
				for j := i + 1; j < sk; j++ {
					row[j] = math.Inf(-1)
				}
			}
			softmaxLine(row, row, false)
		})
		product(sq, dv, sk, rowsOf(tensor{wide: scores}, 0, sk), columnsOf(v, h*sk*dv, dv), y, h*sq*dv, dv)
	}
	return y
}

// addMask adds the part of a mask that belongs to query i of head h of all
// heads.
func addMask(scores []float64, mask tensor, all graph.Shape, h, i int) {
	st := steps(mask.shape, all)
	base := h/all[1]*st[0] + h%all[1]*st[1] + i*st[2]
	for j := range scores {
		scores[j] += mask.at(base + j*st[3])
	}
}
