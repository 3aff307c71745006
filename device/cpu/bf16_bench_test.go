package cpu_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/device/cpu"
	"devicemap/internal/graph"
)

// BenchmarkBF16 is y = x·Wᵀ in bf16 with float32 sums beside oneDNN's product
// called from C, in turns. The ratio is oneDNN's least time by ours, which
// includes the rounding of x from float32; oneDNN's x is bf16.
func BenchmarkBF16(b *testing.B) {
	for _, s := range []struct{ m, n int }{{512, 512}, {1024, 1024}, {2048, 2048}, {4096, 4096}, {256, 4096}} {
		b.Run(fmt.Sprintf("M=%d/N=%d", s.m, s.n), func(b *testing.B) {
			p := bf16Linear(b, s.m, s.n)
			program := compileC(b, filepath.Join("testdata", "bf16.c"), "-ldnnl", "-fopenmp")
			ours, theirs := beside(b, p, startRival(b, exec.Command(program, fmt.Sprint(s.m), fmt.Sprint(s.n), fmt.Sprint(s.n),
				fmt.Sprint(runtime.GOMAXPROCS(0)))))
			flops := 2 * float64(s.m) * float64(s.n) * float64(s.n)
			b.ReportMetric(flops/ours.Seconds()/1e9, "GFLOP/s")
			b.ReportMetric(flops/theirs.Seconds()/1e9, "oneDNN-GFLOP/s")
		})
	}
}

// bf16Linear is a product of x [m, n] with constant weights [n, n], warm, or
// skips where the embedded set has no bf16 arm.
func bf16Linear(b *testing.B, m, n int) device.Program {
	e, err := cpu.Open(cpu.Config{Library: "embedded"})
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() { require.NoError(b, e.Close()) })
	if !slices.Contains(e.Info().DTypes, device.BF16) {
		b.Skip("this processor has no bf16 tiles (AMX)")
	}
	values := make([]float32, n*n)
	for i := range values {
		values[i] = float32(i*7919%1009)/512 - 1
	}
	g := graph.New("bf16")
	g.Output("y", g.Linear(g.Input("x", m, n), g.Const("w", graph.F32(values), n, n), nil))
	built, err := g.Build()
	require.NoError(b, err)
	p, err := e.Compile(built, device.Options{DType: device.BF16})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, p.Close()) })
	copy(p.Input(0), values)
	require.NoError(b, p.Run())
	return p
}
