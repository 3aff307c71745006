package workloads

import (
	"math"

	"devicemap/internal/graph"
)

// DFT is the discrete Fourier transform of a real x [1, N] as two products:
//
//	real = x·C, imag = x·S, C[j,k] = cos(2πjk/N), S[j,k] = −sin(2πjk/N).
//
// x is N(0,1) in float64 and stays so in the reference.
//
// The paper's Neural Engine arm dispatches two programs per transform and its
// GPU arm sums both products (trap T14); here every engine runs one program
// with two outputs.
type DFT struct {
	N    int
	Seed uint64
}

// FLOPs are 2·2N².
func (k DFT) FLOPs() float64 { return 4 * float64(k.N) * float64(k.N) }

// Build draws x. The matrices are symmetric, so a linear layer's Wᵀ is W.
func (k DFT) Build() (*Instance, error) {
	s := newSketch("DFT", k.Seed)
	x := s.feed("x", graph.F64(s.src.Normals(k.N)), 1, k.N)
	cos, sin := twiddles(k.N)
	s.Output("real", s.Linear(x, s.Const("cos", graph.F64(cos), k.N, k.N), nil))
	s.Output("imag", s.Linear(x, s.Const("minus_sin", graph.F64(sin), k.N, k.N), nil))
	return s.finish(evidenceFor("DFT-as-matmul"))
}

// twiddles are cos(2πjk/n) and −sin(2πjk/n), both [n, n]. The angle is reduced
// exactly, as jk mod n, before it is rounded.
func twiddles(n int) (cos, sin []float64) {
	circle := make([][2]float64, n)
	for i := range circle {
		s, c := math.Sincos(2 * math.Pi * float64(i) / float64(n))
		circle[i] = [2]float64{c, -s}
	}
	cos, sin = make([]float64, n*n), make([]float64, n*n)
	for j := range n {
		for k := range n {
			w := circle[j*k%n]
			cos[j*n+k], sin[j*n+k] = w[0], w[1]
		}
	}
	return cos, sin
}

// Stencil is Steps chained 5-point steps u + 0.1·Δu on u0 [1, 1, H, W] ~
// N(0,1): a 3×3 convolution with centre 0.6 and neighbours 0.1, zero outside.
type Stencil struct {
	H, W, Steps int
	Seed        uint64
}

// FLOPs are Steps·2·9·HW.
func (k Stencil) FLOPs() float64 { return float64(k.Steps) * 18 * float64(k.H) * float64(k.W) }

// Build draws u0.
func (k Stencil) Build() (*Instance, error) {
	s := newSketch("stencil", k.Seed)
	u := s.fed("u0", 1, 1, 1, k.H, k.W)
	w := s.Const("kernel", graph.F64([]float64{
		0, 0.1, 0,
		0.1, 0.6, 0.1,
		0, 0.1, 0,
	}), 1, 1, 3, 3)
	for range k.Steps {
		u = s.Same3x3(u, w)
	}
	return s.done("u", u, evidenceFor("stencil-5pt"))
}

// Jacobi solves A·x = b by x ← (b − R·x)⊙D⁻¹ from x0 = 0, where
// A = M·Mᵀ/N + N·I, D its diagonal and R the rest; M [N, N], b [N] ~ N(0,1).
// A, R and D⁻¹ are formed in float64. Inputs are x0, b and D⁻¹, rows of [1, N].
type Jacobi struct {
	N, Iterations int
	Seed          uint64
}

// FLOPs are Iterations·(2N²+3N).
func (k Jacobi) FLOPs() float64 {
	n := float64(k.N)
	return float64(k.Iterations) * (2*n*n + 3*n)
}

// Build draws M, then b. R is symmetric, so x·Rᵀ is (R·x)ᵀ.
func (k Jacobi) Build() (*Instance, error) {
	s := newSketch("Jacobi", k.Seed)
	n := k.N
	r, inverse := splitGram(s.src.Float32s(n*n, 1, 0), n)
	rhs := s.src.Float32s(n, 1, 0)
	x := s.feed("x0", graph.F32(make([]float32, n)), 1, n)
	b := s.feed("b", graph.F32(rhs), 1, n)
	dinv := s.feed("dinv", graph.F64(inverse), 1, n)
	rest := s.Const("R", graph.F64(r), n, n)
	for range k.Iterations {
		x = s.Binary(graph.Mul, s.Binary(graph.Sub, b, s.Linear(x, rest, nil)), dinv)
	}
	return s.done("x", x, evidenceFor("Jacobi-solve"))
}

// splitGram forms A = M·Mᵀ/n + n·I and returns it without its diagonal, [n, n],
// and the diagonal's inverses, [n].
func splitGram(m []float32, n int) (rest, inverse []float64) {
	rest, inverse = make([]float64, n*n), make([]float64, n)
	for i := range n {
		row := m[i*n : (i+1)*n]
		for j := range i {
			a := dot(row, m[j*n:(j+1)*n]) / float64(n)
			rest[i*n+j], rest[j*n+i] = a, a
		}
		inverse[i] = 1 / (dot(row, row)/float64(n) + float64(n))
	}
	return rest, inverse
}

func dot(a, b []float32) float64 {
	var sum float64
	for i, x := range a {
		sum += float64(x) * float64(b[i])
	}
	return sum
}
