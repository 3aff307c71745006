package cpu

import (
	"fmt"

	"devicemap/device"
	"devicemap/internal/graph"
	"devicemap/internal/reference"
)

// The largest relative L2 error that the check of a set lets pass: rounding
// of the sums of the check's depth, and of the operands where they are halves
// (2⁻⁹ for bf16, 2⁻¹² for fp16). A kernel that computes something else is off
// by far more.
var checkLimits = map[device.DType]float64{device.FP32: 1e-5, device.BF16: 8e-3, device.FP16: 2e-3}

// checks are small graphs of each kind of kernel, with operands in all forms
// and odd sizes. Products have more rows than what any set leaves to others.
var checks = []struct {
	name  string
	build func(b *graph.Builder) *graph.Value
}{
	{"product", func(b *graph.Builder) *graph.Value { return b.MatMul(b.Input("x", 73, 67), b.Input("y", 67, 51)) }},
	{"product of transposed operands", func(b *graph.Builder) *graph.Value {
		return b.Apply(graph.MatMul{TransposeX: true, TransposeY: true}, b.Input("x", 67, 73), b.Input("y", 51, 67))
	}},
	{"batched product", func(b *graph.Builder) *graph.Value { return b.MatMul(b.Input("x", 3, 17, 19), b.Input("y", 19, 23)) }},
	{"layer of weights", func(b *graph.Builder) *graph.Value {
		return b.Linear(b.Input("x", 69, 70), checkConst(b, "w", 49, 70), checkConst(b, "b", 49))
	}},
	{"product with one row", func(b *graph.Builder) *graph.Value {
		return b.Linear(b.Input("x", 1, 130), checkConst(b, "w", 67, 130), nil)
	}},
	{"convolution", func(b *graph.Builder) *graph.Value {
		return b.Conv(graph.Conv{Pad: [4]int{1, 1, 1, 1}}, b.Input("x", 2, 5, 11, 13), checkConst(b, "w", 19, 5, 3, 3), checkConst(b, "b", 19))
	}},
	{"convolution with stride", func(b *graph.Builder) *graph.Value {
		return b.Conv(graph.Conv{Stride: [2]int{2, 2}}, b.Input("x", 1, 16, 9, 11), checkConst(b, "w", 8, 16, 3, 3), nil)
	}},
	{"depthwise convolution", func(b *graph.Builder) *graph.Value {
		return b.Conv(graph.Conv{Groups: 7, Pad: [4]int{1, 1, 1, 1}}, b.Input("x", 1, 7, 9, 11), checkConst(b, "w", 7, 1, 3, 3), nil)
	}},
	{"pooling", func(b *graph.Builder) *graph.Value {
		return b.Apply(graph.Pool{Fn: graph.MaxPool, Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}}, b.Input("x", 1, 3, 11, 13))
	}},
	{"softmax", func(b *graph.Builder) *graph.Value { return b.Softmax(b.Input("x", 7, 133)) }},
	{"layer norm", func(b *graph.Builder) *graph.Value {
		return b.LayerNorm(b.Input("x", 7, 133), checkConst(b, "g", 133), checkConst(b, "b", 133), 1e-5)
	}},
	{"gelu", func(b *graph.Builder) *graph.Value { return b.Unary(graph.GELU, b.Input("x", 3, 77)) }},
	{"exponential", func(b *graph.Builder) *graph.Value { return b.Unary(graph.Exp, b.Input("x", 3, 77)) }},
	{"sum of tensors", func(b *graph.Builder) *graph.Value { return b.Add(b.Input("x", 5, 77), b.Input("y", 77)) }},
	{"sum over an axis", func(b *graph.Builder) *graph.Value {
		return b.Apply(graph.Reduce{Fn: graph.Sum, Axes: []int{1}}, b.Input("x", 7, 133))
	}},
}

// checkConst is a constant of values in [−1, 1).
func checkConst(b *graph.Builder, name string, shape ...int) *graph.Value {
	return b.Const(name, graph.F32(noise(graph.Shape(shape).Elems())), shape...)
}

// noise is n values in [−1, 1) without a short period.
func noise(n int) []float32 {
	v, s := make([]float32, n), uint32(n)
	for i := range v {
		s = s*1664525 + 1013904223
		v[i] = float32(int32(s)) / (1 << 31)
	}
	return v
}

// check runs small graphs through the planners and kernels of lib, in each of
// its arms, and holds them to the float64 reference.
func check(lib *library, threads int) error {
	e := newEngine(Config{}, min(threads, 2), lib, nil, nil)
	defer e.pool.close()
	for _, c := range checks {
		b := graph.New("check")
		b.Output("y", c.build(b))
		g, err := b.Build()
		if err != nil {
			return err
		}
		var data []graph.Data
		for _, v := range g.Inputs {
			data = append(data, graph.F32(noise(v.Shape.Elems())))
		}
		want, err := reference.Eval(g, data)
		if err != nil {
			return err
		}
		for _, dtype := range e.info.DTypes {
			got, err := runOnce(e, g, dtype, data)
			if err != nil {
				return fmt.Errorf("check of %s: %w", c.name, err)
			}
			if r, limit := reference.RelL2(got, want[0]), checkLimits[dtype]; !(r <= limit) {
				return fmt.Errorf("check of %s in %s: relative error %.2g, want at most %.2g", c.name, dtype, r, limit)
			}
		}
	}
	return nil
}

// runOnce is the first output of g.
func runOnce(e *engine, g *graph.Graph, dtype device.DType, inputs []graph.Data) (y []float32, err error) {
	p, err := e.Compile(g, device.Options{DType: dtype})
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := p.Close(); err == nil {
			err = closeErr
		}
	}()
	for i, d := range inputs {
		copy(p.Input(i), d.Narrow)
	}
	if err := p.Run(); err != nil {
		return nil, err
	}
	return p.Output(0), nil
}
