package power

import (
	"slices"
	"time"
)

// evidence is what a window left behind; a reading is computed from it and from
// the baselines, and computed again when a later baseline is known.
type evidence struct {
	begin, end time.Time
	expect     []Rail
	lanes      []lane // one per source, in order of rank
	doubts     []string
	why        []string // why there are no samples
}

func (e *evidence) elapsed() time.Duration { return e.end.Sub(e.begin) }

// middle is the instant that the baseline is taken at.
func (e *evidence) middle() time.Time { return e.begin.Add(e.elapsed() / 2) }

// lane is what one source saw of a window.
type lane struct {
	source  string
	samples int
	touched int
	stalled bool
	covered time.Duration
	notes   notes

	median, mad, mean values // of the samples' watts
	count             [numRails]int
	counted           values // W: mean by energy counter
	edge              values // W that the counters' edges leave open
	joules            values // of the window, from counters
	pkg               []float64
	boardOnly         bool // the package is the boards alone
	sensed            bool // the package is a sensor's
	sums              bool // counted is the sum of the samples' energies
}

// intervalStep is the energy step of a source that counts per interval, in
// joules. Source: power.md 1.5, powermetrics prints whole mJ.
const intervalStep = 1e-3

// newLane evaluates the samples of t and, for a source with counters, the
// energy between the window's edges. The caller holds the meter's mu.
func newLane(t *track, edges interval, e *evidence) lane {
	in := t.whole(e.end)
	l := lane{
		source: t.r.src.name(), samples: len(in), touched: t.touched(e.end), stalled: t.stalled(e.end),
		notes: edges.notes,
	}
	if _, counts := t.r.src.(counter); counts {
		l.counted, l.edge = edges.watts.only(edges.joules), edges.edge
	}
	sensors := t.edge.watts.has
	l.sensed = sensors[Package] || sensors[Board]
	for _, s := range in {
		l.notes |= s.notes
		l.covered += s.end.Sub(s.start)
	}
	for r := range numRails {
		rail := Rail(r)
		xs := wattsOf(in, rail)
		l.count[r] = len(xs)
		if mid, ok := median(xs); ok {
			l.median.set(rail, mid)
			dev, _ := mad(xs, mid)
			l.mad.set(rail, dev)
			avg, _ := mean(xs)
			l.mean.set(rail, avg)
		}
		if _, counts := t.r.src.(counter); !counts {
			l.sum(rail, in, e.elapsed())
		}
		if w, ok := l.counted.get(rail); ok {
			l.joules.set(rail, w*e.elapsed().Seconds())
		}
	}
	if !l.median.has[Package] && l.median.has[Board] && slices.Contains(e.expect, GPU) {
		l.boardOnly = true
		for _, v := range []*values{&l.median, &l.mad, &l.mean, &l.counted, &l.edge, &l.joules} {
			if v.has[Board] {
				v.set(Package, v.v[Board])
			}
		}
		l.pkg = wattsOf(in, Board)
	} else {
		l.pkg = wattsOf(in, Package)
	}
	return l
}

// sum forms the mean power of a rail from energies per interval, if they cover
// enough of the window.
func (l *lane) sum(rail Rail, in []sample, elapsed time.Duration) {
	joules, span := 0.0, time.Duration(0)
	for _, s := range in {
		if j, ok := s.joules.get(rail); ok {
			joules += j
			span += s.end.Sub(s.start)
		}
	}
	if span > 0 && span.Seconds() >= minCoverage*elapsed.Seconds() {
		l.counted.set(rail, joules/span.Seconds())
		l.edge.set(rail, 2*intervalStep/span.Seconds())
		l.sums = true
	}
}

// wattsOf lists the watts of the samples that have the rail.
func wattsOf(samples []sample, r Rail) []float64 {
	var xs []float64
	for _, s := range samples {
		if w, ok := s.watts.get(r); ok {
			xs = append(xs, w)
		}
	}
	return xs
}

// of returns the lane that reports a rail, the first that has it.
func (e *evidence) of(r Rail) (*lane, int) {
	for i := range e.lanes {
		if e.lanes[i].median.has[r] {
			return &e.lanes[i], i
		}
	}
	return nil, -1
}

// head is the lane whose samples are the headline: the one of the package, else
// the first that has any, else the first.
func (e *evidence) head() *lane {
	if l, _ := e.of(Package); l != nil {
		return l
	}
	for i := range e.lanes {
		if e.lanes[i].samples > 0 {
			return &e.lanes[i]
		}
	}
	return &e.lanes[0]
}

// counted returns the lane with an energy counter of a rail: the rail's own
// lane if it has one, else the first.
func (e *evidence) counted(r Rail) *lane {
	if l, _ := e.of(r); l != nil && l.counted.has[r] {
		return l
	}
	for i := range e.lanes {
		if e.lanes[i].counted.has[r] {
			return &e.lanes[i]
		}
	}
	return nil
}
