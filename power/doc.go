// Package power measures the power a stretch of work draws on each rail of
// the host.
//
// [Open] probes the sources of the operating system and starts one background
// reader. [Meter.Begin] and [Window.End] bracket the work. A rail reports the
// median of its whole samples and, where the source counts energy, the joules
// of the window.
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
// straddle an edge are dropped.
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
