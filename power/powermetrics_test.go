//go:build unix

package power

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const tick = 40 * time.Millisecond

// faked returns a powermetrics whose programs are fakes, with short waits, and
// the folder of their traces. The user is root unless mode names a sudo.
func faked(t *testing.T, mode string) (*powermetrics, string) {
	t.Helper()
	dir := t.TempDir()
	uid := 0
	if strings.Contains(mode, "sudo") || strings.Contains(mode, "rule") {
		uid = 501
	}
	p := newPowermetrics(Config{
		Command: fakeCommand(t, dir, mode),
		EUID:    func() int { return uid },
	})
	p.settle = 200 * time.Millisecond
	p.deadline = 10 * time.Second // of a loaded host; the test that runs into it shortens it
	return p, dir
}

// traces returns the lines that the fakes left in a file.
func traces(t *testing.T, dir, file string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, file))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// gone fails if a fake still runs, or a goroutine of this package does.
func gone(t *testing.T, dir string) {
	t.Helper()
	for _, line := range traces(t, dir, "pids") {
		pid, err := strconv.Atoi(line)
		require.NoError(t, err)
		if alive(pid) {
			t.Errorf("process %d of the fake still runs", pid)
		}
	}
	// A goroutine that has done its work may not have left its last frame.
	deadline := time.Now().Add(5 * time.Second)
	for n := goroutines(); n != 0; n = goroutines() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines of the meter are left", n)
		}
		runtime.Gosched()
	}
}

var meterFrame = regexp.MustCompile(`power\.(\(\*(powermetrics|Meter|reader|polled)\)|start)`)

// goroutines counts those that run code of the meter or of a source.
func goroutines() (n int) {
	buf := make([]byte, 1<<20)
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if meterFrame.MatchString(g) {
			n++
		}
	}
	return n
}

// await returns when cond holds, and fails after ten seconds.
func await(t *testing.T, m *Meter, cond func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		m.mu.Lock()
		ok, changed := cond(), m.changed
		m.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-time.After(tick): // silence is no event
		case <-deadline:
			t.Fatal("nothing happened for 10 s")
		}
	}
}

// TestArgv holds the command lines to the documented ones.
func TestArgv(t *testing.T) {
	root, _ := faked(t, "")
	user, _ := faked(t, "sudo")
	tests := []struct {
		p    *powermetrics
		want string
	}{
		{root, "/usr/bin/powermetrics -s cpu_power,gpu_power,ane_power,thermal -i 500 -n 72 -f plist -b 0 -a 0"},
		{user, "sudo -n /usr/bin/powermetrics -s cpu_power,gpu_power,ane_power,thermal -i 500 -n 72 -f plist -b 0 -a 0"},
	}
	for _, tt := range tests {
		if got := strings.Join(tt.p.argv(500*time.Millisecond, 72), " "); got != tt.want {
			t.Errorf("argv = %q, want %q", got, tt.want)
		}
	}
}

func TestProbe(t *testing.T) {
	tests := []struct {
		mode string
		want string // in the error; "" if the probe succeeds
		runs int    // of powermetrics
	}{
		{"", "", 1},
		{"sudo", "", 1},
		{"rule", "", 1}, // a sudo rule for powermetrics alone
		{"nosudo", "run sudo -v in this terminal first", 0},
		{"always,never", "no sample within", 1},
		{"always,garbage", "plist document", 2}, // the second asks for text
		{"always,half", "ended after 0 samples", 1},
		{"always,oldsamplers", "", 2},
		{"always,textonly", "", 2},
	}
	for _, tt := range tests {
		t.Run(tt.mode, func(t *testing.T) {
			t.Parallel()
			p, dir := faked(t, tt.mode)
			if strings.Contains(tt.mode, "never") {
				p.deadline = 500 * time.Millisecond
			}
			err := p.probe(tick)
			if tt.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, ErrUnavailable)
				require.ErrorContains(t, err, tt.want)
			}
			if got := len(traces(t, dir, "argv")); got != tt.runs {
				t.Errorf("powermetrics ran %d times, want %d: %q", got, tt.runs, traces(t, dir, "argv"))
			}
			for _, line := range traces(t, dir, "sudo") {
				if !strings.HasPrefix(line, "-n ") {
					t.Errorf("sudo %s may prompt, want -n first", line)
				}
			}
		})
	}
}

// TestPowermetricsMeter runs the whole path: probe, reader, idle, window, end.
func TestPowermetricsMeter(t *testing.T) {
	for _, mode := range []string{"", "sudo", "always,textonly"} {
		t.Run(mode, func(t *testing.T) {
			p, dir := faked(t, mode)
			require.NoError(t, p.probe(tick))
			m := begun(Config{Interval: tick, IdleSamples: 4}, p)
			defer m.Close()
			require.Equal(t, "powermetrics", m.Source())
			require.NotEmpty(t, m.Boundary())
			idle, err := m.Idle(t.Context())
			require.NoError(t, err)
			w := m.Begin(ANE)
			await(t, m, func() bool { return len(w.tracks[0].whole(time.Now())) >= 5 })
			r := w.End()
			for rail, want := range map[Rail]float64{CPU: 1, GPU: 0.5, ANE: 0.25, Package: 1.75} {
				got, ok := r.Loaded(rail)
				near(t, "loaded "+rail.String(), got, ok, want)
				got, ok = idle.Watts(rail)
				near(t, "idle "+rail.String(), got, ok, want)
				joules, ok := r.Energy(rail)
				if counted := mode != "always,textonly"; ok != counted {
					t.Errorf("energy of %v is counted: %v, want %v", rail, ok, counted)
				} else if counted {
					near(t, "mean of "+rail.String(), joules/r.Elapsed.Seconds(), ok, want)
				}
			}
			require.NoError(t, m.Close())
			gone(t, dir)
		})
	}
}

// TestOpenPowermetrics: the zero Config but for the fakes finds the source.
func TestOpenPowermetrics(t *testing.T) {
	p, dir := faked(t, "")
	m := Open(Config{Only: "powermetrics", Interval: tick, Command: p.command, EUID: func() int { return 0 }})
	require.Empty(t, m.Reasons())
	require.Equal(t, "powermetrics", m.Source())
	if got := m.Interval(); got != tick {
		t.Errorf("interval = %v, want %v", got, tick)
	}
	require.NoError(t, m.Close())
	gone(t, dir)
}

// TestPowermetricsFails covers the ways to fail after a good probe. The window
// keeps the whole samples before the failure, and nothing is left behind.
func TestPowermetricsFails(t *testing.T) {
	tests := []struct {
		mode    string
		samples int // at most
		reason  string
	}{
		{"dies", 3, "powermetrics: ended after 3 samples: exit status 3: powermetrics: lost its kernel connection"},
		{"half", 0, "powermetrics: ended after 0 samples: exit status 0"},
		{"garbage", 0, "powermetrics: plist document of"},
		{"stalls", 3, ""},
		{"never", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.mode, func(t *testing.T) {
			p, dir := faked(t, tt.mode)
			require.NoError(t, p.probe(tick))
			m := begun(Config{Interval: tick}, p)
			m.mu.Lock()
			m.readers[0].grace = 500 * time.Millisecond
			m.mu.Unlock()
			defer m.Close()
			w := m.Begin()
			await(t, m, func() bool {
				return !m.readers[0].running || m.readers[0].doubt != nil || tt.reason == "" && w.tracks[0].stalled(time.Now())
			})
			r := w.End()
			if r.Samples > tt.samples {
				t.Errorf("samples = %d, want at most %d", r.Samples, tt.samples)
			}
			if tt.mode != "garbage" && !r.Has(FlagStalled) {
				t.Errorf("flags = %v, want stalled", r.Flags)
			}
			if tt.samples == 0 && !r.Has(FlagNoSamples) {
				t.Errorf("flags = %v, want no_samples", r.Flags)
			}
			m.mu.Lock()
			why := strings.Join(m.why(), "; ")
			m.mu.Unlock()
			if !strings.HasPrefix(why, tt.reason) {
				t.Errorf("reason = %q, want %q", why, tt.reason)
			}
			require.NoError(t, m.Close())
			gone(t, dir)
		})
	}
}

// TestDeafChildIsEnded: a child that ignores SIGTERM, SIGINT and the closed
// pipe is ended, as root and behind a sudo that relays nothing. Behind sudo the
// signal goes to the exact child.
func TestDeafChildIsEnded(t *testing.T) {
	for _, mode := range []string{"deaf", "deaf,sudo"} {
		t.Run(mode, func(t *testing.T) {
			p, dir := faked(t, mode)
			if !p.root {
				if _, err := p.short("ps", "-A", "-o", "pid="); err != nil {
					t.Skipf("this host has no ps to find a child by its parent: %v", err)
				}
			}
			m := begun(Config{Interval: tick}, p)
			w := m.Begin()
			await(t, m, func() bool { return len(w.tracks[0].whole(time.Now())) > 0 })
			require.NoError(t, m.Close())
			gone(t, dir)
			if p.root {
				return
			}
			pids := traces(t, dir, "pids") // sudo, then its child
			require.Len(t, pids, 2)
			got := traces(t, dir, "sudo")
			for _, want := range []string{"-n kill -2 " + pids[1], "-n kill -9 " + pids[1]} {
				require.Contains(t, got, want)
			}
		})
	}
}

// TestLifetime: a child that reached its last sample is replaced; a restart is
// no failure.
func TestLifetime(t *testing.T) {
	p, dir := faked(t, "")
	p.lifetime = -55 * tick // and 60 more: five samples
	m := begun(Config{Interval: tick}, p)
	w := m.Begin()
	await(t, m, func() bool { return len(w.tracks[0].whole(time.Now())) > 6 })
	require.NoError(t, m.Close())
	if got := traces(t, dir, "argv"); len(got) < 2 || !strings.Contains(got[0], "-n 5 ") {
		t.Errorf("children = %q, want two or more, of 5 samples each", got)
	}
	gone(t, dir)
}

// TestTicketIsKept: sudo -n -v runs beside the sampler.
func TestTicketIsKept(t *testing.T) {
	p, dir := faked(t, "sudo")
	p.refresh = tick / 2
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := p.run(ctx, tick, func(sample, error) {
		for _, line := range traces(t, dir, "sudo") {
			if line == "-n -v" {
				cancel()
			}
		}
	})
	require.NoError(t, err)
	require.ErrorIs(t, ctx.Err(), context.Canceled, "no refresh within 10 s")
	gone(t, dir)
}
