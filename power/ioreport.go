package power

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"devicemap/internal/ioreport"
	"devicemap/internal/libsystem"
)

// channelReader is what is asked of IOReport: the state of the subscribed counters.
type channelReader interface {
	Read(dst []ioreport.Value) ([]ioreport.Value, error)
	Close()
}

// energyModel reads the energy counters of Apple silicon that need no rights:
// CPU, GPU, ANE and DRAM. The package is the sum of the first three, as
// powermetrics prints it; DRAM is never part of it.
type energyModel struct {
	subs     []channelReader
	channels map[string]channel
	present  []Rail
	dies     int
	unknown  int    // channels of unknown unit
	how      regime // of CPU, ANE and DRAM
	system   func() (watts float64, ok bool)

	rail    [numRails]railCount
	buf     []ioreport.Value
	started bool
}

// railCount is the running total of one rail.
type railCount struct {
	raw       float64 // J since boot
	lost      int     // steps back
	late      int     // backlogs
	total     float64 // J since open
	at        time.Time
	published uint64 // ns of mach time, of the latest value
	step      float64
	fresh     bool // this read gave the rail
}

const energyGroup = "Energy Model"

// openIOReport subscribes to the Energy Model and, for rails that it lacks, to
// the base M1's PMP counters. On macOS 27 and later it classifies how they are
// published, which takes six seconds with one processor busy; a powermetrics
// that runs makes them live.
func openIOReport(c Config) (*energyModel, error) {
	lib, err := ioreport.Load()
	if err != nil {
		return nil, because{err}
	}
	var system func() (float64, bool)
	if g, err := openSMC(c); err == nil {
		system = g.watts
	}
	m, err := subscribeAll(lib, system)
	if err != nil {
		return nil, because{err}
	}
	if c.keeper || majorVersion() < 27 {
		return m, nil
	}
	if err := m.classify(observe); err != nil {
		m.close()
		return nil, fmt.Errorf("ioreport: %w: %w", err, ErrUnavailable)
	}
	return m, nil
}

// majorVersion is that of macOS, or 0.
func majorVersion() int {
	lib, err := libsystem.Load()
	if err != nil {
		return 0
	}
	version, err := lib.SysctlString("kern.osproductversion")
	if err != nil {
		return 0
	}
	major, _, _ := strings.Cut(version, ".")
	n, _ := strconv.Atoi(major) // 0 if unreadable
	return n
}

// subscribeAll opens the groups.
func subscribeAll(lib *ioreport.Lib, system func() (float64, bool)) (*energyModel, error) {
	m := &energyModel{channels: map[string]channel{}, system: system}
	have := map[Rail]bool{}
	var first error
	for _, group := range []struct{ name, sub string }{{energyGroup, ""}, {"PMP", "Energy Counters"}} {
		if have[CPU] && have[GPU] && have[ANE] && have[DRAM] {
			break
		}
		var inventory []ioreport.Channel
		look, err := lib.Subscribe(group.name, group.sub, func(c ioreport.Channel) bool {
			inventory = append(inventory, c)
			return true
		})
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		look.Close() // a narrow subscription is cheaper to read
		picked, unknown := selectChannels(inventory, have)
		m.unknown += unknown
		names := map[string]bool{}
		for _, c := range picked {
			names[c.name] = true
		}
		sub, err := lib.Subscribe(group.name, group.sub, func(c ioreport.Channel) bool { return names[c.Name] })
		if err != nil {
			continue // nothing of ours in this group
		}
		m.add(sub, picked, have)
	}
	if len(m.subs) == 0 {
		if first == nil {
			first = fmt.Errorf("%w: no CPU, GPU, ANE or DRAM channel in %q", ioreport.ErrUnavailable, energyGroup)
		}
		return nil, first
	}
	return m, nil
}

// add takes over a subscription to picked channels.
func (m *energyModel) add(sub channelReader, picked []channel, have map[Rail]bool) {
	m.subs = append(m.subs, sub)
	dies := 0
	for _, c := range picked {
		m.channels[c.name] = c
		have[c.rail] = true
		if c.rail == CPU && diePrefix.MatchString(c.name) {
			dies++
		}
		m.rail[c.rail].step = max(m.rail[c.rail].step, c.joule)
		if !slices.Contains(m.present, c.rail) {
			m.present = append(m.present, c.rail)
		}
	}
	m.dies = max(m.dies, dies)
}

// classify finds out how the CPU's counter is published.
func (m *energyModel) classify(watch func(func() (sighting, error), func(<-chan struct{})) ([]sighting, error)) error {
	if !slices.Contains(m.present, CPU) {
		return nil
	}
	var prev uint64
	changed := time.Now()
	seen, err := watch(func() (sighting, error) {
		if err := m.update(); err != nil {
			return sighting{}, err
		}
		c, now := &m.rail[CPU], time.Now()
		if c.published != prev {
			prev, changed = c.published, now
		}
		age := time.Duration(0) // unknown: let the changes decide
		if c.published != 0 {
			age = now.Sub(changed)
		}
		return sighting{at: now, count: int64(c.raw / c.step), published: age}, nil
	}, burn)
	if err != nil {
		return err
	}
	m.how = classifyRegime(seen)
	return nil
}

func (m *energyModel) name() string { return "ioreport" }

func (m *energyModel) rails() []Rail {
	all := slices.Clone(m.present)
	if slices.Contains(all, CPU) && slices.Contains(all, GPU) && slices.Contains(all, ANE) {
		all = append(all, Package)
	}
	return all
}

func (m *energyModel) boundary() string {
	text := "SoC rails CPU+GPU+ANE by IOReport, Apple's model, not wall power"
	if m.how != regimeLive {
		text += ", " + m.how.String() + " counters"
	}
	return text
}

// warning says what a reader can do about dead counters.
func (m *energyModel) warning() string {
	if m.how != regimeDead {
		return ""
	}
	return deadReason(m.how)
}

func (m *energyModel) close() error {
	for _, s := range m.subs {
		s.Close()
	}
	return nil
}

// update reads the subscriptions and adds up the rails.
func (m *energyModel) update() error {
	m.buf = m.buf[:0]
	before := time.Now()
	for _, s := range m.subs {
		var err error
		if m.buf, err = s.Read(m.buf); err != nil {
			return err
		}
	}
	now := before.Add(time.Since(before) / 2)
	var sums values
	var published [numRails]uint64
	for _, v := range m.buf {
		c, ok := m.channels[v.Name]
		if !ok || v.Count < 0 {
			continue
		}
		sums.set(c.rail, sums.v[c.rail]+float64(v.Count)*c.joule)
		published[c.rail] = max(published[c.rail], v.Published)
	}
	system := 0.0
	if m.system != nil {
		if w, ok := m.system(); ok {
			system = w
		}
	}
	// On a machine that runs, the CPU's counter always moves: while it stands
	// still, the others of its kind prove no zero.
	still := sums.has[CPU] && m.started && sums.v[CPU] == m.rail[CPU].raw
	for r := range m.rail {
		if m.rail[r].fresh = sums.has[r]; sums.has[r] {
			m.rail[r].advance(sums.v[r], published[r], now, m.started, advanceRules{
				live: m.live(Rail(r)) && (!still || Rail(r) == GPU), limit: backlogWatts(m.dies, system),
			})
		}
	}
	m.started = true
	return nil
}

// live reports whether a rail's value is that of the moment of the read. The
// GPU's is, on every system seen.
func (m *energyModel) live(r Rail) bool { return r == GPU || m.how == regimeLive }

// advanceRules tell how a rail's new reading is taken.
type advanceRules struct {
	live  bool    // the value is that of the moment of the read
	limit float64 // W that the rail cannot draw
}

// advance takes a rail's counter. In bursts the value became what it is when it
// was published; the two clocks differ by a constant, so the first sight of a
// publication dates it and later ones follow its clock. Energy that comes after
// a silence, or faster than the rail can draw, belongs to earlier hours.
func (c *railCount) advance(joules float64, published uint64, now time.Time, started bool, rules advanceRules) {
	prev, at, seen := c.raw, c.at, c.published
	c.raw, c.published = joules, published
	if !started || c.at.IsZero() {
		c.at = now
		return
	}
	moved := joules != prev
	switch {
	case rules.live:
		c.at = now
	case moved && published > seen && seen != 0:
		c.at = at.Add(time.Duration(published - seen))
		if late := now.Sub(c.at); late < 0 || late > staleAfter {
			c.at = now // the clocks drifted apart, as over a sleep
		}
	case moved:
		c.at = now
	}
	step := joules - prev
	switch span := now.Sub(at); {
	case step < 0:
		c.lost++
	case moved && span > staleAfter, step > rules.limit*max(span.Seconds(), 1e-3):
		c.lost++
		c.late++
	default:
		c.total += step
	}
}

// read adds the rails whose counters are alive. A rail of the package that has
// not moved for five seconds is stale and absent.
func (m *energyModel) read(s *snapshot) error {
	if err := m.update(); err != nil {
		return err
	}
	now := time.Now()
	for _, r := range m.present {
		c := &m.rail[r]
		switch {
		case !c.fresh:
			continue
		case r != GPU && (m.how == regimeDead || now.Sub(c.at) > staleAfter):
			s.notes |= noteStale
			continue
		case !m.live(r):
			s.notes |= noteBatched
		}
		s.count(r, c.total, c.at, 0, c.step)
		s.lost[r] += c.lost
		s.late += c.late
		s.backs += c.lost - c.late
	}
	if m.unknown > 0 {
		s.notes |= noteUnit
	}
	return nil
}
