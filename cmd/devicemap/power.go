package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"devicemap/power"
)

// errNoPower ends the command where nothing can be read.
var errNoPower = errors.New("no power sensor can be read on this host; benchmarks measure everything else and their rows hold no power")

func powerCommand(flags *flag.FlagSet) action {
	span := flags.Duration("for", 10*time.Second, "how long to `watch`")
	var c power.Config
	flags.DurationVar(&c.Interval, "every", 500*time.Millisecond, "sampling `interval`, at least 10ms")
	flags.StringVar(&c.Only, "source", "", "read this `source` alone; the default reads all")
	return func(args []string, stdout, _ io.Writer) error {
		switch {
		case len(args) != 0:
			return &callError{fmt.Sprintf("want no argument after the flags, got %d", len(args))}
		case c.Interval < 10*time.Millisecond:
			return &callError{fmt.Sprintf("-every %v: want at least 10ms", c.Interval)}
		case *span <= 0:
			return &callError{fmt.Sprintf("-for %v: want more than 0", *span)}
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return watch(ctx, stdout, c, *span)
	}
}

// liveRails are the columns, those of them that a host has.
var liveRails = []power.Rail{
	power.Package, power.CPU, power.GPU, power.ANE, power.DRAM, power.Board, power.Core, power.Uncore, power.System,
}

// watch prints what every source reads, line by line, and closes with the
// window's figures. The meter and its child processes end with it.
func watch(ctx context.Context, w io.Writer, c power.Config, span time.Duration) (err error) {
	m := power.Open(c)
	defer func() { err = errors.Join(err, m.Close()) }()
	for _, reason := range m.Reasons() {
		fmt.Fprintln(w, "not read:", strings.TrimPrefix(reason, "power: "))
	}
	if m.Source() == "none" {
		return errNoPower
	}
	fmt.Fprintf(w, "read: %s\ncovers: %s\n", strings.Join(m.Sources(), ", "), m.Boundary())
	win := m.Begin()
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	tick := time.NewTicker(c.Interval)
	defer tick.Stop()
	seen := map[string]time.Time{}
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			for _, l := range m.Live() {
				if l.At.After(seen[l.Source]) {
					seen[l.Source] = l.At
					fmt.Fprintln(w, liveLine(l))
				}
			}
		}
	}
	_, err = io.WriteString(w, closing(win.End()))
	return err
}

// liveLine is one sample.
func liveLine(l power.Live) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-16s", l.Source)
	for _, r := range liveRails {
		if watts, ok := l.Watts(r); ok {
			fmt.Fprintf(&b, "  %v %.3f W", r, watts)
		}
	}
	if l.Doubt != nil {
		fmt.Fprintf(&b, "  (%v)", l.Doubt)
	}
	return b.String()
}

// closing sums the window up: per rail median, counter mean and source, then
// cross checks and flags.
func closing(r power.Reading) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%d samples in %v\n", r.Samples, r.Elapsed.Round(time.Millisecond))
	for _, rail := range liveRails {
		watts, ok := r.Loaded(rail)
		if !ok {
			continue
		}
		fmt.Fprintf(&b, "%-8v median %9.3f W", rail, watts)
		if avg, ok := r.CounterMean(rail); ok {
			fmt.Fprintf(&b, "  counter mean %9.3f W", avg)
		}
		fmt.Fprintf(&b, "  by %s\n", r.RailSource(rail))
	}
	for _, c := range r.CrossChecks() {
		fmt.Fprintln(&b, "cross check:", c)
	}
	if flags := watchFlags(r.Flags); len(flags) > 0 {
		fmt.Fprintln(&b, "flags:", strings.Join(flags, ", "))
	}
	for _, reason := range r.Reasons {
		fmt.Fprintln(&b, "no samples:", reason)
	}
	return b.String()
}

// watchFlags leaves out the flag of the missing baseline: the command takes
// none.
func watchFlags(flags []string) (kept []string) {
	for _, f := range flags {
		if f != power.FlagIdleMissing {
			kept = append(kept, f)
		}
	}
	return kept
}
