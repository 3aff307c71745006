package power

import (
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStateFlags(t *testing.T) {
	const s = time.Second
	up := func(d time.Duration) State { return State{Up: d, UpKnown: true} }
	tests := []struct {
		name string
		a, b State
		want []string
	}{
		{"nothing known", State{}, State{}, nil},
		{"nominal", State{PressureKnown: true, ThrottledKnown: true, Throttled: 7}, State{PressureKnown: true, ThrottledKnown: true, Throttled: 7}, nil},
		{"warm at the end", State{PressureKnown: true}, State{PressureKnown: true, Pressure: 1}, []string{FlagThermal}},
		{"warm at the begin", State{PressureKnown: true, Pressure: 2}, State{PressureKnown: true}, []string{FlagThermal}},
		{"throttled", State{ThrottledKnown: true, Throttled: 7}, State{ThrottledKnown: true, Throttled: 9}, []string{FlagThrottled}},
		{"throttle count appears", State{}, State{ThrottledKnown: true, Throttled: 9}, nil},
		{"saving", State{LowPower: true}, State{LowPower: true}, []string{FlagLowPower}},
		{"unplugged", State{}, State{OnBattery: true}, []string{FlagOnBattery}},
		{"awake", up(100 * s), up(106*s + 10*time.Millisecond), nil},
		{"slept", up(100 * s), up(107 * s), []string{FlagSlept}},
		{"up time appears", State{}, up(107 * s), nil},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, stateFlags(tt.a, tt.b, 6*s), tt.name)
	}
}

func TestProcState(t *testing.T) {
	const throttle = "sys/devices/system/cpu/"
	const supply = "sys/class/power_supply/"
	tests := []struct {
		name string
		fs   fstest.MapFS
		want State
	}{
		{"empty", fstest.MapFS{}, State{}},
		{"laptop on the mains", files(
			throttle+"cpu0/thermal_throttle/core_throttle_count 3", throttle+"cpu0/thermal_throttle/package_throttle_count 4",
			throttle+"cpu1/thermal_throttle/core_throttle_count 5", "proc/uptime 350735.47 234388.90",
			supply+"AC/type Mains", supply+"AC/online 1", supply+"BAT0/type Battery", supply+"BAT0/status Full",
			"sys/firmware/acpi/platform_profile balanced"),
			State{Throttled: 12, ThrottledKnown: true, Up: 350735470 * time.Millisecond, UpKnown: true}},
		{"laptop on its battery, saving", files(
			supply+"AC/type Mains", supply+"AC/online 0", supply+"BAT0/type Battery", supply+"BAT0/status Discharging",
			"sys/firmware/acpi/platform_profile low-power"), State{OnBattery: true, LowPower: true}},
		{"battery of a mouse", files(supply+"hid/type Battery", supply+"hid/scope Device", supply+"hid/status Discharging"), State{}},
		{"unreadable", files("proc/uptime soon", throttle+"cpu0/thermal_throttle/core_throttle_count x"), State{}},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, procState(tt.fs), tt.name)
	}
}

// TestPmset reads the forms that the manual page and public logs show; no
// capture of them is in testdata.
func TestPmset(t *testing.T) {
	const head = "System-wide power settings:\nCurrently in use:\n standby              1\n Sleep On Power Button 1\n"
	for text, want := range map[string]bool{
		"": false, head: false, head + " lowpowermode         0\n": false, head + " lowpowermode         1\n": true,
		head + " powermode            0\n": false, head + " powermode            1\n": true, head + " powermode            2\n": false,
	} {
		if got := parsePmset(text); got != want {
			t.Errorf("low power of %q = %v, want %v", text, got, want)
		}
	}
	for text, want := range map[string]bool{
		"": false, "Now drawing from 'AC Power'\n": false, "Now drawing from 'Battery Power'\n -InternalBattery-0\t57%": true,
	} {
		if got := parseSupply(text); got != want {
			t.Errorf("battery of %q = %v, want %v", text, got, want)
		}
	}
}

// TestStateReachesTheReading: the state is read at both edges.
func TestStateReachesTheReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := State{PressureKnown: true, UpKnown: true}
		m := begun(Config{State: func() State {
			s := now
			s.Up += time.Duration(time.Now().UnixNano())
			return s
		}}, &trace{watts: map[Rail]float64{Package: 5}})
		defer m.Close()
		w := m.Begin()
		time.Sleep(7 * time.Second)
		now.Pressure, now.OnBattery, now.Up = 3, true, time.Hour // and an hour of sleep
		r := w.End()
		require.Equal(t, []string{FlagIdleMissing, FlagThermal, FlagOnBattery, FlagSlept}, r.Flags)
		if r.Confidence() != None {
			t.Errorf("confidence = %v, want none after a sleep", r.Confidence())
		}
	})
}

func TestParseStat(t *testing.T) {
	l, err := parseStat("cpu  100 5 30 1000 20 1 2 3 50 0\ncpu0 1 1 1 1\nprocs_running 4\n")
	require.NoError(t, err)
	// busy = user+nice+system+irq+softirq+steal; guest is within user.
	require.Equal(t, Load{Busy: 141, Total: 1161, Running: 4}, l)
	for _, text := range []string{"", "cpu a b c d\n", "intr 5\n", "cpu -1 0 0 0\n"} {
		if l, err := parseStat(text); err == nil {
			t.Errorf("load of %q = %+v, want an error", text, l)
		}
	}
}
