package power

import (
	"fmt"
	"math"
	"time"
)

// CrossCheck compares two sources on a rail over one window. Two models of one
// vendor that agree are not thereby accurate.
type CrossCheck struct {
	Rail          Rail
	Source, Other string
	Watts, Others float64 // means over the window, idle included
}

// Ratio is the other source's mean over the first's.
func (c CrossCheck) Ratio() float64 { return c.Others / c.Watts }

// Difference is the relative difference |Watts − Others| / max(Watts, Others),
// and 0 where the two differ by less than 30 mW.
func (c CrossCheck) Difference() float64 {
	d := math.Abs(c.Watts - c.Others)
	if d < crossFloor {
		return 0
	}
	return d / max(c.Watts, c.Others)
}

func (c CrossCheck) String() string {
	return fmt.Sprintf("%s/%s %v %.3f", c.Other, c.Source, c.Rail, c.Ratio())
}

// The limits of a cross check. Source: power.md 4.2.
const (
	crossFloor    = 0.03 // W
	crossMarginal = 0.05
	crossMismatch = 0.15
	// systemWindow is the least window in which the machine's smoothed power
	// bounds the package; systemSlack is the share left for the smoothing.
	systemWindow = 3 * time.Second
	systemSlack  = 0.05
)

// meanOf is a rail's mean by the best that a lane has: its counter, else its
// samples.
func (l *lane) meanOf(r Rail) (float64, bool) {
	if w, ok := l.counted.get(r); ok {
		return w, true
	}
	if l.stalled {
		return 0, false // the others saw what it missed
	}
	return l.mean.get(r)
}

// CrossChecks lists the rails that two sources saw in this window: the rail's
// source against each that follows it in rank.
func (r Reading) CrossChecks() []CrossCheck {
	if r.e == nil {
		return nil
	}
	var all []CrossCheck
	for rail := range Rail(numRails) {
		_, first := r.of(rail)
		if first < 0 {
			continue
		}
		a := &r.e.lanes[first]
		watts, ok := a.meanOf(rail)
		for i := first + 1; ok && i < len(r.e.lanes); i++ {
			b := &r.e.lanes[i]
			// A board stands in for a GPU, the socket's own GPU is another one; a
			// package of boards alone is no package.
			if rail == GPU && a.mean.has[Board] != b.mean.has[Board] || rail == Package && (a.boardOnly || b.boardOnly) {
				continue
			}
			if others, has := b.meanOf(rail); has && watts > 0 {
				all = append(all, CrossCheck{rail, a.source, b.source, watts, others})
			}
		}
	}
	return all
}

// crossFlags evaluates the cross checks.
func (r *Reading) crossFlags() (marginal, mismatch bool) {
	for _, c := range r.CrossChecks() {
		d := c.Difference()
		mismatch = mismatch || d > crossMismatch
		marginal = marginal || d > crossMarginal && d <= crossMismatch
	}
	return marginal, mismatch
}

// aboveSystem reports whether the package exceeds the power of the whole
// machine, which bounds it.
func (r *Reading) aboveSystem() bool {
	l, _ := r.of(Package)
	s, _ := r.of(System)
	if l == nil || s == nil || r.Elapsed < systemWindow {
		return false
	}
	pkg, ok := l.meanOf(Package)
	system, has := s.meanOf(System)
	return ok && has && !l.boardOnly && pkg > system*(1+systemSlack)+crossFloor
}

// medianError is the standard error of a median of n normal samples over their
// median absolute deviation: 1.4826 · √(π/2) / √n.
func medianError(mad float64, n int) float64 {
	if n == 0 {
		return 0
	}
	return 1.4826 * math.Sqrt(math.Pi/2) / math.Sqrt(float64(n)) * mad
}

// Uncertainty is one standard deviation of the active power of a rail, in
// watts:
//
//	u² = s(loaded)² + s(idle)² + (drift/2)² + edge²
//
// with s the standard error of a median by the median absolute deviation, drift
// the step between the baselines around the window, and edge what the counters'
// steps and publication lags leave open. It holds what the window can see:
// neither the error of the vendor's model nor the spread from day to day.
func (r Reading) Uncertainty(rail Rail) (watts float64, ok bool) {
	l, _ := r.of(rail)
	z, known := r.zero(rail)
	if l == nil || !known {
		return 0, false
	}
	u := math.Hypot(medianError(l.mad.v[rail], l.count[rail]), medianError(z.mad.v[rail], z.count[rail]))
	u = math.Hypot(u, z.drift.v[rail])
	if l.edge.has[rail] {
		u = math.Hypot(u, l.edge.v[rail])
	}
	return u, true
}
