package power

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const powermetricsPath = "/usr/bin/powermetrics"

// powermetrics samples through Apple's command of that name, as root or through
// sudo without a prompt.
type powermetrics struct {
	command  func(name string, arg ...string) *exec.Cmd
	root     bool   // no sudo needed
	format   string // "plist", or "text" if its plist cannot be read
	samplers string
	foreign  bool // another powermetrics ran before ours

	deadline time.Duration // for the probing run and short commands
	settle   time.Duration // between one way of ending the child and the next
	refresh  time.Duration // of the sudo ticket, which lasts 5 minutes by default
	lifetime time.Duration // after which a child ends by itself
}

func newPowermetrics(c Config) *powermetrics {
	return &powermetrics{
		command:  c.Command,
		root:     c.EUID() == 0,
		format:   "plist",
		samplers: "cpu_power,gpu_power,ane_power,thermal",
		deadline: 3 * time.Second,
		settle:   time.Second,
		refresh:  time.Minute,
		lifetime: time.Hour,
	}
}

// openPowermetrics probes: sudo without a prompt, then a run of one sample.
// Where a sudo rule allows powermetrics alone, the first fails and the second
// decides.
func openPowermetrics(c Config) (*powermetrics, error) {
	p := newPowermetrics(c)
	if list, err := p.short("ps", "-A", "-o", "comm="); err == nil {
		p.foreign = runs(list, powermetricsPath)
	}
	if err := p.probe(min(c.Interval, 500*time.Millisecond)); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *powermetrics) probe(interval time.Duration) error {
	var ticket error
	if !p.root {
		_, ticket = p.short("sudo", "-n", "true")
	}
	err := p.probeRun(interval)
	if err != nil && strings.Contains(err.Error(), "unrecognized sampler") {
		p.samplers = "cpu_power,gpu_power,thermal" // the ANE's value comes with cpu_power
		err = p.probeRun(interval)
	}
	var unread *formatError
	if errors.As(err, &unread) {
		p.format = "text"
		if p.probeRun(interval) == nil {
			err = nil
		}
	}
	switch {
	case err == nil:
		return nil
	case ticket != nil:
		return &notAllowed{fmt.Sprintf("powermetrics: needs root and sudo would ask for a password (%v); "+
			"run sudo -v in this terminal first, or run as root", ticket)}
	default:
		return fmt.Errorf("%w: %w", err, ErrUnavailable)
	}
}

// formatError: powermetrics ran and printed what the parser cannot read.
type formatError struct{ err error }

func (e *formatError) Error() string { return e.err.Error() }

// probeRun takes one sample and wants a CPU rail in it.
func (p *powermetrics) probeRun(interval time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), p.deadline)
	defer cancel()
	var got *sample
	var doubt error
	err := p.session(ctx, interval, 1, func(s sample, err error) {
		if err != nil {
			doubt = err
		} else if got == nil {
			got = &s
		}
	})
	switch {
	case got != nil && got.watts.has[CPU]:
		return nil
	case got != nil:
		return fmt.Errorf("powermetrics: a sample without CPU power")
	case doubt != nil:
		return &formatError{doubt}
	case ctx.Err() != nil:
		return errors.Join(fmt.Errorf("powermetrics: no sample within %v", p.deadline), err)
	default:
		return err
	}
}

func (p *powermetrics) name() string { return "powermetrics" }

// close does nothing: each run ends its child.
func (p *powermetrics) close() error { return nil }

func (p *powermetrics) boundary() string {
	return "SoC rails CPU+GPU+ANE, Apple's model, not wall power"
}

// argv is the command line for n samples.
func (p *powermetrics) argv(interval time.Duration, n int) []string {
	ms := max(1, interval.Milliseconds())
	argv := []string{powermetricsPath, "-s", p.samplers,
		"-i", strconv.FormatInt(ms, 10), "-n", strconv.Itoa(n), "-f", p.format, "-b", "0", "-a", "0"}
	if !p.root {
		argv = append([]string{"sudo", "-n"}, argv...)
	}
	return argv
}

// run keeps one child at a time. A child ends by itself after lifetime, so that
// an orphan does, and is then replaced.
func (p *powermetrics) run(ctx context.Context, interval time.Duration, emit func(sample, error)) error {
	if !p.root {
		var wg sync.WaitGroup
		defer wg.Wait()
		stop, cancel := context.WithCancel(ctx)
		defer cancel()
		wg.Go(func() { p.keepTicket(stop) })
	}
	n := int(p.lifetime/interval) + 60
	for {
		if err := p.session(ctx, interval, n, emit); err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// keepTicket renews the sudo ticket until ctx ends. Under a rule for
// powermetrics alone there is no ticket and it stops at once.
func (p *powermetrics) keepTicket(ctx context.Context) {
	tick := time.NewTicker(p.refresh)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if _, err := p.short("sudo", "-n", "-v"); err != nil {
				return
			}
		}
	}
}

// session runs one child for n samples and ends it. Its error says why the
// child ended before its last sample, or that it could not be ended.
func (p *powermetrics) session(ctx context.Context, interval time.Duration, n int, emit func(sample, error)) error {
	argv := p.argv(interval, n)
	cmd := p.command(argv[0], argv[1:]...)
	ownGroup(cmd)
	var stderr tail
	cmd.Stderr = &stderr
	cmd.WaitDelay = p.settle
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("powermetrics: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("powermetrics: %w", err)
	}
	closed := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		defer close(closed)
		out.Close() // also makes the child fail at its next write
	})
	got := p.read(out, interval, emit)
	if !unhook() {
		<-closed
	}
	exit := make(chan error, 1)
	go func() { exit <- cmd.Wait() }()
	status, err := p.end(cmd, exit, interval, ctx.Err() != nil)
	if err != nil || ctx.Err() != nil || (got >= n && status == nil) {
		return err
	}
	return fmt.Errorf("powermetrics: ended after %d samples: %w", got, stderr.explain(status))
}

// read emits the samples of a child's output until it ends or is closed.
func (p *powermetrics) read(out io.Reader, interval time.Duration, emit func(sample, error)) (got int) {
	var now time.Time // when the bytes at hand arrived
	line := timeline{slack: 2 * interval}
	take := func(r report) {
		got++
		s := r.sample(line.end(now, r.elapsed))
		if p.foreign {
			s.notes |= noteForeign
		}
		emit(s, nil)
	}
	problem := func(err error) { emit(sample{}, err) }
	feed := documentReader(take, problem)
	if p.format == "text" {
		feed = lineReader(take, problem)
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := out.Read(buf)
		now = time.Now()
		feed(buf[:n])
		if err != nil {
			return got
		}
	}
}

// documentReader returns a consumer of a plist stream.
func documentReader(take func(report), problem func(error)) func([]byte) {
	s := &docSplitter{problem: problem, emit: func(doc []byte) {
		if r, err := parseDocument(bytes.TrimSpace(doc)); err != nil {
			problem(err)
		} else {
			take(r)
		}
	}}
	return s.feed
}

// end waits for the child, which has lost its pipe, and helps it to end: by
// SIGTERM to what was started, then INT and KILL to the exact child, never by
// name. early is true if the child is to stop before its last sample.
func (p *powermetrics) end(cmd *exec.Cmd, exit <-chan error, interval time.Duration, early bool) (status, err error) {
	wait := func(d time.Duration) bool {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case status = <-exit:
			return true
		case <-timer.C:
			return false
		}
	}
	if !early && wait(p.settle) {
		return status, nil
	}
	terminate(cmd.Process) // sudo usually relays it; EPERM is dealt with below
	if wait(interval + p.settle) {
		return status, nil
	}
	p.kill(cmd.Process, syscall.SIGINT)
	if wait(p.settle) {
		return status, nil
	}
	p.kill(cmd.Process, syscall.SIGKILL)
	if wait(p.deadline) {
		return status, nil
	}
	return nil, fmt.Errorf("powermetrics: process %d cannot be ended; it stops by itself after its last sample",
		cmd.Process.Pid)
}

// kill signals the child. Behind a sudo it is the children of that sudo, which
// belong to root, so the signal needs sudo too.
func (p *powermetrics) kill(child *os.Process, sig syscall.Signal) {
	if p.root {
		_ = child.Signal(sig) // whether it helped shows in the wait that follows
		return
	}
	target := []string{strconv.Itoa(child.Pid)}
	if list, err := p.short("ps", "-A", "-o", "pid=", "-o", "ppid="); err == nil {
		if c := children(list, child.Pid); len(c) > 0 {
			target = c
		}
	}
	argv := append([]string{"-n", "kill", fmt.Sprintf("-%d", int(sig))}, target...)
	_, _ = p.short("sudo", argv...)
}

// runs reports whether a program is in a list of commands, one a line.
func runs(list, program string) bool {
	for line := range strings.Lines(list) {
		if path.Base(strings.TrimSpace(line)) == path.Base(program) {
			return true
		}
	}
	return false
}

// children returns the processes whose parent is pid from lines "PID PPID".
func children(list string, pid int) []string {
	var c []string
	for line := range strings.Lines(list) {
		f := strings.Fields(line)
		if len(f) == 2 && f[1] == strconv.Itoa(pid) {
			c = append(c, f[0])
		}
	}
	return c
}

// short runs a command that ends soon and returns what it printed.
func (p *powermetrics) short(name string, arg ...string) (string, error) {
	cmd := p.command(name, arg...)
	ownGroup(cmd)
	var stdout bytes.Buffer
	var stderr tail
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = p.settle
	if err := cmd.Start(); err != nil {
		return "", err
	}
	exit := make(chan error, 1)
	go func() { exit <- cmd.Wait() }()
	timer := time.AfterFunc(p.deadline, func() { cmd.Process.Kill() })
	defer timer.Stop()
	select {
	case err := <-exit:
		if err != nil {
			return "", stderr.explain(err)
		}
		return stdout.String(), nil
	case <-time.After(p.deadline + 2*p.settle):
		return "", fmt.Errorf("%s does not end within %v", name, p.deadline)
	}
}
