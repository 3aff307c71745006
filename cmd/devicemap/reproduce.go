package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/klauspost/cpuid/v2"

	"devicemap/results"
)

// keyReproduced is the fact that a step was finished: "E02: 2026-11-24T...".
const keyReproduced = "reproduced"

type reproduceOptions struct {
	quick, again, list bool
	results            string
}

// reproduceCommand runs the claim → command → result table: a step that fails
// does not stop the others, and a step that the results file holds already is
// not run again.
func reproduceCommand(flags *flag.FlagSet) action {
	var o reproduceOptions
	flags.BoolVar(&o.quick, "quick", false, "short windows and small sizes, into a results file of their own")
	flags.BoolVar(&o.again, "again", false, "measure what is recorded already once more")
	flags.BoolVar(&o.list, "list", false, "print the table of steps and end")
	flags.StringVar(&o.results, "results", "", "results `file` (default results/<chip>.txt, with -quick results/<chip>.quick.txt)")
	return func(args []string, stdout, stderr io.Writer) error {
		mode := "full"
		if len(args) > 0 {
			mode = args[0]
			if err := flags.Parse(args[1:]); err != nil { // flags may follow the mode
				return &callError{err.Error()}
			}
			args = flags.Args()
		}
		if len(args) > 0 || mode != "gates" && mode != "full" {
			return &callError{fmt.Sprintf("want gates or full, got %q", strings.Join(append([]string{mode}, args...), " "))}
		}
		if o.list {
			_, err := io.WriteString(stdout, table())
			return err
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		d := driver{options: o, run: runGo, stdout: stdout, stderr: stderr, now: time.Now}
		return d.reproduce(ctx, mode)
	}
}

// runner runs the go command with args and sends what it prints to out.
type runner func(ctx context.Context, args []string, out io.Writer) error

func runGo(ctx context.Context, args []string, out io.Writer) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // finished arms are kept
	cmd.WaitDelay = 10 * time.Second
	return cmd.Run()
}

// outcome is how a step ended.
type outcome struct {
	step   step
	state  string // passed, failed, skipped
	detail string
	took   time.Duration
}

// driver runs steps one after the other.
type driver struct {
	options        reproduceOptions
	run            runner
	stdout, stderr io.Writer
	now            func() time.Time
	file           string
}

// reproduce runs the steps of a mode and closes with a summary. It fails if a
// step failed; skipped ones do not count.
func (d *driver) reproduce(ctx context.Context, mode string) error {
	if err := d.choose(mode); err != nil {
		return err
	}
	var list []outcome
	for _, s := range steps() {
		if mode == "gates" && s.kind != gate {
			continue
		}
		start := d.now()
		o := d.step(ctx, s)
		o.step, o.took = s, d.now().Sub(start)
		list = append(list, o)
	}
	return d.summary(list)
}

// choose finds the results file. It refuses the paper's figures and a file
// that cannot be read before anything runs.
func (d *driver) choose(mode string) error {
	if text, err := os.ReadFile("go.mod"); err != nil || !bytes.HasPrefix(text, []byte("module devicemap\n")) {
		return errors.New("no go.mod of devicemap in this folder; run it in the root of the repository")
	}
	if d.file = d.options.results; d.file == "" {
		d.file = filepath.Join("results", results.FileName(cpuid.CPU.BrandName))
		if d.options.quick {
			d.file = strings.TrimSuffix(d.file, ".txt") + ".quick.txt"
		}
	}
	if mode == "gates" {
		return nil // writes nothing
	}
	f, err := d.load()
	if err == nil && f.IsPublished() {
		return fmt.Errorf("%s holds published figures, which are never added to; choose another file by -results", d.file)
	}
	return err
}

// load reads the results file; one without rows is empty.
func (d *driver) load() (*results.File, error) {
	f, err := results.Load(d.file)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, results.ErrEmpty) {
		return &results.File{Name: d.file}, nil
	}
	return f, err
}

// step runs one step unless there is a reason not to.
func (d *driver) step(ctx context.Context, s step) outcome {
	if ctx.Err() != nil {
		return outcome{state: "skipped", detail: "interrupted"}
	}
	before := 0
	if s.kind != gate {
		f, err := d.load()
		if err != nil {
			return outcome{state: "failed", detail: err.Error()}
		}
		if reason := d.needless(s, f); reason != "" {
			return outcome{state: "skipped", detail: reason}
		}
		before = len(f.Points(s.bench))
	}
	args := s.command(d.file, d.options)
	fmt.Fprintf(d.stderr, "\n== %s %s\n%s\n", s.id, s.claim, line(args))
	var seen tail
	if err := d.run(ctx, args, io.MultiWriter(d.stdout, &seen)); err != nil {
		if ctx.Err() != nil {
			return outcome{state: "failed", detail: "interrupted; finished arms are kept"}
		}
		return outcome{state: "failed", detail: fmt.Sprintf("%v: %s", err, seen.reason())}
	}
	if s.kind != measure {
		return outcome{state: "passed"}
	}
	return d.finish(s, before)
}

// needless says why a step of the results file is not run; empty: it is.
func (d *driver) needless(s step, f *results.File) string {
	if s.kind == analyse && len(f.Rows) == 0 {
		return d.file + " has no rows"
	}
	for _, bench := range s.after {
		if len(f.Points(bench)) == 0 {
			return fmt.Sprintf("needs the rows of %s, which %s lacks", bench, d.file)
		}
	}
	if s.kind != measure || d.options.again {
		return ""
	}
	for _, done := range f.Named(keyReproduced) {
		if done.Key == s.id {
			return fmt.Sprintf("recorded %s; -again measures once more", done.Value)
		}
	}
	return ""
}

// finish marks a measurement as done and says what it recorded.
func (d *driver) finish(s step, before int) outcome {
	f, err := d.load()
	if err != nil {
		return outcome{state: "failed", detail: err.Error()}
	}
	arms := len(f.Points(s.bench))
	if s.recorded && arms == 0 {
		return outcome{state: "skipped", detail: "no engine of this host gave a row: " + absences(f)}
	}
	w, err := results.Create(d.file, []results.Fact{results.Named(keyReproduced, s.id, d.now().UTC().Format(time.RFC3339))})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return outcome{state: "failed", detail: err.Error()}
	}
	detail := ""
	if s.recorded {
		detail = fmt.Sprintf("%d arms in %s, %d new", arms, d.file, arms-before)
	}
	return outcome{state: "passed", detail: detail}
}

// absences names the engines that were not there.
func absences(f *results.File) string {
	var names []string
	for _, kv := range f.Named(results.KeyAbsent) {
		names = append(names, kv.Key+" ("+kv.Value+")")
	}
	if len(names) == 0 {
		return "no reason is recorded"
	}
	return strings.Join(names, "; ")
}

// summary prints how every step ended.
func (d *driver) summary(list []outcome) error {
	count := map[string]int{}
	var failed []string
	fmt.Fprintln(d.stdout)
	for _, o := range list {
		count[o.state]++
		if o.state == "failed" {
			failed = append(failed, o.step.id)
		}
		text := fmt.Sprintf("%-7s %-3s %s", o.state, o.step.id, o.step.claim)
		if o.state != "skipped" {
			text += fmt.Sprintf(" (%v)", o.took.Round(100*time.Millisecond))
		}
		if o.detail != "" {
			text += ": " + o.detail
		}
		fmt.Fprintln(d.stdout, text)
	}
	fmt.Fprintf(d.stdout, "%d passed, %d failed, %d skipped\n", count["passed"], count["failed"], count["skipped"])
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d steps failed: %s", len(failed), len(list), strings.Join(failed, ", "))
	}
	return nil
}

// tail keeps the last lines of an output.
type tail struct{ text []byte }

const tailBytes = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if extra := len(t.text) - tailBytes; extra > 0 {
		t.text = slices.Delete(t.text, 0, extra)
	}
	return len(p), nil
}

// reason is the line that tells most about a failure: the first one that names
// a failed test or a panic, else the last one with any text.
func (t *tail) reason() string {
	last := "no output"
	for l := range strings.Lines(string(t.text)) {
		l = strings.TrimSpace(l)
		switch {
		case strings.HasPrefix(l, "--- FAIL"), strings.HasPrefix(l, "panic:"):
			return l
		case l != "" && l != "FAIL" && !strings.HasPrefix(l, "FAIL\t") && !strings.HasPrefix(l, "exit status"):
			last = l
		}
	}
	return last
}
