package softane

// matrix is a row-major matrix with rows of the given stride.
type matrix struct {
	data   []float32
	stride int
}

func (m matrix) row(i, n int) []float32 { return m.data[i*m.stride:][:n] }

// mulNT computes dst[i,j] = Σ_k a[i,k]·b[j,k] for i < m, j < n in float32, the
// device's wide accumulator. Both operands are walked along their rows.
func mulNT(dst, a, b matrix, m, n, k int) {
	i := 0
	for ; i+2 <= m; i += 2 {
		a0, a1 := a.row(i, k), a.row(i+1, k)
		d0, d1 := dst.row(i, n), dst.row(i+1, n)
		j := 0
		for ; j+4 <= n; j += 4 {
			tile2x4(d0[j:j+4], d1[j:j+4], a0, a1, b.row(j, k), b.row(j+1, k), b.row(j+2, k), b.row(j+3, k))
		}
		for ; j < n; j++ {
			row := b.row(j, k)
			d0[j], d1[j] = dot(a0, row), dot(a1, row)
		}
	}
	if i < m {
		a0, d0 := a.row(i, k), dst.row(i, n)
		for j := range d0 {
			d0[j] = dot(a0, b.row(j, k))
		}
	}
}

// tile2x4 computes eight dot products at once, so that each load serves four
// or two of them.
func tile2x4(d0, d1, a0, a1, b0, b1, b2, b3 []float32) {
	n := len(a0)
	a1, b0, b1, b2, b3 = a1[:n], b0[:n], b1[:n], b2[:n], b3[:n]
	var s00, s01, s02, s03, s10, s11, s12, s13 float32
	for k, x := range a0 {
		y := a1[k]
		w0, w1, w2, w3 := b0[k], b1[k], b2[k], b3[k]
		s00 += x * w0
		s10 += y * w0
		s01 += x * w1
		s11 += y * w1
		s02 += x * w2
		s12 += y * w2
		s03 += x * w3
		s13 += y * w3
	}
	d0[0], d0[1], d0[2], d0[3] = s00, s01, s02, s03
	d1[0], d1[1], d1[2], d1[3] = s10, s11, s12, s13
}

func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	k := 0
	for ; k+4 <= len(a); k += 4 {
		s0 += a[k] * b[k]
		s1 += a[k+1] * b[k+1]
		s2 += a[k+2] * b[k+2]
		s3 += a[k+3] * b[k+3]
	}
	for ; k < len(a); k++ {
		s0 += a[k] * b[k]
	}
	return (s0 + s1) + (s2 + s3)
}
