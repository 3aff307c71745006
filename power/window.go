package power

import (
	"sync"
	"time"
)

// Window is a stretch of work between Begin and End. It costs the work nothing:
// what it needs is read at the two edges and by the background readers.
type Window struct {
	m      *Meter
	expect []Rail
	begin  time.Time
	tracks []track // one per reader
	state  State   // at the begin

	once    sync.Once
	reading Reading
}

// Begin opens a window. It names the rails that the work must load, if any: a
// rail that stays below 5 mW is then flagged. A source that has stopped or
// fallen silent is started again, once per call.
func (m *Meter) Begin(expect ...Rail) *Window {
	w := &Window{m: m, expect: expect, tracks: make([]track, len(m.readers))}
	if m.conf.State != nil {
		w.state = m.conf.State()
	}
	for i, r := range m.readers {
		w.tracks[i].r = r
		if c, ok := r.src.(counter); ok {
			w.tracks[i].edge = c.counters()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	w.begin = time.Now()
	for i := range w.tracks {
		t := &w.tracks[i]
		t.begin, t.live, t.r.keep = w.begin, t.r.running, true
		t.r.revive(w.begin)
		t.prev = t.r.heard()
	}
	m.open[w] = struct{}{}
	return w
}

// End closes the window. A second call returns the first reading.
func (w *Window) End() Reading {
	w.once.Do(func() {
		e := &evidence{begin: w.begin, end: time.Now(), expect: w.expect}
		edges := make([]interval, len(w.tracks))
		for i := range w.tracks {
			if c, ok := w.tracks[i].r.src.(counter); ok {
				edges[i] = between(w.tracks[i].edge, c.counters())
			}
		}
		if w.m.conf.State != nil {
			e.doubts = stateFlags(w.state, w.m.conf.State(), e.end.Sub(e.begin))
		}
		w.m.mu.Lock()
		defer w.m.mu.Unlock()
		for i := range w.tracks {
			e.lanes = append(e.lanes, newLane(&w.tracks[i], edges[i], e))
		}
		w.reading = w.m.read(e)
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
		for _, r := range w.m.readers {
			r.release()
		}
	}
}
