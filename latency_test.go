package devicemap

import "time"

// latencyBudget bounds the latency step of one arm. The published counts take
// up to 38 calls; on an engine that needs 0.5 s a call they would outlast the
// window. Where the budget cuts them short, the calls of the window are timed
// one by one and join the minimum (RATIONALE.md, "Why may the latency step
// stop early?").
const latencyBudget = 250 * time.Millisecond

// latency is the minimum over individually timed calls.
type latency struct {
	min   time.Duration
	calls int // timed calls behind min
	want  int // timed calls of the protocol
}

// add joins one timed call.
func (l *latency) add(d time.Duration) {
	if l.calls == 0 || d < l.min {
		l.min = d
	}
	l.calls++
}

// short reports whether fewer calls were timed than the protocol wants.
func (l *latency) short() bool { return l.calls < l.want }

// minLatency makes warmup untimed and want timed calls of run, or as many as
// fit into the budget: a quarter of it is for the warm-ups. now is the clock.
func minLatency(run func() error, warmup, want int, budget time.Duration, now func() time.Time) (latency, error) {
	l := latency{want: want}
	start := now()
	for i := 0; i < warmup && now().Sub(start) < budget/4; i++ {
		if err := run(); err != nil {
			return l, err
		}
	}
	for l.short() {
		t := now()
		if t.Sub(start) >= budget {
			break
		}
		if err := run(); err != nil {
			return l, err
		}
		l.add(now().Sub(t))
	}
	return l, nil
}
