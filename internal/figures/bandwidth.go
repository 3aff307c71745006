package figures

import (
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"devicemap/results"
)

// bandwidths is figure 3: the bandwidth of every archetype, and the two
// effective bandwidths: of activations against the elements moved, of weights
// against K; each also per watt.
func bandwidths(f *results.File) (Figure, error) {
	arms := f.Points(results.BandwidthBench)
	if len(arms) == 0 {
		return Figure{}, &results.MissingError{File: f.Name, Bench: results.BandwidthBench}
	}
	engines := f.Engines(results.BandwidthBench, results.GEMVBench)
	stream := sub(arms, func(a *results.Arm) bool { return a.Key("archetype") == results.Streaming })
	weights := sub(f.Points(results.GEMVBench), func(a *results.Arm) bool { return a.Int("K") == a.Int("N") })

	panels := [][]*pane{{
		archetypePanel("Archetypes: highest rate", "GB/s, minimum latency", arms, engines, results.PeakGBps),
		pathPanel("The two paths: activations and weights", "GB/s, minimum latency", stream, weights, engines, results.PeakGBps, results.PeakGBps),
	}}
	height := vg.Length(300)
	if anyOf(arms, results.GBpsPerW) || anyOf(weights, results.PeakGBpsPerW) {
		panels, height = append(panels, []*pane{
			archetypePanel("Archetypes per watt, at the largest size", "GB/s per watt, sustained", arms, engines, results.GBpsPerW),
			pathPanel("The two paths per watt", "GB/s per watt", stream, weights, engines, results.GBpsPerW, results.PeakGBpsPerW),
		}), 520
	}
	legend := engineLegend(engines, true)
	legend = append(legend,
		entry{text: "activations: streaming", line: look{color: grey}.line(1.4, false)},
		entry{text: "weights: x[1,K] · W[K,K]", line: look{color: grey}.line(1.4, true)})
	p := page{
		title: "Figure 3. Bandwidth ceilings and the two effective bandwidths", panels: panels, legend: legend,
		caption: caption(f, "Bytes are those that a run must move; small weights may stay in a cache. "+
			"Per watt: activations sustained and at the largest size, weights from the minimum latency, as published."),
	}
	return Figure{"figure3-bandwidth", 780, height, p.draw}, nil
}

// pathPanel draws both effective bandwidths over the bytes that a run moves.
func pathPanel(title, yLabel string, stream, weights []*results.Arm, engines []results.Engine, streamUnit, weightUnit string) *pane {
	p := panel(title, "bytes moved in one run", yLabel)
	logScale(&p.X)
	logScale(&p.Y)
	p.Add(grid{x: true, y: true})
	drawSweep(p, stream, engines, func(a *results.Arm) float64 {
		return float64(2 * a.Int("elems") * results.ElementBytes(a.DType))
	}, streamUnit, false)
	drawSweep(p, weights, engines, func(a *results.Arm) float64 {
		return results.GEMVBytes(a.Int("K"), a.Int("N"), results.ElementBytes(a.DType))
	}, weightUnit, true)
	return p
}

// archetypePanel has a row for each archetype and a mark for each engine: the
// highest figure over the sizes.
func archetypePanel(title, xLabel string, arms []*results.Arm, engines []results.Engine, unit string) *pane {
	p := panel(title, xLabel, "")
	logScale(&p.X)
	p.Add(grid{x: true, y: true})
	var names []string
	for _, kind := range slices.Backward(results.Archetypes) {
		row := float64(len(names))
		names = append(names, kind.Name)
		for _, e := range engines {
			mine := sub(arms, func(a *results.Arm) bool { return a.Engine() == e && a.Key("archetype") == kind.Name })
			peak, ok := results.Highest(mine, unit)
			if !ok {
				continue
			}
			at, _ := pointOf(peak.At, 1, unit)
			p.Add(curve{[]point{{at.y, row, at.low, at.high}}, draw.LineStyle{}, looks(engines)[e].glyph(), true})
		}
	}
	settle(p)
	nominal(&p.Y, names)
	widen(&p.X, 1.3)
	return p
}

func anyOf(arms []*results.Arm, unit string) bool {
	return slices.ContainsFunc(arms, func(a *results.Arm) bool { return len(a.Values(unit)) > 0 })
}
