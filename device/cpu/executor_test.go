package cpu

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/thread"
)

// TestExecutor: calls of many goroutines run one at a time, in flush-to-zero
// mode, without allocation, and work goes on without it after close.
func TestExecutor(t *testing.T) {
	x := newExecutor()
	running, ran := 0, 0 // unguarded: the race detector sees an overlap
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			c := newCall(func() error {
				running++
				defer func() { running-- }()
				ran++
				if running != 1 || !thread.Flushes() {
					return errors.New("not alone, or denormals kept")
				}
				return nil
			})
			for range 100 {
				require.NoError(t, x.do(c))
			}
		})
	}
	wg.Wait()
	require.Equal(t, 800, ran)

	fail := newCall(func() error { return errors.ErrUnsupported })
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = x.do(fail) }))
	x.close()
	x.close()
	require.ErrorIs(t, x.do(fail), errors.ErrUnsupported)
}

// BenchmarkHandOver is the price of a run on the executor.
func BenchmarkHandOver(b *testing.B) {
	x := newExecutor()
	defer x.close()
	c := newCall(func() error { return nil })
	b.ReportAllocs()
	for b.Loop() {
		_ = x.do(c)
	}
}
