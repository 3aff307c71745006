package power

import (
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"devicemap/internal/ioreport"
)

// soc is a chip whose counters follow constant powers, published as a regime
// says. Its time is that of the bubble.
type soc struct {
	mu     sync.Mutex
	born   time.Time
	watts  map[string]float64 // by channel; what it draws
	unit   map[string]float64
	period map[string]time.Duration // of publication; 0: at each read
	dead   map[string]bool          // not published
	joules map[string]float64
	last   time.Time
	pub    map[string]float64 // published J
	when   map[string]time.Time
	fail   error
	closed bool
}

func newSoC(watts, unit map[string]float64) *soc {
	return &soc{born: time.Now(), last: time.Now(), watts: watts, unit: unit,
		period: map[string]time.Duration{}, dead: map[string]bool{}, joules: map[string]float64{},
		pub: map[string]float64{}, when: map[string]time.Time{}}
}

func (c *soc) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draw()
	f()
}

// draw brings the energies up to now.
func (c *soc) draw() {
	now := time.Now()
	for name, w := range c.watts {
		p := c.period[name]
		if p == 0 || c.dead[name] {
			c.joules[name] += w * now.Sub(c.last).Seconds()
			continue
		}
		// Publications lie at whole multiples of the period since birth.
		at := c.born.Add(now.Sub(c.born).Truncate(p))
		if at.After(c.when[name]) && at.After(c.last) {
			c.pub[name], c.when[name] = c.joules[name]+w*at.Sub(c.last).Seconds(), at
		}
		c.joules[name] += w * now.Sub(c.last).Seconds()
	}
	c.last = now
}

func (c *soc) Read(dst []ioreport.Value) ([]ioreport.Value, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return dst, c.fail
	}
	c.draw()
	for name := range c.watts {
		j, at := c.joules[name], c.last
		switch {
		case c.dead[name]:
			j, at = c.pub[name], c.when[name]
		case c.period[name] > 0:
			j, at = c.pub[name], c.when[name]
		default:
			c.pub[name], c.when[name] = j, at
		}
		published := uint64(1) // a dead channel's never moves
		if !at.IsZero() {
			published = uint64(at.Sub(c.born)) + 2
		}
		dst = append(dst, ioreport.Value{Channel: ioreport.Channel{Name: name}, Count: int64(j / c.unit[name]), Published: published})
	}
	return dst, nil
}

func (c *soc) Close() { c.closed = true }

// m5 is an M5 Max that draws 6 W CPU, 26 W GPU, 2 W ANE and 4 W DRAM.
func m5(t *testing.T) (*soc, *energyModel) {
	t.Helper()
	picked, _ := selectChannels(inventory(t, m5max), nil)
	unit := map[string]float64{}
	for _, p := range picked {
		unit[p.name] = p.joule
	}
	c := newSoC(map[string]float64{"CPU Energy": 6, "GPU Energy": 26, "ANE0": 2, "DRAM0": 4}, unit)
	m := &energyModel{channels: map[string]channel{}}
	m.add(c, picked, map[Rail]bool{})
	return c, m
}

func check(t *testing.T, r Reading, want map[Rail]float64, tolerance float64) {
	t.Helper()
	for rail := range Rail(numRails) {
		w, has := want[rail]
		for what, f := range map[string]func(Rail) (float64, bool){"median": r.Loaded, "counter mean": r.CounterMean} {
			got, ok := f(rail)
			if ok != has || has && math.Abs(got-w) > tolerance*w {
				t.Errorf("%s of %v = %v, %v, want %v, %v", what, rail, got, ok, w, has)
			}
		}
	}
}

// TestIOReportLive: package is CPU+GPU+ANE, DRAM stays outside.
func TestIOReportLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, g := m5(t)
		m := begun(Config{}, &polled{gauges: []gauge{g}})
		time.Sleep(time.Second)
		w := m.Begin(GPU)
		time.Sleep(8*time.Second + 123*time.Millisecond)
		r := w.End()
		check(t, r, map[Rail]float64{CPU: 6, GPU: 26, ANE: 2, DRAM: 4, Package: 34}, 0.002)
		require.Equal(t, []string{FlagIdleMissing}, r.Flags)
		require.Equal(t, "ioreport", r.RailSource(Package))
		require.NoError(t, m.Close())
		if !c.closed {
			t.Error("the subscription is not closed")
		}
	})
}

// TestIOReportBatched: bursts every 2.1 s are dated by their publication, so a
// long window is exact and flagged.
func TestIOReportBatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, g := m5(t)
		for _, name := range []string{"CPU Energy", "ANE0", "DRAM0"} {
			c.period[name] = 2100 * time.Millisecond
		}
		require.NoError(t, g.classify(observeIdle))
		require.Equal(t, regimeBatched, g.how)
		m := begun(Config{}, &polled{gauges: []gauge{g}})
		defer m.Close()
		time.Sleep(5 * time.Second)
		w := m.Begin()
		time.Sleep(30 * time.Second)
		r := w.End()
		for _, rail := range []Rail{CPU, GPU, ANE, DRAM} {
			want := map[Rail]float64{CPU: 6, GPU: 26, ANE: 2, DRAM: 4}[rail]
			got, ok := r.CounterMean(rail)
			if !ok || math.Abs(got-want) > 0.005*want {
				t.Errorf("mean of %v = %v, %v, want %v", rail, got, ok, want)
			}
		}
		if !r.Has(FlagBatched) || r.Confidence() > Medium {
			t.Errorf("flags = %v, confidence %v, want %s and at most medium", r.Flags, r.Confidence(), FlagBatched)
		}
	})
}

// observeIdle is observe without a load: a bubble has nothing to burn.
func observeIdle(look func() (sighting, error), _ func(<-chan struct{})) ([]sighting, error) {
	return observe(look, func(stop <-chan struct{}) { <-stop })
}

// TestIOReportDead: rails that are not published are absent, not zero; the GPU
// stays.
func TestIOReportDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, g := m5(t)
		for _, name := range []string{"CPU Energy", "ANE0", "DRAM0"} {
			c.dead[name] = true
		}
		require.NoError(t, g.classify(observeIdle))
		require.Equal(t, regimeDead, g.how)
		require.Contains(t, g.warning(), "sudo -v")
		m := begun(Config{}, &polled{gauges: []gauge{g}})
		defer m.Close()
		time.Sleep(time.Second)
		w := m.Begin()
		time.Sleep(8 * time.Second)
		r := w.End()
		check(t, r, map[Rail]float64{GPU: 26}, 0.001)
		if !r.Has(FlagStale) || !r.Has(FlagRailMissing) || r.Confidence() != None {
			t.Errorf("flags = %v, want %s and %s, confidence none", r.Flags, FlagStale, FlagRailMissing)
		}
	})
}

// TestIOReportKeeper: dead rails that powermetrics revives release hours of
// energy at once, which is discarded; and when powermetrics ends they are
// absent, not zero.
func TestIOReportKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, g := m5(t)
		hold := func(dead bool) {
			c.set(func() {
				for _, name := range []string{"CPU Energy", "ANE0", "DRAM0"} {
					c.dead[name] = dead
				}
			})
		}
		hold(true)
		m := begun(Config{}, &polled{gauges: []gauge{g}})
		defer m.Close()
		time.Sleep(time.Second)
		time.Sleep(2 * time.Hour)
		w := m.Begin()
		hold(false)
		time.Sleep(8 * time.Second)
		r := w.End()
		if got, ok := r.Loaded(CPU); !ok || math.Abs(got-6) > 0.01 {
			t.Errorf("CPU after the backlog = %v W, %v, want 6", got, ok)
		}
		if got, ok := r.CounterMean(CPU); ok {
			t.Errorf("counter mean across the backlog = %v W, want none", got)
		}
		if !r.Has(FlagBacklog) {
			t.Errorf("flags = %v, want %s", r.Flags, FlagBacklog)
		}
		w = m.Begin()
		time.Sleep(8 * time.Second)
		if r = w.End(); r.Has(FlagBacklog) || r.Has(FlagStale) {
			t.Errorf("flags of the next window = %v, want no backlog", r.Flags)
		}
		check(t, r, map[Rail]float64{CPU: 6, GPU: 26, ANE: 2, DRAM: 4, Package: 34}, 0.002)

		hold(true)
		time.Sleep(time.Second)
		w = m.Begin()
		time.Sleep(8 * time.Second)
		r = w.End()
		check(t, r, map[Rail]float64{GPU: 26}, 0.001)
		if !r.Has(FlagStale) {
			t.Errorf("flags without the keeper = %v, want %s", r.Flags, FlagStale)
		}
	})
}

// TestIOReportBacklogLimit: a step beyond what the machine draws is no power.
func TestIOReportBacklogLimit(t *testing.T) {
	tests := []struct {
		dies   int
		system float64
		want   float64
	}{{0, 0, 200}, {1, 0, 200}, {2, 0, 400}, {2, 12, 36}}
	for _, tt := range tests {
		if got := backlogWatts(tt.dies, tt.system); got != tt.want {
			t.Errorf("limit of %d dies at %v W = %v W, want %v", tt.dies, tt.system, got, tt.want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		c, g := m5(t)
		g.system = func() (float64, bool) { return 40, true }
		m := begun(Config{}, &polled{gauges: []gauge{g}})
		defer m.Close()
		time.Sleep(time.Second)
		w := m.Begin()
		time.Sleep(4 * time.Second)
		c.set(func() { c.joules["CPU Energy"] += 1000 }) // 2 kW for one interval
		time.Sleep(4 * time.Second)
		r := w.End()
		if got, ok := r.Loaded(CPU); !ok || math.Abs(got-6) > 0.01 || !r.Has(FlagBacklog) {
			t.Errorf("CPU = %v W, %v, flags %v, want 6 and %s", got, ok, r.Flags, FlagBacklog)
		}
	})
}

// TestIOReportUnitUnknown and a reading that fails.
func TestIOReportDoubts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, g := m5(t)
		g.unknown = 1
		m := begun(Config{}, &polled{gauges: []gauge{g}})
		defer m.Close()
		time.Sleep(time.Second)
		w := m.Begin()
		time.Sleep(7 * time.Second)
		if r := w.End(); !r.Has(FlagUnit) {
			t.Errorf("flags = %v, want %s", r.Flags, FlagUnit)
		}
		c.set(func() { c.fail = errors.New("no sample") })
		time.Sleep(time.Second)
		r := m.Begin().End()
		if len(r.Reasons) == 0 || r.Reasons[0] != "ioreport: no sample" {
			t.Errorf("reasons = %q, want that of the reader", r.Reasons)
		}
	})
}

func TestClassifyRegime(t *testing.T) {
	base := time.Now()
	series := func(counts []int64, every, age time.Duration) (all []sighting) {
		for i, n := range counts {
			all = append(all, sighting{base.Add(time.Duration(i) * every), n, age})
		}
		return all
	}
	steps := func(n, hold int) (all []int64) {
		for i := range n {
			all = append(all, int64(i/hold))
		}
		return all
	}
	const q = 250 * time.Millisecond
	tests := []struct {
		name string
		seen []sighting
		want regime
	}{
		{"advances at each read", series(steps(25, 1), q, 50*time.Millisecond), regimeLive},
		{"values are old", series(steps(25, 1), q, time.Second), regimeBatched},
		{"every eighth read", series(steps(25, 8), q, time.Second), regimeBatched},
		{"never", series(make([]int64, 25), q, 0), regimeDead},
		{"once, late", series(append(make([]int64, 24), 1), q, 0), regimeDead},
		{"one look", series([]int64{1}, q, 0), regimeDead},
		{"none", nil, regimeDead},
	}
	for _, tt := range tests {
		if got := classifyRegime(tt.seen); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestSystemBound: the machine's own power is a rail of its own and bounds the
// package.
func TestSystemBound(t *testing.T) {
	tests := []struct {
		system float64
		above  bool
	}{{45, false}, {34, false}, {30, true}}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			_, g := m5(t)
			smc := &machinePower{value: func(string) (float64, error) { return tt.system, nil }, shut: func() {}}
			sources := group([]gauge{g, smc})
			require.Len(t, sources, 1, "rails that do not overlap share a reader")
			m := begun(Config{}, sources...)
			defer m.Close()
			require.Equal(t, "ioreport+smc", m.Source())
			time.Sleep(time.Second)
			w := m.Begin()
			time.Sleep(7 * time.Second)
			r := w.End()
			if got, ok := r.Loaded(System); !ok || got != tt.system {
				t.Errorf("system = %v W, %v, want %v", got, ok, tt.system)
			}
			if _, ok := r.Energy(System); ok {
				t.Error("a sensor has an energy")
			}
			if r.Has(FlagAboveSystem) != tt.above {
				t.Errorf("flags = %v at a system of %v W, want %s %v", r.Flags, tt.system, FlagAboveSystem, tt.above)
			}
		})
	}
}
