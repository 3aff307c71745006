package power

import "time"

// State is the thermal and power state of the host at a moment. What cannot be
// read is left at its zero value, with its Known field unset.
type State struct {
	// Pressure is the thermal pressure: 0 nominal, 1 moderate, 2 heavy,
	// 3 trapping, 4 sleeping.
	Pressure      int
	PressureKnown bool
	// Throttled counts the times that a processor slowed itself down.
	Throttled      uint64
	ThrottledKnown bool

	LowPower  bool // a power-saving mode is on
	OnBattery bool // the machine runs on its battery

	// Up is the time since boot, sleep included.
	Up      time.Duration
	UpKnown bool
}

// sleepSlack is the difference of two clocks that is no sleep: the coarser one
// has steps of 10 ms.
const sleepSlack = 500 * time.Millisecond

// stateFlags lists what the state at the two edges of a window says. Elapsed is
// by the monotonic clock, which stands still while the machine sleeps.
func stateFlags(a, b State, elapsed time.Duration) (flags []string) {
	for _, f := range []struct {
		name string
		set  bool
	}{
		{FlagThermal, a.PressureKnown && a.Pressure > 0 || b.PressureKnown && b.Pressure > 0},
		{FlagThrottled, a.ThrottledKnown && b.ThrottledKnown && b.Throttled > a.Throttled},
		{FlagLowPower, a.LowPower || b.LowPower},
		{FlagOnBattery, a.OnBattery || b.OnBattery},
		{FlagSlept, a.UpKnown && b.UpKnown && b.Up-a.Up-elapsed > sleepSlack},
	} {
		if f.set {
			flags = append(flags, f.name)
		}
	}
	return flags
}
