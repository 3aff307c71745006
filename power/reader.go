package power

import (
	"context"
	"errors"
	"sync"
	"time"
)

// reader runs one source in the background and keeps the samples that open
// windows may need.
type reader struct {
	src   source
	every time.Duration
	grace time.Duration // for the first sample of a run of the source

	mu      *sync.Mutex // the meter's; guards all below
	event   func()      // wakes those who wait; called with mu held
	samples []sample    // those that an open window may need
	latest  sample      // the newest one
	keep    bool        // a window is open

	wake    chan struct{} // asks the reader to run the source again
	running bool          // the source runs, or has been asked to
	started time.Time
	abort   context.CancelCauseFunc // ends the current run
	stopped error                   // why the run before the latest sample ended
	doubt   error                   // unreadable sample after the latest good one
	left    error                   // what could not be ended at the close
	closed  bool
}

// supervise runs the source whenever it is asked to, one run at a time.
func (r *reader) supervise(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		}
		run, abort := context.WithCancelCause(ctx)
		r.mu.Lock()
		r.running, r.started, r.abort = true, time.Now(), abort
		r.mu.Unlock()
		err := r.src.run(run, r.every, r.take)
		cause := context.Cause(run)
		abort(nil)
		r.mu.Lock()
		if ctx.Err() != nil {
			r.left = err
		}
		if err == nil {
			err = cause
		}
		r.running, r.stopped = len(r.wake) > 0, err
		r.event()
		r.mu.Unlock()
	}
}

// request asks for a run. The caller holds mu or is alone.
func (r *reader) request() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
	r.running, r.started = true, time.Now()
}

// errStalled ends a run that has fallen silent.
var errStalled = errors.New("the sampler fell silent and was restarted")

// revive runs the source again if it ended or has been silent for four
// intervals, once per call. The caller holds mu.
func (r *reader) revive(now time.Time) {
	switch {
	case r.closed:
	case !r.running:
		r.request()
	case r.abort != nil && now.Sub(r.heard()) > 4*r.every:
		r.abort(errStalled)
		r.abort = nil
		r.request()
	}
}

// heard is when the current run last gave a sample; the first has its grace.
// The caller holds mu.
func (r *reader) heard() time.Time {
	if r.latest.end.After(r.started) {
		return r.latest.end
	}
	return r.started.Add(r.grace)
}

// take receives from the source.
func (r *reader) take(s sample, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.doubt = err
	} else {
		r.latest, r.stopped, r.doubt = s, nil, nil
		if r.keep {
			r.samples = append(r.samples, s)
		}
	}
	r.event()
}

// release drops the samples once no window needs them. The caller holds mu.
func (r *reader) release() {
	clear(r.samples)
	r.samples, r.keep = r.samples[:0], false
}

// why says why there are no samples. The caller holds mu.
func (r *reader) why() (all []string) {
	if r.stopped != nil && !r.closed {
		all = append(all, r.stopped.Error())
	}
	if r.doubt != nil {
		all = append(all, r.doubt.Error())
	}
	return all
}

// track is a window's view of one reader.
type track struct {
	r     *reader
	begin time.Time
	prev  time.Time // latest sample, or when the first one is due
	live  bool      // the source ran at the begin
	edge  snapshot  // counters at the begin, if the source has them
}

// settle is how long the source's sensors still show what was before.
func (t *track) settle() time.Duration {
	if p, ok := t.r.src.(*polled); ok {
		return p.settle
	}
	return 0
}

// whole returns the samples that lie inside [begin, end]. The caller holds mu.
func (t *track) whole(end time.Time) []sample {
	var in []sample
	from := t.begin.Add(t.settle())
	for _, s := range t.r.samples {
		if !s.start.Before(from) && !s.end.After(end) {
			in = append(in, s)
		}
	}
	return in
}

// touched counts the intervals that overlap [begin, end], the unfinished one
// at the end included. The caller holds mu.
func (t *track) touched(end time.Time) int {
	n := 0
	for _, s := range t.r.samples {
		if s.end.After(t.begin) && s.start.Before(end) {
			n++
		}
	}
	if t.r.running && t.r.latest.end.Before(end) {
		n++
	}
	return n
}

// stalled reports whether a sample is missing: the source ended, or there is a
// gap of more than 1.5 intervals. The caller holds mu.
func (t *track) stalled(end time.Time) bool {
	if t.live && !t.r.running {
		return true
	}
	limit := t.r.every * 3 / 2
	prev := t.prev
	for _, s := range t.r.samples {
		switch {
		case s.end.After(end):
		case s.end.After(t.begin) && s.end.Sub(prev) > limit:
			return true
		case s.end.After(t.begin) || s.end.After(prev): // the latter came late
			prev = s.end
		}
	}
	return end.Sub(prev) > limit
}
