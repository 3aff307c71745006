package power

import (
	"context"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// trace is a source that emits the watts it is told to. Its runs are counted.
type trace struct {
	mu     sync.Mutex
	watts  map[Rail]float64 // of the next samples
	energy bool             // samples carry joules
	notes  notes
	fail   error // the run ends at its next tick
	silent bool  // ticks emit nothing
	runs   int
}

func (s *trace) name() string     { return "trace" }
func (s *trace) boundary() string { return "made up" }
func (s *trace) close() error     { return nil }

func (s *trace) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *trace) run(ctx context.Context, interval time.Duration, emit func(sample, error)) error {
	s.set(func() { s.runs++ })
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		s.mu.Lock()
		err, silent := s.fail, s.silent
		smp := sample{end: time.Now(), start: time.Now().Add(-interval), notes: s.notes}
		for r, w := range s.watts {
			smp.watts.set(r, w)
			if s.energy {
				smp.joules.set(r, w*interval.Seconds())
			}
		}
		s.mu.Unlock()
		if err != nil {
			return err
		}
		if !silent {
			emit(smp, nil)
		}
	}
}

func (s *trace) count() (runs int) {
	s.set(func() { runs = s.runs })
	return runs
}

// begun starts a meter that reads the sources alone.
func begun(c Config, sources ...source) *Meter { return start(c.withDefaults(), sources, absences{}) }

// opened makes the source of one gauge.
func opened[G gauge](g G, err error) (source, error) {
	if err != nil {
		return nil, err
	}
	return &polled{gauges: []gauge{g}}, nil
}

const half = 500 * time.Millisecond

// traced runs f in a bubble with a meter over a trace that idles at 1 W CPU,
// 0.1 W GPU and 0 W ANE, after its idle baseline, at the instant of a sample.
func traced(t *testing.T, f func(t *testing.T, m *Meter, s *trace)) {
	synctest.Test(t, func(t *testing.T) {
		s := &trace{watts: map[Rail]float64{CPU: 1, GPU: 0.1, ANE: 0, Package: 1.1}}
		m := begun(Config{}, s)
		defer func() { require.NoError(t, m.Close()) }()
		began := time.Now()
		idle, err := m.Idle(t.Context())
		require.NoError(t, err)
		if d := time.Since(began); idle.Samples != 20 || d != 10*time.Second {
			t.Errorf("idle took %d samples in %v, want 20 in 10s", idle.Samples, d)
		}
		f(t, m, s)
	})
}

// play emits the package watts one by one.
func play(s *trace, watts ...float64) {
	for _, w := range watts {
		s.set(func() { s.watts = map[Rail]float64{CPU: w - 0.1, GPU: 0.1, ANE: 0, Package: w} })
		time.Sleep(half)
		synctest.Wait()
	}
}

func near(t *testing.T, what string, got float64, ok bool, want float64) {
	t.Helper()
	if !ok || math.Abs(got-want) > 1e-9 {
		t.Errorf("%s = %v, %v, want %v", what, got, ok, want)
	}
}
