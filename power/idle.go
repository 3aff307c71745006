package power

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"
)

// Idle is a baseline that active power is counted from.
type Idle struct {
	Samples int
	At      time.Time // end of the latest sample
	Flags   []string  // doubts, which every window that uses it inherits
	begin   time.Time
	lanes   []baseline // one per source, in order of rank
}

// baseline is what one source saw.
type baseline struct {
	watts values // median
	mad   values // median absolute deviation
	width values // from the 10th to the 90th percentile
	count [numRails]int
}

// Watts is the median of a rail; ok is false if it was not measured.
func (i Idle) Watts(r Rail) (watts float64, ok bool) {
	for _, l := range i.lanes {
		if w, ok := l.watts.get(r); ok {
			return w, true
		}
	}
	return 0, false
}

// Spread is the median absolute deviation of a rail's samples in watts.
func (i Idle) Spread(r Rail) (watts float64, ok bool) {
	for _, l := range i.lanes {
		if _, has := l.watts.get(r); has {
			return l.mad.get(r)
		}
	}
	return 0, false
}

// unsteady reports whether the package's samples scatter: a normal distribution
// has 2.563 deviations between its 10th and 90th percentile. The median
// deviation is blind to two levels.
func (i Idle) unsteady() bool {
	for _, l := range i.lanes {
		if w, ok := l.watts.get(Package); ok {
			return l.width.v[Package]/2.563 > max(unsteadyShare*w, steadyFloor)
		}
	}
	return false
}

// middle is the instant that the baseline stands for.
func (i Idle) middle() time.Time { return i.begin.Add(i.At.Sub(i.begin) / 2) }

// maxAttempts bounds the attempts at one baseline.
const maxAttempts = 3

// Idle measures a baseline: per-rail medians of Config.IdleSamples whole
// samples, 10 s at the published 20 × 500 ms. The runtimes should be loaded.
//
// A baseline is judged before it is believed. Idle waits, at most for
// Config.QuietWait, until the host is quiet; a baseline that is unsteady, was
// taken on a busy host, or is far above an earlier one is taken again, three
// times at most; the lowest is kept, with flags if it never was good.
//
// The meter keeps all baselines: a window is counted from the latest, and from
// the line between its neighbours once [Meter.Correct] knows both. Without a
// source Idle returns at once. If the source gives too few samples, or ctx
// ends, the error says so and the earlier baselines stay.
func (m *Meter) Idle(ctx context.Context) (Idle, error) {
	if len(m.readers) == 0 {
		return Idle{}, nil
	}
	var best Idle
	wait := m.conf.QuietWait
	for try := range maxAttempts {
		busy, waited := m.awaitQuiet(ctx, wait)
		wait -= waited
		got, err := m.sampleIdle(ctx)
		if err != nil {
			if try == 0 {
				return Idle{}, err
			}
			break // the earlier attempt stands
		}
		got.Flags = m.judge(got, busy)
		if try == 0 || better(got, best) {
			best = got
		}
		if len(got.Flags) == 0 {
			break
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.baselines = append(m.baselines, best)
	return best, nil
}

// better prefers the baseline without doubts, then the lower one.
func better(a, b Idle) bool {
	if (len(a.Flags) == 0) != (len(b.Flags) == 0) {
		return len(a.Flags) == 0
	}
	x, _ := a.Watts(Package)
	y, ok := b.Watts(Package)
	return ok && x < y
}

// IdleDue reports whether a new baseline is due: there is a source, and the
// latest baseline is older than Config.IdleEvery or missing. A suite asks
// between two windows.
func (m *Meter) IdleDue() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.readers) == 0 || m.closed {
		return false
	}
	n := len(m.baselines)
	return n == 0 || time.Since(m.baselines[n-1].At) >= m.conf.IdleEvery
}

// settleTime is the pause between a load and a baseline, in which caches,
// clocks and averaging sensors come to rest.
const settleTime = 2 * time.Second

// Rebase takes a further baseline between two windows: after a pause of 2 s as
// [Meter.Idle] does. The windows since the one before can then be corrected.
func (m *Meter) Rebase(ctx context.Context) (Idle, error) {
	if len(m.readers) == 0 {
		return Idle{}, nil
	}
	pause(ctx, settleTime)
	return m.Idle(ctx)
}

// pause sleeps; it reports whether ctx let it.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// sampleIdle takes one baseline from the first source that runs.
func (m *Meter) sampleIdle(ctx context.Context) (Idle, error) {
	w := m.Begin()
	defer w.drop()
	need := m.conf.IdleSamples
	ctx, cancel := context.WithTimeout(ctx, m.readers[0].grace+2*time.Duration(need)*m.conf.Interval)
	defer cancel()
	lead := 0 // the source that must give the samples
	for {
		m.mu.Lock()
		for lead < len(w.tracks)-1 && !w.tracks[lead].r.running {
			lead++
		}
		t := &w.tracks[lead]
		now := time.Now()
		got, changed, running, why := len(t.whole(now)), m.changed, t.r.running, m.why()
		var idle Idle
		if got >= need {
			idle = w.baseline(lead, now)
		}
		m.mu.Unlock()
		if got >= need {
			return idle, nil
		}
		if !running {
			return Idle{}, fmt.Errorf("power: idle: %d of %d samples from %s: %s",
				got, need, t.r.src.name(), strings.Join(why, "; "))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Idle{}, fmt.Errorf("power: idle: %d of %d samples from %s: %w",
				got, need, t.r.src.name(), ctx.Err())
		}
	}
}

// baseline evaluates the samples of an idle window. The caller holds the
// meter's mu.
func (w *Window) baseline(lead int, now time.Time) Idle {
	idle := Idle{begin: w.begin}
	for i := range w.tracks {
		got := w.tracks[i].whole(now)
		if i == lead {
			idle.Samples, idle.At = len(got), got[len(got)-1].end
		}
		var b baseline
		for r := range numRails {
			xs := wattsOf(got, Rail(r))
			b.count[r] = len(xs)
			if mid, ok := median(xs); ok {
				b.watts.set(Rail(r), mid)
				dev, _ := mad(xs, mid)
				b.mad.set(Rail(r), dev)
				lo, _ := percentile(xs, 10)
				hi, _ := percentile(xs, 90)
				b.width.set(Rail(r), hi-lo)
			}
		}
		idle.lanes = append(idle.lanes, b)
	}
	return idle
}

// zero is the idle power that a window is counted from, per source and rail.
type zero struct {
	watts, mad, drift values // drift: half the step between the neighbours
	count             [numRails]int
}

// zeros returns the baselines at an instant, one per source: on the line
// between the neighbours in time, or the only neighbour's. Drift is true where
// the neighbours' packages differ by more than max(20 %, 50 mW).
func (m *Meter) zeros(at time.Time) (z []zero, flags []string, drift bool) {
	var before, after *Idle
	for i := range m.baselines {
		b := &m.baselines[i]
		if !b.middle().After(at) {
			before = b
		} else if after == nil {
			after = b
		}
	}
	if before == nil {
		before = after
	}
	if before == nil {
		return nil, nil, false
	}
	flags = before.Flags
	if after == nil || after == before {
		for _, l := range before.lanes {
			z = append(z, zero{watts: l.watts, mad: l.mad, count: l.count})
		}
		return z, flags, false
	}
	for _, f := range after.Flags {
		flags = appendNew(flags, f)
	}
	f := at.Sub(before.middle()).Seconds() / after.middle().Sub(before.middle()).Seconds()
	for i := range before.lanes {
		a, b := &before.lanes[i], &after.lanes[i]
		var one zero
		for r := range numRails {
			rail := Rail(r)
			x, okA := a.watts.get(rail)
			y, okB := b.watts.get(rail)
			switch {
			case okA && okB:
				one.watts.set(rail, x+f*(y-x))
				one.drift.set(rail, math.Abs(y-x)/2)
				drift = drift || rail == Package && math.Abs(y-x) > max(driftShare*x, driftFloor)
			case okA:
				one.watts.set(rail, x)
			case okB:
				one.watts.set(rail, y)
			}
			one.mad.v[r], one.mad.has[r] = max(a.mad.v[r], b.mad.v[r]), a.mad.has[r] || b.mad.has[r]
			one.count[r] = max(a.count[r], b.count[r])
		}
		z = append(z, one)
	}
	return z, flags, drift
}

// appendNew appends f to a copy of list unless it is there.
func appendNew(list []string, f string) []string {
	for _, have := range list {
		if have == f {
			return list
		}
	}
	return append(append([]string(nil), list...), f)
}

// age is how long ago the latest baseline before at was taken. The caller
// holds mu.
func (m *Meter) age(at time.Time) (time.Duration, bool) {
	for i := len(m.baselines) - 1; i >= 0; i-- {
		if b := m.baselines[i]; !b.At.After(at) {
			return at.Sub(b.At), true
		}
	}
	return 0, false
}

// bracketed reports whether a baseline follows at. The caller holds mu.
func (m *Meter) bracketed(at time.Time) bool {
	n := len(m.baselines)
	return n > 0 && m.baselines[n-1].middle().After(at)
}
