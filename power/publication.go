package power

import (
	"fmt"
	"time"
)

// regime is how a system publishes the energy of its rails. macOS 27 withholds
// it from unprivileged readers on some machines. Source: power.md 2.6.
type regime uint8

const (
	regimeLive    regime = iota // advances at each read
	regimeBatched               // advances every few seconds, in bursts
	regimeDead                  // does not advance, or hardly ever
)

func (r regime) String() string { return [...]string{"live", "batched", "dead"}[r] }

// sighting is one look at a counter.
type sighting struct {
	at        time.Time
	count     int64
	published time.Duration // age of the value at the look; <0 if unknown
}

// The protocol of the classification and its limits.
const (
	classifyFor   = 6 * time.Second
	classifyEvery = 250 * time.Millisecond
	liveShare     = 0.8
	liveAge       = 300 * time.Millisecond
	batchedGap    = 5 * time.Second
)

// classifyRegime decides from sightings of a loaded rail's counter: live if at
// least 80 % of the reads changed and none was older than 300 ms, batched if it
// changed at least every 5 s, else dead.
func classifyRegime(seen []sighting) regime {
	if len(seen) < 2 {
		return regimeDead
	}
	changes, fresh := 0, true
	last := seen[0].at
	for i, s := range seen[1:] {
		fresh = fresh && s.published <= liveAge
		if s.count != seen[i].count {
			changes++
			last = s.at
		}
		if s.at.Sub(last) > batchedGap {
			return regimeDead
		}
	}
	switch reads := len(seen) - 1; {
	case changes == 0:
		return regimeDead
	case fresh && float64(changes) >= liveShare*float64(reads):
		return regimeLive
	}
	return regimeBatched
}

// observe watches a counter while spin keeps a processor busy until its channel
// closes.
func observe(look func() (sighting, error), spin func(stop <-chan struct{})) ([]sighting, error) {
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() { defer close(done); spin(stop) }()
	defer func() { close(stop); <-done }()
	var seen []sighting
	for range int(classifyFor/classifyEvery) + 1 {
		s, err := look()
		if err != nil {
			return nil, err
		}
		seen = append(seen, s)
		time.Sleep(classifyEvery)
	}
	return seen, nil
}

// burn keeps one processor busy.
func burn(stop <-chan struct{}) {
	for x := 1.0; ; {
		select {
		case <-stop:
			return
		default:
		}
		for range 10_000 {
			x = x*1.0000001 + 1e-9
		}
		if x > 1e6 {
			x = 1
		}
	}
}

// backlogWatts is more than a chip of this kind draws: energy that came at that
// rate was held back earlier. With the machine's own power known, three times
// that is the limit. Source: power.md 2.6 and 5.3: 38.8 W read right after
// hours without publication.
func backlogWatts(dies int, system float64) float64 {
	if system > 0 {
		return 3 * system
	}
	return 200 * float64(max(1, dies))
}

// deadReason is what a reader of a dead counter can do.
func deadReason(r regime) string {
	return fmt.Sprintf("ioreport: CPU, ANE and DRAM counters are %s for unprivileged readers on this system; "+
		"GPU stays measured; for the others run sudo -v in this terminal first, so that powermetrics runs and revives them", r)
}
