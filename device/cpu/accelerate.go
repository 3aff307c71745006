package cpu

import (
	"fmt"
	"strings"

	"devicemap/internal/accelerate"
	"devicemap/internal/graph"
	"devicemap/internal/simd"
)

// newAccelerate makes the kernel set of a bound library. The calling thread,
// on which BLAS runs, goes to the fast cores.
func newAccelerate(lib *accelerate.Lib, system string, threads int) (*library, error) {
	lib.Prefer()
	lib.SingleThread(threads == 1)
	s, err := newAppleSet(lib, threads)
	if err != nil {
		return nil, err
	}
	l := &library{name: "accelerate", kernels: s.kernels(), notes: s.failed, locked: true, close: func() error { return nil },
		version: fmt.Sprintf("Accelerate (%s), %v, at most %s", system, lib.GemmFunc(), plural(threads, "thread"))}
	if s.half {
		half := *l.kernels
		half.gemm = s.planHalfGemm
		l.fp16 = &half
	}
	return l, nil
}

// appleSet builds the kernels that Accelerate replaces.
//
// A product is one call, which uses the matrix unit and the library's own
// threads; so is a convolution. vDSP and vForce have no threads: the engine's
// workers call them. All else, and each function that is absent or fails its
// check at start-up, is the embedded set's.
//
// Left to the embedded set on purpose: norms (vDSP_normalize cancels), erf and
// what is made of it (vForce has none), and products of one row, which are
// bound by reading b and which all cores read faster than one call.
type appleSet struct {
	lib     *accelerate.Lib
	base    *kernels
	threads int

	unary   map[graph.UnaryFn]bool
	binary  map[graph.BinaryFn]accelerate.Func
	fold    map[accelerate.Func]func([]float32) float32
	exp     func(dst, x []float32)
	bnns    bool // convolutions
	half    bool // products of fp16 operands
	soft    bool // softmax
	scalars bool // Shift and Scale

	passed []string // what is used
	failed []string // a line for each function that fails its check
}

// passes runs a check and notes its result.
func (s *appleSet) passes(what string, check func() error) bool {
	if err := check(); err != nil {
		s.failed = append(s.failed, fmt.Sprintf("accelerate %s: %s", what, strings.TrimPrefix(err.Error(), "accelerate: ")))
		return false
	}
	s.passed = append(s.passed, what)
	return true
}

// chooseGemm takes the first sgemm that computes what it should. Without one
// there is no set.
func (s *appleSet) chooseGemm() error {
	for !s.passes(s.lib.GemmFunc().String(), s.checkGemm) {
		if !s.lib.DropGemm() {
			return fmt.Errorf("no sgemm of this system passes its check: %s", strings.Join(s.failed, "; "))
		}
	}
	return nil
}

// newAppleSet checks each function.
func newAppleSet(lib *accelerate.Lib, threads int) (*appleSet, error) {
	s := &appleSet{lib: lib, base: embeddedKernels(simd.Best()), threads: threads}
	if err := s.chooseGemm(); err != nil {
		return nil, err
	}
	s.half = lib.Has(accelerate.MatMul) && s.passes("fp16 product", s.checkHalfProduct)
	s.bnns = s.lib.Has(accelerate.CreateConvolution) && s.passes("convolution", s.checkConvolution)
	s.scalars = s.lib.Has(accelerate.AddScalar) && s.lib.Has(accelerate.MulScalar) && s.passes("shift and scale", s.checkScalars)
	s.unary = map[graph.UnaryFn]bool{}
	for _, fn := range graph.UnaryFns() {
		u := graph.Unary{Fn: fn, A: 0.5, B: 2} // in the domain of every function
		if f := s.chain(u); f != nil {
			s.unary[fn] = s.passes(string(fn), func() error { return checkAppleUnary(f, unaryKernel(portable.Vector, u)) })
		}
	}
	s.binary = map[graph.BinaryFn]accelerate.Func{}
	for _, fn := range graph.BinaryFns() {
		f, ok := appleBinaries[fn]
		if ok && s.lib.Has(f) && s.passes(string(fn), func() error { return checkAppleBinary(s.lib.Zip(f), binaryKernel(portable.Vector, fn)) }) {
			s.binary[fn] = f
		}
	}
	s.fold = map[accelerate.Func]func([]float32) float32{}
	for _, want := range appleFolds {
		if f := s.lib.Fold(want.f); f != nil && s.passes(want.f.String(), func() error { return checkAppleFold(f, want.zero, want.step) }) {
			s.fold[want.f] = f
		}
	}
	s.soft = s.hasSoftmax() && s.passes("softmax", s.checkSoftmax)
	return s, nil
}

// kernels is the table.
func (s *appleSet) kernels() *kernels {
	k := *s.base
	k.gemm, k.conv, k.attention = s.planGemm, s.planConv, s.planAttention
	k.unary, k.binary, k.fold = s.unaryKernel, s.binaryKernel, s.folds()
	if s.soft {
		k.softmax = s.softmax
	}
	return &k
}
