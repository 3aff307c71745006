package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/graph"
)

// TestTableCoversCatalog: every op has exactly one way to run, and the table
// names no op that does not exist.
func TestTableCoversCatalog(t *testing.T) {
	known := map[string]bool{}
	for _, op := range graph.Catalog() {
		known[op.Name()] = true
		entry, ok := table[op.Name()]
		if !ok || (entry.plan == nil) == (entry.view == nil) {
			t.Errorf("%s: has plan %v, view %v; want one of them", op.Name(), entry.plan != nil, entry.view != nil)
		}
	}
	for name := range table {
		if !known[name] {
			t.Errorf("%s is in the table but not in the catalog", name)
		}
	}
}

// TestLayOut draws spans and checks that those with common steps are disjoint,
// that all lie inside the arena, and that the arena is below the sum of sizes
// when lifetimes are short.
func TestLayOut(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for round := range 50 {
		var spans []*span
		sum := 0
		for i := range 60 {
			s := &span{elems: 1 + rnd.IntN(1000), first: i, last: i + rnd.IntN(4)}
			sum += s.elems
			spans = append(spans, s)
		}
		size := layOut(spans)
		for i, a := range spans {
			if a.offset%lineElems != 0 || a.offset+a.elems > size {
				t.Fatalf("round %d: span %d at %d+%d in an arena of %d", round, i, a.offset, a.elems, size)
			}
			for j, b := range spans[:i] {
				together := a.first <= b.last && b.first <= a.last
				if together && a.offset < b.offset+b.elems && b.offset < a.offset+a.elems {
					t.Fatalf("round %d: spans %d %+v and %d %+v overlap", round, i, *a, j, *b)
				}
			}
		}
		if size > sum/3 {
			t.Errorf("round %d: arena of %d for %d values that live 1 to 4 of 60 steps", round, size, sum)
		}
	}
}

// TestPoolRunsEachItemOnce covers uneven splits, more helpers than chunks,
// pauses long enough to park, and a taken pool.
func TestPoolRunsEachItemOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 5} {
		p := newPool(threads)
		ws := make([]worker, threads)
		for round := range 300 {
			hits := make([]atomic.Int32, 1+round%37)
			l := loop{items: len(hits), grain: 1 + round%3, body: func(_ *worker, lo, hi int) {
				for i := lo; i < hi; i++ {
					hits[i].Add(1)
				}
			}}
			p.run(&l, ws)
			for i := range hits {
				if n := hits[i].Load(); n != 1 {
					t.Fatalf("%d threads, round %d: item %d of %d ran %d times", threads, round, i, len(hits), n)
				}
			}
			if round%100 == 99 {
				time.Sleep(4 * spinFor)
			}
		}
		p.close()
	}
}

// TestPoolNested: a loop inside of a loop finds the pool taken and runs alone.
func TestPoolNested(t *testing.T) {
	p := newPool(3)
	defer p.close()
	var sum atomic.Int64
	inner := loop{items: 10, grain: 1, body: func(_ *worker, lo, hi int) { sum.Add(int64(hi - lo)) }}
	outer := loop{items: 8, grain: 1, body: func(_ *worker, lo, hi int) { p.run(&inner, make([]worker, 3)) }}
	p.run(&outer, make([]worker, 3))
	if got := sum.Load(); got != 80 {
		t.Errorf("inner items = %d, want 80", got)
	}
}

// TestHelpersPark: an idle pool must not burn power.
func TestHelpersPark(t *testing.T) {
	p := newPool(4)
	defer p.close()
	p.run(&loop{items: 8, grain: 1, body: func(*worker, int, int) {}}, make([]worker, 4))
	require.Eventually(t, func() bool { return p.parked.Load() == 3 }, 5*time.Second, time.Millisecond)
}

// TestCloseEndsHelpers: no goroutine outlives its engine.
func TestCloseEndsHelpers(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		newPool(4).close()
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("goroutines = %d after closing all pools, want at most %d", runtime.NumGoroutine(), before)
		}
	}
}

// TestGonumStaysSerial: the tiles handed to gonum must stay below its
// parallel threshold, which would start goroutines.
func TestGonumStaysSerial(t *testing.T) {
	const m, n, k = 400, 300, 70
	a, b, c := noise(m*k), noise(n*k), make([]float32, m*n)
	for name, f := range map[string]func(){
		"dots": func() { gonumDots(m, n, k, a, k, b, k, c, n) },
		"rows": func() { gonumRows(m, n, k, a, k, b, n, c, n) },
	} {
		if allocs := testing.AllocsPerRun(5, f); allocs != 0 {
			t.Errorf("%s: %g allocations, want 0", name, allocs)
		}
	}
}

// TestScratchBounds: what a worker needs does not grow with the tensors.
func TestScratchBounds(t *testing.T) {
	image := func(ch, side int) graph.Shape { return graph.Shape{1, ch, side, side} }
	conv := func(in, filter graph.Shape) func(*compiler) {
		out := graph.Shape{1, filter[0], in[2] - filter[2] + 1, in[3] - filter[3] + 1}
		return func(c *compiler) {
			planConv(c, convolution{Conv: graph.Conv{}.Defaults(), in: in, filter: filter, out: out})
		}
	}
	tests := []struct {
		name  string
		plan  func(c *compiler)
		bytes int
	}{
		{"conv 3x3, 2048 channels", conv(image(2048, 64), graph.Shape{512, 2048, 3, 3}), 512 << 10},
		{"conv 1x1, 65536 channels", conv(image(65536, 64), graph.Shape{1, 65536, 1, 1}), 512 << 10},
		{"conv 256x256", conv(image(3, 512), graph.Shape{8, 3, 256, 256}), 8 << 20},
		{"conv 1000x1000", conv(image(3, 1024), graph.Shape{8, 3, 1000, 1000}), 8 << 20},
		{"product, both turned", func(c *compiler) {
			planGemm(c, product{m: 1 << 14, n: 1 << 14, k: 1 << 14, aT: true, aAt: []int{0}})
		}, 1 << 20},
		{"attention, 2^20 keys", func(c *compiler) {
			planAttention(c, attention{heads: 1, queries: 1 << 10, keys: 1 << 20, d: 64, dv: 64})
		}, 4<<20 + 1<<20},
		{"attention, 4096 keys", func(c *compiler) {
			planAttention(c, attention{heads: 1, queries: 1 << 12, keys: 1 << 12, d: 64, dv: 64})
		}, 2 << 20},
	}
	for _, tt := range tests {
		c := &compiler{kernels: gonumKernels()}
		tt.plan(c)
		if got := 4 * c.scratch; got == 0 || got > tt.bytes {
			t.Errorf("%s: %d bytes per worker, want 1 to %d", tt.name, got, tt.bytes)
		}
	}
}

// deepGraph has a bit of everything that uses scratch and the arena.
func deepGraph(b *graph.Builder) *graph.Value {
	x := b.Input("x", 2, 8, 20, 20)
	w := b.Const("w", graph.F32(noise(16*8*9)), 16, 8, 3, 3)
	y := b.Unary(graph.GELU, b.Same3x3(x, w))
	y = b.Reshape(b.Transpose(y, 0, 2, 3, 1), 2, 400, 16)
	y = b.LayerNorm(y, b.Const("g", graph.F32(noise(16)), 16), b.Const("b", graph.F32(noise(16)), 16), 1e-5)
	q := b.Reshape(y, 2, 1, 400, 16)
	y = b.Apply(graph.SDPA{}, q, q, q)
	y = b.MatMul(y, b.Const("m", graph.F32(noise(16*50)), 16, 50))
	y = b.Apply(graph.Softmax{Axis: 2}, y)
	s := b.Apply(graph.Reduce{Fn: graph.Sum, Axes: []int{0, 2}}, y)
	return b.Add(y, s)
}

// TestRunAllocatesNothing runs a graph with every kind of kernel.
func TestRunAllocatesNothing(t *testing.T) {
	p := compiled(t, Config{Threads: 2}, deepGraph)
	allocs := testing.AllocsPerRun(10, func() {
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("allocations per run = %g, want 0", allocs)
	}
}

// TestThreadsDoNotChangeResults compares bits over thread counts.
func TestThreadsDoNotChangeResults(t *testing.T) {
	graphs := map[string]func(b *graph.Builder) *graph.Value{
		"deep": deepGraph,
		"sum": func(b *graph.Builder) *graph.Value {
			return b.Apply(graph.Reduce{Fn: graph.Mean, Axes: []int{0}}, b.Input("x", 1_000_003))
		},
		"rows": func(b *graph.Builder) *graph.Value {
			return b.Apply(graph.Reduce{Fn: graph.LogSumExp, Axes: []int{0}}, b.Input("x", 3001, 101))
		},
		"product": func(b *graph.Builder) *graph.Value {
			return b.MatMul(b.Input("x", 211, 1500), b.Input("y", 1500, 131))
		},
	}
	for name, build := range graphs {
		var want []float32
		for _, threads := range []int{1, 2, 3, 8} {
			p := compiled(t, Config{Threads: threads}, build)
			require.NoError(t, p.Run())
			got := p.Output(0)
			if want == nil {
				want = got
				continue
			}
			for i := range want {
				if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
					t.Fatalf("%s: element %d = %g with %d threads, %g with 1", name, i, got[i], threads, want[i])
				}
			}
		}
	}
}

// TestConcurrentPrograms: programs of one engine run at the same time.
func TestConcurrentPrograms(t *testing.T) {
	e, err := Open(Config{Threads: 3})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		b := graph.New(fmt.Sprint("g", i))
		b.Output("y", deepGraph(b))
		g, err := b.Build()
		require.NoError(t, err)
		p, err := e.Compile(g, device.Options{})
		require.NoError(t, err)
		copy(p.Input(0), noise(len(p.Input(0))))
		wg.Go(func() {
			var want []float32
			for range 20 {
				if errs[i] = p.Run(); errs[i] != nil {
					return
				}
				if want == nil {
					want = append(want, p.Output(0)...)
				}
				for j, v := range p.Output(0) {
					if v != want[j] {
						errs[i] = fmt.Errorf("element %d = %g, first run gave %g", j, v, want[j])
						return
					}
				}
			}
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("program %d: %v", i, err)
		}
	}
}
