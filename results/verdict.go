package results

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// TieBand is the least relative difference that is called a win. The paper
// defines no band; its own published ratios near 1 change sign between hosts.
const TieBand = 0.05

// Arm is one workload on one device in one arithmetic: its rows are the
// samples of -count.
type Arm struct {
	Workload, Weights, Device, DType string

	Extra []KeyValue // further keys of a sweep: N=2048; none in the device map
	Rows  []*Row
}

// Arms returns the device map's arms in the order of first appearance. Rows
// with further keys, or without workload or device, belong to other benchmarks.
func (f *File) Arms() []*Arm {
	return slices.DeleteFunc(f.Points(MapBench), func(a *Arm) bool { return a.Workload == "" || len(a.Extra) > 0 })
}

// Kind is the arm's engine kind.
func (a *Arm) Kind() string { return Kind(a.Device) }

// Values lists the arm's samples of a unit.
func (a *Arm) Values(unit string) []float64 {
	var values []float64
	for _, r := range a.Rows {
		if v, ok := r.Value(unit); ok {
			values = append(values, v)
		}
	}
	return values
}

// Median is the median over the arm's samples; ok is false where the unit was
// not measured.
func (a *Arm) Median(unit string) (v float64, ok bool) {
	values := a.Values(unit)
	if len(values) == 0 {
		return 0, false
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2, true
}

// Flags is the union of the rows' confidence flags.
func (a *Arm) Flags() []string {
	var flags []string
	for _, r := range a.Rows {
		for _, flag := range r.Flags {
			if !slices.Contains(flags, flag) {
				flags = append(flags, flag)
			}
		}
	}
	return flags
}

// spread is the coefficient of variation over the arm's samples of a unit; 0
// for a single one.
func (a *Arm) spread(unit string) float64 {
	values := a.Values(unit)
	if len(values) < 2 {
		return 0
	}
	mean, std := stat.PopMeanStdDev(values, nil)
	return std / math.Abs(mean)
}

// Entry is an arm with the figure that it races with.
type Entry struct {
	Arm   *Arm
	Value float64
}

// Verdict is the outcome of one race between engine kinds, each sent by its
// arm of choice.
type Verdict struct {
	Unit    string
	Entries []Entry // one per kind, best first; empty where nothing was measured
	Ratio   float64 // how many times better the best is than the next, ≥ 1; 0 without a next
	Band    float64 // relative difference below which the race is a tie
}

// Winner is the kind that leads, tie or not; empty where fewer than two kinds
// raced.
func (v Verdict) Winner() string {
	if len(v.Entries) < 2 {
		return ""
	}
	return v.Entries[0].Arm.Kind()
}

// Tie reports whether the lead is within the band.
func (v Verdict) Tie() bool { return len(v.Entries) > 1 && v.Ratio <= 1+v.Band }

// Flagged reports whether the best or the next arm carries a confidence flag.
func (v Verdict) Flagged() bool {
	return slices.ContainsFunc(v.Entries[:min(2, len(v.Entries))], func(e Entry) bool { return len(e.Arm.Flags()) > 0 })
}

// Line is one line of the device map.
type Line struct {
	Workload, Weights string
	Arms              []*Arm
	Latency           Verdict // by minimum latency
	PerWatt           Verdict // by sustained throughput per active watt, or by energy
}

// Lines returns the device map: workloads in published order, unknown ones
// after them.
func (f *File) Lines() []Line {
	var lines []Line
	for _, a := range f.Arms() {
		at := slices.IndexFunc(lines, func(l Line) bool { return l.Workload == a.Workload && l.Weights == a.Weights })
		if at < 0 {
			at = len(lines)
			lines = append(lines, Line{Workload: a.Workload, Weights: a.Weights})
		}
		lines[at].Arms = append(lines[at].Arms, a)
	}
	slices.SortStableFunc(lines, func(a, b Line) int { return workloadRank(a.Workload) - workloadRank(b.Workload) })
	for i, l := range lines {
		lines[i].Latency = latencyVerdict(l.Arms)
		lines[i].PerWatt = perWattVerdict(l.Arms)
	}
	return lines
}

// latencyVerdict races the fastest arm of each kind.
func latencyVerdict(arms []*Arm) Verdict {
	return race(arms, MinNsPerOp)
}

// perWattVerdict races efficiency in the first unit that an arm has. The GPU
// sends its fp16 arm where that has energy, as the paper does; the band covers
// the variation of the power samples.
func perWattVerdict(arms []*Arm) Verdict {
	for _, unit := range []string{GFLOPSPerW, ItemsPerW, MJPerOp} {
		measured := slices.DeleteFunc(slices.Clone(arms), func(a *Arm) bool { return len(a.Values(unit)) == 0 })
		if len(measured) == 0 {
			continue
		}
		fp16 := slices.ContainsFunc(measured, func(a *Arm) bool { return a.Kind() == GPU && a.DType == "fp16" })
		measured = slices.DeleteFunc(measured, func(a *Arm) bool { return fp16 && a.Kind() == GPU && a.DType != "fp16" })
		return race(measured, unit)
	}
	return Verdict{Band: TieBand}
}

// race ranks the kinds by their best arm.
func race(arms []*Arm, unit string) Verdict {
	v := Verdict{Unit: unit, Band: TieBand}
	higher := slices.ContainsFunc(Units, func(u Unit) bool { return u.Name == unit && u.Better == "higher" })
	better := func(a, b float64) bool { return a != b && (a > b) == higher }
	for _, a := range arms {
		value, ok := a.Median(unit)
		if !ok || value <= 0 || !races(a.Device) {
			continue
		}
		at := slices.IndexFunc(v.Entries, func(e Entry) bool { return e.Arm.Kind() == a.Kind() })
		switch {
		case at < 0:
			v.Entries = append(v.Entries, Entry{a, value})
		case better(value, v.Entries[at].Value):
			v.Entries[at] = Entry{a, value}
		}
	}
	slices.SortStableFunc(v.Entries, func(a, b Entry) int {
		if higher {
			return cmp.Compare(b.Value, a.Value)
		}
		return cmp.Compare(a.Value, b.Value)
	})
	if len(v.Entries) > 1 {
		best, next := v.Entries[0].Value, v.Entries[1].Value
		v.Ratio = max(best/next, next/best)
	}
	for _, e := range v.Entries[:min(2, len(v.Entries))] {
		v.Band = max(v.Band, band(unit, e.Arm))
	}
	return v
}

// powerUnits are those with a power in them.
var powerUnits = []string{GFLOPSPerW, ItemsPerW, GBpsPerW, PeakGBpsPerW, MJPerOp, MJPerItem}

// band is the relative difference that decides nothing: [TieBand], the
// variation over the samples of an arm, and where power enters that of the
// power samples, whichever is the largest.
func band(unit string, arms ...*Arm) float64 {
	b := TieBand
	for _, a := range arms {
		b = max(b, a.spread(unit))
		if cv, ok := a.Median(CVPercent); ok && slices.Contains(powerUnits, unit) {
			b = max(b, cv/100)
		}
	}
	return b
}

// String is the verdict in words: "ANE 2.0× GPU", with "~" for a tie; "only
// CPU" without a race and "–" without a figure.
func (v Verdict) String() string {
	switch len(v.Entries) {
	case 0:
		return "–"
	case 1:
		return "only " + v.Entries[0].Arm.Kind()
	}
	text := fmt.Sprintf("%s %s× %s", v.Winner(), ratio(v.Ratio), v.Entries[1].Arm.Kind())
	if v.Tie() {
		text += "~"
	}
	return text
}

// ratio prints a ratio with the digits that tell it from a tie.
func ratio(r float64) string {
	switch {
	case r < 1.1:
		return fmt.Sprintf("%.2f", r)
	case r < 10:
		return fmt.Sprintf("%.1f", r)
	case r < 10000:
		return fmt.Sprintf("%.0f", r)
	default:
		return fmt.Sprintf("%.0e", r)
	}
}
