package figures

import (
	"fmt"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"devicemap/results"
)

// rooflines is figure 4: the roofline of each engine with the work that was
// placed under it.
func rooflines(f *results.File) (Figure, error) {
	list, err := f.Rooflines()
	if err != nil {
		return Figure{}, err
	}
	var engines []results.Engine
	for _, r := range list {
		engines = append(engines, r.Engine)
	}
	const columns = 3
	var panels [][]*pane
	low, high := rateRange(list)
	for i, r := range list {
		if i%columns == 0 {
			panels = append(panels, nil)
		}
		last := len(panels) - 1
		p := rooflinePanel(f, r, looks(engines)[r.Engine])
		p.Y.Min, p.Y.Max = low, high
		panels[last] = append(panels[last], p)
	}
	width := len(panels[0])
	for i := range panels {
		for len(panels[i]) < width {
			panels[i] = append(panels[i], nil)
		}
	}
	lines := "Solid: min(GEMM peak, streaming bandwidth × intensity). Dashed: conv peak. Upright: ridge. "
	if _, ok := f.WeightPath(results.ANE); ok {
		lines += "Dotted: the ANE's weight path (fastest GEMV). "
	}
	p := page{
		title: "Figure 4. Rooflines with placements", panels: panels, legend: workLegend(list),
		caption: caption(f, append([]string{lines + "Intensities are those of the engine's arithmetic."}, f.StreamingDoubts()...)...),
	}
	return Figure{"figure4-rooflines", max(620, 290*vg.Length(width)), 110 + 290*vg.Length(len(panels)), p.draw}, nil
}

// rateRange is one range of rates for all engines.
func rateRange(list []results.Roofline) (low, high float64) {
	low, high = math.Inf(1), 0
	for _, r := range list {
		high = max(high, r.GEMM.Value, r.Conv.Value)
		for _, p := range r.Placements {
			if p.Source != "" {
				low = min(low, p.Achieved)
				high = max(high, p.Achieved)
			}
		}
	}
	if low >= high {
		low = high / 100
	}
	return low / 1.6, high * 2
}

// Intensities that every panel shows, in FLOP/byte.
const (
	leastIntensity = 0.08
	mostIntensity  = 6000
)

func rooflinePanel(f *results.File, r results.Roofline, l look) *pane {
	p := panel(fmt.Sprintf("%s: ridge %s FLOP/byte", r.Engine, short3(r.RidgeAt)), "FLOP/byte", "GFLOP/s")
	logScale(&p.X)
	logScale(&p.Y)
	p.Add(grid{x: true, y: true})
	p.X.Min, p.X.Max = leastIntensity, mostIntensity
	bandwidth := r.Bandwidth().Value
	p.Add(roof(l.line(1.6, false), bandwidth, r.GEMM.Value))
	if r.Conv.Value > 0 {
		p.Add(path(l.line(1, true), [2]float64{r.Conv.Value / bandwidth, r.Conv.Value}, [2]float64{mostIntensity, r.Conv.Value}))
	}
	if w, ok := f.WeightPath(r.Kind()); ok && r.Kind() == results.ANE {
		dotted := l.line(1, false)
		dotted.Dashes = []vg.Length{1, 2}
		p.Add(roof(dotted, w.Max.Value, r.GEMM.Value))
	}
	upright := draw.LineStyle{Color: grey, Width: 0.7, Dashes: []vg.Length{2, 2}}
	p.Add(path(upright, [2]float64{r.RidgeAt, 1e-9}, [2]float64{r.RidgeAt, r.GEMM.Value}))
	for i, at := range r.Placements {
		if at.Source == "" {
			continue
		}
		p.Add(curve{points: []point{{at.Intensity, at.Achieved, at.Achieved, at.Achieved}}, glyph: l.glyph()})
		p.Add(placementLabel(r.Placements, i))
	}
	return p
}

// roof is the line of a bandwidth up to a compute peak.
func roof(line draw.LineStyle, gbps, gflops float64) curve {
	return path(line, [2]float64{leastIntensity, gbps * leastIntensity}, [2]float64{gflops / gbps, gflops}, [2]float64{mostIntensity, gflops})
}

// placementLabel writes the number of a placement above its mark, or beneath
// where another one stands close above.
func placementLabel(all []results.Placement, i int) remark {
	at := all[i]
	dy := vg.Length(9)
	for j, other := range all {
		if j == i || other.Source == "" {
			continue
		}
		near := math.Abs(math.Log10(other.Intensity/at.Intensity)) < 0.25
		if above := math.Log10(other.Achieved / at.Achieved); near && above > -0.02 && above < 0.35 && (above > 0.02 || j > i) {
			dy = -9
		}
	}
	return remark{x: at.Intensity, y: at.Achieved, dy: dy, text: fmt.Sprint(i + 1), color: ink, align: draw.XCenter, size: captionSize}
}

// workLegend numbers the work; what no engine ran is left out.
func workLegend(list []results.Roofline) []entry {
	var entries []entry
	for i := range list[0].Placements {
		for _, r := range list {
			if r.Placements[i].Source != "" {
				entries = append(entries, entry{text: fmt.Sprintf("%d %s", i+1, r.Placements[i].Work.Name)})
				break
			}
		}
	}
	return entries
}

// short3 prints three digits: 14.6, 134, 2.09.
func short3(v float64) string { return fmt.Sprintf("%.3g", v) }
