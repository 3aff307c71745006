package power

import (
	"sync"
	"time"

	"devicemap/internal/libsystem"
)

// hostLoad reads how busy the processors are.
func hostLoad(Config) func() (Load, error) {
	lib, err := libsystem.Load()
	if err != nil {
		return func() (Load, error) { return Load{}, err }
	}
	return func() (Load, error) {
		t, err := lib.Ticks()
		busy := float64(t.User) + float64(t.System) + float64(t.Nice)
		return Load{Busy: busy, Total: busy + float64(t.Idle)}, err
	}
}

// pmsetFor is how long the settings of pmset are taken for granted: a child
// process per window would disturb short ones.
const pmsetFor = 30 * time.Second

// hostState reads thermal pressure and the time since boot at each call, and
// the supply and the power mode at most every 30 s.
func hostState(c Config) func() State {
	lib, err := libsystem.Load()
	if err != nil {
		return nil
	}
	var mu sync.Mutex
	var slow State
	var asked time.Time
	return func() State {
		mu.Lock()
		if asked.IsZero() || time.Since(asked) > pmsetFor {
			slow, asked = pmset(c), time.Now()
		}
		s := slow
		mu.Unlock()
		if level, err := lib.ThermalPressure(); err == nil {
			s.Pressure, s.PressureKnown = level, true
		}
		if boot, err := lib.BootTime(); err == nil {
			// Both wall times move together when the clock is set.
			s.Up, s.UpKnown = time.Now().Round(0).Sub(boot), true
		}
		return s
	}
}

// pmset asks the power management for its settings. What cannot be read is
// taken for the normal state.
func pmset(c Config) (s State) {
	short := newPowermetrics(c).short
	if out, err := short("/usr/bin/pmset", "-g"); err == nil {
		s.LowPower = parsePmset(out)
	}
	if out, err := short("/usr/bin/pmset", "-g", "ps"); err == nil {
		s.OnBattery = parseSupply(out)
	}
	return s
}
