package accelerate_test

import (
	"strings"
	"testing"

	"github.com/ebitengine/purego"
	"github.com/stretchr/testify/require"

	"devicemap/internal/accelerate"
)

// TestAllocations calls C functions that ignore their arguments in place of
// each: getpid for one that makes an object, sched_yield, which gives 0, for
// the others. What is left is the binding's own allocation. Calls of integers
// and pointers have none.
func TestAllocations(t *testing.T) {
	libc, err := purego.Dlopen("libc.so.6", purego.RTLD_NOW)
	require.NoError(t, err)
	getpid, err := purego.Dlsym(libc, "getpid")
	require.NoError(t, err)
	yield, err := purego.Dlsym(libc, "sched_yield")
	require.NoError(t, err)
	l, err := accelerate.Bind(func(name string) (uintptr, error) {
		if strings.Contains(name, "Create") {
			return getpid, nil
		}
		return yield, nil
	})
	require.NoError(t, err)

	x, y := make([]float32, 64), make([]float32, 64)
	g, err := l.NewGemm(accelerate.Product{M: 8, N: 8, K: 8, LDA: 8, LDB: 8, LDC: 8})
	require.NoError(t, err)
	f, err := l.NewConvolution(layer)
	require.NoError(t, err)
	in, out := make([]float32, 126), make([]float32, 48)
	add, power, exp, clip, sum := l.Zip(accelerate.VAdd), l.Zip(accelerate.Pow), l.Map(accelerate.Exp),
		l.Map(accelerate.Clip, 0, 1), l.Fold(accelerate.Sum)
	for name, run := range map[string]func(){
		"sgemm": func() { g.Run(x, x, y) }, "convolution": func() { _ = f.Apply(1, in, out) },
		"vadd": func() { add(y, x, x) }, "pow": func() { power(y, x, x) }, "exp": func() { exp(y, x) },
		"clip": func() { clip(y, x) }, "scale": func() { l.Scale(y, x, 2) }, "sum": func() { sum(x) },
	} {
		require.Zero(t, testing.AllocsPerRun(100, run), name)
	}
	for l.DropGemm() {
		t.Logf("%v: %v allocations a call", l.GemmFunc(), testing.AllocsPerRun(100, func() { g.Run(x, x, y) }))
	}
	h, err := l.NewHalfProduct(accelerate.Product{M: 8, N: 8, K: 8, LDA: 8, LDB: 8, LDC: 8})
	require.NoError(t, err)
	bits := make([]uint16, 64)
	t.Logf("%v: %v allocations a call", accelerate.MatMul, testing.AllocsPerRun(100, func() { _ = h.Run(bits, bits, y) }))
}
