package figures

import (
	"fmt"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"devicemap/results"
)

// serving is figure 5: throughput over the batch, sustained and from the
// minimum latency, and throughput per watt; crossovers of the sustained
// throughput are marked.
func serving(f *results.File) (Figure, error) {
	arms := f.Points(results.ServingBench)
	if len(arms) == 0 {
		return Figure{}, &results.MissingError{File: f.Name, Bench: results.ServingBench}
	}
	engines := f.Engines(results.ServingBench)
	var rates, watts []*pane
	power := false
	for _, w := range results.ServingWorkloads {
		mine := sub(arms, func(a *results.Arm) bool { return a.Workload == w.Name })
		if len(mine) == 0 {
			continue
		}
		batches := results.Sizes(mine, "batch")
		rate := sweepPanel(w.Name, "batch", "items/s", batches)
		drawSweep(rate, mine, engines, along("batch"), results.Items, false)
		minimumLines(rate, mine, engines)
		crossings(rate, f, w.Name)
		watt := sweepPanel(w.Name+", per watt", "batch", "items/s per watt, sustained", batches)
		power = drawSweep(watt, mine, engines, along("batch"), results.ItemsPerW, false) || power
		rates, watts = append(rates, rate), append(watts, watt)
	}
	legend := engineLegend(engines, true)
	legend = append(legend, entry{text: "from the minimum latency", line: draw.LineStyle{Color: grey, Width: 1, Dashes: []vg.Length{4, 2.5}}})
	about := "Solid lines are sustained."
	if first, second := f.ServingRivals(); len(f.Series(results.ServingWorkloads[0].Name, results.Items, first, second)) > 0 {
		about += " B is where the " + second + " overtakes the " + first + ": sustained, and in brackets from the minimum latency, as published."
	}
	p := page{
		title: "Figure 5. Batched serving and its crossovers", panels: [][]*pane{rates, watts}, legend: legend,
		caption: caption(f, about),
	}
	height := vg.Length(480)
	if !power {
		p.panels, height = p.panels[:1], vg.Length(290)
	}
	return Figure{"figure5-serving", max(600, 225*vg.Length(len(rates))), height, p.draw}, nil
}

// minimumLines adds the throughput of the minimum latency without marks.
func minimumLines(p *pane, arms []*results.Arm, engines []results.Engine) {
	by := looks(engines)
	for _, e := range engines {
		points := pointsOf(arms, e, along("batch"), results.PeakItems)
		for i := range points {
			points[i].low, points[i].high = points[i].y, points[i].y
		}
		if len(points) > 0 {
			p.Add(curve{points: points, line: by[e].line(1, true)})
		}
	}
	settle(p)
}

// crossings marks the crossover of the sustained throughput and names both.
func crossings(p *pane, f *results.File, workload string) {
	first, second := f.ServingRivals()
	sustained := results.Cross(f.Series(workload, results.Items, first, second))
	peak := results.Cross(f.Series(workload, results.PeakItems, first, second))
	if sustained.Lead != results.Overtaken {
		return
	}
	line := draw.LineStyle{Color: grey, Width: 0.8, Dashes: []vg.Length{2, 2}}
	p.Add(path(line, [2]float64{sustained.At, p.Y.Min}, [2]float64{sustained.At, p.Y.Max}))
	text := fmt.Sprintf("B≈%s", batchText(sustained.At))
	if peak.Lead == results.Overtaken {
		text += fmt.Sprintf(" (%s)", batchText(peak.At))
	}
	p.Add(remark{x: sustained.At, y: p.Y.Min, dx: 4, dy: 5, text: text, color: ink, align: draw.XLeft, size: captionSize})
}

func batchText(at float64) string {
	if at < 10 {
		return fmt.Sprintf("%.1f", at)
	}
	return fmt.Sprintf("%.0f", at)
}
