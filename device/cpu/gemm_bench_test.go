package cpu_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"devicemap/device"
	"devicemap/device/cpu"
	"devicemap/internal/graph"
)

// contender computes one product; it returns the least time of reps, in
// seconds.
type contender func(b *testing.B, reps int) float64

// race alternates the sides, after one unmeasured turn of each, for as long as
// the benchmark runs, and returns the least time of each. What else the
// machine does hits all of them.
func race(b *testing.B, reps int, sides ...contender) []float64 {
	best := make([]float64, len(sides))
	for i, side := range sides {
		best[i] = side(b, 1)
	}
	for b.Loop() {
		for range 5 {
			for i, side := range sides {
				best[i] = min(best[i], side(b, reps))
			}
		}
	}
	b.ReportMetric(0, "ns/op") // the time of a whole race
	return best
}

// ours is a product of the engine with the named kernel set.
func ours(b *testing.B, library string, build func(g *graph.Builder) *graph.Value) contender {
	e, err := cpu.Open(cpu.Config{Library: library})
	if err != nil {
		b.Fatal(err)
	}
	g := graph.New("product")
	g.Output("y", build(g))
	built, err := g.Build()
	if err != nil {
		b.Fatal(err)
	}
	p, err := e.Compile(built, device.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Close(); e.Close() })
	for i, v := range built.Inputs {
		copy(p.Input(i), ramp(v.Shape.Elems()))
	}
	return func(b *testing.B, reps int) float64 {
		best := 1e9
		for range reps {
			start := time.Now()
			if err := p.Run(); err != nil {
				b.Fatal(err)
			}
			best = min(best, time.Since(start).Seconds())
		}
		return best
	}
}

// ramp is n values between −1 and 1.
func ramp(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i%17)/8 - 1
	}
	return v
}

// fromC starts a compiled program that answers a number of repetitions with a
// time. Its threads sleep between the answers.
func fromC(b *testing.B, program string, args ...any) contender {
	var words []string
	for _, a := range args {
		words = append(words, fmt.Sprint(a))
	}
	cmd := exec.Command(program, words...)
	cmd.Env = append(os.Environ(), "OMP_WAIT_POLICY=passive", "OPENBLAS_THREAD_TIMEOUT=4")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		io.Copy(io.Discard, out)
		cmd.Wait()
	})
	return func(b *testing.B, reps int) (seconds float64) {
		if _, err := fmt.Fprintln(in, reps); err != nil {
			b.Fatal(err)
		}
		if _, err := fmt.Fscan(out, &seconds); err != nil {
			b.Fatalf("%s says no time: %v", program, err)
		}
		return seconds
	}
}

// sgemms compiles the C sides: OpenBLAS and oneDNN.
func sgemms(b *testing.B) (openblas, onednn string) {
	file := filepath.Join("testdata", "sgemm.c")
	return compileC(b, file, "-lopenblas"), compileC(b, file, "-DONEDNN", "-ldnnl", "-fopenmp")
}

// BenchmarkProduct compares products of the embedded set with OpenBLAS and
// oneDNN called from C on as many threads, in one run. %-of-C is the ratio to
// the faster one; for M=256 the right operand is a constant, as a layer's
// weights are, which C passes as a transposed operand.
func BenchmarkProduct(b *testing.B) {
	openblas, onednn := sgemms(b)
	tests := []struct{ m, n, reps int }{{512, 512, 20}, {1024, 1024, 5}, {2048, 2048, 2}, {4096, 4096, 1}, {256, 4096, 3}}
	for _, tt := range tests {
		b.Run(fmt.Sprintf("M=%d/N=K=%d", tt.m, tt.n), func(b *testing.B) {
			turned := "N"
			build := func(g *graph.Builder) *graph.Value {
				return g.MatMul(g.Input("x", tt.m, tt.n), g.Input("y", tt.n, tt.n))
			}
			if tt.m < tt.n {
				turned = "T"
				build = func(g *graph.Builder) *graph.Value {
					return g.Linear(g.Input("x", tt.m, tt.n), g.Const("w", graph.F32(ramp(tt.n*tt.n)), tt.n, tt.n), nil)
				}
			}
			args := []any{tt.m, tt.n, tt.n, runtime.GOMAXPROCS(0), turned}
			best := race(b, tt.reps, ours(b, "embedded", build), fromC(b, openblas, args...), fromC(b, onednn, args...))
			gflop := 2 * float64(tt.m) * float64(tt.n) * float64(tt.n) / 1e9
			for i, name := range []string{"GFLOP/s", "OpenBLAS-GFLOP/s", "oneDNN-GFLOP/s"} {
				b.ReportMetric(gflop/best[i], name)
			}
			b.ReportMetric(100*min(best[1], best[2])/best[0], "%-of-C")
		})
	}
}

// BenchmarkProductForms compares forms of a product with the plain one of
// square matrices, in one run: %-of-plain is the ratio of their rates.
func BenchmarkProductForms(b *testing.B) {
	const n = 1024
	matrix := func(g *graph.Builder, name string, shape ...int) *graph.Value { return g.Input(name, shape...) }
	forms := []struct {
		name    string
		m, n, k int
		batch   int
		build   func(g *graph.Builder) *graph.Value
	}{
		{"plain", n, n, n, 1, func(g *graph.Builder) *graph.Value {
			return g.MatMul(matrix(g, "x", n, n), matrix(g, "y", n, n))
		}},
		{"left-transposed", n, n, n, 1, func(g *graph.Builder) *graph.Value {
			return g.Apply(graph.MatMul{TransposeX: true}, matrix(g, "x", n, n), matrix(g, "y", n, n))
		}},
		{"right-transposed", n, n, n, 1, func(g *graph.Builder) *graph.Value {
			return g.Apply(graph.MatMul{TransposeY: true}, matrix(g, "x", n, n), matrix(g, "y", n, n))
		}},
		{"both-transposed", n, n, n, 1, func(g *graph.Builder) *graph.Value {
			return g.Apply(graph.MatMul{TransposeX: true, TransposeY: true}, matrix(g, "x", n, n), matrix(g, "y", n, n))
		}},
		{"odd", n - 1, n + 1, n - 3, 1, func(g *graph.Builder) *graph.Value {
			return g.MatMul(matrix(g, "x", n-1, n-3), matrix(g, "y", n-3, n+1))
		}},
		{"constant", n, n, n, 1, func(g *graph.Builder) *graph.Value {
			return g.MatMul(matrix(g, "x", n, n), g.Const("w", graph.F32(ramp(n*n)), n, n))
		}},
		{"batched", n / 2, n / 2, n / 2, 16, func(g *graph.Builder) *graph.Value {
			return g.MatMul(matrix(g, "x", 16, n/2, n/2), matrix(g, "y", 16, n/2, n/2))
		}},
		{"batched-right-transposed", n / 4, n / 4, n / 4, 48, func(g *graph.Builder) *graph.Value {
			return g.Apply(graph.MatMul{TransposeY: true}, matrix(g, "x", 48, n/4, n/4), matrix(g, "y", 48, n/4, n/4))
		}},
		{"attention-scores", 197, 197, 64, 12, func(g *graph.Builder) *graph.Value {
			return g.Apply(graph.MatMul{TransposeY: true}, matrix(g, "x", 12, 197, 64), matrix(g, "y", 12, 197, 64))
		}},
	}
	var sides []contender
	for _, f := range forms {
		sides = append(sides, ours(b, "embedded", f.build))
	}
	best := race(b, 5, sides...)
	for i, f := range forms {
		best[i] = 2 * float64(f.batch*f.m*f.n) * float64(f.k) / best[i] / 1e9
		b.ReportMetric(100*best[i]/best[0], f.name+"-%-of-plain")
	}
	b.ReportMetric(best[0], "GFLOP/s")
}

// BenchmarkFewRows is the rate at which products of few rows read their right
// operand, and the ratio to the rate at which the engine streams one as large
// through a sum.
func BenchmarkFewRows(b *testing.B) {
	const n = 4096
	for _, m := range []int{1, 4, 8} {
		b.Run(fmt.Sprint("M=", m), func(b *testing.B) {
			x := func(g *graph.Builder) *graph.Value { return g.Input("x", m, n) }
			y := func(g *graph.Builder) *graph.Value { return g.Input("y", n, n) }
			best := race(b, 5,
				ours(b, "embedded", func(g *graph.Builder) *graph.Value {
					return g.Linear(x(g), g.Const("w", graph.F32(ramp(n*n)), n, n), nil)
				}),
				ours(b, "embedded", func(g *graph.Builder) *graph.Value { return g.MatMul(x(g), y(g)) }),
				ours(b, "embedded", func(g *graph.Builder) *graph.Value {
					return g.Apply(graph.MatMul{TransposeY: true}, x(g), y(g))
				}),
				ours(b, "embedded", func(g *graph.Builder) *graph.Value {
					return g.Apply(graph.Reduce{Fn: graph.Sum, Axes: []int{0, 1}}, y(g))
				}))
			for i, name := range []string{"constant", "plain", "transposed"} {
				b.ReportMetric(4*n*n/best[i]/1e9, name+"-GB/s")
				b.ReportMetric(100*best[3]/best[i], name+"-%-of-sum")
			}
		})
	}
}
