package e5rt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Job is a compile for a child process.
type Job struct {
	Path     string // MIL file
	CacheDir string
	Options  Options
}

// Outcome is how a child's compile ended.
type Outcome uint8

// The outcomes.
const (
	Compiled Outcome = iota // the cache directory holds the bundle
	Refused                 // the library returned an error
	Crashed                 // the library took the process down
)

func (o Outcome) String() string { return [...]string{"compiled", "refused", "crashed"}[o] }

// Verdict is the result of a child's compile.
type Verdict struct {
	Outcome Outcome
	// Refusal is the library's error if the program was refused.
	Refusal *StatusError
	// Crash describes the end of a crashed child, such as "SIGABRT: abort".
	Crash string
	// Log is what the child wrote to its standard error: the library prints
	// diagnostics there that no call returns.
	Log string
}

// Err is nil for a compiled program, else an error that wraps [ErrRefused].
func (v Verdict) Err() error {
	switch v.Outcome {
	case Compiled:
		return nil
	case Refused:
		return v.Refusal
	default:
		return fmt.Errorf("%w: the compiler crashed on this program (%s); never compile it in this process", ErrRefused, v.Crash)
	}
}

// jobEnv carries a Job in JSON to the child. Its presence makes a process one.
const jobEnv = "DEVICEMAP_E5RT_COMPILE"

// marker starts the child's result line: the library may print lines of its own.
const marker = "e5rt-verdict: "

// report is what the child prints about a compile that returned.
type report struct {
	Refusal *StatusError `json:",omitempty"`
	Fault   string       `json:",omitempty"` // anything but a refusal
}

// MaybeChild compiles and exits if this process is the child of a
// [CompileInChild]; otherwise it returns at once. Call it first in main and in
// TestMain of every program that compiles in children. open opens the library.
func MaybeChild(open func() (*Lib, error)) {
	text, ok := os.LookupEnv(jobEnv)
	if !ok {
		return
	}
	var r report
	if err := runJob(text, open); err != nil && !errors.As(err, &r.Refusal) {
		r.Fault = err.Error()
	}
	line, err := json.Marshal(r)
	if err != nil {
		panic("e5rt: report does not encode: " + err.Error())
	}
	fmt.Printf("\n%s%s\n", marker, line)
	os.Exit(0)
}

func runJob(text string, open func() (*Lib, error)) error {
	var j Job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return fmt.Errorf("e5rt: %s: %w", jobEnv, err)
	}
	l, err := open()
	if err != nil {
		return err
	}
	lib, err := l.Compile(j.Path, j.CacheDir, j.Options)
	if err != nil {
		return err
	}
	return lib.Close()
}

// CompileInChild compiles j in a copy of the running program, which must call
// [MaybeChild]. The error says that there is no verdict: the child did not
// start, was stopped by ctx, or could not try.
func CompileInChild(ctx context.Context, j Job) (Verdict, error) {
	exe, err := os.Executable()
	if err != nil {
		return Verdict{}, fmt.Errorf("e5rt: compile in child: %w", err)
	}
	text, err := json.Marshal(j)
	if err != nil {
		return Verdict{}, fmt.Errorf("e5rt: compile in child: %w", err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), jobEnv+"="+string(text))
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if ctx.Err() != nil {
		return Verdict{}, fmt.Errorf("e5rt: compile %s in child: %w", j.Path, ctx.Err())
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return Verdict{}, fmt.Errorf("e5rt: compile %s in child: %w", j.Path, err)
	}
	return verdict(j, stdout.String(), stderr.String(), err)
}

// verdict judges a finished child by what it printed and how it ended.
func verdict(j Job, stdout, stderr string, exit error) (Verdict, error) {
	v := Verdict{Log: stderr}
	r, ok := findReport(stdout)
	switch {
	case !ok && exit == nil:
		return v, fmt.Errorf("e5rt: compile %s in child: the program ended without a verdict: its main must call MaybeChild first", j.Path)
	case !ok:
		v.Outcome, v.Crash = Crashed, crashLine(stderr, exit)
	case r.Fault != "":
		return v, fmt.Errorf("e5rt: compile %s in child: %s", j.Path, r.Fault)
	case r.Refusal != nil:
		v.Outcome, v.Refusal = Refused, r.Refusal
	}
	return v, nil
}

func findReport(stdout string) (r report, ok bool) {
	for line := range strings.Lines(stdout) {
		if text, found := strings.CutPrefix(line, marker); found {
			ok = json.Unmarshal([]byte(text), &r) == nil
		}
	}
	return r, ok
}

// crashLine names the end of a child. Go's runtime catches fatal signals,
// names them on standard error ("SIGABRT: abort") and exits with status 2, so
// the wait status alone would not tell.
func crashLine(stderr string, exit error) string {
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		for _, prefix := range []string{"SIG", "fatal error:", "panic:", "[signal "} {
			if strings.HasPrefix(line, prefix) {
				return line
			}
		}
	}
	return exit.Error()
}
