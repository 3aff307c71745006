package cpu_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"devicemap/device"
	"devicemap/device/cpu"
	"devicemap/internal/graph"
)

// BenchmarkStream compares the engine's streaming rate, the bandwidth roof of
// the map, with STREAM-style loops in C on as many threads (gcc -O3
// -march=native), on 2^26 elements and by the minimum of the same number of
// runs. Both sides alternate, so that what else the machine does hits both. %-of-C
// is the ratio to the faster of scale and copy.
func BenchmarkStream(b *testing.B) {
	const elems, cols, reps = 1 << 26, 4096, 10
	threads := runtime.GOMAXPROCS(0)
	program := compileC(b, filepath.Join("testdata", "stream.c"))
	p := streaming(b, elems/cols, cols)
	var ours, scale, copied, relu float64
	for b.Loop() {
		for range reps {
			start := time.Now()
			if err := p.Run(); err != nil {
				b.Fatal(err)
			}
			ours = max(ours, 8*elems/time.Since(start).Seconds()/1e9)
		}
		out, err := exec.Command(program, fmt.Sprint(elems), fmt.Sprint(threads), fmt.Sprint(reps)).CombinedOutput()
		var s, c, r, last float64
		if _, scanErr := fmt.Sscan(string(out), &s, &c, &r, &last); err != nil || scanErr != nil {
			b.Fatalf("the C program says %q: %v, %v", out, err, scanErr)
		}
		scale, copied, relu = max(scale, s), max(copied, c), max(relu, r)
	}
	b.ReportMetric(ours, "GB/s")
	b.ReportMetric(scale, "C-scale-GB/s")
	b.ReportMetric(copied, "C-copy-GB/s")
	b.ReportMetric(relu, "C-relu-GB/s")
	b.ReportMetric(100*ours/max(scale, copied), "%-of-C")
}

// streaming is the program of the streaming archetype, warm.
func streaming(b *testing.B, rows, cols int) device.Program {
	e, err := cpu.Open(cpu.Config{})
	if err != nil {
		b.Fatal(err)
	}
	g := graph.New("streaming")
	g.Output("y", g.Unary(graph.ReLU, g.Input("x", rows, cols)))
	built, err := g.Build()
	if err != nil {
		b.Fatal(err)
	}
	p, err := e.Compile(built, device.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Close(); e.Close() })
	for i, x := 0, p.Input(0); i < len(x); i++ {
		x[i] = float32(i%7 - 3)
	}
	if err := p.Run(); err != nil {
		b.Fatal(err)
	}
	return p
}

// compileC compiles one file for this processor, with more arguments such as
// libraries, or skips.
func compileC(b *testing.B, file string, more ...string) string {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		b.Skip("no gcc to compile the loops that this compares with; install gcc")
	}
	program := filepath.Join(b.TempDir(), "c")
	out, err := exec.Command(gcc, append([]string{"-O3", "-march=native", "-pthread", "-o", program, file}, more...)...).CombinedOutput()
	if err != nil {
		b.Skip("gcc cannot compile " + strconv.Quote(file) + ": " + string(out))
	}
	return program
}
