package cpu

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/graph"
)

func closeNothing() error { return nil }

// broken is the gonum set with one kernel changed.
func broken(change func(k *kernels)) *library {
	k := gonumKernels()
	change(k)
	return &library{name: "broken", version: "broken", kernels: k, close: closeNothing}
}

// TestCheckFindsWrongKernels: a set that computes something else is named
// with the kernel.
func TestCheckFindsWrongKernels(t *testing.T) {
	require.NoError(t, check(broken(func(*kernels) {}), 2))
	off := func(dst []float32) { dst[len(dst)/2] += 0.1 }
	tests := []struct {
		want   string
		change func(k *kernels)
	}{
		{"check of product in fp32: relative error", func(k *kernels) {
			k.dots = func(m, n, d int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int) {
				gonumDots(m, n, d, a, lda, b, ldb, c, ldc)
				off(c)
			}
		}},
		{"check of softmax in fp32: relative error", func(k *kernels) {
			k.softmax = func(dst, x []float32) { portable.softmax(dst, x); off(dst) }
		}},
		{"check of layer norm in fp32: relative error NaN", func(k *kernels) {
			k.layerNorm = func(dst, x, gamma, beta []float32, eps float64) { dst[0] = float32(math.NaN()) }
		}},
		{"check of product: cpu: program check: status 5", func(k *kernels) {
			k.gemm = func(c *compiler, p product) step {
				return step{c.loop(1, 1, func(w *worker, _, _ int) { w.fail(errors.New("status 5")) })}
			}
		}},
	}
	for _, tt := range tests {
		err := check(broken(tt.change), 2)
		require.ErrorContains(t, err, tt.want)
		require.NotContains(t, err.Error(), "\n")
	}
}

// TestSelection: sets that do not load or fail their check are named, closed
// and passed over; a forced one is an error.
func TestSelection(t *testing.T) {
	closed := 0
	wrong := broken(func(k *kernels) { k.softmax = func(dst, x []float32) { clear(dst) } })
	wrong.close = func() error { closed++; return nil }
	list := []candidate{
		{"absent", func(int) (*library, error) { return nil, errors.New("no libabsent.so; make deps") }},
		{"wrong", func(int) (*library, error) { return wrong, nil }},
		{"gonum", openGonum},
	}
	lib, exec, passed, err := openLibrary(list, "", 2)
	require.NoError(t, err)
	require.Equal(t, "gonum", lib.name)
	require.Nil(t, exec)
	require.Equal(t, 1, closed)
	require.Len(t, passed, 2)
	require.Equal(t, "absent: no libabsent.so; make deps", passed[0])
	require.Regexp(t, `^wrong: check of softmax in fp32: relative error \S+, want at most 1e-05$`, passed[1])

	e := newEngine(Config{Threads: 1}, 1, lib, exec, passed)
	defer e.Close()
	require.Contains(t, e.Info().Detail, "; not used: absent: no libabsent.so; make deps; not used: wrong: check of")

	_, _, _, err = openLibrary(list, "wrong", 2)
	require.ErrorContains(t, err, "cpu: library wrong: check of softmax")
	_, _, _, err = openLibrary(list, "other", 2)
	require.EqualError(t, err, `cpu: no library "other"; there are absent, wrong, gonum`)
	_, _, _, err = openLibrary(list[:2], "", 2)
	require.ErrorIs(t, err, device.ErrUnavailable)
}

// TestLockedLibrary: everything of a locked set happens on one thread, which
// is not the caller's, and what its kernels hold is released once.
func TestLockedLibrary(t *testing.T) {
	var events []string
	k := gonumKernels()
	plan := k.gemm
	k.gemm = func(c *compiler, p product) step {
		c.release = append(c.release, func() error { events = append(events, "release"); return nil })
		return append(plan(c, p), c.loop(1, 1, func(*worker, int, int) { events = append(events, "run") }))
	}
	open := func(int) (*library, error) {
		events = append(events, "open")
		return &library{name: "locked", kernels: k, locked: true,
			close: func() error { events = append(events, "close"); return errors.ErrUnsupported }}, nil
	}
	lib, exec, _, err := openLibrary([]candidate{{"locked", open}}, "", 2)
	require.NoError(t, err)
	require.NotNil(t, exec)
	e := newEngine(Config{}, 2, lib, exec, nil)
	events = events[:1] // without the check's
	b := graph.New("g")
	b.Output("y", b.MatMul(b.Input("x", 2, 3), b.Input("y", 3, 2)))
	g, err := b.Build()
	require.NoError(t, err)
	p, err := e.Compile(g, device.Options{})
	require.NoError(t, err)
	require.NoError(t, p.Run())
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	require.ErrorIs(t, e.Close(), errors.ErrUnsupported)
	require.Equal(t, []string{"open", "run", "release", "close"}, events)
}

// TestLibrariesLoadOrSayWhy opens every set of this build by name.
func TestLibrariesLoadOrSayWhy(t *testing.T) {
	for _, name := range Libraries() {
		e, err := Open(Config{Library: name, Threads: 2})
		if err != nil {
			require.True(t, strings.HasPrefix(err.Error(), "cpu: library "+name+": "), err)
			require.NotContains(t, err.Error(), "\n")
			t.Log(err)
			continue
		}
		t.Log(e.Info().Library)
		require.NoError(t, e.Close())
	}
}
