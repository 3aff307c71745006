package cpu

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/graph"
	"devicemap/internal/reference"
)

// standIn is the set of a stand-in for OpenBLAS, compiled with the macros.
func standIn(t *testing.T, macros ...string) candidate {
	t.Helper()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("no gcc to compile a stand-in library with")
	}
	processor := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	if machine, err := exec.Command(gcc, "-dumpmachine").Output(); err != nil || !strings.HasPrefix(string(machine), processor+"-") {
		t.Skipf("gcc compiles for %s, this is %s", bytes.TrimSpace(machine), runtime.GOARCH) // under emulation
	}
	lib := filepath.Join(t.TempDir(), "libstandin.so")
	source := filepath.Join("..", "..", "internal", "openblas", "testdata", "standin.c")
	out, err := exec.Command(gcc, append([]string{"-shared", "-fPIC", "-O1", "-o", lib, source}, macros...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return candidate{"openblas", func(threads int) (*library, error) { return openOpenBLAS(threads, lib) }}
}

// TestBrokenOpenBLAS: a library that lacks a symbol or computes nonsense is
// named in one line, and the next set is taken; one with 64-bit integers or
// without threads works.
func TestBrokenOpenBLAS(t *testing.T) {
	tests := []struct{ name, macro, passed string }{
		{"plain", "-DPLAIN", ""},
		{"64-bit integers", "-DINTEGER=long", ""},
		{"no threads", "-DPARALLEL=0", ""},
		{"symbol", "-DLACKS_SGEMM", `^openblas: not available: \S+ lacks sgemm_; install OpenBLAS 0\.3 or later$`},
		{"nonsense", "-DWRONG=1", `^openblas: check of product in fp32: relative error \S+, want at most 1e-05$`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lib, exec, passed, err := openLibrary([]candidate{standIn(t, tt.macro), {"gonum", openGonum}}, "", 2)
			require.NoError(t, err)
			require.Nil(t, exec)
			if tt.passed == "" {
				require.Equal(t, "OpenBLAS 9.9.9 Loops", lib.version)
				require.Empty(t, passed)
				return
			}
			require.Equal(t, "gonum", lib.name)
			require.Len(t, passed, 1)
			require.Regexp(t, tt.passed, passed[0])
		})
	}
}

// TestBlasSplit: tiles cover small and large products, are no larger than
// wanted, and begin on cache lines.
func TestBlasSplit(t *testing.T) {
	tests := []struct{ m, n, tileM, tileN int }{
		{1, 1, 1, 1},
		{64, 64, 64, 64},
		{256, 256, 128, 128},
		{512, 512, 128, 256},
		{4096, 4096, 1024, 1024},
		{1, 4096, 1, 512},
		{5000, 3, 640, 3},
		{100, 257, 100, 144},
	}
	for _, tt := range tests {
		m, n := blasSplit(tt.m, tt.n)
		require.Equal(t, []int{tt.tileM, tt.tileN}, []int{m, n}, "%d×%d", tt.m, tt.n)
	}
}

// TestBlasTiles holds products of several tiles, batches and forms, with a
// bias, to the reference.
func TestBlasTiles(t *testing.T) {
	lib, exec, _, err := openLibrary([]candidate{standIn(t)}, "", 2)
	require.NoError(t, err)
	e := newEngine(Config{}, 2, lib, exec, nil)
	defer e.Close()
	for form := range 4 {
		b := graph.New("g")
		op := graph.MatMul{TransposeX: form&1 != 0, TransposeY: form&2 != 0}
		x, y := []int{2, 300, 5}, []int{2, 5, 270}
		if op.TransposeX {
			x[1], x[2] = x[2], x[1]
		}
		if op.TransposeY {
			y[1], y[2] = y[2], y[1]
		}
		b.Output("product", b.Apply(op, b.Input("x", x...), b.Input("y", y...)))
		b.Output("layer", b.Linear(b.Input("z", 3, 150, 7), checkConst(b, "w", 290, 7), checkConst(b, "b", 290)))
		g, err := b.Build()
		require.NoError(t, err)
		var data []graph.Data
		for _, v := range g.Inputs {
			data = append(data, graph.F32(noise(v.Shape.Elems())))
		}
		want, err := reference.Eval(g, data)
		require.NoError(t, err)
		p, err := e.Compile(g, device.Options{})
		require.NoError(t, err)
		for i, d := range data {
			copy(p.Input(i), d.Narrow)
		}
		require.NoError(t, p.Run())
		for i := range want {
			require.Less(t, reference.RelL2(p.Output(i), want[i]), 1e-6, "form %d, output %d", form, i)
		}
		require.NoError(t, p.Close())
	}
}
