package cpu

import (
	"math"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/graph"
	"devicemap/internal/thread"
)

// denormal and half multiply to a denormal, exactly.
var denormal, half float32 = 8 * math.SmallestNonzeroFloat32, 0.5

// flushing is a set whose products note on which threads they do not flush
// denormals.
func flushing(locked bool, kept, ran *atomic.Int32) *library {
	k := gonumKernels()
	k.gemm = func(c *compiler, p product) step {
		return step{{items: 64, grain: 1, body: func(*worker, int, int) {
			ran.Add(1)
			if !thread.Flushes() || denormal*half != 0 {
				kept.Add(1)
			}
			time.Sleep(50 * time.Microsecond) // lets the helpers take part
		}}}
	}
	return &library{name: "flushing", kernels: k, locked: locked, close: closeNothing}
}

// squareProduct is x·y of n×n operands.
func squareProduct(tb testing.TB, n int) *graph.Graph {
	b := graph.New("g")
	b.Output("y", b.MatMul(b.Input("x", n, n), b.Input("y", n, n)))
	g, err := b.Build()
	require.NoError(tb, err)
	return g
}

// TestDenormals: every thread of a run flushes denormals, whoever calls, and
// no other goroutine notices during the run, nor the caller after it.
func TestDenormals(t *testing.T) {
	runtime.LockOSThread()
	mode := thread.FlushToZero()
	known := thread.Flushes()
	thread.Restore(mode)
	runtime.UnlockOSThread()
	if !known {
		t.Skip("no flush-to-zero mode is known for this architecture")
	}
	want := math.SmallestNonzeroFloat32 * 4
	for _, locked := range []bool{false, true} {
		var kept, ran, inexact atomic.Int32
		var exec *executor
		if locked {
			exec = newExecutor()
		}
		e := newEngine(Config{}, 3, flushing(locked, &kept, &ran), exec, nil)
		p, err := e.Compile(squareProduct(t, 2), device.Options{})
		require.NoError(t, err)
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
					if float64(denormal*half) != want {
						inexact.Add(1)
					}
				}
			}
		}()
		for range 10 {
			require.NoError(t, p.Run())
			require.Equal(t, want, float64(denormal*half))
		}
		close(stop)
		<-stopped
		require.EqualValues(t, 640, ran.Load())
		require.Zero(t, kept.Load(), "locked %v: chunks on threads that keep denormals", locked)
		require.Zero(t, inexact.Load(), "locked %v: inexact products on another goroutine", locked)
		require.NoError(t, e.Close())
	}
}

// BenchmarkDenormals runs a product and an elementwise product of denormals
// beside the same ones of normal values. %-of-normal is the ratio of the rates.
func BenchmarkDenormals(b *testing.B) {
	e, err := Open(Config{})
	require.NoError(b, err)
	defer e.Close()
	const n = 384
	g := graph.New("denormals")
	x, y := g.Input("x", n, n), g.Input("y", n, n)
	g.Output("product", g.MatMul(x, y))
	g.Output("each", g.Binary(graph.Mul, x, y))
	built, err := g.Build()
	require.NoError(b, err)
	p, err := e.Compile(built, device.Options{})
	require.NoError(b, err)
	least := []float64{math.Inf(1), math.Inf(1)}
	for b.Loop() {
		for side, value := range []float32{0.5, 1e-41} {
			for i := range p.Input(0) {
				p.Input(0)[i], p.Input(1)[i] = value, 0.5
			}
			for range 10 {
				start := time.Now()
				require.NoError(b, p.Run())
				least[side] = min(least[side], time.Since(start).Seconds())
			}
		}
	}
	b.ReportMetric(100*least[0]/least[1], "%-of-normal")
}
