package cpu

import (
	"devicemap/internal/accelerate"
	"devicemap/internal/fp16"
	"devicemap/internal/graph"
)

// appleMatrices are products of one form at several places: product i reads a from
// aAt[i] and b from bAt[i] and writes c from cAt[i]. A nil slice is the memory
// that the workers share.
type appleMatrices struct {
	accelerate.Product
	a, b, c       []float32
	aAt, bAt, cAt []int
}

// multiply plans the products, one call after the other on the calling thread:
// each uses the library's threads.
func (s *appleSet) multiply(x appleMatrices) (step, error) {
	g, err := s.lib.NewGemm(x.Product)
	if err != nil {
		return nil, err
	}
	in := func(data []float32, w *worker, at int) []float32 {
		if data == nil {
			data = w.shared
		}
		return data[at:]
	}
	return step{{items: 1, grain: 1, body: func(w *worker, _, _ int) {
		for i := range x.aAt {
			g.Run(in(x.a, w, x.aAt[i]), in(x.b, w, x.bAt[i]), in(x.c, w, x.cAt[i]))
		}
	}}}, nil
}

// appleProduct is the form of p over rows without gaps.
func appleProduct(p product) accelerate.Product {
	return accelerate.Product{M: p.m, N: p.n, K: p.k, TransA: p.aT, TransB: p.bT,
		LDA: p.left().leading(), LDB: p.right().leading(), LDC: p.n}
}

// appleResults lists where the batch's results start.
func appleResults(p product) []int {
	at := make([]int, len(p.aAt))
	for i := range at {
		at[i] = i * p.m * p.n
	}
	return at
}

// planGemm leaves products of one row, and sizes beyond the library's
// integers, to the embedded set.
func (s *appleSet) planGemm(c *compiler, p product) step {
	if p.m == 1 {
		return s.base.gemm(c, p)
	}
	st, err := s.multiply(appleMatrices{appleProduct(p), p.a, p.b, p.c, p.aAt, p.bAt, appleResults(p)})
	if err != nil {
		return s.base.gemm(c, p)
	}
	return append(st, s.addBias(c, p)...)
}

// addBias adds a bias to every row of the results.
func (s *appleSet) addBias(c *compiler, p product) step {
	if p.bias == nil {
		return nil
	}
	add := s.binaryKernel(graph.Add)
	return step{c.loop(len(p.aAt)*p.m, 0.3*float64(p.n), func(_ *worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			row := p.c[i*p.n : (i+1)*p.n]
			add(row, row, p.bias)
		}
	})}
}

// planHalfGemm rounds both operands to fp16 and multiplies with float32
// results. Constants are rounded once.
func (s *appleSet) planHalfGemm(c *compiler, p product) step {
	h, err := s.lib.NewHalfProduct(appleProduct(p))
	if err != nil {
		return s.planGemm(c, p)
	}
	a, first := appleRound(c, p.a, p.aAt, p.m*p.k, p.aFixed)
	b, second := appleRound(c, p.b, p.bAt, p.k*p.n, p.bFixed)
	if err := c.budget.take("fp16 workspace", h.WorkspaceBytes(), 1); err != nil {
		c.fail(err)
	}
	cAt := appleResults(p)
	st := append(first, second...)
	st = append(st, loop{items: 1, grain: 1, body: func(w *worker, _, _ int) {
		for i := range cAt {
			if err := h.Run(a.at(i), b.at(i), p.c[cAt[i]:]); err != nil {
				w.fail(err)
				return
			}
		}
	}})
	return append(st, s.addBias(c, p)...)
}

// appleHalves are the operands of a batch in fp16, size values each; equal ones
// are stored once.
type appleHalves struct {
	data []uint16
	slot []int // by product
	size int
}

func (h *appleHalves) at(i int) []uint16 { return h.data[h.slot[i]*h.size:][:h.size] }

// appleRound gives the operands of size values at the offsets at in fp16,
// and the step that writes them on every run unless they are fixed.
func appleRound(c *compiler, data []float32, at []int, size int, fixed bool) (*appleHalves, step) {
	h := &appleHalves{size: size}
	var from []int // by slot
	from, h.slot = distinct(at)
	if err := c.budget.take("operands in fp16", len(from)*size, 2); err != nil {
		c.fail(err)
		return h, nil
	}
	h.data = make([]uint16, len(from)*size)
	round := func(lo, hi int) { // over all slots' values
		for lo < hi {
			slot, i := lo/size, lo%size
			n := min(hi-lo, size-i)
			fp16.Encode(h.data[lo:lo+n], data[from[slot]+i:][:n])
			lo += n
		}
	}
	if fixed {
		round(0, len(h.data))
		return h, nil
	}
	return h, step{c.loop(len(h.data), 0.3, func(_ *worker, lo, hi int) { round(lo, hi) })}
}
