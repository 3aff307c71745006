package power

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Reading is what a window measured. Every number comes with ok, which is false
// if it was not measured; zero is a measured zero.
type Reading struct {
	Source  string        // of the package, else of most rails
	Samples int           // whole samples inside the window
	Elapsed time.Duration // from Begin to End
	Flags   []string      // doubts, see the Flag constants
	Reasons []string      // why there are no samples

	e     *evidence
	head  *lane
	zeros []zero // per source; nil without a baseline
}

// read computes the reading of e from the baselines known now. The caller holds
// mu.
func (m *Meter) read(e *evidence) Reading {
	r := Reading{Source: "none", Elapsed: e.elapsed(), e: e, head: new(lane)}
	if len(e.lanes) == 0 {
		r.Flags, r.Reasons = []string{FlagNoSource}, m.why()
		if m.absent.denied {
			r.Flags = append(r.Flags, FlagNoPermission)
		}
		return r
	}
	r.head = e.head()
	r.Source, r.Samples = r.head.source, r.head.samples
	zeros, inherited, drift := m.zeros(e.middle())
	r.zeros = zeros
	r.Flags = append(r.flags(m.staleIdle(e.begin), drift), inherited...)
	if r.Samples == 0 {
		if e.why == nil {
			e.why = m.why()
		}
		if r.Reasons = e.why; len(r.Reasons) == 0 {
			r.Reasons = []string{fmt.Sprintf("power: no whole sample of %v in a window of %v", m.conf.Interval, r.Elapsed)}
		}
	}
	return r
}

// staleIdle reports whether the baseline before begin is too old and no later
// one makes up for it. The caller holds mu.
func (m *Meter) staleIdle(begin time.Time) bool {
	age, ok := m.age(begin)
	return ok && age > m.conf.IdleEvery && !m.bracketed(begin)
}

// Correct computes a reading again with the baselines known now: its idle power
// is then that of the straight line between the baselines before and after, at
// the middle of the window, and drift between the two is flagged. Before the
// first or after the last baseline the nearest one counts. A reading of another
// meter or without a source is returned as it is.
func (m *Meter) Correct(r Reading) Reading {
	if r.e == nil || len(r.e.lanes) == 0 || len(r.e.lanes) != len(m.readers) {
		return r
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.read(r.e)
}

// flags lists the doubts about r but for those of its baseline.
func (r *Reading) flags(stale, drift bool) []string {
	head := r.head
	var missing, zero bool
	for _, rail := range append([]Rail{Package}, r.e.expect...) {
		_, ok := r.Loaded(rail)
		missing = missing || !ok && r.Samples > 0
	}
	for _, rail := range r.e.expect {
		active, ok := r.Active(rail)
		zero = zero || ok && active < minRailWork
	}
	signed, known := r.Signed(Package)
	_, resolved := r.Resolved(Package)
	cv, _ := r.CV()
	_, idle := r.Idle(Package)
	n := r.notes()
	var flags []string
	add := func(name string, set bool) {
		if set {
			flags = append(flags, name)
		}
	}
	add(FlagNoSamples, r.Samples == 0)
	// The published 12 count the sample diluted at the start; here the edges are
	// dropped, so the intervals that the window touches count.
	add(FlagFewSamples, r.Samples > 0 && head.touched < minSamples)
	add(FlagShortWindow, r.Elapsed < minWindow)
	add(FlagStalled, head.stalled || r.e.lanes[0].stalled)
	add(FlagFallback, head != &r.e.lanes[0] && r.firstHad(Package))
	add(FlagBoardOnly, head.boardOnly)
	add(FlagSampled, head.sensed && head.median.has[Package])
	add(FlagOpenEdges, r.openEdges())
	add(FlagIdleMissing, r.zeros == nil || !idle && len(head.pkg) > 0)
	add(FlagIdleStale, stale)
	add(FlagIdleDrift, drift)
	add(FlagRailMissing, missing)
	add(FlagHighCV, cv > maxCV)
	add(FlagWarnCV, cv > warnCV && cv <= maxCV)
	add(FlagBursty, r.bursty())
	add(FlagClamped, known && signed < 0)
	add(FlagUnresolved, known && signed >= 0 && !resolved)
	add(FlagIdleImplausible, r.belowIdle())
	for _, f := range noteFlags {
		add(f.flag, n&f.note != 0)
	}
	marginal, mismatch := r.crossFlags()
	add(FlagCrossMarginal, marginal)
	add(FlagCrossMismatch, mismatch)
	add(FlagAboveSystem, r.aboveSystem())
	for _, f := range r.e.doubts {
		flags = appendNew(flags, f)
	}
	// The published flags hide this one: few or wild samples prove no zero.
	doubt := slices.ContainsFunc(flags, func(f string) bool {
		return f == FlagNoSamples || f == FlagFewSamples || f == FlagHighCV || f == FlagStalled
	})
	add(FlagRailZero, zero && !doubt)
	return flags
}

// notes are the doubts about the headline's samples, and what any source says
// of the host.
func (r *Reading) notes() notes {
	n := r.head.notes
	for _, l := range r.e.lanes {
		n |= l.notes & (noteThermal | noteThrottled | noteForeign)
	}
	return n
}

// firstHad reports whether the first source gave a baseline of a rail: it then
// was to give the headline too.
func (r *Reading) firstHad(rail Rail) bool { return len(r.zeros) > 0 && r.zeros[0].watts.has[rail] }

// bursty reports whether the mean and the median of the package are far apart.
func (r *Reading) bursty() bool {
	mid, ok := r.Loaded(Package)
	avg, known := mean(r.head.pkg)
	if w, counts := r.CounterMean(Package); counts && len(r.head.pkg) > 1 {
		avg = w
	}
	return ok && known && math.Abs(avg-mid) > maxBurst*avg
}

// openEdges reports whether the edges of the window, which no whole sample
// covers, may hide more than 1 % of the energy: the power there may be as far
// off the mean as that of the farthest sample.
func (r *Reading) openEdges() bool {
	avg, ok := mean(r.head.pkg)
	if !ok || avg <= 0 || !r.head.sums {
		return false
	}
	far := max(slices.Max(r.head.pkg)-avg, avg-slices.Min(r.head.pkg))
	return (1-r.Coverage())*far/avg > maxEdges
}

// belowIdle reports whether samples under load lie clearly below the baseline,
// which then was no idle: the tenth percentile, by more than max(10 %, 50 mW).
func (r *Reading) belowIdle() bool {
	idle, ok := r.Idle(Package)
	low, has := percentile(r.head.pkg, 10)
	signed, known := r.Signed(Package)
	return ok && has && known && signed >= 0 && low < idle-max(0.1*idle, driftFloor)
}

// Loaded is the median of a rail's whole samples in watts, idle included.
func (r Reading) Loaded(rail Rail) (watts float64, ok bool) {
	if l, _ := r.of(rail); l != nil {
		return l.median.get(rail)
	}
	return 0, false
}

// Total is the power of a rail with idle included, as reports print it beside
// the active power, which by itself rewards a high idle: see [Reading.Loaded].
func (r Reading) Total(rail Rail) (watts float64, ok bool) { return r.Loaded(rail) }

// of returns the lane of a rail and its number.
func (r *Reading) of(rail Rail) (*lane, int) {
	if int(rail) >= numRails {
		panic(fmt.Sprintf("power: %v is not a rail", rail))
	}
	if r.e == nil {
		return nil, -1
	}
	return r.e.of(rail)
}

// RailSource names the source of a rail; it is empty if the rail was not
// measured.
func (r Reading) RailSource(rail Rail) string {
	if l, _ := r.of(rail); l != nil {
		return l.source
	}
	return ""
}

// zero returns the baseline of the source that reports a rail.
func (r *Reading) zero(rail Rail) (zero, bool) {
	_, i := r.of(rail)
	if i < 0 {
		i = r.countedLane(rail)
	}
	if i < 0 || i >= len(r.zeros) {
		return zero{}, false
	}
	z := r.zeros[i]
	if rail == Package && r.e.lanes[i].boardOnly {
		z.watts.v[Package], z.watts.has[Package] = z.watts.v[Board], z.watts.has[Board]
		z.mad.v[Package], z.count[Package] = z.mad.v[Board], z.count[Board]
		z.drift.v[Package] = z.drift.v[Board]
	}
	return z, z.watts.has[rail]
}

// countedLane is the number of the lane that counts a rail's energy, or −1.
func (r *Reading) countedLane(rail Rail) int {
	if r.e == nil {
		return -1
	}
	return slices.IndexFunc(r.e.lanes, func(l lane) bool { return l.counted.has[rail] })
}

// Idle is the baseline that Active is counted from.
func (r Reading) Idle(rail Rail) (watts float64, ok bool) {
	z, ok := r.zero(rail)
	return z.watts.v[rail], ok
}

// Signed is Loaded − Idle in watts, which may be negative.
func (r Reading) Signed(rail Rail) (watts float64, ok bool) {
	loaded, ok := r.Loaded(rail)
	idle, known := r.Idle(rail)
	if !ok || !known {
		return 0, false
	}
	return loaded - idle, true
}

// Active is max(0, Loaded − Idle) in watts, the published active power. A
// measured 0 is ok; divide only by what [Reading.Resolved] gives.
func (r Reading) Active(rail Rail) (watts float64, ok bool) {
	signed, ok := r.Signed(rail)
	return max(0, signed), ok
}

// Resolved is the active power of a rail if it is above 0 and at least three
// times its uncertainty: what work per watt may be divided by.
func (r Reading) Resolved(rail Rail) (watts float64, ok bool) {
	watts, ok = r.Active(rail)
	u, known := r.Uncertainty(rail)
	return watts, ok && watts > 0 && (!known || watts >= resolution*u)
}

// MeanActive, MinActive and P90Active are the mean, the minimum and the 90th
// percentile (linear interpolation) of the package samples, each minus idle and
// clamped at 0.
func (r Reading) MeanActive() (watts float64, ok bool) { return r.active(mean(r.pkg())) }

// MinActive: see MeanActive.
func (r Reading) MinActive() (watts float64, ok bool) { return r.active(percentile(r.pkg(), 0)) }

// P90Active: see MeanActive.
func (r Reading) P90Active() (watts float64, ok bool) { return r.active(percentile(r.pkg(), 90)) }

// pkg lists the package watts per whole sample.
func (r *Reading) pkg() []float64 {
	if r.head == nil {
		return nil
	}
	return r.head.pkg
}

func (r *Reading) active(loaded float64, ok bool) (float64, bool) {
	idle, known := r.Idle(Package)
	if !ok || !known {
		return 0, false
	}
	return max(0, loaded-idle), true
}

// CV is the coefficient of variation of the package samples in percent, idle
// not subtracted: 100 · population deviation / mean.
func (r Reading) CV() (percent float64, ok bool) { return variation(r.pkg()) }

// CounterMean is the mean power of a rail over the window by its energy
// counter, in watts, idle included:
//
//	(E(end) − E(begin)) / (t(end) − t(begin))
//
// exact for any shape of load. A source that counts per interval gives the
// energy of its whole samples over their length, if they cover half of the
// window. ok is false without a counter and where it lost energy.
func (r Reading) CounterMean(rail Rail) (watts float64, ok bool) {
	if r.e == nil {
		return 0, false
	}
	if l := r.e.counted(rail); l != nil {
		return l.counted.get(rail)
	}
	return 0, false
}

// CounterActive is max(0, CounterMean − idle) in watts.
func (r Reading) CounterActive(rail Rail) (watts float64, ok bool) {
	watts, ok = r.CounterMean(rail)
	if !ok {
		return 0, false
	}
	l := r.e.counted(rail)
	for i := range r.e.lanes {
		if l == &r.e.lanes[i] && i < len(r.zeros) {
			idle, known := r.zeros[i].watts.get(rail)
			if rail == Package && l.boardOnly {
				idle, known = r.zeros[i].watts.get(Board)
			}
			return max(0, watts-idle), known
		}
	}
	return 0, false
}

// Energy is what a rail took in the window, in joules, idle included:
// CounterMean times Elapsed. ok is false without counters and where a counter
// lost energy.
func (r Reading) Energy(rail Rail) (joules float64, ok bool) {
	watts, ok := r.CounterMean(rail)
	return watts * r.Elapsed.Seconds(), ok
}

// Coverage is the share of the window that its whole samples cover, 0..1.
func (r Reading) Coverage() float64 {
	if r.Elapsed <= 0 || r.head == nil {
		return 0
	}
	return r.head.covered.Seconds() / r.Elapsed.Seconds()
}

// Note is the reading's provenance in one line: sources, uncertainty of the
// active package, confidence, cross checks.
func (r Reading) Note() string {
	parts := []string{"power by " + r.Source}
	if u, ok := r.Uncertainty(Package); ok {
		parts = append(parts, fmt.Sprintf("active ±%.0f mW", u*1e3))
	}
	parts = append(parts, "confidence "+r.Confidence().String())
	for _, c := range r.CrossChecks() {
		parts = append(parts, c.String())
	}
	return strings.Join(parts, "; ")
}
