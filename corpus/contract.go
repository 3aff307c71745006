package corpus

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"devicemap/device"
	"devicemap/internal/graph"
)

// Contract holds e to what package device promises beyond results: buffers
// that stay, inputs left alone, staging that changes nothing but where copies
// are paid, no allocation in Run, typed refusals, concurrent use, and Close.
func Contract(t *testing.T, e device.Engine) {
	t.Helper()
	for _, s := range []device.Staging{device.AsPublished, device.Resident, device.Staged} {
		t.Run(s.String(), func(t *testing.T) { programContract(t, e, s) })
	}
	t.Run("unknown dtype", func(t *testing.T) {
		p, err := e.Compile(twoOutputs(t), device.Options{DType: "fp8"})
		if !errors.Is(err, device.ErrRefused) {
			t.Errorf("Compile in fp8 = %v, want ErrRefused", err)
		}
		if p != nil {
			t.Error("a refused Compile returns a program")
		}
	})
	t.Run("concurrent", func(t *testing.T) { concurrentContract(t, e) })
}

// The operands and results of [twoOutputs]; all are small halves, so that
// every arithmetic is exact.
var (
	contractIn  = [][]float32{{1, 2, 3, 4, 5, 6}, {0.5, -1, 2, 0, 3, -2}}
	contractOut = [][]float32{{1.5, 1, 5, 4, 8, 4}, {0.75, -1, 10, 0, 24, -8}}
)

// twoOutputs is (x + y, (x + y)·y).
func twoOutputs(t *testing.T) *graph.Graph {
	t.Helper()
	b := graph.New("contract")
	x, y := b.Input("x", 2, 3), b.Input("y", 2, 3)
	sum := b.Add(x, y)
	b.Output("sum", sum)
	b.Output("product", b.Binary(graph.Mul, sum, y))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func programContract(t *testing.T, e device.Engine, s device.Staging) {
	p, err := e.Compile(twoOutputs(t), device.Options{Staging: s})
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	bound := [][]float32{p.Input(0), p.Input(1), p.Output(0), p.Output(1)}
	for run := range 2 {
		if err := once(p, contractIn); err != nil {
			t.Fatalf("run %d: %v", run, err)
		}
		if err := holds(p); err != nil {
			t.Errorf("run %d: %v", run, err)
		}
	}
	for i, now := range [][]float32{p.Input(0), p.Input(1), p.Output(0), p.Output(1)} {
		if &now[0] != &bound[i][0] {
			t.Errorf("buffer %d moved between runs", i)
		}
	}
	if s == device.Staged { // Run alone moves the operands
		copy(p.Input(0), contractIn[1])
		if err := p.Run(); err != nil {
			t.Errorf("run on staged operands: %v", err)
		}
		if got, want := p.Output(0), []float32{1, -2, 4, 0, 6, -4}; !slices.Equal(got, want) {
			t.Errorf("Run on staged operands gives %v, want %v", got, want)
		}
	}
	// A software engine runs in this process, and its work counts here too.
	if n := allocations(t, p); n > 0 && !strings.Contains(e.Info().Name, "-software") {
		t.Errorf("Run allocates %v times", n)
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	for name, use := range map[string]func() error{"Upload": p.Upload, "Run": p.Run, "Download": p.Download} {
		if err := use(); !errors.Is(err, device.ErrClosed) {
			t.Errorf("%s after Close = %v, want ErrClosed", name, err)
		}
	}
}

func allocations(t *testing.T, p device.Program) float64 {
	return testing.AllocsPerRun(10, func() {
		if err := p.Run(); err != nil {
			t.Error(err)
		}
	})
}

// holds compares the program's buffers with the operands and results.
func holds(p device.Program) error {
	for i := range contractOut {
		if got := p.Output(i); !slices.Equal(got, contractOut[i]) {
			return fmt.Errorf("output %d = %v, want %v", i, got, contractOut[i])
		}
		if got := p.Input(i); !slices.Equal(got, contractIn[i]) {
			return fmt.Errorf("input %d became %v", i, got)
		}
	}
	return nil
}

// concurrentContract compiles and runs programs of one engine side by side.
func concurrentContract(t *testing.T, e device.Engine) {
	g := twoOutputs(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 3 {
				p, err := e.Compile(g, device.Options{})
				if err != nil {
					t.Errorf("compile: %v", err)
					return
				}
				if err := errors.Join(once(p, contractIn), holds(p), p.Close()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
