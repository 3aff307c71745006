//go:build unix

package power

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeSuite is a program that measures until it is interrupted.
func fakeSuite() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exe, err := os.Executable()
	if err != nil {
		return 2
	}
	command := func(name string, arg ...string) *exec.Cmd {
		cmd := exec.Command(exe, arg...)
		cmd.Env = append(os.Environ(), fakeEnv+"="+filepath.Base(name))
		return cmd
	}
	m := Open(Config{Only: "powermetrics", Interval: tick, Command: command, EUID: func() int { return 0 }})
	w := m.Begin()
	for len(w.tracks) > 0 && ctx.Err() == nil {
		m.mu.Lock()
		n := len(w.tracks[0].whole(time.Now()))
		m.mu.Unlock()
		if n > 2 {
			leave("ready", "yes")
			<-ctx.Done()
		}
		time.Sleep(tick)
	}
	r := w.End()
	if m.Close() != nil || r.Samples == 0 {
		return 1
	}
	return 130
}

// waitFor returns when cond holds; it fails after ten seconds.
func waitFor(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !cond(); time.Sleep(tick) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

// TestChildEndsWithTheSuite: on an interrupt the suite ends its child, and when
// the suite is killed the closed pipe does. A child that the terminal's
// interrupt does not reach stays until its samples are read.
func TestChildEndsWithTheSuite(t *testing.T) {
	tests := []struct {
		sig  syscall.Signal
		exit int // −1: killed
	}{{syscall.SIGINT, 130}, {syscall.SIGKILL, -1}}
	for _, tt := range tests {
		t.Run(tt.sig.String(), func(t *testing.T) {
			dir := t.TempDir()
			cmd := fakeCommand(t, dir, "")("suite")
			require.NoError(t, cmd.Start())
			waitFor(t, "first samples", func() bool { return len(traces(t, dir, "ready")) > 0 })
			require.NoError(t, cmd.Process.Signal(tt.sig))
			_ = cmd.Wait() // its status is compared below
			if got := cmd.ProcessState.ExitCode(); got != tt.exit {
				t.Errorf("exit status = %d, want %d", got, tt.exit)
			}
			pids := traces(t, dir, "pids")
			require.Len(t, pids, 2, "the probe and the sampler")
			for _, line := range pids {
				pid, err := strconv.Atoi(line)
				require.NoError(t, err)
				waitFor(t, "end of child "+line, func() bool { return !alive(pid) })
			}
		})
	}
}

// zombies counts the ended and unreaped children of this process.
func zombies(t *testing.T) (n int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, file := range stats {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		_, rest, _ := cutLast(string(b), ") ") // "Z 1234 …": state and parent
		if f := strings.Fields(rest); len(f) > 1 && f[0] == "Z" && f[1] == strconv.Itoa(os.Getpid()) {
			n++
		}
	}
	return n
}

// TestNoZombies: whatever the child does, it is reaped.
func TestNoZombies(t *testing.T) {
	if !procMounted() {
		t.Skip("this host has no /proc to count processes in")
	}
	for _, mode := range []string{"", "sudo", "nosudo", "always,half", "always,garbage", "dies", "stalls", "deaf", "deaf,sudo"} {
		t.Run(mode, func(t *testing.T) {
			p, dir := faked(t, mode)
			if p.probe(tick) == nil {
				m := begun(Config{Interval: tick}, p)
				w := m.Begin()
				await(t, m, func() bool { return len(w.tracks[0].whole(time.Now())) > 0 || !m.readers[0].running })
				w.End()
				require.NoError(t, m.Close())
			}
			gone(t, dir)
			if n := zombies(t); n != 0 {
				t.Errorf("%d zombies are left, want 0", n)
			}
		})
	}
}

// TestMissingProgram: no powermetrics, no sudo.
func TestMissingProgram(t *testing.T) {
	for uid, want := range map[int]string{0: "powermetrics: ", 501: "run sudo -v in this terminal first, or run as root"} {
		m := Open(Config{Only: "powermetrics", EUID: func() int { return uid }, Command: func(name string, arg ...string) *exec.Cmd {
			return exec.Command("/nonexistent/"+filepath.Base(name), arg...)
		}})
		require.Len(t, m.Reasons(), 1)
		require.Contains(t, m.Reasons()[0], want)
		require.NotContains(t, m.Reasons()[0], "\n")
		r := m.Begin().End()
		if r.Has(FlagNoPermission) != (uid != 0) || !r.Has(FlagNoSource) || r.Confidence() != None {
			t.Errorf("flags of user %d = %v, want %s and for users %s", uid, r.Flags, FlagNoSource, FlagNoPermission)
		}
		require.NoError(t, m.Close())
	}
}

// TestForeignUnits: what another language or unit prints is no rail, and never
// a wrong number.
func TestForeignUnits(t *testing.T) {
	for _, line := range []string{"CPU Power: 1,000 mW", "CPU Power: 1.5 W", "CPU Power: 1000 мВт", "CPU-Leistung: 1000 mW", "CPU Power: -5 mW", "CPU Power: mW"} {
		text := "*** Sampled system activity (Sun) (500.00ms elapsed) ***\n\n**** Processor usage ****\n" + line + "\nGPU Power: 7 mW\n"
		got := parseText(text)
		require.Len(t, got, 1)
		if v, ok := got[0].mW.get(CPU); ok {
			t.Errorf("%q reads as %v mW, want no rail", line, v)
		}
		if v, ok := got[0].mW.get(GPU); !ok || v != 7 {
			t.Errorf("GPU beside %q = %v, %v, want 7", line, v, ok)
		}
	}
	const doc = `<plist><dict><key>elapsed_ns</key><integer>500000000</integer><key>processor</key><dict>` +
		`<key>cpu_power</key><real>143,114</real><key>gpu_power</key><real>7</real></dict></dict></plist>`
	r, err := parseDocument([]byte(doc))
	require.NoError(t, err)
	if v, ok := r.mW.get(CPU); ok {
		t.Errorf("143,114 reads as %v mW, want no rail", v)
	}
}

func TestForeignSampler(t *testing.T) {
	for list, want := range map[string]bool{
		"/sbin/launchd\n/usr/bin/powermetrics\n": true, "powermetrics\n": true,
		"": false, "powermetrics-gui\n/usr/bin/sudo\n": false,
	} {
		if got := runs(list, powermetricsPath); got != want {
			t.Errorf("powermetrics among %q: %v, want %v", list, got, want)
		}
	}
	p, _ := faked(t, "")
	p.foreign = true
	m := begun(Config{Interval: tick}, p)
	defer m.Close()
	w := m.Begin()
	await(t, m, func() bool { return len(w.tracks[0].whole(time.Now())) > 0 })
	if r := w.End(); !r.Has(FlagForeign) {
		t.Errorf("flags = %v, want %s", r.Flags, FlagForeign)
	}
}

// TestLinuxHostFromOneTree: one fake file system drives every source of a Linux
// host through Open.
func TestLinuxHostFromOneTree(t *testing.T) {
	fsys := files(packageZone+"/name package-0", packageZone+"/energy_uj 5", packageZone+"/max_energy_range_uj 99999999999",
		h0+"name amdgpu", h0+"power1_input 15250000",
		"sys/class/power_supply/BAT0/status Discharging", "sys/class/power_supply/BAT0/power_now 31000000")
	tests := []struct{ only, source string }{
		{"rapl", "rapl"}, {"hwmon", "hwmon-amdgpu"}, {"battery", "battery"},
	}
	for _, tt := range tests {
		m := Open(Config{Only: tt.only, FS: fsys})
		require.Equal(t, tt.source, m.Source(), fmt.Sprint(m.Reasons()))
		require.NotEmpty(t, m.Boundary())
		require.NoError(t, m.Close())
	}
}
