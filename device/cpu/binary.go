package cpu

import (
	"math"

	"devicemap/internal/graph"
)

// binaryKernel gives the loop of fn: dst[i] = fn(a[i], b[i]) over slices of
// equal length. A NaN operand gives NaN.
func binaryKernel(fn graph.BinaryFn) func(dst, a, b []float32) {
	switch fn {
	case graph.Add:
		return func(dst, a, b []float32) {
			dst, b = dst[:len(a)], b[:len(a)]
			for i, v := range a {
				dst[i] = v + b[i]
			}
		}
	case graph.Sub:
		return func(dst, a, b []float32) {
			dst, b = dst[:len(a)], b[:len(a)]
			for i, v := range a {
				dst[i] = v - b[i]
			}
		}
	case graph.Mul:
		return func(dst, a, b []float32) {
			dst, b = dst[:len(a)], b[:len(a)]
			for i, v := range a {
				dst[i] = v * b[i]
			}
		}
	case graph.Div:
		return func(dst, a, b []float32) {
			dst, b = dst[:len(a)], b[:len(a)]
			for i, v := range a {
				dst[i] = v / b[i]
			}
		}
	case graph.Maximum:
		return func(dst, a, b []float32) {
			dst, b = dst[:len(a)], b[:len(a)]
			for i, v := range a {
				dst[i] = max(v, b[i])
			}
		}
	case graph.Minimum:
		return func(dst, a, b []float32) {
			dst, b = dst[:len(a)], b[:len(a)]
			for i, v := range a {
				dst[i] = min(v, b[i])
			}
		}
	case graph.Pow:
		return func(dst, a, b []float32) {
			for i, v := range a {
				dst[i] = float32(math.Pow(float64(v), float64(b[i])))
			}
		}
	}
	panic("cpu: no kernel for elementwise function " + string(fn))
}

// compareKernel gives the loop of fn, with 1 for true and 0 for false.
func compareKernel(fn graph.CompareFn) func(dst, a, b []float32) {
	holds := map[graph.CompareFn]func(a, b float32) bool{
		graph.Less:         func(a, b float32) bool { return a < b },
		graph.LessEqual:    func(a, b float32) bool { return a <= b },
		graph.Greater:      func(a, b float32) bool { return a > b },
		graph.GreaterEqual: func(a, b float32) bool { return a >= b },
		graph.Equal:        func(a, b float32) bool { return a == b },
		graph.NotEqual:     func(a, b float32) bool { return a != b },
	}[fn]
	if holds == nil {
		panic("cpu: no kernel for comparison " + string(fn))
	}
	return func(dst, a, b []float32) {
		for i, v := range a {
			dst[i] = 0
			if holds(v, b[i]) {
				dst[i] = 1
			}
		}
	}
}

// choose takes a where cond is not 0, else b.
func choose(dst, cond, a, b []float32) {
	for i, t := range cond {
		if t != 0 {
			dst[i] = a[i]
		} else {
			dst[i] = b[i]
		}
	}
}
