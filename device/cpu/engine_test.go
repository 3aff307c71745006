package cpu_test

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/device/cpu"
	"devicemap/internal/graph"
)

func build(t *testing.T, f func(b *graph.Builder)) *graph.Graph {
	t.Helper()
	b := graph.New("test")
	f(b)
	g, err := b.Build()
	require.NoError(t, err)
	return g
}

func reluGraph(t *testing.T) *graph.Graph {
	t.Helper()
	return build(t, func(b *graph.Builder) { b.Output("y", b.Unary(graph.ReLU, b.Input("x", 4))) })
}

func TestInfo(t *testing.T) {
	info := open(t, cpu.Config{Threads: 1}).Info()
	require.Equal(t, device.CPU, info.Kind)
	require.Equal(t, "CPU", info.Name)
	require.Regexp(t, `^(embedded|gonum) `, info.Library)
	require.Regexp(t, `, 1 thread$`, info.Detail)
	require.Equal(t, []device.DType{device.FP32}, info.DTypes)
}

func TestRefusals(t *testing.T) {
	_, err := cpu.Open(cpu.Config{Threads: -1})
	require.ErrorContains(t, err, "-1 threads")

	e := open(t, cpu.Config{})
	_, err = e.Compile(reluGraph(t), device.Options{DType: device.FP16})
	var unsupported *device.UnsupportedError
	require.ErrorAs(t, err, &unsupported)
	require.Equal(t, "fp16", unsupported.What)

	g := reluGraph(t)
	g.Nodes[0].Op = unknown{}
	_, err = e.Compile(g, device.Options{})
	require.ErrorIs(t, err, device.ErrRefused)
	require.ErrorAs(t, err, &unsupported)
	require.Equal(t, "unknown", unsupported.What)
	require.Equal(t, "relu_0", unsupported.Node)
}

// unknown is an op that no engine has.
type unknown struct{}

func (unknown) Name() string                                { return "unknown" }
func (unknown) Infer(in []graph.Type) ([]graph.Type, error) { return in, nil }
func (unknown) FLOPs(_, _ []graph.Type) float64             { return 0 }

// TestMaxBytes: the limit counts activations, scratch and transposed weights,
// and is met exactly.
func TestMaxBytes(t *testing.T) {
	g := reluGraph(t) // input and output: 4 values each
	_, err := open(t, cpu.Config{MaxBytes: 32, Threads: 1}).Compile(g, device.Options{})
	require.NoError(t, err)
	_, err = open(t, cpu.Config{MaxBytes: 31, Threads: 1}).Compile(g, device.Options{})
	require.ErrorIs(t, err, device.ErrOutOfMemory)
	require.ErrorIs(t, err, device.ErrRefused)

	big := build(t, func(b *graph.Builder) {
		w := b.Const("w", graph.F32(make([]float32, 1000*1000)), 1000, 1000)
		b.Output("y", b.MatMul(b.Input("x", 10, 1000), w))
	})
	_, err = open(t, cpu.Config{MaxBytes: 3_999_999, Threads: 1}).Compile(big, device.Options{})
	require.ErrorIs(t, err, device.ErrOutOfMemory)
}

func TestClose(t *testing.T) {
	e, err := cpu.Open(cpu.Config{Threads: 2})
	require.NoError(t, err)
	p, err := e.Compile(reluGraph(t), device.Options{})
	require.NoError(t, err)
	q, err := e.Compile(reluGraph(t), device.Options{})
	require.NoError(t, err)

	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	require.ErrorIs(t, p.Run(), device.ErrClosed)
	require.NoError(t, q.Run())

	require.NoError(t, e.Close())
	require.NoError(t, e.Close())
	require.ErrorIs(t, q.Run(), device.ErrClosed)
	_, err = e.Compile(reluGraph(t), device.Options{})
	require.ErrorIs(t, err, device.ErrClosed)
}

// TestOutputsAreStable: outputs that are views of inputs or constants, or
// given twice, keep their values while the next input is filled.
func TestOutputsAreStable(t *testing.T) {
	e := open(t, cpu.Config{})
	g := build(t, func(b *graph.Builder) {
		x := b.Input("x", 2, 3)
		y := b.Unary(graph.Square, x)
		b.Output("same", x)
		b.Output("view", b.Reshape(x, 6))
		b.Output("const", b.Const("c", graph.F32([]float32{7}), 1))
		b.Output("y", y)
		b.Output("again", b.Reshape(y, 3, 2))
		b.Output("later", b.Unary(graph.ReLU, y))
	})
	p, err := e.Compile(g, device.Options{})
	require.NoError(t, err)
	in := []float32{1, -2, 3, -4, 5, -6}
	sq := []float32{1, 4, 9, 16, 25, 36}
	copy(p.Input(0), in)
	require.NoError(t, p.Run())
	clear(p.Input(0))
	for i, want := range [][]float32{in, in, {7}, sq, sq, sq} {
		require.Equal(t, want, p.Output(i), g.Outputs[i].Name)
	}
}

// TestInputsAndConstantsStayUntouched runs twice and compares.
func TestInputsAndConstantsStayUntouched(t *testing.T) {
	e := open(t, cpu.Config{})
	w, x := make([]float32, 64*64), make([]float32, 64*64)
	for i := range w {
		w[i], x[i] = float32(i%13)-6, float32(i%7)-3
	}
	keep := append([]float32(nil), w...)
	g := build(t, func(b *graph.Builder) {
		in, c := b.Input("x", 64, 64), b.Const("w", graph.F32(w), 64, 64)
		y := b.Softmax(b.MatMul(b.Linear(in, c, nil), c))
		b.Output("y", b.Apply(graph.CumSum{Axis: 0}, y))
	})
	p, err := e.Compile(g, device.Options{})
	require.NoError(t, err)
	copy(p.Input(0), x)
	require.NoError(t, p.Run())
	first := append([]float32(nil), p.Output(0)...)
	require.NoError(t, p.Run())
	require.Equal(t, first, p.Output(0))
	require.Equal(t, x, p.Input(0))
	require.Equal(t, keep, w)
}

// TestLargeReductionAccuracy: a million values of one sign lose digits in a
// float32 sum, and a mean far from 0 in a one-pass variance.
func TestLargeReductionAccuracy(t *testing.T) {
	const n = 1_000_000
	x := make([]float32, n)
	sum, squares := 0.0, 0.0
	for i := range x {
		x[i] = 1000 + float32(i%1000)*0.001
		sum += float64(x[i])
	}
	mean := sum / n
	for _, v := range x {
		squares += (float64(v) - mean) * (float64(v) - mean)
	}
	e := open(t, cpu.Config{})
	g := build(t, func(b *graph.Builder) {
		in := b.Input("x", 1, n)
		ones, zeros := make([]float32, n), make([]float32, n)
		for i := range ones {
			ones[i] = 1
		}
		b.Output("sum", b.Apply(graph.Reduce{Fn: graph.Sum, Axes: []int{0, 1}}, in))
		b.Output("norm", b.LayerNorm(in, b.Const("g", graph.F32(ones), n), b.Const("b", graph.F32(zeros), n), 0))
	})
	outs := run(t, e, g, [][]float32{x})
	if got := float64(outs[0][0]); math.Abs(got/sum-1) > 1e-7 {
		t.Errorf("sum = %.9g, want %.9g", got, sum)
	}
	want := (float64(x[999]) - mean) / math.Sqrt(squares/n)
	if got := float64(outs[1][999]); math.Abs(got/want-1) > 1e-6 {
		t.Errorf("layer norm = %.9g, want %.9g", got, want)
	}
}

// TestSoftmaxOfLargeScores: without the shift e^x would overflow.
func TestSoftmaxOfLargeScores(t *testing.T) {
	g := build(t, func(b *graph.Builder) { b.Output("y", b.Softmax(b.Input("x", 2, 3))) })
	got := run(t, open(t, cpu.Config{}), g, [][]float32{{1e4, 1e4, -1e4, -1e30, -1e30, -1e30}})[0]
	want := []float64{0.5, 0.5, 0, 1. / 3, 1. / 3, 1. / 3}
	if r := relL2(got, want); r > 1e-7 {
		t.Errorf("softmax = %v, want %v", got, want)
	}
}

// TestMemoryOfDeepGraph: 40 layers of 4 MB activations need a few buffers. The
// weights are rearranged once, although 40 constants name them; that copy and
// the left operand of the running product are about one activation each.
func TestMemoryOfDeepGraph(t *testing.T) {
	const n, layers = 1000, 40
	w := make([]float32, n*n) // shared by all layers: 4 MB
	g := build(t, func(b *graph.Builder) {
		x := b.Input("x", n, n)
		for i := range layers {
			x = b.Unary(graph.ReLU, b.Linear(x, b.Const(fmt.Sprint("w", i), graph.F32(w), n, n), nil))
		}
		b.Output("y", x)
	})
	e := open(t, cpu.Config{Threads: 2})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p, err := e.Compile(g, device.Options{})
	require.NoError(t, err)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 7*4*n*n {
		t.Errorf("compile allocated %d bytes, want at most 7 activations of %d", got, 4*n*n)
	}
	require.NoError(t, p.Close())
}

// TestErrorsAreOneLine keeps the engine's own texts readable.
func TestErrorsAreOneLine(t *testing.T) {
	_, err := open(t, cpu.Config{MaxBytes: 1}).Compile(reluGraph(t), device.Options{})
	require.Regexp(t, `^cpu: graph test: 32 bytes with its activations exceed the limit of 1; raise [^\n]*$`, err.Error())
	require.False(t, errors.Is(err, device.ErrClosed))
}
