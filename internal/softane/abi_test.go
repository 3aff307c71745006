package softane_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/e5rt"
	"devicemap/internal/mil"
	"devicemap/internal/softane"
)

func TestMain(m *testing.M) {
	e5rt.MaybeChild(func() (*e5rt.Lib, error) {
		e, err := softane.New(softane.H13)
		if err != nil {
			return nil, err
		}
		return e.Lib()
	})
	os.Exit(m.Run())
}

// head and tail frame the body of a function in MIL.
const (
	head = "program(1.3)\n[buildInfo = dict<string, string>({{\"coremlc-version\", \"3520.5.1\"}})]\n{\n    func main<ios18>"
	tail = ";\n}\n"
)

const reluText = head + `(tensor<fp16, [2, 48]> inp) {
        tensor<fp16, [2, 48]> res = relu(x = inp)[name = string("res")];
    } -> (res)` + tail

func reluSpec(t testing.TB) e5rt.Spec {
	t.Helper()
	path, cache := textFile(t, t.TempDir(), reluText)
	return e5rt.Spec{Path: path, CacheDir: cache,
		Inputs:  []e5rt.PortSpec{{Name: "inp", Shape: []int{2, 48}}},
		Outputs: []e5rt.PortSpec{{Name: "res", Shape: []int{2, 48}}}}
}

func TestEverySymbolIsExported(t *testing.T) {
	e, _ := engine(t, softane.H13)
	for _, s := range e5rt.Symbols() {
		if _, err := e.Lookup(s.Name); err != nil {
			t.Errorf("%v", err)
		}
	}
	_, err := e.Lookup("e5rt_no_such_call")
	require.ErrorContains(t, err, "e5rt_no_such_call")
}

func TestReluThroughTheInterface(t *testing.T) {
	for _, a := range softane.Archs() {
		t.Run(string(a), func(t *testing.T) {
			_, l := engine(t, a)
			p, err := l.Open(reluSpec(t))
			require.NoError(t, err)
			x := ramp(96, 1)
			for i := range x {
				x[i] -= 48
			}
			feed(p, 0, x)
			require.NoError(t, p.Execute())
			for i, got := range result(p, 0) {
				if want := max(x[i], 0); got != want {
					t.Fatalf("relu(%g) = %g, want %g", x[i], got, want)
				}
			}
			require.NoError(t, p.Close())
		})
	}
}

// TestPlacement reads the bundle back as the proof of placement does.
func TestPlacement(t *testing.T) {
	tests := []struct {
		arch   softane.Arch
		bundle string
	}{{softane.H13, "H13C.bundle"}, {"h17s", "H17S.bundle"}}
	for _, tt := range tests {
		_, l := engine(t, tt.arch)
		s := reluSpec(t)
		p, err := l.Open(s)
		require.NoError(t, err)
		got, err := e5rt.ReadPlacement(os.DirFS(s.CacheDir))
		require.NoError(t, err)
		require.True(t, got.OnANE(), "%+v", got)
		require.Equal(t, tt.bundle, got.Bundle)
		require.Equal(t, []string{"main/main_ane"}, got.Parts)
		require.NoError(t, p.Close())
	}
}

func TestNoReferenceLeaksOver200Programs(t *testing.T) {
	e, l := engine(t, softane.H16)
	s := reluSpec(t)
	for i := range 200 {
		p, err := l.Open(s)
		require.NoError(t, err)
		if i%2 == 0 {
			require.NoError(t, p.Alias(0, 0))
		}
		require.NoError(t, p.Execute())
		require.NoError(t, p.Close())
		require.ErrorIs(t, p.Close(), e5rt.ErrClosed)
	}
	require.Empty(t, e.Live())
}

func TestLeakIsSeen(t *testing.T) {
	e, err := softane.New(softane.H13)
	require.NoError(t, err)
	l, err := e.Lib()
	require.NoError(t, err)
	p, err := l.Open(reluSpec(t))
	require.NoError(t, err)
	want := map[softane.Kind]int{softane.Library: 1, softane.Function: 1, softane.OperationOptions: 1,
		softane.Operation: 1, softane.Port: 2, softane.Buffer: 2, softane.Stream: 1}
	require.Equal(t, want, e.Live())
	require.ErrorContains(t, e.Close(), "references held")
	require.NoError(t, p.Close(), "references can be given back after Close")
	_, err = l.Open(reluSpec(t))
	require.ErrorContains(t, err, "closed")
	require.NoError(t, e.Close())
}

// TestLoadLimit: program 129 is refused, and releasing one makes room.
func TestLoadLimit(t *testing.T) {
	_, l := engine(t, softane.H14)
	s := reluSpec(t)
	var all []*e5rt.Program
	for range 128 {
		p, err := l.Open(s)
		require.NoError(t, err)
		all = append(all, p)
	}
	_, err := l.Open(s)
	var st *e5rt.StatusError
	require.ErrorAs(t, err, &st)
	require.Equal(t, e5rt.StageLoad, st.Stage)
	require.ErrorContains(t, err, "too many loaded")
	require.Contains(t, st.Hint, "close some")
	require.NoError(t, all[0].Close())
	all[0], err = l.Open(s)
	require.NoError(t, err)
	for _, p := range all {
		require.NoError(t, p.Close())
	}
}

// TestCounterWithResidentState adds an increment to aliased state 100 times.
func TestCounterWithResidentState(t *testing.T) {
	_, l := engine(t, softane.H13)
	b := mil.NewBuilder()
	state := b.Input("state", mil.Tensor(mil.FP16, 1, 8))
	step := b.Input("step", mil.Tensor(mil.FP16, 1, 8))
	b.Output("next", b.Op("add", mil.In("x", state), mil.In("y", step)))
	p := mustOpen(t, l, b)
	require.NoError(t, p.Alias(0, 0))
	feed(p, 0, make([]float32, 8))
	feed(p, 1, ramp(8, 0.5))
	for range 100 {
		require.NoError(t, p.Execute())
	}
	require.Equal(t, ramp(8, 50), result(p, 0))
}

// TestInPlaceUpdateReadsTheOldState holds two consumers of an aliased input to
// the result of separate buffers.
func TestInPlaceUpdateReadsTheOldState(t *testing.T) {
	_, l := engine(t, softane.H13)
	b := mil.NewBuilder()
	x := b.Input("x", mil.Tensor(mil.FP16, 1, 4))
	double := b.Op("add", mil.In("x", x), mil.In("y", x))
	b.Output("double", double)
	b.Output("sum", b.Op("add", mil.In("x", x), mil.In("y", double)))
	p := mustOpen(t, l, b)
	require.NoError(t, p.Alias(0, 0))
	feed(p, 0, []float32{1, 2, 3, 4})
	require.NoError(t, p.Execute())
	require.Equal(t, []float32{2, 4, 6, 8}, result(p, 0))
	require.Equal(t, []float32{3, 6, 9, 12}, result(p, 1), "the late reader sees the old state")
}

func TestCompileRefusals(t *testing.T) {
	program := func(body string) string { return head + body + tail }
	tests := []struct {
		name, text string
		code       e5rt.Status
		want       string
	}{
		{"rank 6", program(`(tensor<fp16, [1, 1, 1, 1, 1, 2]> x) {
			tensor<fp16, [1, 1, 1, 1, 1, 2]> y = relu(x = x)[name = string("y")];
		} -> (y)`), 1, "use tensors of rank 1 to 5"},
		{"empty body", program(`(tensor<fp16, [2]> x) { } -> (x)`), 1, "multiply it by 1"},
		{"tan", program(`(tensor<fp16, [2]> x) {
			tensor<fp16, [2]> y = tan(x = x)[name = string("y")];
		} -> (y)`), 11, "no ANE implementation"},
		{"not MIL", "hello", 1, "1:1"},
		{"wrong shape", program(`(tensor<fp16, [2]> x) {
			tensor<fp16, [3]> y = relu(x = x)[name = string("y")];
		} -> (y)`), 1, "shape"},
	}
	e, l := engine(t, softane.H13)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path, cache := textFile(t, t.TempDir(), tt.text)
			_, err := l.Compile(path, cache, e5rt.Options{})
			var st *e5rt.StatusError
			require.ErrorAs(t, err, &st)
			require.ErrorIs(t, err, e5rt.ErrRefused)
			require.Equal(t, tt.code, st.Code, "%v", err)
			require.ErrorContains(t, err, tt.want)
			require.Empty(t, e.Live(), "references left by a refusal")
			p, err := l.Open(reluSpec(t))
			require.NoError(t, err, "the next program works")
			require.NoError(t, p.Close())
		})
	}
	t.Run("missing file", func(t *testing.T) {
		_, err := l.Compile(filepath.Join(t.TempDir(), "none.mil"), t.TempDir(), e5rt.Options{})
		require.ErrorContains(t, err, "no program file or bundle")
	})
	t.Run("missing cache directory", func(t *testing.T) {
		s := reluSpec(t)
		_, err := l.Compile(s.Path, filepath.Join(s.CacheDir, "none"), e5rt.Options{})
		require.ErrorContains(t, err, "not a directory")
	})
}

func TestPortMistakes(t *testing.T) {
	e, l := engine(t, softane.H13)
	s := reluSpec(t)
	s.Outputs[0].Name = "other"
	_, err := l.Open(s)
	require.ErrorContains(t, err, `no output port "other"`)
	s = reluSpec(t)
	s.Inputs[0].Shape = []int{2, 4} // the device would write past the buffer
	_, err = l.Open(s)
	require.ErrorContains(t, err, "needs 192 bytes, its buffer has 64")
	s = reluSpec(t)
	s.Inputs = nil
	p, err := l.Open(s)
	require.NoError(t, err)
	require.ErrorContains(t, p.Execute(), `port "inp" has no buffer`)
	require.NoError(t, p.Close())
	require.Empty(t, e.Live())
}

// TestErrorTextsStayWithTheirThreads: failures at the same time on several
// threads each carry their own text.
func TestErrorTextsStayWithTheirThreads(t *testing.T) {
	e, l := engine(t, softane.H13)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 25 {
				s := reluSpec(t)
				s.Inputs[0].Name = fmt.Sprintf("port_%d_%d", i, j)
				if _, err := l.Open(s); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", s.Inputs[0].Name)) {
					t.Errorf("port %s: error %v", s.Inputs[0].Name, err)
				}
			}
		})
	}
	wg.Wait()
	require.Empty(t, e.Live())
}

// TestProgramsRunConcurrently: each goroutine has its own program of one engine.
func TestProgramsRunConcurrently(t *testing.T) {
	e, l := engine(t, softane.H16)
	s := reluSpec(t)
	var wg sync.WaitGroup
	for i := range 6 {
		p, err := l.Open(s)
		require.NoError(t, err)
		wg.Go(func() {
			for j := range 200 {
				x := ramp(96, float32((i+j)%16)) // below 2048: exact in fp16
				feed(p, 0, x)
				if err := p.Execute(); err != nil {
					t.Errorf("run %d: %v", j, err)
				}
				if got := result(p, 0); !equal(got, x) {
					t.Errorf("run %d: %v, want %v", j, got, x)
					break
				}
			}
			if err := p.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	wg.Wait()
	require.Empty(t, e.Live())
}

func TestCompileInChild(t *testing.T) {
	s := reluSpec(t)
	v, err := e5rt.CompileInChild(t.Context(), e5rt.Job{Path: s.Path, CacheDir: s.CacheDir})
	require.NoError(t, err)
	require.Equal(t, e5rt.Compiled, v.Outcome)
	got, err := e5rt.ReadPlacement(os.DirFS(s.CacheDir))
	require.NoError(t, err, "the child leaves the bundle")
	require.True(t, got.OnANE())
	require.Empty(t, v.Log, "the software engine prints nothing")
}

func TestArchitectures(t *testing.T) {
	for _, a := range []softane.Arch{"", "h12", "h13x", "m9", "h18"} {
		_, err := softane.New(a)
		require.ErrorContains(t, err, "not known", "%q", a)
	}
	e, err := softane.New("h16s")
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(e), "software")
	require.NoError(t, e.Close())
}

func TestEnginesAreBounded(t *testing.T) {
	var open []*softane.Engine
	for range 100 {
		e, err := softane.New(softane.H13)
		if err != nil {
			require.ErrorContains(t, err, "close some")
			break
		}
		open = append(open, e)
	}
	require.Less(t, len(open), 100)
	for _, e := range open {
		require.NoError(t, e.Close())
	}
}

// BenchmarkDispatch is the host's cost of one run of a tiny program: the
// binding, the foreign call and the software engine.
func BenchmarkDispatch(b *testing.B) {
	_, l := engine(b, softane.H13)
	p, err := l.Open(reluSpec(b))
	require.NoError(b, err)
	require.NoError(b, p.Execute())
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Execute(); err != nil {
			b.Fatal(err)
		}
	}
	require.NoError(b, p.Close())
}
