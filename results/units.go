package results

import "slices"

// Units of the metrics. Power figures are milliwatts from the host's own
// estimator; "active" means above the idle baseline.
const (
	NsPerOp    = "ns/op"     // sustained time of one run, over the power window
	MinNsPerOp = "min-ns/op" // minimum latency of individually timed runs

	GFLOPS     = "GFLOP/s"      // sustained
	Items      = "items/s"      // sustained; elements or inferences
	PeakGFLOPS = "peak-GFLOP/s" // from the minimum latency
	PeakItems  = "peak-items/s" // from the minimum latency
	GBps       = "GB/s"         // sustained, over the bytes that a run must move
	PeakGBps   = "peak-GB/s"    // from the minimum latency

	GFLOPSPerW = "GFLOP/s/W" // sustained, per active package watt
	ItemsPerW  = "items/s/W"
	GBpsPerW   = "GB/s/W"
	MJPerOp    = "mJ/op"   // active package energy of one run
	MJPerItem  = "mJ/item" // the same, of one item of a batch

	// PeakGBpsPerW divides the rate of the minimum latency by the power of the
	// sustained window. The weight-stream measurement (E06) was published so;
	// it is higher than GB/s/W wherever the minimum beats the window.
	PeakGBpsPerW = "peak-GB/s/W"

	MW      = "mW"      // active package power, median of the window's samples
	MeanMW  = "mean-mW" // the same, mean
	MinMW   = "min-mW"
	P90MW   = "p90-mW"
	CPUMW   = "cpu-mW" // active power of a rail
	GPUMW   = "gpu-mW"
	ANEMW   = "ane-mW"
	TotalMW = "total-mW" // package power under load, idle included

	CPUTotalMW = "cpu-total-mW" // a rail under load, idle included
	GPUTotalMW = "gpu-total-mW"
	ANETotalMW = "ane-total-mW"

	// The same by energy counters, whose mean over the window is exact for any
	// shape of load; the published figures are medians of samples.
	CtrMW         = "ctr-mW"        // active package power
	CtrTotalMW    = "ctr-total-mW"  // idle included
	GFLOPSPerCtrW = "GFLOP/s/ctr-W" // sustained, per such an active watt
	ItemsPerCtrW  = "items/s/ctr-W"

	IdleMW     = "idle-mW"     // package baseline that mW is counted from
	SystemMW   = "system-mW"   // whole machine, idle included
	UncMW      = "unc-mW"      // one standard deviation of mW, by what the window saw
	CrossRatio = "cross-ratio" // package, or first common rail, of the second source over the first

	CVPercent = "cv-%"       // coefficient of variation of the package samples
	PMSamples = "pm-samples" // power samples in the window

	LatencyCalls = "lat-calls"  // timed calls behind min-ns/op
	RelErrPPM    = "relerr-ppm" // ‖got−ref‖₂/‖ref‖₂ in parts per million

	LastRight  = "last-right"  // largest magnitude that an engine got right (E16)
	FirstWrong = "first-wrong" // smallest one that it got wrong
)

// Unit describes a unit for benchstat and for people.
type Unit struct {
	Name   string
	Better string // "higher", "lower", or empty where neither is better
	Exact  bool   // repeated runs give the same value
}

// Units lists the units in the order of a benchmark line.
var Units = []Unit{
	{NsPerOp, "lower", false},
	{MinNsPerOp, "lower", false},
	{GFLOPS, "higher", false},
	{Items, "higher", false},
	{PeakGFLOPS, "higher", false},
	{PeakItems, "higher", false},
	{GBps, "higher", false},
	{PeakGBps, "higher", false},
	{GFLOPSPerW, "higher", false},
	{ItemsPerW, "higher", false},
	{GBpsPerW, "higher", false},
	{PeakGBpsPerW, "higher", false},
	{MJPerOp, "lower", false},
	{MJPerItem, "lower", false},
	{MW, "lower", false},
	{MeanMW, "lower", false},
	{MinMW, "lower", false},
	{P90MW, "lower", false},
	{CPUMW, "lower", false},
	{GPUMW, "lower", false},
	{ANEMW, "lower", false},
	{TotalMW, "lower", false},
	{CPUTotalMW, "lower", false},
	{GPUTotalMW, "lower", false},
	{ANETotalMW, "lower", false},
	{CtrMW, "lower", false},
	{CtrTotalMW, "lower", false},
	{GFLOPSPerCtrW, "higher", false},
	{ItemsPerCtrW, "higher", false},
	{IdleMW, "lower", false},
	{SystemMW, "lower", false},
	{UncMW, "lower", false},
	{CrossRatio, "", false},
	{CVPercent, "lower", false},
	{PMSamples, "", false},
	{LatencyCalls, "", false},
	{RelErrPPM, "lower", true},
	{LastRight, "higher", true},
	{FirstWrong, "higher", true},
}

// unitRank is the place of a unit in a benchmark line; unknown ones come last.
func unitRank(name string) int {
	i := slices.IndexFunc(Units, func(u Unit) bool { return u.Name == name })
	if i < 0 {
		return len(Units)
	}
	return i
}
