package cpu

import (
	"devicemap/internal/graph"
	"devicemap/internal/simd"
)

// binaryKernel gives the loop of fn: dst[i] = fn(a[i], b[i]). A NaN operand
// gives NaN.
func binaryKernel(v *simd.Vector, fn graph.BinaryFn) func(dst, a, b []float32) {
	f := map[graph.BinaryFn]simd.Zip{
		graph.Add: v.Add, graph.Sub: v.Sub, graph.Mul: v.Mul, graph.Div: v.Div,
		graph.Maximum: v.Max, graph.Minimum: v.Min, graph.Pow: v.Pow,
	}[fn]
	if f == nil {
		panic("cpu: no kernel for elementwise function " + string(fn))
	}
	return f
}

// compareKernel gives the loop of fn, with 1 for true and 0 for false.
func compareKernel(v *simd.Vector, fn graph.CompareFn) func(dst, a, b []float32) {
	turned := func(f simd.Zip) simd.Zip { return func(dst, a, b []float32) { f(dst, b, a) } }
	f := map[graph.CompareFn]simd.Zip{
		graph.Less: v.Less, graph.LessEqual: v.LessEqual, graph.Equal: v.Equal, graph.NotEqual: v.NotEqual,
		graph.Greater: turned(v.Less), graph.GreaterEqual: turned(v.LessEqual),
	}[fn]
	if f == nil {
		panic("cpu: no kernel for comparison " + string(fn))
	}
	return f
}
