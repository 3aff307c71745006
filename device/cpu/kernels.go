package cpu

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"devicemap/internal/graph"
	"devicemap/internal/simd"
)

// kernels is one set of compute kernels. Everything else of the engine works
// on any set; only Open chooses one.
//
// Planners (gemm, conv, attention, pool) own their partition and may prepare
// operands at compile time. The other entries compute one contiguous piece on
// one worker.
type kernels struct {
	gemm      func(c *compiler, p product) step
	conv      func(c *compiler, p convolution) step
	attention func(c *compiler, p attention) step
	pool      func(c *compiler, p pooling) step

	// multiplier plans for products of at most m × n × k on single workers.
	multiplier func(c *compiler, m, n, k int) multiply

	// dots is the serial tile behind the planners: c += a·bᵀ with a [m, k],
	// b [n, k], c [m, n], each with its row stride.
	dots func(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int)
	// rows is c += a·b with b [k, n] in place of its transpose.
	rows func(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int)

	// vector is the loops of one instruction set over contiguous values. The
	// entries below it are made of them, unless a set has better ones.
	vector vectors

	unary      func(u graph.Unary) func(dst, x []float32)
	binary     func(fn graph.BinaryFn) func(dst, a, b []float32)
	softmax    func(dst, x []float32)
	logSoftmax func(dst, x []float32)
	layerNorm  func(dst, x, gamma, beta []float32, eps float64)
	rmsNorm    func(dst, x, gamma []float32, eps float64)

	fold map[graph.ReduceFn]fold

	// nodes, where a set has it, plans the nodes of a program in the set's own
	// way, before the planners above.
	nodes func(c *compiler, g *graph.Graph, at []place) (nodePlanner, error)
}

// gonumKernels computes products with gonum and all else with Go loops.
func gonumKernels() *kernels {
	k := &kernels{
		gemm: planGemm, conv: planConv, attention: planAttention, pool: planPool,
		multiplier: func(*compiler, int, int, int) multiply { return gonumMultiply },
		dots:       gonumDots, rows: gonumRows,
	}
	k.useVector(simd.Portable)
	return k
}

// useVector takes the vector loops of a level.
func (k *kernels) useVector(l simd.Level) {
	v := vectors{simd.VectorFor(l)}
	k.vector = v
	k.unary = func(u graph.Unary) func(dst, x []float32) { return unaryKernel(v.Vector, u) }
	k.binary = func(fn graph.BinaryFn) func(dst, a, b []float32) { return binaryKernel(v.Vector, fn) }
	k.softmax, k.logSoftmax = v.softmax, v.logSoftmax
	k.layerNorm, k.rmsNorm = v.layerNorm, v.rmsNorm
	k.fold = folds(v)
}

// serialBlock is gonum's block: Sgemm starts goroutines, which allocates, when
// a result has serialTiles or more blocks of serialBlock×serialBlock.
// Source: blockSize and minParBlock of gonum's blas/gonum/gonum.go.
const (
	serialBlock = 64
	serialTiles = 4
)

// gonumMultiply tiles c below gonum's parallel threshold. Each view has a step
// of 1. The form with both operands contiguous along k is gonum's fastest on
// amd64 (see BenchmarkGEMMForms), where it has vector code; elsewhere gonum's
// loops are plain Go.
func gonumMultiply(_ *worker, m, n, k int, a, b view, c []float32, ldc int, add bool) {
	formA, lda := form(a, k)
	formB, ldb := form(b, n)
	tileM, tileN := (serialTiles-1)*serialBlock, serialBlock
	if formB == blas.NoTrans {
		tileM, tileN = tileN, tileM
	}
	keep := float32(0)
	if add {
		keep = 1
	}
	for i := 0; i < m; i += tileM {
		for j := 0; j < n; j += tileN {
			gonum.Implementation{}.Sgemm(formA, formB, min(tileM, m-i), min(tileN, n-j), k,
				1, a.data[i*a.row:], lda, b.data[j*b.col:], ldb, keep, c[i*ldc+j:], ldc)
		}
	}
}

// form is how BLAS names a view of cols columns. A single row may have any row
// step; BLAS wants one of its length.
func form(v view, cols int) (t blas.Transpose, step int) {
	if v.col == 1 {
		return blas.NoTrans, max(v.row, cols)
	}
	return blas.Trans, v.col
}

func gonumDots(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int) {
	gonumMultiply(nil, m, n, k, view{a, lda, 1}, view{b, 1, ldb}, c, ldc, true)
}

func gonumRows(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int) {
	gonumMultiply(nil, m, n, k, view{a, lda, 1}, view{b, ldb, 1}, c, ldc, true)
}

// turn writes the transpose of src [cols, rows] with row stride lds to dst
// [rows, cols] with row stride ldd: dst[i·ldd+j] = src[j·lds+i]. Blocks of
// 16×16 keep both sides' cache lines in L1.
func turn(dst []float32, ldd int, src []float32, lds int, rows, cols int) {
	const block = lineElems
	for i0 := 0; i0 < rows; i0 += block {
		i1 := min(i0+block, rows)
		for j0 := 0; j0 < cols; j0 += block {
			j1 := min(j0+block, cols)
			for i := i0; i < i1; i++ {
				out := dst[i*ldd+j0 : i*ldd+j1]
				at := j0*lds + i
				for j := range out {
					out[j] = src[at]
					at += lds
				}
			}
		}
	}
}
