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
)

// ErrUnavailable: this host, user or build cannot use a power source. It wraps
// [errors.ErrUnsupported].
var ErrUnavailable error = unavailable{}

// unavailable keeps the wrapped sentinel out of the text that people read.
type unavailable struct{}

func (unavailable) Error() string { return "not available" }
func (unavailable) Unwrap() error { return errors.ErrUnsupported }

// source produces samples. Adding one means an entry in probes and in the
// list of its operating system.
type source interface {
	name() string
	boundary() string // what the numbers cover, for reports
	// run emits samples about every interval until ctx ends or the source
	// fails. A doubtful reading is emitted as an error and reading goes on.
	// When run returns, every child and goroutine of it has ended; the error
	// then says why it stopped or, after ctx, what could not be ended.
	run(ctx context.Context, interval time.Duration, emit func(sample, error)) error
}

// counter is a source whose counters can be read at any moment, so that the
// energy of a window is exact at its edges.
type counter interface {
	source
	counters() snapshot
}

// snapshot is the energy since the source was opened, with the number of times
// that a counter did not simply advance.
type snapshot struct {
	joules values
	lost   [numRails]int // energy was lost: no difference across it is valid
	wraps  int           // repaired
	backs  int           // of lost: steps back of a counter without known range
}

// between returns the energy from a to b. A rail that lost energy, or that one
// end lacks, is absent, and so is a package that drew nothing at all: that is a
// counter that does not move.
func between(a, b snapshot) (joules values, n notes) {
	for rail := range numRails {
		switch {
		case b.lost[rail] != a.lost[rail] && b.backs != a.backs:
			n |= noteNonMonotone
		case b.lost[rail] != a.lost[rail]:
			n |= noteReset
		case a.joules.has[rail] && b.joules.has[rail]:
			joules.set(Rail(rail), b.joules.v[rail]-a.joules.v[rail])
		}
	}
	if b.wraps != a.wraps {
		n |= noteWrap
	}
	if joules.has[Package] && joules.v[Package] == 0 {
		n |= noteStale
		joules.has[Package], joules.has[CPU] = false, false
	}
	return joules, n
}

// Config chooses how power is measured. Its zero value is the published
// protocol on this host.
type Config struct {
	Interval    time.Duration // sampling interval; 0 means 500 ms
	IdleSamples int           // samples of the idle baseline; 0 means 20
	Only        string        // one source by name, or "none"; "" probes all

	// FS is the root of the file system; nil means the host's.
	FS fs.FS
	// Command makes the command that runs a program; nil means exec.Command.
	Command func(name string, arg ...string) *exec.Cmd
	// EUID is the effective user; nil means os.Geteuid.
	EUID func() int
}

func (c Config) withDefaults() Config {
	if c.Interval < 0 || c.IdleSamples < 0 {
		panic(fmt.Sprintf("power: negative interval %v or idle samples %d", c.Interval, c.IdleSamples))
	}
	if c.Interval == 0 {
		c.Interval = 500 * time.Millisecond
	}
	if c.IdleSamples == 0 {
		c.IdleSamples = 20 // max(20, ⌊3.0/0.5⌋+5) of the published protocol
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

// probes opens each source by its name. A failed probe says what to do.
var probes = map[string]func(Config) (source, error){
	"powermetrics": func(c Config) (source, error) { return openPowermetrics(c) },
	"rapl":         func(c Config) (source, error) { return openRAPL(c.FS) },
}

// choose returns the first source that opens and the reasons against the ones
// before it.
func choose(c Config) (source, []string) {
	names := hostSources
	switch {
	case c.Only == "none":
		return nil, []string{"power: measurement switched off"}
	case c.Only != "":
		if probes[c.Only] == nil {
			known := slices.Sorted(maps.Keys(probes))
			return nil, []string{fmt.Sprintf("power: unknown source %q; known are %s and none",
				c.Only, strings.Join(known, ", "))}
		}
		names = []string{c.Only}
	case len(names) == 0:
		return nil, []string{"power: no source is known for this operating system"}
	}
	var reasons []string
	for _, name := range names {
		src, err := probes[name](c)
		if err == nil {
			return src, reasons
		}
		reasons = append(reasons, err.Error())
	}
	return nil, reasons
}
