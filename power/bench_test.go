package power

import (
	"context"
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
