package amx_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/amx"
	"devicemap/internal/amx/tile"
)

var update = flag.Bool("update", false, "write the assembly")

// TestAssembly: the committed assembly is the kernel's list of instructions.
func TestAssembly(t *testing.T) {
	const file = "kernel_amd64.s"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(tile.Assembly()), 0o644))
	}
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	if string(got) != tile.Assembly() {
		t.Error(file + " differs from tile.Assembly; run go generate ./internal/amx")
	}
}

// TestEncodings holds the encodings to the examples of the specification.
func TestEncodings(t *testing.T) {
	tests := []struct {
		in   tile.Ins
		want string
	}{
		{tile.LdTileCfg(), "c4e2784900"},
		{tile.TileRelease(), "c4e27849c0"},
		{tile.TileZero(0), "c4e27b49c0"},
		{tile.TileZero(7), "c4e27b49f8"},
		{tile.TDPBF16PS(0, 4, 6), "c4e24a5cc4"},
		{tile.TileLoad(4, tile.Mem{Base: tile.SI, Stride: tile.BX}), "c4e27b4b241e"},
		{tile.TileStore(1, tile.Mem{Base: tile.R8, Stride: tile.R9, Disp: 64}), "c4827a4b8c0840000000"},
	}
	for _, tt := range tests {
		if got := hex.EncodeToString(tt.in.Code); got != tt.want {
			t.Errorf("%s = %s, want %s", tt.in.Text, got, tt.want)
		}
	}
}

// TestDisassembly: a disassembler reads the kernel's instructions, and loads
// and stores with every register, as they were meant.
func TestDisassembly(t *testing.T) {
	objdump, err := exec.LookPath("objdump")
	if err != nil {
		t.Skip("no objdump to read the encodings; install binutils")
	}
	program := tile.Multiply()
	bases := []tile.Reg{tile.AX, tile.CX, tile.DX, tile.BX, tile.SI, tile.DI, tile.R8, tile.R9, tile.R12}
	for i, base := range bases {
		m := tile.Mem{Base: base, Stride: bases[(i+4)%len(bases)], Disp: int32(i % 2 * 1024)}
		program = append(program, tile.TileLoad(i%8, m), tile.TileStore(7-i%8, m), tile.TDPBF16PS(i%8, (i+1)%8, (i+2)%8))
	}
	var code []byte
	var want []string
	for _, in := range program {
		if in.Code != nil {
			code = append(code, in.Code...)
			want = append(want, in.Text)
		}
	}
	file := filepath.Join(t.TempDir(), "code")
	require.NoError(t, os.WriteFile(file, code, 0o600))
	out, err := exec.Command(objdump, "-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", file).Output()
	require.NoError(t, err)
	if bytes.Contains(out, []byte("(bad)")) && !bytes.Contains(out, []byte("tile")) {
		t.Skip("this objdump does not know AMX; install binutils 2.35 or later")
	}
	var got []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 3 {
			got = append(got, strings.Join(strings.Fields(f[2]), " "))
		}
	}
	require.Equal(t, want, got)
}

// kernels are the kernels that run here: the modelled one, and the processor's.
func kernels(t *testing.T) map[string]amx.Kernel {
	list := map[string]amx.Kernel{"model": tile.Kernel}
	if k, err := amx.Open(); err == nil {
		list["processor"] = k
	} else {
		t.Log(err)
	}
	return list
}

// noise is n values of a normal distribution.
func noise(rnd *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rnd.NormFloat64())
	}
	return v
}

// widen is the float32 value of a bf16 one.
func widen(h uint16) float64 { return float64(math.Float32frombits(uint32(h) << 16)) }

// TestKernel compares the kernel with plain float64 loops over the rounded
// operands. What lies between the rows of c stays as it was.
func TestKernel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	tests := []struct{ k, panels, gap, between int }{
		{32, 1, 0, 0}, {1, 1, 0, 0}, {33, 1, 5, 0}, {64, 2, 0, 0}, {100, 3, 1, 2048}, {257, 2, 64, 1024}, {32, 5, 3, 0},
	}
	for name, kernel := range kernels(t) {
		for _, tt := range tests {
			for _, add := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/k=%d/panels=%d/add=%t", name, tt.k, tt.panels, add), func(t *testing.T) {
					testKernel(t, rnd, kernel, tt.k, tt.panels, tt.gap, tt.between, add)
				})
			}
		}
	}
}

func testKernel(t *testing.T, rnd *rand.Rand, kernel amx.Kernel, k, panels, gap, between int, add bool) {
	n, steps := panels*amx.Lanes, amx.Steps(k)
	stride := steps*amx.StepElems + between
	x, y := noise(rnd, amx.Lanes*k), noise(rnd, k*n)
	a, b := make([]uint16, steps*amx.StepElems), make([]uint16, (panels-1)*stride+steps*amx.StepElems)
	amx.PackRows(a, x, k, amx.Lanes, k)
	for j := range panels {
		amx.PackPairs(b[j*stride:], y[j*amx.Lanes:], n, amx.Lanes, k)
	}
	ldc := n + gap
	c := noise(rnd, (amx.Lanes-1)*ldc+n)
	before := append([]float32(nil), c...)
	kernel(c, ldc, a, b, steps, panels, stride, add)
	for i, got := range c {
		row, col := i/ldc, i%ldc
		if col >= n {
			require.Equal(t, before[i], got, "between rows, at %d", i)
			continue
		}
		want, size := 0.0, 1.0
		if add {
			want = float64(before[i])
		}
		for p := range k {
			term := widen(amx.Half(x[row*k+p])) * widen(amx.Half(y[p*n+col]))
			want += term
			size += math.Abs(term)
		}
		if math.Abs(float64(got)-want) > 1e-6*size {
			t.Fatalf("c[%d, %d] = %g, want %g", row, col, got, want)
		}
	}
}

// TestMachineFaults: the model refuses what a processor would.
func TestMachineFaults(t *testing.T) {
	m := tile.Mem{Base: tile.SI, Stride: tile.BX}
	config := []tile.Ins{tile.ConfigAddr(tile.AX), tile.LdTileCfg()}
	tests := []struct {
		name    string
		program []tile.Ins
		want    string
	}{
		{"not configured", []tile.Ins{tile.TileZero(0)}, "not configured"},
		{"not mapped", append(config, tile.TileLoad(0, m)), "no 64 bytes at 0x0"},
		{"not released", config, "not released"},
		{"tile used twice", append(config, tile.TDPBF16PS(0, 0, 1)), "used twice"},
		{"bad block", []tile.Ins{tile.Const(0x2000, tile.AX), tile.LdTileCfg()}, "palette 9"},
		{"no argument", []tile.Ins{tile.Arg("x", 0, tile.AX)}, "no argument x"},
		{"no label", []tile.Ins{tile.Jump("x")}, "no such label"},
		{"read only", append(config, tile.Const(0x2000, tile.SI), tile.TileStore(0, m)), "read only"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tile.Run(tt.program, nil, tile.Segment{Addr: 0x2000, Data: bytes.Repeat([]byte{9}, 64)})
			require.ErrorContains(t, err, tt.want)
		})
	}
}
