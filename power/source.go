package power

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"devicemap/internal/unavailable"
)

// ErrUnavailable: this host, user or build cannot use a power source. It wraps
// [errors.ErrUnsupported].
var ErrUnavailable = unavailable.New("not available")

// source produces samples: a command that prints them, or gauges that are read
// at each tick.
type source interface {
	name() string
	boundary() string // what the numbers cover, for reports
	// run emits samples about every interval until ctx ends or the source
	// fails. A doubtful reading is emitted as an error and reading goes on.
	// When run returns, every child and goroutine of it has ended; the error
	// then says why it stopped or, after ctx, what could not be ended.
	run(ctx context.Context, interval time.Duration, emit func(sample, error)) error
	close() error
}

// counter is a source whose counters can be read at any moment, so that the
// energy of a window is exact at its edges.
type counter interface {
	source
	counters() snapshot
}

// errDenied marks an absence that a right would end.
var errDenied = errors.New("permission denied")

// notAllowed is an absence for want of a right; its text says how to get it.
type notAllowed struct{ text string }

func (e *notAllowed) Error() string   { return e.text }
func (e *notAllowed) Unwrap() []error { return []error{ErrUnavailable, errDenied} }

// Config chooses how power is measured. Its zero value is the published
// protocol on this host.
type Config struct {
	Interval    time.Duration // sampling interval; 0 means 500 ms
	IdleSamples int           // samples of the idle baseline; 0 means 20
	Only        string        // one source by name, or "none"; "" probes all

	// IdleEvery is the age at which a baseline is due again; 0 means 10 min.
	IdleEvery time.Duration
	// QuietWait bounds the wait for a busy host to become quiet before a
	// baseline; 0 means 60 s, negative means no wait.
	QuietWait time.Duration

	// FS is the root of the file system; nil means the host's.
	FS fs.FS
	// Command makes the command that runs a program; nil means exec.Command.
	Command func(name string, arg ...string) *exec.Cmd
	// EUID is the effective user; nil means os.Geteuid.
	EUID func() int
	// Load reads how busy the host's processors are; nil means the host's own.
	Load func() (Load, error)
	// State reads the host's thermal and power state; nil means the host's own.
	State func() State

	keeper bool // a privileged powermetrics runs beside the others
}

func (c Config) withDefaults() Config {
	if c.Interval < 0 || c.IdleSamples < 0 || c.IdleEvery < 0 {
		panic(fmt.Sprintf("power: negative interval %v, idle samples %d or idle period %v", c.Interval, c.IdleSamples, c.IdleEvery))
	}
	if c.Interval == 0 {
		c.Interval = 500 * time.Millisecond
	}
	if c.IdleSamples == 0 {
		c.IdleSamples = 20 // max(20, ⌊3.0/0.5⌋+5) of the published protocol
	}
	if c.IdleEvery == 0 {
		c.IdleEvery = 10 * time.Minute
	}
	if c.QuietWait == 0 {
		c.QuietWait = time.Minute
	}
	if c.FS == nil {
		c.FS = os.DirFS("/")
	}
	if c.Command == nil {
		c.Command = exec.Command
	}
	if c.EUID == nil {
		c.EUID = os.Geteuid
	}
	return c
}

// probe opens a source: exactly one of its results is set. A failed probe says
// what to do.
type probe func(Config) (source, gauge, error)

// streamProbe and gaugeProbe make probes of the two kinds of opening functions.
func streamProbe[S source](open func(Config) (S, error)) probe {
	return func(c Config) (source, gauge, error) {
		s, err := open(c)
		if err != nil {
			return nil, nil, err
		}
		return s, nil, nil
	}
}

func gaugeProbe[G gauge](open func(Config) (G, error)) probe {
	return func(c Config) (source, gauge, error) {
		g, err := open(c)
		if err != nil {
			return nil, nil, err
		}
		return nil, g, nil
	}
}

// probes opens each source by its name. One that does not exist on this
// operating system says so.
var probes = map[string]probe{
	"powermetrics": streamProbe(openPowermetrics),
	"rapl":         gaugeProbe(func(c Config) (*rapl, error) { return openRAPL(c.FS) }),
	"nvml":         gaugeProbe(openNVMLEnergy),
	"nvml-power":   gaugeProbe(openNVMLPower),
	"hwmon":        gaugeProbe(openHwmon),
	"battery":      gaugeProbe(openBattery),
	"ioreport":     gaugeProbe(openIOReport),
	"smc":          gaugeProbe(openSMC),
}

// choose opens the sources in order of rank and returns what is to be read:
// streams by themselves, gauges grouped. The absences are those of the sources
// that did not open.
func choose(c Config) ([]source, absences) {
	names := hostSources
	switch {
	case c.Only == "none":
		return nil, absences{reasons: []string{"power: measurement switched off"}}
	case c.Only != "":
		if probes[c.Only] == nil {
			known := slices.Sorted(maps.Keys(probes))
			return nil, absences{reasons: []string{fmt.Sprintf("power: unknown source %q; known are %s and none",
				c.Only, strings.Join(known, ", "))}}
		}
		names = []string{c.Only}
	case len(names) == 0:
		return nil, absences{reasons: []string{"power: no source is known for this operating system"}}
	}
	var streams []source
	var gauges []gauge
	var absent absences
	for _, name := range names {
		s, g, err := probes[name](c)
		switch {
		case err != nil:
			absent.reasons = appendNew(absent.reasons, err.Error())
			absent.denied = absent.denied || errors.Is(err, errDenied)
		case s != nil:
			streams = append(streams, s)
			c.keeper = true
		default:
			gauges = append(gauges, g)
			if w, ok := g.(interface{ warning() string }); ok && w.warning() != "" {
				absent.reasons = append(absent.reasons, w.warning())
			}
		}
	}
	return append(streams, group(gauges)...), absent
}

// absences is why sources are not read.
type absences struct {
	reasons []string
	denied  bool // one of them for want of a right
}
