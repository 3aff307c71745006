package figures

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"devicemap/results"
)

// ceilings is figure 2: GEMM and convolution rates over their sizes, with the
// fall-off past the peak, and below them the rates per watt.
func ceilings(f *results.File) (Figure, error) {
	arms := f.Points(results.SaturationBench)
	if len(arms) == 0 {
		return Figure{}, &results.MissingError{File: f.Name, Bench: results.SaturationBench}
	}
	engines := f.Engines(results.SaturationBench)
	var rates, watts []*pane
	power := false
	for _, work := range []struct{ name, key, title, axis string }{
		{results.GEMM, "N", "Square GEMM, N×N · N×N", "N"},
		{results.Conv3x3, "C", "3×3 convolution, 64×64, C channels to C", "C"},
	} {
		mine := sub(arms, func(a *results.Arm) bool { return a.Workload == work.name })
		if len(mine) == 0 {
			continue
		}
		rate := sweepPanel(work.title, work.axis, "GFLOP/s, minimum latency", results.Sizes(mine, work.key))
		drawSweep(rate, mine, engines, along(work.key), results.PeakGFLOPS, false)
		fallOffs(rate, mine, engines, work.key)
		watt := sweepPanel(work.title+", per watt", work.axis, "GFLOP/s per watt, sustained", results.Sizes(mine, work.key))
		power = drawSweep(watt, mine, engines, along(work.key), results.GFLOPSPerW, false) || power
		rates, watts = append(rates, rate), append(watts, watt)
	}
	p := page{
		title: "Figure 2. Compute ceilings", panels: [][]*pane{rates, watts}, legend: engineLegend(engines, true),
		caption: caption(f, "Numbers at the right end: how far the largest size stays behind the peak."),
	}
	height := vg.Length(500)
	if !power {
		p.panels, height = p.panels[:1], vg.Length(300)
	}
	return Figure{"figure2-ceilings", max(560, 390*vg.Length(len(rates))), height, p.draw}, nil
}

// sub returns the racing arms that pass.
func sub(arms []*results.Arm, pass func(*results.Arm) bool) []*results.Arm {
	var list []*results.Arm
	for _, a := range arms {
		if a.Races() && pass(a) {
			list = append(list, a)
		}
	}
	return list
}

// sweepPanel has a logarithmic axis of sizes and one of rates.
func sweepPanel(title, xLabel, yLabel string, sizes []int) *pane {
	p := panel(title, xLabel, yLabel)
	logScale(&p.X)
	logScale(&p.Y)
	p.X.Tick.Marker = sizeTicks(sizes)
	p.Add(grid{x: true, y: true})
	return p
}

// along places arms by a numeric key.
func along(key string) func(*results.Arm) float64 {
	return func(a *results.Arm) float64 { return float64(a.Int(key)) }
}

// drawSweep adds a line for each engine; drawn is false where no arm has the
// unit, and the panel then gets a range of its own.
func drawSweep(p *pane, arms []*results.Arm, engines []results.Engine, x func(*results.Arm) float64, unit string, dashed bool) (drawn bool) {
	by := looks(engines)
	for _, e := range engines {
		points := pointsOf(arms, e, x, unit)
		if len(points) > 0 {
			drawn = true
			p.Add(curve{points, by[e].line(1.4, dashed), by[e].glyph(), false})
		}
	}
	settle(p)
	return drawn
}

// pointsOf are an engine's figures in a unit, by x.
func pointsOf(arms []*results.Arm, e results.Engine, x func(*results.Arm) float64, unit string) []point {
	var points []point
	for _, a := range arms {
		if at, ok := pointOf(a, x(a), unit); ok && a.Engine() == e {
			points = append(points, at)
		}
	}
	slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
	return points
}

// leastSpan is the factor between the ends of a logarithmic axis that always
// holds two labels.
const leastSpan = 3

// settle gives a logarithmic axis a range that it can show and label, also
// where there is one figure or none.
func settle(p *pane) {
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		if _, ok := a.Scale.(plot.LogScale); !ok {
			continue
		}
		if a.Min > a.Max || a.Min <= 0 {
			a.Min, a.Max = 1, 10
		}
		if span := a.Max / a.Min; span < leastSpan {
			widen(a, math.Sqrt(leastSpan/span))
		}
	}
}

// fallOffs marks engines whose largest size is behind their peak by more than
// the tie band.
func fallOffs(p *pane, arms []*results.Arm, engines []results.Engine, key string) {
	for _, e := range engines {
		mine := sub(arms, func(a *results.Arm) bool { return a.Engine() == e })
		ratio, largest, ok := results.FallOff(mine, key, results.PeakGFLOPS)
		if !ok || ratio <= 1+results.TieBand {
			continue
		}
		v, _ := largest.Median(results.PeakGFLOPS)
		p.Add(remark{x: float64(largest.Int(key)), y: v, dx: -2, dy: 10, text: "÷ " + short3(ratio), color: kindColor(e.Kind()), align: draw.XRight, size: labelSize})
	}
}
