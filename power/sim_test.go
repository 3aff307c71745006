package power

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A load is the power of a synthetic host: joules(t) is its integral.
type load struct {
	name   string
	joules func(s float64) float64
}

func constant(w float64) load {
	return load{fmt.Sprintf("constant %g W", w), func(s float64) float64 { return w * s }}
}

// square alternates between hi and lo, half of the period each.
func square(lo, hi, period float64) load {
	return load{fmt.Sprintf("square %g/%g W, %g s", lo, hi, period), func(s float64) float64 {
		n := math.Floor(s / period)
		rest := s - n*period
		return n*period*(lo+hi)/2 + hi*min(rest, period/2) + lo*max(0, rest-period/2)
	}}
}

// ramp rises from w by slope watts per second.
func ramp(w, slope float64) load {
	return load{fmt.Sprintf("ramp %g W %+g W/s", w, slope), func(s float64) float64 { return w*s + slope*s*s/2 }}
}

// steps changes its power at random times to random values.
func steps(r *rand.Rand) load {
	type piece struct{ at, watts, sum float64 }
	pieces := []piece{{0, 1 + 20*r.Float64(), 0}}
	longest := math.Exp(4 * (r.Float64() - 0.5)) // from fast to slow hosts
	spread := r.Float64()
	base := pieces[0].watts
	for t := 0.0; t < 60; {
		d := (0.01 + r.Float64()) * longest
		last := pieces[len(pieces)-1]
		t += d
		pieces = append(pieces, piece{t, base * (1 + spread*(2*r.Float64()-1)), last.sum + d*last.watts})
	}
	return load{fmt.Sprintf("%d random steps", len(pieces)), func(s float64) float64 {
		i, found := slices.BinarySearchFunc(pieces, s, func(p piece, s float64) int {
			switch {
			case p.at < s:
				return -1
			case p.at > s:
				return 1
			}
			return 0
		})
		if !found {
			i--
		}
		return pieces[i].sum + (s-pieces[i].at)*pieces[i].watts
	}}
}

// host is a machine under a load, from its birth on.
type host struct {
	load
	born time.Time
}

func (h host) at(t time.Time) float64 { return h.joules(t.Sub(h.born).Seconds()) }

// stream is powermetrics: documents of the load's interval energies, read by
// the real reader. Faults act on documents by number.
type stream struct {
	h     host
	lose  func(k int) bool          // the sampler skips the interval
	hold  func(k int) time.Duration // the document comes late
	spoil func(k int, doc string) string
}

func (s stream) name() string     { return "powermetrics" }
func (s stream) boundary() string { return "simulated" }
func (s stream) close() error     { return nil }

func (s stream) run(ctx context.Context, every time.Duration, emit func(sample, error)) error {
	r, w := io.Pipe()
	stop := context.AfterFunc(ctx, func() { w.Close() })
	defer stop()
	type late struct {
		doc string
		at  time.Time
	}
	queue := make(chan late, 1000)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { // the pipe keeps the order of late documents
		for l := range queue {
			time.Sleep(time.Until(l.at))
			_, _ = io.WriteString(w, l.doc) // fails once the reader is gone
		}
	})
	wg.Go(func() {
		defer close(queue)
		for k := 0; ctx.Err() == nil; k++ {
			from := time.Now()
			time.Sleep(every + 7*time.Millisecond) // as powermetrics does
			now := time.Now()
			if s.lose != nil && s.lose(k) {
				continue
			}
			mJ := math.Floor(s.h.at(now)*1e3) - math.Floor(s.h.at(from)*1e3) // steps of 1 mJ that do not add up to an error
			elapsed := now.Sub(from)
			doc := fmt.Sprintf("<plist><dict><key>elapsed_ns</key><integer>%d</integer><key>processor</key><dict>"+
				"<key>cpu_energy</key><integer>%.0f</integer><key>cpu_power</key><real>%f</real>"+
				"<key>gpu_energy</key><integer>0</integer><key>gpu_power</key><real>0</real>"+
				"<key>ane_energy</key><integer>0</integer><key>ane_power</key><real>0</real></dict></dict></plist>\x00",
				elapsed.Nanoseconds(), mJ, mJ/elapsed.Seconds())
			if s.spoil != nil {
				doc = s.spoil(k, doc)
			}
			l := late{doc, now}
			if s.hold != nil {
				l.at = now.Add(s.hold(k))
			}
			queue <- l
		}
	})
	p := &powermetrics{format: "plist"}
	p.read(r, every, emit)
	return nil
}

// shown is an amdgpu monitor: the power of the moment, renewed every 100 ms.
type shown struct{ h host }

func (f shown) Open(name string) (fs.File, error) {
	at := time.Now().Truncate(100 * time.Millisecond)
	watts := (f.h.at(at) - f.h.at(at.Add(-time.Millisecond))) * 1e3
	return files(h0+"name amdgpu", fmt.Sprintf(h0+"power1_input %.0f", watts*1e6)).Open(name)
}

// instruments make the sources of a host.
var instruments = map[string]func(t testing.TB, h host) source{
	"rapl": func(t testing.TB, h host) source {
		g, err := openRAPL(raplOf(h.at))
		require.NoError(t, err)
		return &polled{gauges: []gauge{g}}
	},
	"powermetrics": func(_ testing.TB, h host) source { return stream{h: h} },
	"hwmon": func(t testing.TB, h host) source {
		g, err := openHwmon(Config{FS: shown{h}})
		require.NoError(t, err)
		return &polled{gauges: []gauge{g}}
	},
	"nvml": func(t testing.TB, h host) source {
		g, err := newNVMLEnergy([]board{countedBoard{h}}, func() error { return nil })
		require.NoError(t, err)
		return &polled{gauges: []gauge{g}}
	},
}

// countedBoard is a board whose counter advances every 20 ms.
type countedBoard struct{ h host }

func (b countedBoard) name() string           { return "NVIDIA L4" }
func (b countedBoard) power() (uint32, error) { return 0, nil }
func (b countedBoard) slowed() bool           { return false }
func (b countedBoard) energy() (uint64, error) {
	at := b.h.born.Add(time.Since(b.h.born).Truncate(20 * time.Millisecond))
	return uint64(b.h.at(at) * 1e3), nil
}

// outcome is what a simulated window gave.
type outcome struct {
	load, source  string
	truth, joules float64 // of the window
	counted       bool    // joules is an energy, else median power times time
	flags         []string
}

func (o outcome) errorPercent() float64 { return 100 * math.Abs(o.joules-o.truth) / o.truth }

func (o outcome) String() string {
	kind := "energy"
	if !o.counted {
		kind = "median × time"
	}
	return fmt.Sprintf("%-26s %-13s %-14s %10.3f %10.3f %8.3f%%  %s", o.load, o.source, kind, o.truth, o.joules, o.errorPercent(), strings.Join(o.flags, " "))
}

const simHeader = "load                       source        reported           true J reported J    error  flags"

// simulate takes the idle power of a quiet host and measures one window under
// the load.
func simulate(t testing.TB, name string, src source, h host, window time.Duration, conf Config) outcome {
	conf.QuietWait = -1
	m := begun(conf, src)
	defer func() { require.NoError(t, m.Close()) }()
	time.Sleep(2*time.Second + 137*time.Millisecond)
	w := m.Begin(GPU)
	begin := time.Now()
	time.Sleep(window)
	end := time.Now()
	r := w.End()
	o := outcome{load: h.load.name, source: name, truth: h.at(end) - h.at(begin), flags: without(r.Flags, FlagIdleMissing, FlagRailZero, FlagRailMissing)}
	if j, ok := r.Energy(Package); ok {
		o.joules, o.counted = j, true
	} else if watts, ok := r.Loaded(Package); ok {
		o.joules = watts * window.Seconds()
	}
	return o
}

func without(flags []string, drop ...string) []string {
	return slices.DeleteFunc(slices.Clone(flags), func(f string) bool { return slices.Contains(drop, f) })
}

// doubtful are the flags that may excuse an error beyond 1 % of any window.
var doubtful = []string{FlagBursty, FlagHighCV, FlagWarnCV, FlagStalled, FlagSampled, FlagOpenEdges, FlagReset, FlagStale,
	FlagNonMonotone, FlagSlept, FlagNoSamples, FlagFewSamples, FlagShortWindow}

func excused(o outcome) bool {
	return slices.ContainsFunc(o.flags, func(f string) bool { return slices.Contains(doubtful, f) })
}

// TestSimulation prints the table of true against reported energy and wants
// each within 1 %, or a flag that says why not.
func TestSimulation(t *testing.T) {
	loads := []load{
		constant(10), constant(0.05), square(5, 15, 7), square(5, 15, 2), square(5, 15, 0.13), square(9, 11, 3),
		square(0.5, 40, 0.9), ramp(5, 0.5), ramp(20, -0.5),
	}
	t.Log(simHeader)
	for _, l := range loads {
		for _, name := range []string{"rapl", "powermetrics", "nvml", "hwmon"} {
			synctest.Test(t, func(t *testing.T) {
				h := host{l, time.Now()}
				o := simulate(t, name, instruments[name](t, h), h, 10*time.Second+311*time.Millisecond, Config{})
				t.Log(o)
				if !(o.errorPercent() <= 1) && !excused(o) {
					t.Errorf("error %.2f %% of %s by %s without a flag: %v", o.errorPercent(), l.name, name, o.flags)
				}
				// A counter that can be read at will knows no excuse.
				if name == "rapl" && !(o.counted && o.errorPercent() <= 0.1) {
					t.Errorf("energy of %s by RAPL is off by %.3f %%, want at most 0.1", l.name, o.errorPercent())
				}
			})
		}
	}
}

// TestSimulationOfFaults: what goes wrong on the way has its flag, and energy
// that is reported in spite of it is right.
func TestSimulationOfFaults(t *testing.T) {
	between := func(k, lo, hi int) bool { return k >= lo && k < hi }
	rapl := func(t *testing.T, c *clock) source {
		g, err := openRAPL(c)
		require.NoError(t, err)
		return &polled{gauges: []gauge{g}}
	}
	var slept time.Duration
	tests := []struct {
		name   string
		load   load
		source func(t *testing.T, h host) source
		conf   Config
		flag   string // must be up; "" for none of the doubtful
		energy bool   // is reported
		exact  bool   // then within 1 %
	}{
		{"wraps every 3 s", constant(10), func(t *testing.T, h host) source {
			return rapl(t, raplOf(h.at).setWrap(30_000_000, 29_000_000))
		}, Config{}, FlagWrap, true, true},
		{"wrap under a square load", square(5, 15, 0.7), func(t *testing.T, h host) source {
			return rapl(t, raplOf(h.at).setWrap(90_000_000, 10_000_000))
		}, Config{}, FlagWrap, true, true},
		{"counter restarts", constant(10), func(t *testing.T, h host) source {
			c := raplOf(h.at)
			c.base = 200_000_000_000
			c.joules = func(at time.Time) float64 {
				if at.Sub(h.born) > 6*time.Second {
					return h.at(at) - 200_000
				}
				return h.at(at)
			}
			return rapl(t, c)
		}, Config{}, FlagReset, false, false},
		{"permission is lost for 2 s", constant(10), func(t *testing.T, h host) source {
			c := raplOf(h.at)
			c.deny = func(at time.Time) bool {
				d := at.Sub(h.born)
				return d > 5*time.Second && d < 7*time.Second
			}
			return rapl(t, c)
		}, Config{}, FlagStalled, true, true},
		{"reader of counters stands for 3 s", square(5, 15, 0.7), func(t *testing.T, h host) source {
			c := raplOf(h.at)
			stood := false
			c.deny = func(at time.Time) bool {
				if at.Sub(h.born) > 5*time.Second && !stood {
					stood = true
					time.Sleep(3 * time.Second)
				}
				return false
			}
			return rapl(t, c)
		}, Config{}, FlagStalled, true, true},
		{"lost samples", square(5, 15, 7), func(_ *testing.T, h host) source {
			return stream{h: h, lose: func(k int) bool { return between(k, 9, 13) }}
		}, Config{}, FlagStalled, true, false},
		{"every third sample lost", constant(10), func(_ *testing.T, h host) source {
			return stream{h: h, lose: func(k int) bool { return k%3 == 0 }}
		}, Config{}, FlagStalled, true, true},
		{"documents come up to 0.4 s late", square(9, 11, 3), func(_ *testing.T, h host) source {
			return stream{h: h, hold: func(k int) time.Duration { return time.Duration(k*7919%5) * 100 * time.Millisecond }}
		}, Config{}, "", true, true},
		{"stream stands still for 3 s", square(9, 11, 3), func(_ *testing.T, h host) source {
			return stream{h: h, hold: func(k int) time.Duration {
				if between(k, 10, 16) {
					return time.Duration(16-k) * 507 * time.Millisecond
				}
				return 0
			}}
		}, Config{}, FlagStalled, true, true},
		{"a document's clock jumps", constant(10), func(_ *testing.T, h host) source {
			return stream{h: h, spoil: func(k int, doc string) string {
				if k == 12 {
					_, rest, _ := strings.Cut(doc, "</integer>")
					return "<plist><dict><key>elapsed_ns</key><integer>3600000000000</integer>" + rest
				}
				return doc
			}}
		}, Config{}, "", true, true},
		{"half a document", constant(10), func(_ *testing.T, h host) source {
			return stream{h: h, spoil: func(k int, doc string) string {
				if k == 12 {
					return doc[:80] + "\x00"
				}
				return doc
			}}
		}, Config{}, FlagStalled, true, true},
		{"the machine sleeps", constant(10), func(t *testing.T, h host) source { return rapl(t, raplOf(h.at)) },
			Config{State: func() State {
				slept += time.Hour
				return State{Up: slept + time.Duration(time.Now().UnixNano()), UpKnown: true}
			}}, FlagSlept, true, true},
	}
	t.Log(simHeader)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := host{tt.load, time.Now()}
				o := simulate(t, "faulty", tt.source(t, h), h, 10*time.Second+311*time.Millisecond, tt.conf)
				t.Log(o)
				if tt.flag == "" && excused(o) || tt.flag != "" && !slices.Contains(o.flags, tt.flag) {
					t.Errorf("flags = %v, want %q", o.flags, tt.flag)
				}
				if o.counted != tt.energy {
					t.Errorf("energy reported: %v, want %v", o.counted, tt.energy)
				}
				if tt.energy && tt.exact && !(o.errorPercent() <= 1) {
					t.Errorf("energy is off by %.2f %%, want at most 1", o.errorPercent())
				}
			})
		})
	}
}

// TestSimulationOfRandomLoads: over random loads, windows and instruments the
// energy is right or flagged.
func TestSimulationOfRandomLoads(t *testing.T) {
	worst := map[string]float64{}
	silent := map[string]int{}
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 5))
		l := steps(r)
		window := 6*time.Second + time.Duration(r.IntN(20_000))*time.Millisecond
		for _, name := range []string{"rapl", "powermetrics", "nvml"} {
			synctest.Test(t, func(t *testing.T) {
				h := host{l, time.Now()}
				o := simulate(t, name, instruments[name](t, h), h, window, Config{Interval: []time.Duration{100, 250, 500}[r.IntN(3)] * time.Millisecond})
				if !(o.errorPercent() <= 1) && !excused(o) {
					t.Errorf("seed %d: %v", seed, o)
				}
				if !excused(o) {
					silent[name]++
					worst[name] = max(worst[name], o.errorPercent())
				}
				if name == "rapl" && !(o.errorPercent() <= 0.1) {
					t.Errorf("seed %d: %v, want at most 0.1 %%", seed, o)
				}
			})
		}
	}
	for name, n := range silent {
		t.Logf("%s: %d of 150 windows without a flag, worst error %.3f %%", name, n, worst[name])
		if n < 10 {
			t.Errorf("%s: only %d windows are without a flag: the flags prove nothing", name, n)
		}
	}
}
