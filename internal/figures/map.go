package figures

import (
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"devicemap/results"
)

// deviceMap is figure 1: for each workload the minimum latency of every arm,
// and beside it how far each is from the best per watt.
func deviceMap(f *results.File) (Figure, error) {
	lines := f.Lines()
	if len(lines) == 0 {
		return Figure{}, &results.MissingError{File: f.Name, Bench: results.MapBench}
	}
	slices.Reverse(lines) // the first workload on top
	engines := mapEngines(f)
	latency := panel("Minimum latency of one run", "milliseconds (left is better)", "")
	logScale(&latency.X)
	efficiency := panel("Work per watt, relative to the best engine", "relative to the best engine of the workload (right is better)", "")
	logScale(&efficiency.X)
	latency.Add(grid{x: true, y: true})
	efficiency.Add(grid{x: true, y: true})
	var names []string
	power := false
	for i, l := range lines {
		names = append(names, l.Workload)
		for _, a := range byEngine(l.Arms, engines) {
			row := float64(i) + lane(a.Kind(), engines)
			glyph := looks(engines)[a.Engine()].glyph()
			if at, ok := pointOf(a, 1, results.MinNsPerOp); ok {
				latency.Add(curve{[]point{{at.y / 1e6, row, at.low / 1e6, at.high / 1e6}}, draw.LineStyle{}, glyph, true})
			}
			if at, ok := relative(l.PerWatt, a, row); ok {
				power = true
				efficiency.Add(curve{[]point{at}, draw.LineStyle{}, glyph, true})
			}
		}
	}
	for _, p := range []*pane{latency, efficiency} {
		nominal(&p.Y, names)
	}
	efficiency.Y.Tick.Marker = plot.ConstantTicks(unlabelled(len(names)))
	settle(latency)
	widen(&latency.X, 1.25)
	efficiency.X.Min, efficiency.X.Max = min(efficiency.X.Min, 0.5)/1.2, 1.2*max(efficiency.X.Max, 1)
	pageOf := page{
		title: "Figure 1. The device map", panels: [][]*pane{{latency, efficiency}}, legend: engineLegend(engines, false),
		caption: caption(f, "Filled marks are fp16, hollow ones wider. Per watt: sustained throughput, or inferences for real models, per active package watt."),
	}
	width := vg.Length(780)
	if !power {
		pageOf.panels, width = [][]*pane{{latency}}, 560
		pageOf.caption = caption(f, "Filled marks are fp16, hollow ones wider.")
	}
	return Figure{"figure1-device-map", width, vg.Length(460), pageOf.draw}, nil
}

// mapEngines are the engines of the map, software stand-ins left out.
func mapEngines(f *results.File) []results.Engine { return f.Engines(results.MapBench) }

// byEngine orders the racing arms of a workload as the legend does, so that a
// filled mark stands before the hollow one of its kind.
func byEngine(arms []*results.Arm, engines []results.Engine) []*results.Arm {
	list := sub(arms, func(*results.Arm) bool { return true })
	slices.SortStableFunc(list, func(a, b *results.Arm) int {
		return slices.Index(engines, a.Engine()) - slices.Index(engines, b.Engine())
	})
	return list
}

// lane keeps the kinds of a row apart, so that equal figures stay visible.
func lane(kind string, engines []results.Engine) float64 {
	several := slices.ContainsFunc(engines, func(e results.Engine) bool { return e.Kind() != engines[0].Kind() })
	switch {
	case several && kind == results.CPU:
		return 0.2
	case several && kind == results.ANE:
		return -0.2
	default:
		return 0
	}
}

// relative is an arm's figure per watt as a part of the best in its unit.
func relative(v results.Verdict, a *results.Arm, row float64) (point, bool) {
	if len(v.Entries) < 2 {
		return point{}, false // one engine alone is no comparison
	}
	at, ok := pointOf(a, 1, v.Unit)
	if !ok {
		return point{}, false
	}
	best := v.Entries[0].Value
	if v.Unit == results.MJPerOp { // energy: less is better
		return point{best / at.y, row, best / at.high, best / at.low}, true
	}
	return point{at.y / best, row, at.low / best, at.high / best}, true
}

// nominal puts a name at each whole number of an axis.
func nominal(a *plot.Axis, names []string) {
	var ticks []plot.Tick
	for i, name := range names {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: name})
	}
	a.Tick.Marker = plot.ConstantTicks(ticks)
	a.Min, a.Max = -0.5, float64(len(names))-0.5
	a.Tick.Length = 0
}

// unlabelled ticks carry a blank, so that the grid is drawn.
func unlabelled(n int) []plot.Tick {
	var ticks []plot.Tick
	for i := range n {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: " "})
	}
	return ticks
}

// widen moves both ends of a logarithmic axis out by a factor.
func widen(a *plot.Axis, factor float64) {
	a.Min, a.Max = a.Min/factor, a.Max*factor
}
