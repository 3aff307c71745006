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

// Meter reads one power source in the background. A Meter without a source
// works and measures nothing.
type Meter struct {
	src     source // nil without a source
	conf    Config
	grace   time.Duration // for the first sample of a run of the source
	reasons []string

	stop context.CancelFunc
	done chan struct{} // closed when the reader has ended
	wake chan struct{} // asks the reader to run the source again

	mu      sync.Mutex
	samples []sample  // those that an open window may need
	last    time.Time // end of the latest sample
	open    map[*Window]struct{}
	changed chan struct{} // closed and replaced at each event
	idle    Idle
	closed  bool

	running bool // the source runs, or has been asked to
	started time.Time
	abort   context.CancelCauseFunc // ends the current run
	stopped error                   // why the run before the latest sample ended
	doubt   error                   // unreadable sample after the latest good one
	left    error                   // what could not be ended at Close
}

// Open probes the sources of this system, which takes seconds at most, and
// starts reading the first that works. It never fails and never prompts; see
// [Meter.Reasons] for what it found. Close the meter after use.
func Open(c Config) *Meter {
	c = c.withDefaults()
	src, reasons := choose(c)
	return start(c, src, reasons)
}

// start makes the meter of an opened source.
func start(c Config, src source, reasons []string) *Meter {
	ctx, cancel := context.WithCancel(context.Background())
	m := &Meter{
		src: src, conf: c, reasons: reasons,
		grace:   5 * time.Second, // powermetrics: one interval and about 0.3 s
		stop:    cancel,
		done:    make(chan struct{}),
		wake:    make(chan struct{}, 1),
		open:    map[*Window]struct{}{},
		changed: make(chan struct{}),
	}
	if src == nil {
		close(m.done)
		return m
	}
	m.request()
	go m.supervise(ctx)
	return m
}

// Source names what is read: "powermetrics", "rapl" or "none".
func (m *Meter) Source() string {
	if m.src == nil {
		return "none"
	}
	return m.src.name()
}

// Boundary says what the numbers cover; every report should print it. It is
// empty without a source.
func (m *Meter) Boundary() string {
	if m.src == nil {
		return ""
	}
	return m.src.boundary()
}

// Interval is the sampling interval.
func (m *Meter) Interval() time.Duration { return m.conf.Interval }

// Reasons says, for each source that was probed and not used, why, and what to
// do about it.
func (m *Meter) Reasons() []string { return slices.Clone(m.reasons) }

// supervise runs the source whenever it is asked to, one run at a time.
func (m *Meter) supervise(ctx context.Context) {
	defer close(m.done)
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
		}
		run, abort := context.WithCancelCause(ctx)
		m.mu.Lock()
		m.running, m.started, m.abort = true, time.Now(), abort
		m.mu.Unlock()
		err := m.src.run(run, m.conf.Interval, m.take)
		cause := context.Cause(run)
		abort(nil)
		m.mu.Lock()
		if ctx.Err() != nil {
			m.left = err
		}
		if err == nil {
			err = cause
		}
		m.running, m.stopped = len(m.wake) > 0, err
		m.notify()
		m.mu.Unlock()
	}
}

// request asks for a run. The caller holds mu or is alone.
func (m *Meter) request() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
	m.running, m.started = true, time.Now()
}

// errStalled ends a run that has fallen silent.
var errStalled = errors.New("the sampler fell silent and was restarted")

// revive runs the source again if it ended or has been silent for four
// intervals, once per call. The caller holds mu.
func (m *Meter) revive(now time.Time) {
	switch {
	case m.src == nil || m.closed:
	case !m.running:
		m.request()
	case m.abort != nil && now.Sub(m.heard()) > 4*m.conf.Interval:
		m.abort(errStalled)
		m.abort = nil
		m.request()
	}
}

// heard is when the current run last gave a sample; the first has its grace.
// The caller holds mu.
func (m *Meter) heard() time.Time {
	if m.last.After(m.started) {
		return m.last
	}
	return m.started.Add(m.grace)
}

// take receives from the source.
func (m *Meter) take(s sample, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.doubt = err
	} else {
		m.last, m.stopped, m.doubt = s.end, nil, nil
		if len(m.open) > 0 {
			m.samples = append(m.samples, s)
		}
	}
	m.notify()
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
	if m.src == nil {
		return append(all, m.reasons...)
	}
	if m.stopped != nil && !m.closed {
		all = append(all, m.stopped.Error())
	}
	if m.doubt != nil {
		all = append(all, m.doubt.Error())
	}
	return all
}

// Close ends the reader and its child process. Windows that are still open
// keep what they have. The error names a child that could not be ended.
func (m *Meter) Close() error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.stop()
	<-m.done
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running = false
	m.notify()
	if m.left != nil {
		return fmt.Errorf("power: close: %w", m.left)
	}
	return nil
}

// Idle is the baseline that active power is counted from.
type Idle struct {
	Samples int
	At      time.Time // end of the latest sample
	watts   values
	mad     values
}

// Watts is the median of a rail; ok is false if it was not measured.
func (i Idle) Watts(r Rail) (watts float64, ok bool) { return i.watts.get(r) }

// Spread is the median absolute deviation of a rail's samples in watts.
func (i Idle) Spread(r Rail) (watts float64, ok bool) { return i.mad.get(r) }

// Idle measures the baseline: per-rail medians of Config.IdleSamples whole
// samples, 10 s at the published 20 × 500 ms. The host should be quiet and the
// runtimes loaded. The meter keeps it for all later windows; a further call
// replaces it. Without a source Idle returns at once.
//
// If the source gives too few samples, or ctx ends, the error says so and the
// earlier baseline, if any, stays.
func (m *Meter) Idle(ctx context.Context) (Idle, error) {
	if m.src == nil {
		return Idle{}, nil
	}
	w := m.Begin()
	defer w.drop()
	need := m.conf.IdleSamples
	ctx, cancel := context.WithTimeout(ctx, m.grace+2*time.Duration(need)*m.conf.Interval)
	defer cancel()
	for {
		m.mu.Lock()
		got, changed, running, why := w.whole(time.Now()), m.changed, m.running, m.why()
		m.mu.Unlock()
		if len(got) >= need {
			return m.keep(got), nil
		}
		if !running {
			return Idle{}, fmt.Errorf("power: idle: %d of %d samples from %s: %s",
				len(got), need, m.Source(), strings.Join(why, "; "))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Idle{}, fmt.Errorf("power: idle: %d of %d samples from %s: %w",
				len(got), need, m.Source(), ctx.Err())
		}
	}
}

// keep makes the baseline from samples and stores it.
func (m *Meter) keep(got []sample) Idle {
	idle := Idle{Samples: len(got), At: got[len(got)-1].end}
	for r := range numRails {
		xs := wattsOf(got, Rail(r))
		if mid, ok := median(xs); ok {
			idle.watts.set(Rail(r), mid)
			dev, _ := mad(xs, mid)
			idle.mad.set(Rail(r), dev)
		}
	}
	m.mu.Lock()
	m.idle = idle
	m.mu.Unlock()
	return idle
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
