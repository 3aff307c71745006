package results

import (
	"fmt"
	"strings"
)

// roofClaims are the claims on ceilings and ridges (V2, measurements E02 and
// E03).
func roofClaims() []Claim {
	return []Claim{
		{ID: "V2.1", Text: "The GPU has the highest GEMM throughput.", judge: gpuPeak},
		{ID: "V2.2", Text: "The ANE's GEMM peaks at N=2048.", judge: anePeakAt2048},
		{ID: "V2.3", Text: "Past its peak the ANE's GEMM falls.", judge: aneFalls},
		{ID: "V2.4", Text: "The GPU's GEMM does not fall up to the largest size.", judge: gpuKeeps},
		{ID: "V2.5", Text: "The ANE leads peak GEMM efficiency.", judge: peakWatts(func(c *Ceilings) Peak { return c.GEMMPerWatt })},
		{ID: "V2.6", Text: "At saturation the conv efficiencies of ANE and GPU are level.", judge: convLevel},
		{ID: "V2.7", Text: "With few channels (C=64) the ANE leads conv efficiency.", judge: smallConv},
		{ID: "V2.8", Text: "The ANE's conv peak is above its GEMM peak.", judge: convOverGEMM},
		{ID: "V2.9", Text: "The ridge rises from CPU to GPU to ANE.", judge: ridgeOrder},
		{ID: "V2.10", Text: "Elementwise work, softmax and norms are memory-bound on every engine.", judge: sideOfRidge(true, isElementwise)},
		{ID: "V2.11", Text: "Convolutions and large GEMM (N ≥ 2048) are compute-bound on every engine.", judge: sideOfRidge(false, isLargeDense)},
		{ID: "V2.12", Text: "GEMV is memory-bound on every engine.", judge: sideOfRidge(true, func(w Work) bool { return w.gap == GEMVGap })},
		{ID: "V2.13", Text: "GEMM of N=512 is compute-side on the GPU but left of the ANE's ridge.", judge: smallGEMM},
		{ID: "V2.14", Text: "The error of an ANE GEMM grows with N; the GPU's does not.", judge: sweepErrors},
	}
}

// ceilingsOf are the ceilings of a kind's engine with the highest GEMM peak,
// an fp16 one where it has any.
func (f *File) ceilingsOf(kind string) *Ceilings {
	var best *Ceilings
	half := false
	for _, c := range f.Ceilings() {
		is := c.DType == "fp16"
		if c.Kind() != kind || half && !is {
			continue
		}
		if best == nil || is && !half || c.GEMM.Value > best.GEMM.Value {
			best, half = c, is
		}
	}
	if best == nil {
		best = &Ceilings{Engine: Engine{Device: kind}, GBps: map[string]Peak{}}
	}
	return best
}

// duel judges that the first peak is ahead of the second.
func duel(unit string, first, second Peak) Finding {
	if first.At == nil || second.At == nil {
		return Finding{}
	}
	text := fmt.Sprintf("%s %s, %s %s %s", first.At.Kind(), quantity(first.Value), second.At.Kind(), quantity(second.Value), unit)
	return Finding{versus(first.Value, second.Value, band(unit, first.At, second.At)), text}
}

func gpuPeak(f *File) Finding {
	gpu := f.ceilingsOf(GPU).GEMM
	return all(duel(PeakGFLOPS, gpu, f.ceilingsOf(ANE).GEMM), duel(PeakGFLOPS, gpu, f.ceilingsOf(CPU).GEMM))
}

// gemmSweep is the GEMM part of the saturation sweep on a kind's best engine.
func (f *File) gemmSweep(kind string) []*Arm {
	e := f.ceilingsOf(kind).Engine
	return bySize(keep(f.Points(SaturationBench), func(a *Arm) bool { return e.runs(a) && a.Workload == GEMM }), "N")
}

func anePeakAt2048(f *File) Finding {
	arms := f.gemmSweep(ANE)
	peak, ok := Highest(arms, PeakGFLOPS)
	at, swept := Highest(keep(arms, func(a *Arm) bool { return a.Int("N") == 2048 }), PeakGFLOPS)
	if !ok || !swept {
		return Finding{}
	}
	found := Finding{Holds, fmt.Sprintf("%s GFLOP/s at N=%d", quantity(peak.Value), peak.size("N"))}
	if peak.At != at.At {
		found.Outcome = Fails
		if versus(peak.Value, at.Value, band(PeakGFLOPS, peak.At, at.At)) == Tie {
			found.Outcome = Tie
		}
		found.Figures += fmt.Sprintf(", %s at N=2048", quantity(at.Value))
	}
	return found
}

// fallOff is the fall-off of a kind's GEMM with its figures.
func (f *File) fallOff(kind string) (Finding, bool) {
	arms := f.gemmSweep(kind)
	ratio, largest, ok := FallOff(arms, "N", PeakGFLOPS)
	if !ok || len(arms) < 2 {
		return Finding{}, false
	}
	peak, _ := Highest(arms, PeakGFLOPS)
	v, _ := largest.Median(PeakGFLOPS)
	text := fmt.Sprintf("%s at N=%d, %s at N=%d GFLOP/s: %.2f×", quantity(peak.Value), peak.size("N"), quantity(v), largest.Int("N"), ratio)
	return Finding{versus(ratio, 1, band(PeakGFLOPS, peak.At, largest)), text}, true
}

func aneFalls(f *File) Finding {
	found, _ := f.fallOff(ANE)
	if found.Outcome == Tie { // within the band: it does not fall
		found.Outcome = Fails
	}
	return found
}

func gpuKeeps(f *File) Finding {
	found, ok := f.fallOff(GPU)
	if !ok {
		return Finding{}
	}
	if found.Outcome == Tie {
		found.Outcome = Holds
	} else {
		found.Outcome = Fails
	}
	return found
}

func peakWatts(of func(*Ceilings) Peak) func(*File) Finding {
	return func(f *File) Finding { return duel(GFLOPSPerW, of(f.ceilingsOf(ANE)), of(f.ceilingsOf(GPU))) }
}

func convLevel(f *File) Finding {
	found := peakWatts(func(c *Ceilings) Peak { return c.ConvPerWatt })(f)
	switch found.Outcome {
	case Tie:
		found.Outcome = Holds
	case Holds:
		found.Outcome = Fails
	}
	return found
}

func smallConv(f *File) Finding {
	small := keep(f.Points(SaturationBench), func(a *Arm) bool { return a.Workload == Conv3x3 && a.Int("C") == 64 })
	ane, _ := bestOf(small, ANE, GFLOPSPerW)
	gpu, _ := bestOf(small, GPU, GFLOPSPerW)
	return duel(GFLOPSPerW, ane, gpu)
}

func convOverGEMM(f *File) Finding {
	c := f.ceilingsOf(ANE)
	if c.Conv.At == nil || c.GEMM.At == nil {
		return Finding{}
	}
	text := fmt.Sprintf("conv %s, GEMM %s GFLOP/s", quantity(c.Conv.Value), quantity(c.GEMM.Value))
	return Finding{versus(c.Conv.Value, c.GEMM.Value, band(PeakGFLOPS, c.Conv.At, c.GEMM.At)), text}
}

// ridgeOrder needs two engines at least.
func ridgeOrder(f *File) Finding {
	var parts []Finding
	last, name := 0.0, ""
	for _, kind := range []string{CPU, GPU, ANE} {
		ridge, ok := f.ceilingsOf(kind).Ridge()
		if !ok {
			parts = append(parts, Finding{})
			continue
		}
		if name != "" {
			parts = append(parts, Finding{versus(ridge, last, TieBand), fmt.Sprintf("%s %s, %s %s FLOP/byte", name, digits(last), kind, digits(ridge))})
		}
		last, name = ridge, kind
	}
	return all(parts...)
}

func isElementwise(w Work) bool { return w.archetype != "" }

func isLargeDense(w Work) bool {
	return w.Class == ComputeClass && w.Name != "matmul square N=512"
}

// sideOfRidge judges that all work of a sort lies on one side of the ridge of
// every engine. It needs the two roofs, not a rate.
func sideOfRidge(memory bool, sort func(Work) bool) func(*File) Finding {
	return func(f *File) Finding {
		rooflines, err := f.Rooflines()
		if err != nil {
			return Finding{}
		}
		var parts []Finding
		for _, r := range rooflines {
			var ranges, wrong []string
			for _, p := range r.Placements {
				if !sort(p.Work) {
					continue
				}
				ranges = append(ranges, digits(p.Intensity))
				if p.Memory != memory {
					wrong = append(wrong, fmt.Sprintf("%s at %s", p.Work.Name, digits(p.Intensity)))
				}
			}
			found := Finding{Holds, fmt.Sprintf("%s ridge %s, intensities %s", r.Kind(), digits(r.RidgeAt), strings.Join(ranges, " "))}
			if wrong != nil {
				found = Finding{Fails, fmt.Sprintf("%s ridge %s, other side: %s", r.Kind(), digits(r.RidgeAt), strings.Join(wrong, ", "))}
			}
			parts = append(parts, found)
		}
		return all(parts...)
	}
}

func smallGEMM(f *File) Finding {
	gpu, ok1 := f.ceilingsOf(GPU).Ridge()
	ane, ok2 := f.ceilingsOf(ANE).Ridge()
	if !ok1 || !ok2 {
		return Finding{}
	}
	at := matmulWork(512).Intensity(2)
	text := fmt.Sprintf("intensity %s, ridges GPU %s, ANE %s", digits(at), digits(gpu), digits(ane))
	return Finding{max(versus(at, gpu, TieBand), versus(ane, at, TieBand)), text}
}

func sweepErrors(f *File) Finding {
	ends := func(kind string) (first, last float64, ok bool) {
		arms := measured(f.gemmSweep(kind), RelErrPPM)
		if len(arms) < 2 {
			return 0, 0, false
		}
		first, _ = arms[0].Median(RelErrPPM)
		last, _ = arms[len(arms)-1].Median(RelErrPPM)
		return first, last, true
	}
	var parts []Finding
	if first, last, ok := ends(ANE); ok {
		found := Finding{versus(last, first, TieBand), "ANE " + ppmText([]float64{first, last})}
		parts = append(parts, found)
	}
	if first, last, ok := ends(GPU); ok {
		found := Finding{Holds, "GPU " + ppmText([]float64{first, last})}
		if versus(last, first, TieBand) == Holds {
			found.Outcome = Fails
		}
		parts = append(parts, found)
	}
	return all(parts...)
}
