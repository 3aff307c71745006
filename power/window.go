package power

import (
	"sync"
	"time"
)

// Window is a stretch of work between Begin and End. It costs the work nothing:
// what it needs is read at the two edges and by the background reader.
type Window struct {
	m      *Meter
	expect []Rail
	begin  time.Time
	prev   time.Time // latest sample, or when the first one is due
	live   bool      // the source ran at Begin
	edge   snapshot  // counters at Begin, if the source has them

	once    sync.Once
	reading Reading
}

// Begin opens a window. It names the rails that the work must load, if any: a
// rail that stays below 5 mW is then flagged. A source that has stopped or
// fallen silent is started again, once per call.
func (m *Meter) Begin(expect ...Rail) *Window {
	w := &Window{m: m, expect: expect}
	c, counts := m.src.(counter)
	if counts {
		w.edge = c.counters()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	w.begin = time.Now()
	w.live = m.running
	m.revive(w.begin)
	w.prev = m.heard()
	m.open[w] = struct{}{}
	return w
}

// End closes the window. A second call returns the first reading.
func (w *Window) End() Reading {
	w.once.Do(func() {
		end := time.Now()
		var joules values
		var n notes
		c, counts := w.m.src.(counter)
		if counts {
			joules, n = between(w.edge, c.counters())
		}
		w.m.mu.Lock()
		defer w.m.mu.Unlock()
		w.reading = w.read(end, joules, n)
		w.forget()
	})
	return w.reading
}

// drop abandons the window.
func (w *Window) drop() {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	w.forget()
}

// forget releases the samples that only this window needed. The caller holds
// the meter's mu.
func (w *Window) forget() {
	delete(w.m.open, w)
	if len(w.m.open) == 0 {
		clear(w.m.samples)
		w.m.samples = w.m.samples[:0]
	}
}

// whole returns the samples that lie inside [begin, end]. The caller holds the
// meter's mu.
func (w *Window) whole(end time.Time) []sample {
	var in []sample
	for _, s := range w.m.samples {
		if !s.start.Before(w.begin) && !s.end.After(end) {
			in = append(in, s)
		}
	}
	return in
}

// touched counts the intervals that overlap [begin, end], the unfinished one
// at the end included. The caller holds the meter's mu.
func (w *Window) touched(end time.Time) int {
	n := 0
	for _, s := range w.m.samples {
		if s.end.After(w.begin) && s.start.Before(end) {
			n++
		}
	}
	if w.m.running && w.m.last.Before(end) {
		n++
	}
	return n
}

// stalled reports whether a sample is missing: the source ended, or there is a
// gap of more than 1.5 intervals. The caller holds the meter's mu.
func (w *Window) stalled(end time.Time) bool {
	if w.live && !w.m.running {
		return true
	}
	limit := w.m.conf.Interval * 3 / 2
	prev := w.prev
	for _, s := range w.m.samples {
		switch {
		case s.end.After(end):
		case s.end.After(w.begin) && s.end.Sub(prev) > limit:
			return true
		case s.end.After(w.begin) || s.end.After(prev): // the latter came late
			prev = s.end
		}
	}
	return end.Sub(prev) > limit
}
