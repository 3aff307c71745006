package power

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"
)

// Load is how busy the processors have been since the host started, in any unit
// of time common to both, and how many threads run now.
type Load struct {
	Busy, Total float64 // summed over the processors
	Running     int     // 0 if unknown
	CPUs        int     // processors; 0 means those that Go sees
	Average     float64 // load average of one minute; the only figure if Total is 0
}

// The limits of a believable baseline.
const (
	quietCPUs     = 0.3  // busy processors of a quiet host, or
	quietShare    = 0.05 // this share of them if that is more
	quietFor      = 2    // successive seconds below them
	unsteadyShare = 0.25 // of the median, for the robust deviation
	steadyFloor   = 0.05 // W
	plausible     = 2    // times the lowest earlier baseline, above
	plausibleGap  = 0.5  // W
	driftShare    = 0.2
	driftFloor    = 0.05 // W
)

// cpus is the number of processors.
func (l Load) cpus() float64 {
	if l.CPUs > 0 {
		return float64(l.CPUs)
	}
	return float64(runtime.NumCPU())
}

// busyness is what the host did in a stretch of time.
type busyness struct {
	cpus    float64 // busy processors, on average; or the load average
	limit   float64 // up to which a host counts as quiet
	running int
	average bool // cpus is the load average
	known   bool
}

func (b busyness) quiet() bool { return !b.known || b.cpus <= b.limit }

// String names what makes the host busy.
func (b busyness) String() string {
	switch {
	case b.average:
		return fmt.Sprintf("load average %.2f", b.cpus)
	case b.running > 0:
		return fmt.Sprintf("%.2f CPUs busy, %d threads run", b.cpus, b.running)
	}
	return fmt.Sprintf("%.2f CPUs busy", b.cpus)
}

// since compares two loads.
func since(a, b Load) busyness {
	limit := max(quietCPUs, quietShare*b.cpus())
	total := b.Total - a.Total
	if !(total > 0) {
		return busyness{cpus: b.Average, limit: limit, running: b.Running, average: true, known: b.Average > 0}
	}
	share := max(0, (b.Busy-a.Busy)/total)
	return busyness{cpus: share * b.cpus(), limit: limit, running: b.Running, known: !math.IsNaN(share)}
}

// awaitQuiet waits until the host has been quiet for two seconds, at most for
// limit. It returns a function that tells how busy the host has been since.
func (m *Meter) awaitQuiet(ctx context.Context, limit time.Duration) (busy func() busyness, waited time.Duration) {
	if m.conf.Load == nil {
		return func() busyness { return busyness{} }, 0
	}
	began := time.Now()
	last, err := m.conf.Load()
	for calm := 0; err == nil && limit > 0 && calm < quietFor && time.Since(began) < limit; {
		if !pause(ctx, time.Second) {
			break
		}
		var now Load
		if now, err = m.conf.Load(); err != nil {
			break
		}
		if since(last, now).quiet() {
			calm++
		} else {
			calm = 0
		}
		last = now
	}
	if err != nil { // an unreadable load proves nothing
		return func() busyness { return busyness{} }, time.Since(began)
	}
	from := last
	return func() busyness {
		now, err := m.conf.Load()
		if err != nil {
			return busyness{}
		}
		return since(from, now)
	}, time.Since(began)
}

// judge lists the doubts about a baseline just taken.
func (m *Meter) judge(i Idle, busy func() busyness) (flags []string) {
	if b := busy(); !b.quiet() {
		flags = append(flags, FlagIdleBusy+" ("+b.String()+")")
	}
	watts, ok := i.Watts(Package)
	if !ok {
		return flags
	}
	if i.unsteady() {
		flags = append(flags, FlagIdleUnsteady)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, earlier := range m.baselines {
		if w, ok := earlier.Watts(Package); ok && watts > plausible*w && watts > w+plausibleGap {
			return append(flags, FlagIdleImplausible)
		}
	}
	return flags
}
