package power

import (
	"fmt"
	"slices"
	"time"
)

// The flags of a reading. They annotate; nothing is dropped because of one.
//
// The published flags map to them so: low confidence is high_cv, short window
// is few_samples, no samples is no_samples, and NPU rail miss is
// rail_zero_in_work. The others are this package's own.
const (
	FlagNoSource    = "no_source"         // the meter has no source; nothing is measured
	FlagNoSamples   = "no_samples"        // no whole sample; Reasons says why
	FlagFewSamples  = "few_samples"       // some samples, but the window touches fewer than 12 intervals
	FlagShortWindow = "short_window"      // shorter than 6 s
	FlagStalled     = "stalled"           // the sampler ended or skipped inside the window
	FlagIdleMissing = "idle_missing"      // no baseline: no active power
	FlagRailMissing = "rail_missing"      // samples lack Package or an expected rail
	FlagHighCV      = "high_cv"           // the package varies by more than 35 %
	FlagClamped     = "clamped_active"    // the package is below idle
	FlagWrap        = "wrap"              // a counter wrapped and was repaired
	FlagReset       = "reset"             // a counter restarted: energy lost
	FlagNonMonotone = "non_monotone"      // a counter without known range stepped back
	FlagStale       = "stale_counter"     // a counter did not move
	FlagCombined    = "combined_mismatch" // combined is off CPU+GPU+ANE by > max(3 mW, 1 %)
	FlagGPU         = "gpu_secondary"     // GPU energy from its secondary read
	FlagThermal     = "thermal"           // thermal pressure above nominal
	FlagRailZero    = "rail_zero_in_work" // an expected rail is active below 5 mW, by sound samples
)

// The limits behind the flags, from the published protocol.
const (
	minWindow   = 6 * time.Second
	minSamples  = 12
	maxCV       = 35   // percent
	minRailWork = 5e-3 // W
	minCoverage = 0.5  // of the window, for energy from interval sums
)

// Reading is what a window measured. Every number comes with ok, which is false
// if it was not measured; zero is a measured zero.
type Reading struct {
	Source  string
	Samples int           // whole samples inside the window
	Elapsed time.Duration // from Begin to End
	Flags   []string      // doubts, see the Flag constants
	Reasons []string      // why there are no samples

	loaded, idle, energy values
	pkg                  []float64 // package watts per whole sample
	covered              time.Duration
}

// read computes the reading of the window that ends at end. Edge is the energy
// from counters read at both edges. The caller holds the meter's mu.
func (w *Window) read(end time.Time, edge values, n notes) Reading {
	m := w.m
	in := w.whole(end)
	r := Reading{
		Source:  m.Source(),
		Samples: len(in),
		Elapsed: end.Sub(w.begin),
		idle:    m.idle.watts,
		energy:  edge,
		pkg:     wattsOf(in, Package),
	}
	var sum values
	var span [numRails]time.Duration
	for _, s := range in {
		n |= s.notes
		r.covered += s.end.Sub(s.start)
		for rail, has := range s.joules.has {
			if has {
				sum.set(Rail(rail), sum.v[rail]+s.joules.v[rail])
				span[rail] += s.end.Sub(s.start)
			}
		}
	}
	_, counts := m.src.(counter)
	for rail := range numRails {
		if mid, ok := median(wattsOf(in, Rail(rail))); ok {
			r.loaded.set(Rail(rail), mid)
		}
		if t := span[rail].Seconds(); !counts && t > 0 && t >= minCoverage*r.Elapsed.Seconds() {
			r.energy.set(Rail(rail), sum.v[rail]/t*r.Elapsed.Seconds())
		}
	}
	r.Flags = w.flags(r, n, end)
	if len(in) == 0 {
		r.Reasons = m.why()
		if len(r.Reasons) == 0 {
			r.Reasons = []string{fmt.Sprintf("power: no whole sample of %v in a window of %v", m.conf.Interval, r.Elapsed)}
		}
	}
	return r
}

// flags lists the doubts about r. The caller holds the meter's mu.
func (w *Window) flags(r Reading, n notes, end time.Time) []string {
	if w.m.src == nil {
		return []string{FlagNoSource}
	}
	var missing, zero bool
	for _, rail := range append([]Rail{Package}, w.expect...) {
		_, ok := r.Loaded(rail)
		missing = missing || !ok && r.Samples > 0
	}
	for _, rail := range w.expect {
		active, ok := r.Active(rail)
		zero = zero || ok && active < minRailWork
	}
	signed, known := r.Signed(Package)
	cv, _ := r.CV()
	_, idle := w.m.idle.Watts(Package)
	var flags []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{FlagNoSamples, r.Samples == 0},
		// The published 12 count the sample diluted at the start; here the
		// edges are dropped, so the intervals that the window touches count.
		{FlagFewSamples, r.Samples > 0 && w.touched(end) < minSamples},
		{FlagShortWindow, r.Elapsed < minWindow},
		{FlagStalled, w.stalled(end)},
		{FlagIdleMissing, w.m.idle.Samples == 0 || !idle && len(r.pkg) > 0},
		{FlagRailMissing, missing},
		{FlagHighCV, cv > maxCV},
		{FlagClamped, known && signed < 0},
		{FlagWrap, n&noteWrap != 0},
		{FlagReset, n&noteReset != 0},
		{FlagNonMonotone, n&noteNonMonotone != 0},
		{FlagStale, n&noteStale != 0},
		{FlagCombined, n&noteCombined != 0},
		{FlagGPU, n&noteGPU != 0},
		{FlagThermal, n&noteThermal != 0},
	} {
		if f.set {
			flags = append(flags, f.name)
		}
	}
	// The published flags hide this one: few or wild samples prove no zero.
	doubt := slices.ContainsFunc(flags, func(f string) bool {
		return f == FlagNoSamples || f == FlagFewSamples || f == FlagHighCV || f == FlagStalled
	})
	if zero && !doubt {
		flags = append(flags, FlagRailZero)
	}
	return flags
}

// Has reports whether the reading has the flag.
func (r Reading) Has(flag string) bool { return slices.Contains(r.Flags, flag) }

// Loaded is the median of a rail's whole samples in watts, idle included.
func (r Reading) Loaded(rail Rail) (watts float64, ok bool) { return r.loaded.get(rail) }

// Idle is the baseline that Active is counted from.
func (r Reading) Idle(rail Rail) (watts float64, ok bool) { return r.idle.get(rail) }

// Signed is Loaded − Idle in watts, which may be negative.
func (r Reading) Signed(rail Rail) (watts float64, ok bool) {
	loaded, ok := r.loaded.get(rail)
	idle, known := r.idle.get(rail)
	if !ok || !known {
		return 0, false
	}
	return loaded - idle, true
}

// Active is max(0, Loaded − Idle) in watts, the published active power. A
// measured 0 is ok; divide only by what is above 0.
func (r Reading) Active(rail Rail) (watts float64, ok bool) {
	signed, ok := r.Signed(rail)
	return max(0, signed), ok
}

// MeanActive, MinActive and P90Active are the mean, the minimum and the 90th
// percentile (linear interpolation) of the package samples, each minus idle and
// clamped at 0.
func (r Reading) MeanActive() (watts float64, ok bool) { return r.active(mean(r.pkg)) }

// MinActive: see MeanActive.
func (r Reading) MinActive() (watts float64, ok bool) { return r.active(percentile(r.pkg, 0)) }

// P90Active: see MeanActive.
func (r Reading) P90Active() (watts float64, ok bool) { return r.active(percentile(r.pkg, 90)) }

func (r Reading) active(loaded float64, ok bool) (float64, bool) {
	idle, known := r.idle.get(Package)
	if !ok || !known {
		return 0, false
	}
	return max(0, loaded-idle), true
}

// CV is the coefficient of variation of the package samples in percent, idle
// not subtracted: 100 · population deviation / mean.
func (r Reading) CV() (percent float64, ok bool) { return variation(r.pkg) }

// Energy is what a rail took in the window, in joules, idle included. A source
// whose counters are read at any moment gives it exactly. One that counts per
// interval gives mean power over the whole samples times Elapsed, and nothing
// if they cover less than half of the window. ok is false without counters and
// where a counter lost energy.
func (r Reading) Energy(rail Rail) (joules float64, ok bool) { return r.energy.get(rail) }

// Coverage is the share of the window that its whole samples cover, 0..1.
func (r Reading) Coverage() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return r.covered.Seconds() / r.Elapsed.Seconds()
}
