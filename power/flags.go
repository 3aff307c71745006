package power

import (
	"slices"
	"strings"
	"time"
)

// The flags of a reading. They annotate; nothing is dropped because of one,
// except where the text says so. A flag may carry a detail in brackets, such as
// "idle_busy (3.10 CPUs busy, 5 threads run)".
//
// The published flags map to them so: low confidence is high_cv, short window
// is few_samples, no samples is no_samples, and NPU rail miss is
// rail_zero_in_work. The others are this package's own.
const (
	FlagNoSource     = "no_source"         // the meter has no source; nothing is measured
	FlagNoPermission = "no_permission"     // and a source is there that this user may not read; Reasons says how
	FlagNoSamples    = "no_samples"        // no whole sample; Reasons says why
	FlagFewSamples   = "few_samples"       // some samples, but the window touches fewer than 12 intervals
	FlagShortWindow  = "short_window"      // shorter than 6 s
	FlagStalled      = "stalled"           // the sampler ended or skipped inside the window
	FlagFallback     = "source_fallback"   // the package comes from another source than the baseline's first
	FlagBoardOnly    = "board_only"        // the package is the accelerator board alone, the host not covered
	FlagIdleMissing  = "idle_missing"      // no baseline: no active power
	FlagIdleStale    = "idle_stale"        // the baseline is older than 10 min and none follows
	FlagIdleDrift    = "idle_drift"        // the neighbouring baselines differ by > max(20 %, 50 mW)
	FlagRailMissing  = "rail_missing"      // samples lack Package or an expected rail
	FlagHighCV       = "high_cv"           // the package varies by more than 35 %
	FlagWarnCV       = "warn_cv"           // the package varies by 15 to 35 %
	FlagBursty       = "bursty"            // mean and median of the package differ by more than 10 %
	FlagClamped      = "clamped_active"    // the package is below idle
	FlagUnresolved   = "unresolved"        // active power below three times its uncertainty
	FlagWrap         = "wrap"              // a counter wrapped and was repaired
	FlagReset        = "reset"             // a counter restarted: energy lost
	FlagNonMonotone  = "non_monotone"      // a counter without known range stepped back
	FlagStale        = "stale_counter"     // a counter did not move
	FlagBatched      = "batched_counter"   // counters published in bursts, seconds apart
	FlagBacklog      = "backlog"           // energy of earlier hours came at once and was discarded
	FlagUnit         = "unit_unknown"      // a channel of unknown unit was left out
	FlagCombined     = "combined_mismatch" // combined is off CPU+GPU+ANE by > max(3 mW, 1 %)
	FlagGPU          = "gpu_secondary"     // GPU energy from its secondary read
	FlagPartTime     = "nvml_part_time"    // the board's sensor looks a quarter of the time
	FlagSampled      = "sampled_power"     // the package is a sensor's moments, no energy: fast loads alias
	FlagOpenEdges    = "open_edges"        // varying power and no sample at the edges: energy may be off by 1 %
	FlagRailZero     = "rail_zero_in_work" // an expected rail is active below 5 mW, by sound samples

	FlagCrossMarginal = "cross_check_marginal" // two sources differ by 5 to 15 %
	FlagCrossMismatch = "cross_check_mismatch" // two sources differ by more than 15 %
	FlagAboveSystem   = "above_system"         // the package exceeds the whole machine

	FlagIdleBusy        = "idle_busy"        // the host never became quiet for the baseline
	FlagIdleUnsteady    = "idle_unsteady"    // the baseline's samples scatter
	FlagIdleImplausible = "idle_implausible" // above twice an earlier baseline, or above samples under load

	FlagThermal   = "thermal"         // thermal pressure above nominal
	FlagThrottled = "throttled"       // a processor or board slowed itself down
	FlagLowPower  = "low_power"       // a power-saving mode is on
	FlagOnBattery = "on_battery"      // the machine runs on its battery
	FlagSlept     = "slept"           // the machine slept inside the window
	FlagForeign   = "foreign_sampler" // another powermetrics runs
)

// The limits behind the flags, from the published protocol and power.md 5.3.
const (
	minWindow   = 6 * time.Second
	minSamples  = 12
	maxCV       = 35   // percent
	warnCV      = 15   // percent
	maxBurst    = 0.10 // of the mean
	minRailWork = 5e-3 // W
	minCoverage = 0.5  // of the window, for energy from interval sums
	resolution  = 3    // times the uncertainty, for active power to count
	maxEdges    = 0.01 // of the energy, that the window's uncovered edges may hide
)

// noteFlags maps the doubts about samples to flags.
var noteFlags = []struct {
	note notes
	flag string
}{
	{noteWrap, FlagWrap}, {noteReset, FlagReset}, {noteNonMonotone, FlagNonMonotone}, {noteStale, FlagStale},
	{noteBatched, FlagBatched}, {noteBacklog, FlagBacklog}, {noteUnit, FlagUnit},
	{noteCombined, FlagCombined}, {noteGPU, FlagGPU}, {notePartTime, FlagPartTime},
	{noteThermal, FlagThermal}, {noteThrottled, FlagThrottled}, {noteForeign, FlagForeign},
}

// Confidence is how far a reading can be relied on.
type Confidence uint8

// The levels, in rising order.
const (
	None Confidence = iota
	Low
	Medium
	High
)

func (c Confidence) String() string { return [...]string{"none", "low", "medium", "high"}[c] }

// ceilings is the confidence that a flag leaves. Source: power.md 5.3.
var ceilings = map[string]Confidence{
	FlagNoSource: None, FlagNoPermission: None, FlagNoSamples: None, FlagSlept: None,
	FlagReset: None, FlagNonMonotone: None, FlagStale: None,

	FlagFewSamples: Low, FlagHighCV: Low, FlagIdleMissing: Low, FlagClamped: Low, FlagUnresolved: Low,
	FlagRailMissing: Low, FlagRailZero: Low, FlagCrossMismatch: Low, FlagAboveSystem: Low, FlagThrottled: Low,
	FlagIdleBusy: Low, FlagIdleImplausible: Low, FlagBacklog: Low,

	FlagShortWindow: Medium, FlagStalled: Medium, FlagFallback: Medium, FlagBoardOnly: Medium,
	FlagIdleStale: Medium, FlagIdleDrift: Medium, FlagIdleUnsteady: Medium, FlagWarnCV: Medium, FlagBursty: Medium,
	FlagBatched: Medium, FlagUnit: Medium, FlagCombined: Medium, FlagGPU: Medium, FlagPartTime: Medium, FlagSampled: Medium,
	FlagOpenEdges: Medium, FlagCrossMarginal: Medium, FlagThermal: Medium, FlagLowPower: Medium, FlagOnBattery: Medium,

	FlagWrap: High, FlagForeign: High, // repaired; information
}

// Confidence is the least that the flags leave; a window below 1 s is low.
func (r Reading) Confidence() Confidence {
	c := High
	if r.Elapsed < time.Second {
		c = Low
	}
	for _, f := range r.Flags {
		c = min(c, ceilings[flagName(f)])
	}
	return c
}

// flagName is the flag without its detail.
func flagName(f string) string {
	name, _, _ := strings.Cut(f, " (")
	return name
}

// Has reports whether the reading has the flag, with or without a detail.
func (r Reading) Has(flag string) bool {
	return slices.ContainsFunc(r.Flags, func(f string) bool { return flagName(f) == flag })
}
