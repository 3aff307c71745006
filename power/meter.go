package power

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Meter reads the power sources of the host in the background. A Meter without
// a source works and measures nothing.
type Meter struct {
	conf    Config
	readers []*reader // in order of rank; each rail comes from the first that has it
	absent  absences

	stop context.CancelFunc
	done sync.WaitGroup

	mu        sync.Mutex
	open      map[*Window]struct{}
	changed   chan struct{} // closed and replaced at each event
	baselines []Idle        // in order of time
	closed    bool
}

// Open probes the sources of this system, which takes seconds at most, and
// starts reading those that work. It never fails and never prompts; see
// [Meter.Reasons] for what it found. Close the meter after use.
func Open(c Config) *Meter {
	c = c.withDefaults()
	if c.Load == nil {
		c.Load = hostLoad(c)
	}
	if c.State == nil {
		c.State = hostState(c)
	}
	sources, absent := choose(c)
	return start(c, sources, absent)
}

// start makes the meter of opened sources.
func start(c Config, sources []source, absent absences) *Meter {
	ctx, cancel := context.WithCancel(context.Background())
	m := &Meter{
		conf: c, absent: absent, stop: cancel,
		open:    map[*Window]struct{}{},
		changed: make(chan struct{}),
	}
	for _, src := range sources {
		r := &reader{
			src: src, every: c.Interval,
			grace: 5 * time.Second, // powermetrics: one interval and about 0.3 s
			mu:    &m.mu, event: m.notify,
			wake: make(chan struct{}, 1),
		}
		m.readers = append(m.readers, r)
		r.request()
		m.done.Go(func() { r.supervise(ctx) })
	}
	return m
}

// Source names what is read first, such as "powermetrics" or "rapl+nvml", or
// is "none".
func (m *Meter) Source() string {
	if len(m.readers) == 0 {
		return "none"
	}
	return m.readers[0].src.name()
}

// Sources names all that is read, in order of rank: a rail comes from the first
// that has it, and the others check it.
func (m *Meter) Sources() []string {
	var names []string
	for _, r := range m.readers {
		names = append(names, r.src.name())
	}
	return names
}

// Boundary says what the numbers cover; every report should print it. It is
// empty without a source.
func (m *Meter) Boundary() string {
	var all []string
	for _, r := range m.readers {
		all = append(all, r.src.boundary())
	}
	return strings.Join(all, "; ")
}

// Interval is the sampling interval.
func (m *Meter) Interval() time.Duration { return m.conf.Interval }

// Reasons says, for each source that was probed and not used, why, and what to
// do about it.
func (m *Meter) Reasons() []string { return slices.Clone(m.absent.reasons) }

// Live is the newest sample of one source.
type Live struct {
	Source string
	At     time.Time // end of its interval; zero before the first
	Doubt  error     // why nothing newer came
	watts  values
}

// Watts is the rail's mean over the sample's interval.
func (l Live) Watts(r Rail) (watts float64, ok bool) { return l.watts.get(r) }

// Live returns the newest sample of each source, in order of rank.
func (m *Meter) Live() []Live {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Live
	for _, r := range m.readers {
		l := Live{Source: r.src.name(), At: r.latest.end, watts: r.latest.watts}
		if why := r.why(); len(why) > 0 {
			l.Doubt = errors.New(strings.Join(why, "; "))
		}
		all = append(all, l)
	}
	return all
}

// notify wakes those who wait for an event. The caller holds mu.
func (m *Meter) notify() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// why says why there are no samples. The caller holds mu.
func (m *Meter) why() []string {
	var all []string
	if m.closed {
		all = append(all, "power: the meter is closed")
	}
	if len(m.readers) == 0 {
		return append(all, m.absent.reasons...)
	}
	for _, r := range m.readers {
		all = append(all, r.why()...)
	}
	return all
}

// Close ends the readers and their child processes. Windows that are still open
// keep what they have. The error names a child that could not be ended.
func (m *Meter) Close() error {
	m.mu.Lock()
	again := m.closed
	m.closed = true
	for _, r := range m.readers {
		r.closed = true
	}
	m.mu.Unlock()
	m.stop()
	m.done.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for _, r := range m.readers {
		r.running = false
		errs = append(errs, r.left)
		if !again {
			errs = append(errs, r.src.close())
		}
	}
	m.notify()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("power: close: %w", err)
	}
	return nil
}
