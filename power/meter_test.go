package power

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestReadingOfATrace checks every statistic against a value computed by hand.
func TestReadingOfATrace(t *testing.T) {
	traced(t, func(t *testing.T, m *Meter, s *trace) {
		w := m.Begin()
		play(s, 2, 4, 4, 4, 5, 5, 7, 9, 2, 4, 4, 4, 5, 5, 7, 9)
		r := w.End()
		if r.Samples != 16 || r.Elapsed != 8*time.Second || r.Source != "trace" {
			t.Errorf("reading of %s: %d samples in %v, want trace, 16 in 8s", r.Source, r.Samples, r.Elapsed)
		}
		loaded, ok := r.Loaded(Package)
		near(t, "median", loaded, ok, 4.5)
		idle, ok := r.Idle(Package)
		near(t, "idle", idle, ok, 1.1)
		active, ok := r.Active(Package)
		near(t, "active", active, ok, 3.4)
		active, ok = r.Active(CPU)
		near(t, "active CPU", active, ok, 3.4)
		active, ok = r.Active(ANE)
		near(t, "active ANE", active, ok, 0)
		v, ok := r.MeanActive()
		near(t, "mean active", v, ok, 5-1.1)
		v, ok = r.MinActive()
		near(t, "min active", v, ok, 2-1.1)
		v, ok = r.P90Active() // index 13.5 of the 16: between 7 and 9
		near(t, "p90 active", v, ok, 8-1.1)
		v, ok = r.CV()
		near(t, "CV", v, ok, 40)
		near(t, "coverage", r.Coverage(), true, 1)
		for _, rail := range []Rail{DRAM, System} {
			if v, ok := r.Active(rail); ok {
				t.Errorf("active %v = %v, want not measured", rail, v)
			}
		}
		if v, ok := r.Energy(Package); ok {
			t.Errorf("energy = %v, want none from a source without energy", v)
		}
		require.Equal(t, []string{FlagHighCV}, r.Flags)
		require.Equal(t, r, w.End(), "a second End")
	})
}

// TestEdgeSamplesAreDropped: the sample that began before the window is diluted
// by what ran then, and the one in flight at the end is not complete.
func TestEdgeSamplesAreDropped(t *testing.T) {
	traced(t, func(t *testing.T, m *Meter, s *trace) {
		time.Sleep(half / 2)
		s.set(func() { s.watts = map[Rail]float64{Package: 100} })
		w := m.Begin()
		time.Sleep(half / 2) // the diluted sample ends here
		synctest.Wait()
		play(s, 6, 6, 6)
		time.Sleep(half / 2)
		r := w.End()
		loaded, ok := r.Loaded(Package)
		near(t, "median", loaded, ok, 6)
		if r.Samples != 3 {
			t.Errorf("samples = %d, want 3", r.Samples)
		}
		near(t, "coverage", r.Coverage(), true, 0.75)
	})
}

// TestPublishedWindowIsClean: 6 s of free-running 500 ms samples hold 11 whole
// ones; with the dropped edges they are the published 12 and more.
func TestPublishedWindowIsClean(t *testing.T) {
	tests := []struct {
		window time.Duration
		want   []string
	}{
		{6 * time.Second, nil},
		{5 * time.Second, []string{FlagFewSamples, FlagShortWindow}},
		{half / 5, []string{FlagNoSamples, FlagShortWindow}},
	}
	for _, tt := range tests {
		traced(t, func(t *testing.T, m *Meter, s *trace) {
			s.set(func() { s.watts = map[Rail]float64{Package: 5} })
			time.Sleep(half / 2)
			w := m.Begin()
			time.Sleep(tt.window)
			r := w.End()
			require.Equal(t, tt.want, r.Flags, tt.window)
			if none := r.Samples == 0; none != (len(r.Reasons) > 0) {
				t.Errorf("%v: %d samples, reasons %q", tt.window, r.Samples, r.Reasons)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	rails := func(cpu, ane, pkg float64) map[Rail]float64 {
		return map[Rail]float64{CPU: cpu, GPU: 0.1, ANE: ane, Package: pkg}
	}
	tests := []struct {
		name   string
		watts  map[Rail]float64
		notes  notes
		expect []Rail
		want   []string
	}{
		{"clean", rails(5, 0, 5.1), 0, nil, nil},
		{"ANE works", rails(1, 0.006, 1.2), 0, []Rail{ANE}, nil},
		{"ANE does not", rails(5, 0.004, 5.1), 0, []Rail{ANE}, []string{FlagRailZero}},
		{"ANE unknown", map[Rail]float64{Package: 5}, 0, []Rail{ANE}, []string{FlagRailMissing}},
		{"package unknown", map[Rail]float64{GPU: 5}, 0, nil, []string{FlagRailMissing}},
		{"below idle", rails(0.5, 0, 0.6), 0, nil, []string{FlagClamped}},
		{"notes", rails(5, 0, 5.1), noteWrap | noteCombined | noteGPU | noteThermal, nil,
			[]string{FlagWrap, FlagCombined, FlagGPU, FlagThermal}},
		{"heat hides no idle ANE", rails(5, 0, 5.1), noteThermal, []Rail{ANE}, []string{FlagThermal, FlagRailZero}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			traced(t, func(t *testing.T, m *Meter, s *trace) {
				s.set(func() { s.watts, s.notes = tt.watts, tt.notes })
				w := m.Begin(tt.expect...)
				time.Sleep(7 * time.Second)
				synctest.Wait()
				r := w.End()
				require.Equal(t, tt.want, r.Flags)
				if tt.name == "below idle" {
					signed, ok := r.Signed(Package)
					near(t, "signed", signed, ok, -0.5)
					active, ok := r.Active(Package)
					near(t, "active", active, ok, 0)
				}
			})
		})
	}
}

func TestIdleMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := begun(Config{}, &trace{watts: map[Rail]float64{Package: 5}})
		defer m.Close()
		w := m.Begin()
		time.Sleep(7 * time.Second)
		r := w.End()
		require.Equal(t, []string{FlagIdleMissing}, r.Flags)
		for name, f := range map[string]func() (float64, bool){
			"mean": r.MeanActive, "min": r.MinActive, "p90": r.P90Active,
			"active": func() (float64, bool) { return r.Active(Package) },
		} {
			if v, ok := f(); ok {
				t.Errorf("%s = %v, want none without idle", name, v)
			}
		}
		if v, ok := r.Loaded(Package); !ok || v != 5 {
			t.Errorf("loaded = %v, %v, want 5", v, ok)
		}
	})
}

// TestIntervalEnergy: a source that counts per interval gives mean power times
// the window, and nothing if its samples cover less than half of it.
func TestIntervalEnergy(t *testing.T) {
	traced(t, func(t *testing.T, m *Meter, s *trace) {
		s.set(func() { s.energy = true })
		time.Sleep(half / 2)
		w := m.Begin()
		time.Sleep(half / 2)
		synctest.Wait()
		play(s, 2, 4, 9) // mean 5 W over 1.5 s, in a window of 2 s
		time.Sleep(half / 2)
		r := w.End()
		e, ok := r.Energy(Package)
		near(t, "energy", e, ok, 5*2)

		w = m.Begin()
		time.Sleep(half / 2)
		synctest.Wait()
		s.set(func() { s.silent = true })
		time.Sleep(4 * half)
		r = w.End()
		if e, ok := r.Energy(Package); ok {
			t.Errorf("energy = %v, want none at a coverage of %v", e, r.Coverage())
		}
	})
}

func TestOverlappingWindows(t *testing.T) {
	traced(t, func(t *testing.T, m *Meter, s *trace) {
		a := m.Begin()
		play(s, 3, 3)
		b := m.Begin()
		play(s, 5, 5, 5)
		ra := a.End()
		play(s, 7, 7, 7, 7)
		rb := b.End()
		va, ok := ra.Loaded(Package)
		near(t, "first", va, ok, 5)
		vb, ok := rb.Loaded(Package)
		near(t, "second", vb, ok, 7)
		if ra.Samples != 5 || rb.Samples != 7 {
			t.Errorf("samples = %d and %d, want 5 and 7", ra.Samples, rb.Samples)
		}
		if n := len(m.readers[0].samples); n != 0 {
			t.Errorf("%d samples are kept without a window, want 0", n)
		}
	})
}

// TestSourceDies: the window keeps what it has; each later Begin makes one
// attempt; after a repair all is well.
func TestSourceDies(t *testing.T) {
	traced(t, func(t *testing.T, m *Meter, s *trace) {
		w := m.Begin()
		play(s, 5, 5)
		s.set(func() { s.fail = errors.New("trace: broke") })
		time.Sleep(8 * half)
		r := w.End()
		loaded, ok := r.Loaded(Package)
		near(t, "kept", loaded, ok, 5)
		require.Equal(t, []string{FlagFewSamples, FlagShortWindow, FlagStalled}, r.Flags)

		for i := range 3 {
			w = m.Begin()
			time.Sleep(6 * half)
			r = w.End()
			if !r.Has(FlagNoSamples) || len(r.Reasons) != 1 || r.Reasons[0] != "trace: broke" {
				t.Errorf("after the end: flags %v, reasons %q, want no_samples, trace: broke", r.Flags, r.Reasons)
			}
			if s.count() != i+2 {
				t.Errorf("runs = %d after %d windows, want one more per window", s.count(), i+1)
			}
		}
		if _, err := m.Idle(t.Context()); err == nil || !strings.Contains(err.Error(), "0 of 20 samples from trace: trace: broke") {
			t.Errorf("idle of a broken source: %v, want its reason", err)
		}
		if v, ok := m.baselines[0].Watts(Package); !ok || v != 1.1 {
			t.Errorf("baseline = %v, %v, want the earlier 1.1 kept", v, ok)
		}

		s.set(func() { s.fail = nil })
		w = m.Begin()
		time.Sleep(7 * time.Second)
		require.Empty(t, w.End().Flags)
	})
}

// TestSourceStalls: a silence of one missing sample is flagged; a long one is
// ended by a new run at the next Begin.
func TestSourceStalls(t *testing.T) {
	traced(t, func(t *testing.T, m *Meter, s *trace) {
		w := m.Begin()
		play(s, 5, 5, 5)
		s.set(func() { s.silent = true })
		time.Sleep(half)
		synctest.Wait()
		s.set(func() { s.silent = false })
		play(s, 5, 5, 5, 5, 5, 5, 5, 5, 5)
		require.Equal(t, []string{FlagStalled}, w.End().Flags)

		w = m.Begin()
		play(s, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5)
		s.set(func() { s.silent = true })
		time.Sleep(5 * half)
		r := w.End()
		if r.Samples != 12 || !r.Has(FlagStalled) || s.count() != 1 {
			t.Errorf("silent end: %d samples, flags %v, %d runs, want 12, stalled, 1", r.Samples, r.Flags, s.count())
		}

		w = m.Begin()
		time.Sleep(2 * half)
		r = w.End()
		if !r.Has(FlagNoSamples) || len(r.Reasons) != 1 || r.Reasons[0] != errStalled.Error() || s.count() != 2 {
			t.Errorf("silent window: flags %v, reasons %q, %d runs, want no_samples, the stall, 2", r.Flags, r.Reasons, s.count())
		}
		s.set(func() { s.silent = false })
		time.Sleep(2 * half)
		w = m.Begin()
		time.Sleep(7 * time.Second)
		if r := w.End(); len(r.Flags) > 0 || s.count() != 2 {
			t.Errorf("after the restart: flags %v, %d runs, want none, 2", r.Flags, s.count())
		}
	})
}

func TestIdleEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := begun(Config{}, &trace{watts: map[Rail]float64{Package: 1}})
		defer m.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 1200*time.Millisecond)
		defer cancel()
		_, err := m.Idle(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "2 of 20 samples")
	})
}

func TestIdleStatistics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &trace{watts: map[Rail]float64{Package: 1, GPU: 0}}
		m := begun(Config{IdleSamples: 5}, s)
		defer m.Close()
		got := make(chan Idle)
		go func() {
			idle, err := m.Idle(t.Context())
			if err != nil {
				t.Error(err)
			}
			got <- idle
		}()
		for _, w := range []float64{101, 102, 104, 106, 109} {
			s.set(func() { s.watts = map[Rail]float64{Package: w, GPU: 0} })
			time.Sleep(half)
			synctest.Wait()
		}
		idle := <-got
		v, ok := idle.Watts(Package)
		near(t, "median", v, ok, 104)
		v, ok = idle.Spread(Package)
		near(t, "MAD", v, ok, 2)
		v, ok = idle.Watts(GPU)
		near(t, "measured zero", v, ok, 0)
		if v, ok := idle.Watts(ANE); ok {
			t.Errorf("ANE = %v, want not measured", v)
		}
	})
}

func TestNoSource(t *testing.T) {
	tests := []struct {
		only, reason string
	}{
		{"none", "power: measurement switched off"},
		{"wattmeter", `power: unknown source "wattmeter"; known are battery, hwmon, ioreport, nvml, nvml-power, powermetrics, rapl, smc and none`},
	}
	for _, tt := range tests {
		m := Open(Config{Only: tt.only})
		require.Equal(t, "none", m.Source())
		require.Empty(t, m.Boundary())
		require.Equal(t, []string{tt.reason}, m.Reasons())
		idle, err := m.Idle(t.Context())
		require.NoError(t, err)
		require.Zero(t, idle.Samples)
		r := m.Begin(ANE).End()
		require.Equal(t, []string{FlagNoSource}, r.Flags)
		require.Equal(t, m.Reasons(), r.Reasons)
		for rail := range numRails {
			_, loaded := r.Loaded(Rail(rail))
			_, active := r.Active(Rail(rail))
			_, energy := r.Energy(Rail(rail))
			if loaded || active || energy {
				t.Errorf("%v: loaded %v, active %v, energy %v, want nothing measured", Rail(rail), loaded, active, energy)
			}
		}
		if _, ok := r.CV(); ok {
			t.Error("CV is measured without a source")
		}
		require.NoError(t, m.Close())
		require.NoError(t, m.Close(), "a second Close")
	}
}

// TestUseAfterClose: no panic, no restart, and the reading says so.
func TestUseAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &trace{watts: map[Rail]float64{Package: 1}}
		m := begun(Config{}, s)
		w := m.Begin()
		time.Sleep(2 * half)
		synctest.Wait()
		require.NoError(t, m.Close())
		if r := w.End(); r.Samples != 2 || !r.Has(FlagStalled) {
			t.Errorf("window across Close: %d samples, flags %v, want 2, stalled", r.Samples, r.Flags)
		}
		r := m.Begin().End()
		require.Equal(t, []string{"power: the meter is closed"}, r.Reasons)
		require.Equal(t, 1, s.count())
		_, err := m.Idle(t.Context())
		require.ErrorContains(t, err, "closed")
	})
}

// TestConcurrentUse is for the race detector and for deadlocks.
func TestConcurrentUse(t *testing.T) {
	traced(t, func(t *testing.T, m *Meter, s *trace) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 20 {
					w := m.Begin(CPU)
					time.Sleep(700 * time.Millisecond)
					if r := w.End(); r.Samples != 0 && r.Samples != 1 {
						t.Errorf("samples in 700 ms = %d, want 0 or 1", r.Samples)
					}
				}
			})
		}
		wg.Go(func() {
			if _, err := m.Idle(t.Context()); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
	})
}
