package cpu

import (
	"fmt"

	"devicemap/internal/openblas"
	"devicemap/internal/simd"
)

// Partition of a product between the workers, each of which calls the library
// for whole tiles. The library packs both operands of every call, so tiles are
// as large as leaves a share for each of several workers.
const (
	// blasRows is the height below which the embedded kernels take over: the
	// library packs all of b for every product, which few rows do not repay
	// (BenchmarkSets: 17 to 55 % of the embedded rate for 1 to 32 rows).
	blasRows = 64

	blasTile       = 1024  // rows or columns of the largest tile
	blasTiles      = 8     // wanted of a large product
	blasLeast      = 128   // rows or columns of the smallest tile
	blasFlopsPerNs = 100.0 // one core, estimate for the partition only
)

// openOpenBLAS opens an installed OpenBLAS; see openblas.Load for the files.
func openOpenBLAS(_ int, files ...string) (*library, error) {
	lib, err := openblas.Load(files...)
	if err != nil {
		return nil, err
	}
	k := embeddedKernels(simd.Best())
	k.gemm = blasGemm(lib, k.gemm)
	return &library{name: "openblas", version: fmt.Sprintf("%s %s", lib.Version(), lib.Core),
		kernels: k, close: func() error { return nil }}, nil
}

// blasGemm plans products of lib; small is the plan of those that it is not
// for.
func blasGemm(lib *openblas.Lib, small func(*compiler, product) step) func(*compiler, product) step {
	return func(c *compiler, p product) step {
		if p.m < blasRows || p.n == 0 || p.k == 0 || len(p.aAt) == 0 {
			return small(c, p)
		}
		calls, err := blasCalls(lib, p)
		if err != nil {
			c.fail(err)
			return nil
		}
		tiles := len(calls) / len(p.aAt)
		ns := 2 * float64(p.m) * float64(p.n) * float64(p.k) / float64(tiles) / blasFlopsPerNs
		l := c.loop(len(calls), ns, func(_ *worker, lo, hi int) {
			for _, call := range calls[lo:hi] {
				call.compute()
			}
		})
		if lib.Serial {
			l.grain = len(calls)
		}
		return step{l}
	}
}

// blasCall is a tile of a product.
type blasCall struct {
	call       *openblas.Call
	bias       []float32 // of the tile's columns
	c          []float32
	rows, step int
}

func (b *blasCall) compute() {
	for i := range b.rows * min(len(b.bias), 1) {
		copy(b.c[i*b.step:], b.bias)
	}
	b.call.Do()
}

// blasCalls tiles every product of the batch.
func blasCalls(lib *openblas.Lib, p product) ([]blasCall, error) {
	tileM, tileN := blasSplit(p.m, p.n)
	a, b := p.left(), p.right()
	var calls []blasCall
	for item := range p.aAt {
		c := p.c[item*p.m*p.n:]
		for i := 0; i < p.m; i += tileM {
			for j := 0; j < p.n; j += tileN {
				t := openblas.Product{M: min(tileM, p.m-i), N: min(tileN, p.n-j), K: p.k,
					A: a.data[p.aAt[item]+i*a.row:], LDA: a.leading(), ATrans: p.aT,
					B: b.data[p.bAt[item]+j*b.col:], LDB: b.leading(), BTrans: p.bT,
					C: c[i*p.n+j:], LDC: p.n, Add: p.bias != nil}
				call, err := lib.Prepare(t)
				if err != nil {
					return nil, err
				}
				tile := blasCall{call: call, c: t.C, rows: t.M, step: p.n}
				if p.bias != nil {
					tile.bias = p.bias[j : j+t.N]
				}
				calls = append(calls, tile)
			}
		}
	}
	return calls, nil
}

// blasSplit halves the longer side until there are enough tiles or they are
// small.
func blasSplit(m, n int) (tileM, tileN int) {
	tileM, tileN = m, n
	for ceilDiv(m, tileM)*ceilDiv(n, tileN) < blasTiles || max(tileM, tileN) > blasTile {
		longer := &tileM
		if tileN > tileM {
			longer = &tileN
		}
		if *longer < 2*blasLeast {
			break
		}
		*longer = ceilDiv(ceilDiv(*longer, 2), lineElems) * lineElems
	}
	return tileM, tileN
}
