package power

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// gauge is an instrument that is read at will: energy counters, or sensors of
// power.
type gauge interface {
	name() string
	boundary() string // what its numbers cover
	rails() []Rail    // what it may report, never more
	// read adds its rails to s. Rails that it cannot read now are left out; an
	// error says that it read nothing of use.
	read(s *snapshot) error
	close() error
}

// snapshot is what the gauges of one reader show at a moment. Joules count from
// the opening of the gauge.
type snapshot struct {
	now    time.Time           // when it was read
	joules values              // of rails with a counter
	watts  values              // of rails with a sensor only
	at     [numRails]time.Time // when the value of a rail became what it is
	lag    [numRails]time.Duration
	step   values        // J: resolution of a counter
	lost   [numRails]int // energy was lost: no difference across it is valid
	wraps  int           // repaired
	backs  int           // of lost: steps back of a counter without known range
	late   int           // of lost: a backlog was released
	notes  notes         // doubts about this moment
}

// count stores a counter's reading. Its value is at most lag old.
func (s *snapshot) count(r Rail, joules float64, at time.Time, lag time.Duration, step float64) {
	s.joules.set(r, joules)
	s.step.set(r, step)
	s.at[r], s.lag[r] = at, lag
}

// sense stores a sensor's reading.
func (s *snapshot) sense(r Rail, watts float64, at time.Time) {
	s.watts.set(r, watts)
	s.at[r] = at
}

// interval is what was drawn between two snapshots. A rail's watts are the mean
// over its own span, from the moment its first value became valid to the moment
// its last one did.
type interval struct {
	watts  values
	joules values // of the whole interval: watts times its length; counters only
	edge   values // W that the edges leave open: steps and lags
	notes  notes
}

// between returns the interval from a to b. A rail that lost energy, that one
// end lacks, or that has no new value, is absent; so is a package that drew
// nothing at all: that is a counter that does not move.
func between(a, b snapshot) (v interval) {
	length := b.now.Sub(a.now).Seconds()
	v.notes = a.notes | b.notes
	for i := range numRails {
		rail, span := Rail(i), b.at[i].Sub(a.at[i]).Seconds()
		switch {
		case b.lost[i] != a.lost[i] && b.late != a.late:
			v.notes |= noteBacklog
		case b.lost[i] != a.lost[i] && b.backs != a.backs:
			v.notes |= noteNonMonotone
		case b.lost[i] != a.lost[i]:
			v.notes |= noteReset
		case a.joules.has[i] && b.joules.has[i] && span > 0:
			joules := b.joules.v[i] - a.joules.v[i]
			v.watts.set(rail, joules/span)
			v.joules.set(rail, joules/span*length)
			v.edge.set(rail, (b.step.v[i]+joules/span*b.lag[i].Seconds())/span)
		case a.watts.has[i] && b.watts.has[i] && span > 0:
			v.watts.set(rail, (a.watts.v[i]+b.watts.v[i])/2) // trapezoid rule
		}
	}
	if b.wraps != a.wraps {
		v.notes |= noteWrap
	}
	if v.watts.has[Package] && v.watts.v[Package] == 0 {
		v.notes |= noteStale
		v.drop(Package, CPU)
	}
	for _, s := range []*values{&v.watts, &v.joules, &v.edge} {
		s.addThree()
	}
	v.compose(a, b)
	return v
}

func (v *interval) drop(rails ...Rail) {
	for _, r := range rails {
		v.watts.has[r], v.joules.has[r], v.edge.has[r] = false, false, false
	}
}

// compose makes the package of a host whose accelerators sit on boards of their
// own: sockets plus boards. A package without its boards, where the host has
// boards, is none.
func (v *interval) compose(a, b snapshot) {
	for _, s := range []*values{&v.watts, &v.joules, &v.edge} {
		if !s.has[Board] {
			continue
		}
		if !s.has[GPU] {
			s.set(GPU, s.v[Board])
		}
		if s.has[Package] {
			s.v[Package] += s.v[Board]
		}
	}
	boards := func(s snapshot) bool { return s.joules.has[Board] || s.watts.has[Board] }
	switch {
	case !boards(a) && !boards(b):
	case !v.watts.has[Board]:
		v.drop(Package)
	case !v.joules.has[Board]: // a sensor has no energy to add
		v.joules.has[Package], v.edge.has[Package] = false, false
	}
}

// polled is the source made of gauges that are read together, at one tick.
// Their rails are disjoint.
type polled struct {
	gauges []gauge
	settle time.Duration // of sensors that average: ignore so much of a window

	mu     sync.Mutex
	failed error // the gauges' errors at the latest read
}

// maxPoll bounds the interval so that no counter wraps twice between two
// reads: the fastest, 65 kJ of RAPL, takes minutes.
const maxPoll = 30 * time.Second

func (p *polled) name() string {
	var names []string
	for _, g := range p.gauges {
		names = append(names, g.name())
	}
	return strings.Join(names, "+")
}

func (p *polled) boundary() string {
	var all []string
	for _, g := range p.gauges {
		all = append(all, g.boundary())
	}
	return strings.Join(all, "; ")
}

// counters reads all gauges now.
func (p *polled) counters() snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, _ := p.read()
	return s
}

// read reads all gauges. An error means that none could be read.
func (p *polled) read() (s snapshot, err error) {
	var errs []error
	for _, g := range p.gauges {
		s.now = time.Now()
		if err := g.read(&s); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", g.name(), err))
		}
	}
	s.now = time.Now()
	p.failed = errors.Join(errs...)
	if len(errs) == len(p.gauges) {
		return s, p.failed
	}
	return s, nil
}

// run emits one sample per tick, over the real time between two reads.
func (p *polled) run(ctx context.Context, every time.Duration, emit func(sample, error)) error {
	tick := time.NewTicker(min(every, maxPoll))
	defer tick.Stop()
	p.mu.Lock()
	before, err := p.read()
	p.mu.Unlock()
	for err == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		p.mu.Lock()
		var after snapshot
		after, err = p.read()
		doubt := p.failed
		p.mu.Unlock()
		if err != nil {
			break
		}
		if doubt != nil {
			emit(sample{}, doubt)
		}
		v := between(before, after)
		emit(sample{start: before.now, end: after.now, watts: v.watts, joules: v.joules, notes: v.notes}, nil)
		before = after
	}
	return err
}

func (p *polled) close() error {
	var errs []error
	for _, g := range p.gauges {
		errs = append(errs, g.close())
	}
	return errors.Join(errs...)
}

// group puts gauges whose rails overlap into different sources, so that the
// second checks the first. The order of gauges is their rank.
func group(gauges []gauge) []source {
	var groups []*polled
	var taken []map[Rail]bool
next:
	for _, g := range gauges {
		for i, p := range groups {
			if !overlaps(taken[i], g.rails()) {
				p.add(g, taken[i])
				continue next
			}
		}
		p, t := new(polled), map[Rail]bool{}
		p.add(g, t)
		groups, taken = append(groups, p), append(taken, t)
	}
	var out []source
	for _, p := range groups {
		out = append(out, p)
	}
	return out
}

func overlaps(taken map[Rail]bool, rails []Rail) bool {
	for _, r := range rails {
		if taken[r] {
			return true
		}
	}
	return false
}

func (p *polled) add(g gauge, taken map[Rail]bool) {
	p.gauges = append(p.gauges, g)
	for _, r := range g.rails() {
		taken[r] = true
	}
	if s, ok := g.(interface{ settle() time.Duration }); ok {
		p.settle = max(p.settle, s.settle())
	}
}
