package openblas

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func load(tb testing.TB, named ...string) *Lib {
	tb.Helper()
	l, err := Load(named...)
	if err != nil {
		tb.Skip("openblas: ", err)
	}
	return l
}

func noise(n int, seed uint32) []float32 {
	v := make([]float32, n)
	for i := range v {
		seed = seed*1664525 + 1013904223
		v[i] = float32(int32(seed)) / (1 << 31)
	}
	return v
}

// hold compares l with plain loops over forms, odd sizes and strides, with
// guards around the result.
func hold(t *testing.T, l *Lib) {
	t.Helper()
	for _, size := range [][3]int{{1, 1, 1}, {3, 5, 7}, {17, 1, 33}, {1, 29, 4}, {64, 65, 66}, {131, 67, 259}} {
		for form := range 8 {
			p := Product{M: size[0], N: size[1], K: size[2], ATrans: form&1 != 0, BTrans: form&2 != 0, Add: form&4 != 0}
			p.LDA, p.LDB, p.LDC = pick(p.ATrans, p.M, p.K)+form%3, pick(p.BTrans, p.K, p.N)+form, p.N+form%5
			p.A = noise(pick(p.ATrans, p.K, p.M)*p.LDA, 1)
			p.B = noise(pick(p.BTrans, p.N, p.K)*p.LDB, 2)
			p.C = noise(p.M*p.LDC, 3)
			want := plain(p)
			call, err := l.Prepare(p)
			require.NoError(t, err)
			call.Do()
			for i, w := range want {
				require.InDelta(t, w, p.C[i], 1e-5*math.Sqrt(float64(p.K)), "%v, form %d, element %d", size, form, i)
			}
		}
	}
}

// plain is what C holds after the product.
func plain(p Product) []float64 {
	c := make([]float64, len(p.C))
	for i, v := range p.C {
		c[i] = float64(v)
	}
	for i := range p.M {
		for j := range p.N {
			sum := 0.0
			for k := range p.K {
				a, b := i*p.LDA+k, k*p.LDB+j
				if p.ATrans {
					a = k*p.LDA + i
				}
				if p.BTrans {
					b = j*p.LDB + k
				}
				sum += float64(p.A[a]) * float64(p.B[b])
			}
			if p.Add {
				sum += c[i*p.LDC+j]
			}
			c[i*p.LDC+j] = sum
		}
	}
	return c
}

func TestInstalled(t *testing.T) {
	l := load(t)
	require.Regexp(t, `^OpenBLAS \d+\.\d+`, l.Version())
	t.Log(l.Config, l.Core)
	hold(t, l)

	n := 64
	call, err := l.Prepare(Product{M: n, N: n, K: n, A: noise(n*n, 1), B: noise(n*n, 2), C: make([]float32, n*n), LDA: n, LDB: n, LDC: n})
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, call.Do))
}

// TestSizesAreChecked: nothing that could read or write outside of a slice
// reaches the library.
func TestSizesAreChecked(t *testing.T) {
	good := func() Product {
		return Product{M: 2, N: 3, K: 4, A: make([]float32, 8), B: make([]float32, 12), C: make([]float32, 6), LDA: 4, LDB: 3, LDC: 3}
	}
	tests := []struct {
		name   string
		change func(p *Product)
		want   string
	}{
		{"short a", func(p *Product) { p.A = p.A[:7] }, "openblas: a holds 7 values; 2 rows of 4, 4 apart, need more"},
		{"short b", func(p *Product) { p.B = p.B[:11] }, "openblas: b holds 11 values; 4 rows of 3, 3 apart, need more"},
		{"short c", func(p *Product) { p.C = nil }, "openblas: c holds 0 values; 2 rows of 3, 3 apart, need more"},
		{"wide step", func(p *Product) { p.LDC = 4 }, "openblas: c holds 6 values; 2 rows of 3, 4 apart, need more"},
		{"narrow step", func(p *Product) { p.LDB = 2 }, "openblas: b has rows of 3 values, 2 apart"},
		{"turned", func(p *Product) { p.ATrans = true; p.LDA = 1 }, "openblas: a has rows of 2 values, 1 apart"},
		{"empty", func(p *Product) { p.M = 0 }, "openblas: a is 0×4 with rows 4 apart: want 1 to 2147483647 each"},
		{"negative", func(p *Product) { p.K = -1 }, "openblas: a is 2×-1 with rows 4 apart: want 1 to 2147483647 each"},
		{"overflow", func(p *Product) { p.LDA = math.MaxInt }, "openblas: a is 2×4 with rows 9223372036854775807 apart: want 1 to 2147483647 each"},
	}
	l := &Lib{}
	p := good()
	_, err := l.Prepare(p)
	require.NoError(t, err)
	for _, tt := range tests {
		p := good()
		tt.change(&p)
		_, err := l.Prepare(p)
		require.EqualError(t, err, tt.want, tt.name)
	}
}

// standIn compiles testdata/standin.c with the given macros.
func standIn(t *testing.T, macros ...string) string {
	t.Helper()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("no gcc to compile a stand-in library with")
	}
	lib := filepath.Join(t.TempDir(), "libstandin.so")
	args := append([]string{"-shared", "-fPIC", "-O1", "-o", lib, filepath.Join("testdata", "standin.c")}, macros...)
	out, err := exec.Command(gcc, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return lib
}

// TestStandIns binds libraries of either integer width and spelling, and
// refuses broken ones in one line.
func TestStandIns(t *testing.T) {
	for _, macros := range [][]string{{}, {"-DINTEGER=long"}, {"-DINTEGER=long", "-DMARK=64_"}} {
		t.Run(fmt.Sprint(macros), func(t *testing.T) {
			l, err := Load(standIn(t, macros...))
			require.NoError(t, err)
			require.Equal(t, "OpenBLAS 9.9.9", l.Version())
			require.False(t, l.Serial)
			hold(t, l)
		})
	}
	tests := []struct{ macro, want string }{
		{"-DLACKS_SGEMM", `not available: \S+ lacks sgemm_; install OpenBLAS 0\.3 or later`},
		{"-DLACKS_THREADS", `not available: \S+ lacks openblas_get_num_threads, openblas_set_num_threads; install OpenBLAS 0\.3 or later`},
		{"-DKEEPS_THREADS", `not available: \S+ stays at 7 threads when set to 1`},
	}
	for _, tt := range tests {
		_, err := Load(standIn(t, tt.macro))
		require.ErrorIs(t, err, ErrUnavailable)
		require.Regexp(t, "^"+tt.want+"$", err.Error())
	}
	l, err := Load(standIn(t, "-DPARALLEL=0"))
	require.NoError(t, err)
	require.True(t, l.Serial)
}

func TestAbsent(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "libnone.so"))
	require.ErrorIs(t, err, ErrUnavailable)
	require.NotContains(t, err.Error(), "\n")
	text := filepath.Join(t.TempDir(), "libtext.so")
	require.NoError(t, os.WriteFile(text, []byte("no library"), 0o644))
	_, err = Load(text)
	require.ErrorIs(t, err, ErrUnavailable)
	require.True(t, strings.HasSuffix(err.Error(), "make deps"), err)
}
