package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"devicemap/power"
)

// machine is a file system of a host with one RAPL package and a discharging
// battery of 31 W.
func machine() fstest.MapFS {
	f := fstest.MapFS{}
	for name, content := range map[string]string{
		"sys/class/powercap/intel-rapl:0/name":                "package-0",
		"sys/class/powercap/intel-rapl:0/energy_uj":           "1000000",
		"sys/class/powercap/intel-rapl:0/max_energy_range_uj": "262143328850",
		"sys/class/power_supply/BAT0/status":                  "Discharging",
		"sys/class/power_supply/BAT0/power_now":               "31000000",
	} {
		f[name] = &fstest.MapFile{Data: []byte(content + "\n")}
	}
	return f
}

func TestPowerWatches(t *testing.T) {
	var out bytes.Buffer
	err := watch(t.Context(), &out, power.Config{Interval: 50 * time.Millisecond, Only: "battery", FS: machine()}, 400*time.Millisecond)
	require.NoError(t, err)
	for _, part := range []string{"read: battery\ncovers: whole machine by its battery's gauge", "samples in 4", "flags: "} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("output lacks %q:\n%s", part, out.String())
		}
	}
}

// TestPowerEndsAtOnce: an interrupt ends the watch and sums up what it has.
func TestPowerEndsAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	began := time.Now()
	require.NoError(t, watch(ctx, &out, power.Config{Interval: 50 * time.Millisecond, Only: "rapl", FS: machine()}, time.Hour))
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("it took %v after the interrupt", d)
	}
	require.Contains(t, out.String(), "0 samples in")
}

func TestPowerLiveLine(t *testing.T) {
	m := power.Open(power.Config{Interval: 20 * time.Millisecond, Only: "rapl", FS: machine()})
	defer m.Close()
	for deadline := time.Now().Add(10 * time.Second); m.Live()[0].At.IsZero() && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	// The counter stands still, so its rails are absent, not zero.
	require.Equal(t, "rapl", strings.TrimSpace(liveLine(m.Live()[0])))
}

// TestPowerWithoutSensor: each reason, then one sentence; the status is 1.
func TestPowerWithoutSensor(t *testing.T) {
	status, out, stderr := call("power", "-source", "none")
	if status != 1 || out != "not read: measurement switched off\n" || stderr != "devicemap power: "+errNoPower.Error()+"\n" {
		t.Errorf("status %d, stdout %q, stderr %q", status, out, stderr)
	}
	var empty bytes.Buffer
	err := watch(t.Context(), &empty, power.Config{Only: "rapl", FS: fstest.MapFS{}}, time.Second)
	require.ErrorIs(t, err, errNoPower)
	require.Contains(t, empty.String(), "not read: rapl: no package zone in /sys/class/powercap")
}

func TestPowerRefusesBadCalls(t *testing.T) {
	for _, args := range [][]string{{"power", "x"}, {"power", "-every", "1ms"}, {"power", "-for", "0s"}, {"power", "-every", "soon"}} {
		if status, out, _ := call(args...); status != 2 || out != "" {
			t.Errorf("%v: status %d, stdout %q, want 2 and nothing", args, status, out)
		}
	}
}
