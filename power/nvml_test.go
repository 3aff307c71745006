package power

import (
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"devicemap/internal/nvml"
)

// fakeBoard draws constant power; its counter advances every period.
type fakeBoard struct {
	of     string
	mu     sync.Mutex
	watts  float64
	born   time.Time
	period time.Duration
	base   uint64
	frozen uint64 // counter value if not 0
	heat   bool
	fail   error
}

func (b *fakeBoard) name() string { return b.of }

func (b *fakeBoard) set(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

func (b *fakeBoard) energy() (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.frozen != 0 {
		return b.frozen, b.fail
	}
	return b.base + uint64(time.Since(b.born).Truncate(b.period).Seconds()*b.watts*1e3), b.fail
}

func (b *fakeBoard) power() (uint32, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return uint32(b.watts * 1e3), b.fail
}

func (b *fakeBoard) slowed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.heat
}

func newBoard(name string, watts float64) *fakeBoard {
	return &fakeBoard{of: name, watts: watts, born: time.Now(), period: 100 * time.Millisecond, base: 1 << 40}
}

// TestNVMLWithRAPL: sockets plus boards are the package; the power sensor of
// the same boards checks the counter.
func TestNVMLWithRAPL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newBoard("NVIDIA L4", 60), newBoard("NVIDIA L4", 12)
		shuts := 0
		shut := func() error { shuts++; return nil }
		energy, err := newNVMLEnergy([]board{a, b}, shut)
		require.NoError(t, err)
		power, err := newNVMLPower([]board{a, b}, shut)
		require.NoError(t, err)
		rapl, err := openRAPL(clocked(t, 30))
		require.NoError(t, err)
		sources := group([]gauge{rapl, energy, power})
		require.Len(t, sources, 2)
		m := begun(Config{}, sources...)
		require.Equal(t, []string{"rapl+nvml", "nvml-power"}, m.Sources())
		time.Sleep(time.Second)
		w := m.Begin(GPU)
		time.Sleep(8*time.Second + 30*time.Millisecond)
		r := w.End()
		for rail, want := range map[Rail]float64{CPU: 30, Board: 72, GPU: 72, Package: 102} {
			got, ok := r.CounterMean(rail)
			if !ok || math.Abs(got-want) > 0.015*want { // one publication of 100 ms per edge
				t.Errorf("mean of %v = %v W, %v, want %v", rail, got, ok, want)
			}
			if got, ok = r.Loaded(rail); !ok || math.Abs(got-want) > 0.001*want {
				t.Errorf("median of %v = %v W, %v, want %v", rail, got, ok, want)
			}
		}
		checks := r.CrossChecks()
		require.Len(t, checks, 2, "Board and, by it, GPU")
		for _, c := range checks {
			if math.Abs(c.Ratio()-1) > 0.015 || c.Other != "nvml-power" {
				t.Errorf("cross check %v, want a ratio of 1 by nvml-power", c)
			}
		}
		if r.Has(FlagCrossMarginal) || r.Has(FlagCrossMismatch) || r.Has(FlagPartTime) {
			t.Errorf("flags = %v", r.Flags)
		}
		require.NoError(t, m.Close())
		if shuts != 2 {
			t.Errorf("library was shut %d times, want once per gauge", shuts)
		}
	})
}

// TestNVMLAlone: without the sockets' power, the boards are the package of work
// on them, flagged; work on the CPU has none.
func TestNVMLAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		energy, err := newNVMLEnergy([]board{newBoard("NVIDIA H100 80GB HBM3", 70)}, func() error { return nil })
		require.NoError(t, err)
		m := begun(Config{}, group([]gauge{energy})...)
		defer m.Close()
		_, err = m.Idle(t.Context())
		require.NoError(t, err)
		energy.boards[0].(*fakeBoard).set(func() {
			b := energy.boards[0].(*fakeBoard)
			b.base, b.born, b.watts = b.base+uint64(time.Since(b.born).Seconds()*70e3), time.Now(), 400
		})
		time.Sleep(time.Second)
		w := m.Begin(GPU)
		time.Sleep(7 * time.Second)
		r := w.End()
		if got, ok := r.Active(Package); !ok || math.Abs(got-330) > 1 {
			t.Errorf("active package = %v W, %v, want 330", got, ok)
		}
		if got, ok := r.CounterActive(Package); !ok || math.Abs(got-330) > 6 {
			t.Errorf("active package by the counter = %v W, %v, want 330", got, ok)
		}
		if !r.Has(FlagBoardOnly) || !r.Has(FlagPartTime) || r.Confidence() != Medium {
			t.Errorf("flags = %v, confidence %v, want %s, %s, medium", r.Flags, r.Confidence(), FlagBoardOnly, FlagPartTime)
		}
		w = m.Begin(CPU)
		time.Sleep(7 * time.Second)
		r = w.End()
		if got, ok := r.Active(Package); ok || !r.Has(FlagRailMissing) {
			t.Errorf("CPU work: package = %v W, flags %v, want none and %s", got, r.Flags, FlagRailMissing)
		}
	})
}

func TestNVMLFaults(t *testing.T) {
	tests := []struct {
		name string
		set  func(*fakeBoard)
		flag string
		mean bool
	}{
		{"sound", func(*fakeBoard) {}, "", true},
		{"driver reloaded", func(b *fakeBoard) { b.base, b.born = 0, time.Now() }, FlagReset, false},
		{"counter stands", func(b *fakeBoard) { b.frozen = b.base + uint64(time.Since(b.born).Seconds()*b.watts*1e3) }, FlagStale, true},
		{"hot", func(b *fakeBoard) { b.heat = true }, FlagThrottled, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBoard("NVIDIA L4", 60)
				g, err := newNVMLEnergy([]board{b}, func() error { return nil })
				require.NoError(t, err)
				m := begun(Config{}, &polled{gauges: []gauge{g}})
				defer m.Close()
				time.Sleep(time.Second)
				w := m.Begin(GPU)
				time.Sleep(3 * time.Second)
				b.set(func() { tt.set(b) })
				time.Sleep(9 * time.Second)
				r := w.End()
				for _, f := range []string{FlagReset, FlagStale, FlagThrottled} {
					if r.Has(f) != (f == tt.flag) {
						t.Errorf("flags = %v, want of them only %q", r.Flags, tt.flag)
					}
				}
				if got, ok := r.CounterMean(Board); ok != tt.mean {
					t.Errorf("counter mean = %v, %v, want measured: %v", got, ok, tt.mean)
				}
				if got, ok := r.Loaded(Board); !ok || math.Abs(got-60) > 0.1 {
					t.Errorf("median = %v W, %v, want the 60 of the good samples", got, ok)
				}
			})
		})
	}
}

// TestNVMLSettles: power averaged over a second is ignored for the first 1.5 s.
func TestNVMLSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard("NVIDIA L4", 60)
		g, err := newNVMLPower([]board{b}, func() error { return nil })
		require.NoError(t, err)
		m := begun(Config{}, group([]gauge{g})...)
		defer m.Close()
		time.Sleep(time.Second)
		w := m.Begin(GPU)
		time.Sleep(time.Second) // the load's rise
		b.set(func() { b.watts = 300 })
		time.Sleep(6 * time.Second)
		r := w.End()
		if v, ok := r.MinActive(); ok {
			t.Errorf("active without idle = %v", v)
		}
		if low, ok := percentile(r.pkg(), 0); !ok || low < 180 { // one sample averages the step
			t.Errorf("lowest sample = %v W, %v, want none of the rise", low, ok)
		}
		if got, ok := r.Energy(Board); ok {
			t.Errorf("energy by a sensor = %v J, want none", got)
		}
	})
}

func TestNVMLUnusable(t *testing.T) {
	broken := newBoard("GeForce GTX 780", 60)
	broken.fail = nvml.NotSupported
	shuts := 0
	shut := func() error { shuts++; return nil }
	_, err := newNVMLEnergy([]board{broken}, shut)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "GeForce GTX 780: status 3, not supported by this board (boards before Volta have no counter)")
	_, err = newNVMLPower([]board{broken}, shut)
	require.ErrorIs(t, err, ErrUnavailable)
	if shuts != 2 {
		t.Errorf("library was shut %d times, want 2", shuts)
	}
	if _, err := nvml.Load(); errors.Is(err, nvml.ErrUnavailable) {
		m := Open(Config{Only: "nvml"})
		defer m.Close()
		require.Equal(t, "none", m.Source())
		require.Contains(t, m.Reasons()[0], "nvml")
	}
}
