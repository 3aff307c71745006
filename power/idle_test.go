package power

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// office is a host whose processors are busy as a function of time, and whose
// package draws 0.37 W when quiet and 5.3 W per busy processor more: the
// figures of the published host with the wrong baseline.
type office struct {
	from time.Time
	busy func(time.Duration) float64 // busy processors
	mu   sync.Mutex
	sum  float64 // busy processor seconds
	last time.Duration
	err  error
}

func (o *office) load() (Load, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Since(o.from)
	for step := 100 * time.Millisecond; o.last+step <= now; o.last += step {
		o.sum += o.busy(o.last) * step.Seconds()
	}
	return Load{Busy: o.sum, Total: now.Seconds() * 8, Running: 3, CPUs: 8}, o.err
}

// run is the source.
func (o *office) name() string     { return "office" }
func (o *office) boundary() string { return "made up" }
func (o *office) close() error     { return nil }
func (o *office) run(ctx context.Context, every time.Duration, emit func(sample, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		s := sample{end: time.Now(), start: time.Now().Add(-every)}
		s.watts.set(Package, 0.37+5.3*o.busy(time.Since(o.from)-every/2))
		emit(s, nil)
	}
}

// TestIdleIsJudged: a busy host is waited for, and a baseline that was taken on
// one is taken again or flagged with what was busy.
func TestIdleIsJudged(t *testing.T) {
	until := func(end time.Duration, cpus float64) func(time.Duration) float64 {
		return func(at time.Duration) float64 {
			if at < end {
				return cpus
			}
			return 0
		}
	}
	tests := []struct {
		name  string
		busy  func(time.Duration) float64
		watts float64
		took  time.Duration // at most
		flags []string
	}{
		{"quiet", until(0, 0), 0.37, 13 * time.Second, nil},
		{"quiet after 30 s", until(30*time.Second, 2), 0.37, 44 * time.Second, nil},
		{"never quiet", until(time.Hour, 2), 10.97, 95 * time.Second, []string{"idle_busy (2.00 CPUs busy, 3 threads run)"}},
		{"a job starts during the first baseline", func(at time.Duration) float64 {
			if at > 4*time.Second && at < 20*time.Second {
				return 2
			}
			return 0
		}, 0.37, 60 * time.Second, nil},
		{"waves that hide from the wait", func(at time.Duration) float64 {
			if at%(6*time.Second) > 4*time.Second {
				return 2
			}
			return 0
		}, 0.37, 80 * time.Second, []string{"idle_busy (0.76 CPUs busy, 3 threads run)", FlagIdleUnsteady}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &office{from: time.Now(), busy: tt.busy}
				m := begun(Config{Load: o.load}, o)
				defer m.Close()
				began := time.Now()
				idle, err := m.Idle(t.Context())
				require.NoError(t, err)
				if got, ok := idle.Watts(Package); !ok || math.Abs(got-tt.watts) > 1e-9 {
					t.Errorf("baseline = %v W, %v, want %v", got, ok, tt.watts)
				}
				if d := time.Since(began); d > tt.took {
					t.Errorf("it took %v, want at most %v", d, tt.took)
				}
				if len(tt.flags) == 0 {
					require.Empty(t, idle.Flags)
					return
				}
				require.Equal(t, tt.flags, idle.Flags)
				// A window inherits the doubt, and total watts show it.
				w := m.Begin()
				time.Sleep(7 * time.Second)
				r := w.End()
				if !r.Has(FlagIdleBusy) || r.Confidence() > Low {
					t.Errorf("flags = %v, confidence %v, want %s and low", r.Flags, r.Confidence(), FlagIdleBusy)
				}
				total, ok := r.Total(Package)
				idleWatts, known := r.Idle(Package)
				if !ok || !known || total < idleWatts-1e-9 && tt.name == "never quiet" {
					t.Errorf("total = %v W, %v over an idle of %v W, %v", total, ok, idleWatts, known)
				}
			})
		})
	}
}

// TestIdleWithoutLoad: an unreadable load neither waits nor flags.
func TestIdleWithoutLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{from: time.Now(), busy: func(time.Duration) float64 { return 2 }, err: errors.New("no /proc")}
		m := begun(Config{Load: o.load}, o)
		defer m.Close()
		began := time.Now()
		idle, err := m.Idle(t.Context())
		require.NoError(t, err)
		require.Empty(t, idle.Flags)
		if d := time.Since(began); d != 10*time.Second {
			t.Errorf("it took %v, want the 10 s of 20 samples", d)
		}
	})
}

func TestBusyness(t *testing.T) {
	tests := []struct {
		a, b  Load
		quiet bool
		text  string
	}{
		{Load{Busy: 0, Total: 100}, Load{Busy: 0, Total: 200, Running: 1}, true, "0.00 CPUs busy, 1 threads run"},
		{Load{}, Load{Average: 20, CPUs: 8}, false, "load average 20.00"},
		{Load{}, Load{CPUs: 8}, true, "0.00 CPUs busy"},
		{Load{Busy: 5, Total: 100}, Load{Busy: 4, Total: 50}, true, "0.00 CPUs busy"}, // a counter wrapped
	}
	for _, tt := range tests {
		b := since(tt.a, tt.b)
		if b.quiet() != tt.quiet || tt.b.Average == 0 && tt.b.Total > 100 && b.String() != tt.text {
			t.Errorf("since(%+v, %+v) = %v, quiet %v, want %s, %v", tt.a, tt.b, b, b.quiet(), tt.text, tt.quiet)
		}
	}
}

func TestIdleDoubts(t *testing.T) {
	wave := func(lo, hi float64) func(i int) float64 {
		return func(i int) float64 {
			if i%2 == 0 {
				return lo
			}
			return hi
		}
	}
	tests := []struct {
		name  string
		watts func(i int) float64 // per sample of 500 ms
		want  []string
	}{
		{"steady", wave(1, 1.1), nil},
		{"scatters", wave(1, 3), []string{FlagIdleUnsteady}},
		{"small scatter in watts", wave(0.02, 0.08), nil},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			s := &trace{watts: map[Rail]float64{Package: tt.watts(1)}}
			m := begun(Config{}, s)
			defer m.Close()
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				time.Sleep(half / 2) // set between the ticks
				for i := 0; ctx.Err() == nil; i++ {
					s.set(func() { s.watts = map[Rail]float64{Package: tt.watts(i)} })
					time.Sleep(half)
				}
			}()
			idle, err := m.Idle(t.Context())
			stop()
			<-done
			require.NoError(t, err)
			require.Equal(t, tt.want, idle.Flags, tt.name)
		})
	}
}

// TestIdleImplausible: a baseline of more than twice an earlier one is taken
// three times, then kept with its flag.
func TestIdleImplausible(t *testing.T) {
	traced(t, func(t *testing.T, m *Meter, s *trace) {
		s.set(func() { s.watts = map[Rail]float64{Package: 2.5} })
		time.Sleep(half)
		began := time.Now()
		idle, err := m.Rebase(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{FlagIdleImplausible}, idle.Flags)
		if d := time.Since(began); d != settleTime+30*time.Second {
			t.Errorf("it took %v, want 2 s and three times 10 s", d)
		}
		// Samples below the baseline prove the same within a window.
		w := m.Begin()
		play(s, 1.1, 1.1, 1.1, 1.1, 9, 9, 9, 9, 9, 9, 9, 9, 9)
		if r := w.End(); !r.Has(FlagIdleImplausible) {
			t.Errorf("flags = %v, want %s", r.Flags, FlagIdleImplausible)
		}
	})
}

// TestIdleIsInterpolated: between two baselines the idle power is that of the
// straight line at the middle of the window; until the second is known, that of
// the first.
func TestIdleIsInterpolated(t *testing.T) {
	tests := []struct {
		later float64 // W of the second baseline; the first is 1.1
		drift bool
	}{{1.15, false}, {1.5, true}}
	for _, tt := range tests {
		traced(t, func(t *testing.T, m *Meter, s *trace) {
			first := m.baselines[0].middle()
			if m.IdleDue() {
				t.Error("a baseline is due right after one")
			}
			s.set(func() { s.watts = map[Rail]float64{Package: 5} })
			time.Sleep(4 * time.Minute)
			w := m.Begin()
			time.Sleep(20 * time.Second)
			early := w.End()
			idle, ok := early.Idle(Package)
			near(t, "idle before the second baseline", idle, ok, 1.1)

			time.Sleep(6 * time.Minute)
			if !m.IdleDue() {
				t.Error("no baseline is due after ten minutes")
			}
			s.set(func() { s.watts = map[Rail]float64{Package: tt.later} })
			_, err := m.Rebase(t.Context())
			require.NoError(t, err)
			late := m.Correct(early)
			f := early.e.middle().Sub(first).Seconds() / m.baselines[1].middle().Sub(first).Seconds()
			idle, ok = late.Idle(Package)
			near(t, "idle", idle, ok, 1.1+f*(tt.later-1.1))
			active, ok := late.Active(Package)
			near(t, "active", active, ok, 5-1.1-f*(tt.later-1.1))
			u, ok := late.Uncertainty(Package)
			near(t, "uncertainty by drift", u, ok, (tt.later-1.1)/2)
			if late.Has(FlagIdleDrift) != tt.drift {
				t.Errorf("flags = %v at a drift to %v W, want %s %v", late.Flags, tt.later, FlagIdleDrift, tt.drift)
			}
			require.Equal(t, late, m.Correct(late), "a second correction")
		})
	}
}

func TestIdleStale(t *testing.T) {
	traced(t, func(t *testing.T, m *Meter, s *trace) {
		s.set(func() { s.watts = map[Rail]float64{Package: 5} })
		time.Sleep(11 * time.Minute)
		w := m.Begin()
		time.Sleep(7 * time.Second)
		r := w.End()
		require.Equal(t, []string{FlagIdleStale}, r.Flags)
		s.set(func() { s.watts = map[Rail]float64{Package: 1.1} })
		_, err := m.Rebase(t.Context())
		require.NoError(t, err)
		require.Empty(t, m.Correct(r).Flags, "a baseline followed")
	})
}

// TestCorrectLeavesStrangersAlone: readings of no meter, and without sources.
func TestCorrectLeavesStrangersAlone(t *testing.T) {
	m := begun(Config{})
	defer m.Close()
	require.Equal(t, Reading{}, m.Correct(Reading{}))
	r := m.Begin().End()
	require.Equal(t, r, m.Correct(r))
	if m.IdleDue() {
		t.Error("a baseline is due without a source")
	}
	idle, err := m.Rebase(t.Context())
	require.NoError(t, err)
	require.Zero(t, idle)
}

// TestIdleFallsBack: when the first source gives nothing the next one carries
// the baseline and, flagged, the windows.
func TestIdleFallsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &trace{watts: map[Rail]float64{Package: 1}}
		b := &trace{watts: map[Rail]float64{Package: 2}}
		m := begun(Config{}, a, b)
		defer m.Close()
		_, err := m.Idle(t.Context())
		require.NoError(t, err)
		a.set(func() { a.watts[Package], a.fail = 5, errors.New("a: broke") })
		b.set(func() { b.watts[Package] = 7 })
		time.Sleep(2 * half)
		w := m.Begin()
		time.Sleep(7 * time.Second)
		r := w.End()
		active, ok := r.Active(Package)
		near(t, "active by the second source from its own baseline", active, ok, 7-2)
		if !r.Has(FlagFallback) || !r.Has(FlagStalled) {
			t.Errorf("flags = %v, want %s and %s", r.Flags, FlagFallback, FlagStalled)
		}
		b.set(func() { b.watts[Package] = 2 })
		idle, err := m.Idle(t.Context())
		require.NoError(t, err)
		if got, ok := idle.Watts(Package); !ok || got != 2 {
			t.Errorf("baseline without the first source = %v W, %v, want 2", got, ok)
		}
	})
}

func TestCrossCheck(t *testing.T) {
	tests := []struct {
		a, b float64
		want []string
	}{
		{6, 6.2, nil},
		{6, 6.6, []string{FlagCrossMarginal}},
		{6, 8, []string{FlagCrossMismatch}},
		{8, 6, []string{FlagCrossMismatch}},
		{0.05, 0.07, nil}, // 20 mW
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.a, tt.b), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &trace{watts: map[Rail]float64{CPU: tt.a, Package: 9}}
				b := &trace{watts: map[Rail]float64{CPU: tt.b}}
				m := begun(Config{}, a, b)
				defer m.Close()
				w := m.Begin()
				time.Sleep(7 * time.Second)
				r := w.End()
				require.Equal(t, append([]string{FlagIdleMissing}, tt.want...), r.Flags)
				require.Len(t, r.CrossChecks(), 1)
				c := r.CrossChecks()[0]
				if c.Rail != CPU || math.Abs(c.Ratio()-tt.b/tt.a) > 1e-12 {
					t.Errorf("check = %v, want CPU %v", c, tt.b/tt.a)
				}
			})
		})
	}
}

// TestUncertainty against a value computed by hand, and the refusal to divide
// by less than three times it.
func TestUncertainty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &trace{}
		m := begun(Config{IdleSamples: 16}, s)
		defer m.Close()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 16 {
				play(s, 20+0.1*float64(i%2)) // median 20.05, deviation 0.05
			}
		}()
		_, err := m.Idle(t.Context())
		require.NoError(t, err)
		<-done
		w := m.Begin()
		for i := range 25 {
			play(s, 20.3+0.2*float64(i%3)) // median 20.5, deviation 0.2
		}
		r := w.End()
		u, ok := r.Uncertainty(Package)
		want := 1.4826 * math.Sqrt(math.Pi/2) * math.Hypot(0.2/math.Sqrt(25), 0.05/math.Sqrt(16))
		if !ok || math.Abs(u-want) > 1e-9 {
			t.Errorf("uncertainty = %v W, %v, want %v", u, ok, want)
		}
		if got, ok := r.Resolved(Package); !ok || math.Abs(got-0.45) > 1e-9 {
			t.Errorf("resolved = %v W, %v, want 0.45", got, ok)
		}
		w = m.Begin()
		for i := range 25 {
			play(s, 19.95+0.2*float64(i%3)) // median 20.15, 0.1 above idle
		}
		r = w.End()
		if got, ok := r.Resolved(Package); ok || !r.Has(FlagUnresolved) {
			t.Errorf("resolved = %v W, flags %v, want none and %s", got, r.Flags, FlagUnresolved)
		}
	})
}

// TestConfidence: every flag has a ceiling.
func TestConfidence(t *testing.T) {
	for _, f := range noteFlags {
		if _, ok := ceilings[f.flag]; !ok {
			t.Errorf("%s has no ceiling", f.flag)
		}
	}
	tests := []struct {
		flags   []string
		elapsed time.Duration
		want    Confidence
	}{
		{nil, 8 * time.Second, High},
		{[]string{FlagWrap}, 8 * time.Second, High},
		{[]string{FlagBursty, FlagThermal}, 8 * time.Second, Medium},
		{[]string{FlagBursty, "idle_busy (2.00 CPUs busy)"}, 8 * time.Second, Low},
		{[]string{FlagSlept, FlagHighCV}, 8 * time.Second, None},
		{nil, 900 * time.Millisecond, Low},
	}
	for _, tt := range tests {
		if got := (Reading{Flags: tt.flags, Elapsed: tt.elapsed}).Confidence(); got != tt.want {
			t.Errorf("confidence of %v in %v = %v, want %v", tt.flags, tt.elapsed, got, tt.want)
		}
	}
}

func TestNoteNamesProvenance(t *testing.T) {
	traced(t, func(t *testing.T, m *Meter, s *trace) {
		w := m.Begin()
		play(s, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5)
		require.Equal(t, "power by trace; active ±0 mW; confidence high", w.End().Note())
	})
}
