// Package power measures the power a stretch of work draws on each rail of
// the host.
//
// [Open] probes the sources of the operating system and reads those that work in
// the background. [Meter.Begin] and [Window.End] bracket the work. A rail reports
// the median of its whole samples, the published figure, and where its source
// counts energy, the mean by the counter.
//
// # Sources
//
//	macOS   powermetrics (as root or by sudo without a prompt), IOReport's Energy
//	        Model (no rights), the management controller's PSTR (whole machine)
//	Linux   RAPL, NVML's energy counter, NVML's power, hwmon (amdgpu, ina3221,
//	        amd_energy, power_meter), battery
//
// The order is the rank: a rail comes from the first source that has it. A later
// one that has it too checks it, see [Reading.CrossChecks]. Gauges whose rails
// do not overlap are read together at one tick; on a host whose accelerators sit
// on boards the package is sockets plus boards.
//
// # Idle
//
// Active power is counted from a baseline that [Meter.Idle] judges before it is
// believed. A suite takes one at the start, whenever [Meter.IdleDue], and at the
// end, and then corrects its readings: [Meter.Correct] counts each from the
// straight line between the baselines around it, at the middle of its window.
//
// # Meaning
//
// Values are the vendor's on-die estimates, not wall power. They compare the
// engines of one host; Apple advises against comparing devices by them.
// [Meter.Boundary] names what they cover.
//
// # Membership
//
// A sample is the mean over its interval, so it belongs to a window only if the
// whole interval lies inside. The published protocol started its sampler 0.35 s
// before the load and so diluted its first sample; here the samples that
// straddle an edge are dropped. Counters that can be read at will are read at
// the edges themselves, so their mean needs no sample.
//
// # Doubts
//
// [Reading.Flags] lists them, [Reading.Confidence] weighs them and
// [Reading.Uncertainty] is the part that the window itself can see. Nothing is
// dropped for a flag, but work per watt should be divided by
// [Reading.Resolved], which refuses what is within its uncertainty.
//
// # Absence
//
// A Meter without sources works: every rail then answers ok == false and
// [Meter.Reasons] says why. Zero always means measured zero. Nothing here asks
// for a password or changes a permission.
//
// # Units and concurrency
//
// Watts, joules and seconds; milliwatts stay inside parsers. All methods are
// safe for concurrent use and windows may overlap. Time comes from package
// time, which tests replace by a testing/synctest bubble.
package power
