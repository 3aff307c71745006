package power

import (
	"context"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkDocument is the reader's work per sample: the largest capture, of 24
// cores, and one as our samplers print it for a small chip.
func BenchmarkDocument(b *testing.B) {
	for _, file := range []string{"macos14_m2ultra_23E224_plist_1s_gpuload.xml", "macos13_m1_mbp13_22E252_plist_500ms.xml"} {
		b.Run("file="+file, func(b *testing.B) {
			text := capture(b, file)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := parseDocument(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// quiet is a source that only waits, so that a window's own cost is left.
type quiet struct{}

func (quiet) name() string     { return "quiet" }
func (quiet) boundary() string { return "nothing" }
func (quiet) close() error     { return nil }
func (quiet) run(ctx context.Context, _ time.Duration, _ func(sample, error)) error {
	<-ctx.Done()
	return nil
}

// BenchmarkWindow is the cost of an empty window: without counters, and with
// one RAPL package in memory.
func BenchmarkWindow(b *testing.B) {
	zones, err := openRAPL(zones(socket))
	require.NoError(b, err)
	for _, s := range []source{quiet{}, &polled{gauges: []gauge{zones}}} {
		b.Run("source="+s.name(), func(b *testing.B) {
			m := begun(Config{}, s)
			defer m.Close()
			for b.Loop() {
				m.Begin(ANE).End()
			}
		})
	}
}

// onDisk writes a powercap tree of real files and returns its root.
func onDisk(tb testing.TB) fs.FS {
	root := tb.TempDir()
	for i, name := range []string{"package-0", "core", "uncore", "dram"} {
		dir := filepath.Join(root, powercap, []string{"intel-rapl:0", "intel-rapl:0:0", "intel-rapl:0:1", "intel-rapl:0:2"}[i])
		require.NoError(tb, os.MkdirAll(dir, 0o755))
		for file, content := range map[string]string{"name": name, "energy_uj": "262143328850", "max_energy_range_uj": "262143328850"} {
			require.NoError(tb, os.WriteFile(filepath.Join(dir, file), []byte(content+"\n"), 0o644))
		}
	}
	return os.DirFS(root)
}

// readings are the reader's work per tick: four RAPL zones in real files; the
// largest powermetrics document.
func readings(tb testing.TB) map[string]func() {
	g, err := openRAPL(onDisk(tb))
	require.NoError(tb, err)
	p := &polled{gauges: []gauge{g}}
	last := p.counters()
	doc := append(capture(tb, "macos14_m2ultra_23E224_plist_1s_gpuload.xml"), 0)
	feed := documentReader(func(report) {}, func(err error) { tb.Error(err) })
	return map[string]func(){
		"rapl": func() {
			next := p.counters()
			between(last, next)
			last = next
		},
		"powermetrics": func() { feed(doc) },
	}
}

// BenchmarkReader is the reader's work per sample and its share of one core at
// 100 ms sampling, in percent.
func BenchmarkReader(b *testing.B) {
	for name, read := range readings(b) {
		b.Run("source="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				read()
			}
			b.ReportMetric(100*b.Elapsed().Seconds()/float64(b.N)/0.1, "core-%")
		})
	}
}

// TestReaderCost holds the reader to 0.5 % of a core at 100 ms sampling: 500 µs
// per sample. The least of many runs is what the work takes; the others waited
// for this host.
func TestReaderCost(t *testing.T) {
	const limit = 500 * time.Microsecond
	for name, read := range readings(t) {
		least := time.Hour
		for range 200 {
			began := time.Now()
			read()
			least = min(least, time.Since(began))
		}
		t.Logf("%s: %v per sample, %.3f %% of a core at 100 ms", name, least, 100*least.Seconds()/0.1)
		if least > limit && !raceEnabled {
			t.Errorf("%s takes %v per sample, want at most %v", name, least, limit)
		}
	}
}

// TestWindowCostsTheWorkNothing: between Begin and End nothing of the meter
// runs on the measuring goroutine, so it allocates nothing there.
func TestWindowCostsTheWorkNothing(t *testing.T) {
	m := begun(Config{}, quiet{})
	defer m.Close()
	w := m.Begin(ANE)
	x := 0.0
	if n := testing.AllocsPerRun(100, func() { x += math.Sqrt(2) }); n != 0 {
		t.Errorf("work inside a window allocates %v times, want 0", n)
	}
	if r := w.End(); r.Elapsed <= 0 || x == 0 {
		t.Errorf("elapsed = %v after work of %v", r.Elapsed, x)
	}
}
