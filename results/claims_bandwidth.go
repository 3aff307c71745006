package results

import "fmt"

// orderOfMagnitude is the factor in "an order of magnitude under the GPU".
const orderOfMagnitude = 10

// flatFrom is the size in elements from which the ANE's activation path is
// said to be flat ("flat from small sizes"), the second of the sweep.
const flatFrom = 1 << 20

// bandwidthClaims are the claims on the two effective bandwidths (V3).
func bandwidthClaims() []Claim {
	return []Claim{
		{ID: "V3.1", Text: "The ANE's activation path is an order of magnitude under the GPU's.", judge: activationGap},
		{ID: "V3.2", Text: "The ANE's activation path is flat from 2^20 elements on (within 25 % of its peak).", judge: activationFlat},
		{ID: "V3.3", Text: "While it streams, the host's staging draws more power than the ANE.", judge: stagingPower},
		{ID: "V3.4", Text: "The ANE's weight path is faster than its activation path.", judge: weightOverActivation},
		{ID: "V3.5", Text: "The weight path is 112 GB/s (median from K=2048 on within 25 %).", judge: weightVerdict},
		{ID: "V3.6", Text: "The weight path is a plateau from K=4096 on.", judge: weightPlateau},
		{ID: "V3.7", Text: "The GPU leads GB/s per watt on activations.", judge: activationWatts},
		{ID: "V3.8", Text: "The ANE leads GB/s per watt on weights at the largest K.", judge: weightWatts},
		{ID: "V3.9", Text: "GEMV of K=N=4096 runs in the order ANE, CPU, GPU (as one gap measurement, E05).", judge: gemvOrder(RooflineBench)},
		{ID: "V3.10", Text: "GEMV of K=N=4096 runs in the order ANE, CPU, GPU (in the weight sweep, E06).", judge: gemvOrder(GEMVBench)},
	}
}

// fusionClaims are the claims on fusion (V5).
func fusionClaims() []Claim {
	return []Claim{
		{ID: "V5.1", Text: "Three convolutions fused on the ANE exceed the roof of a single one.", judge: fusedOverRoof},
		{ID: "V5.2", Text: "Fusing a chain below the ridge makes it faster.", needs: "E13, which is no benchmark of this version"},
		{ID: "V5.3", Text: "Compiling the GPU's graph flips no efficiency verdict.", needs: "E07, which is no benchmark of this version"},
	}
}

func activationGap(f *File) Finding {
	ane, gpu := f.ceilingsOf(ANE).Bandwidth(), f.ceilingsOf(GPU).Bandwidth()
	if ane.At == nil || gpu.At == nil {
		return Finding{}
	}
	text := fmt.Sprintf("ANE %s, GPU %s GB/s: %.1f×", digits(ane.Value), digits(gpu.Value), gpu.Value/ane.Value)
	return Finding{versus(gpu.Value/ane.Value, orderOfMagnitude, band(PeakGBps, ane.At, gpu.At)), text}
}

// streamSweep is the streaming archetype on a kind's best engine.
func (f *File) streamSweep(kind string) []*Arm {
	e := f.ceilingsOf(kind).Engine
	return bySize(keep(f.Points(BandwidthBench), func(a *Arm) bool {
		return e.runs(a) && a.Key("archetype") == Streaming
	}), "elems")
}

func activationFlat(f *File) Finding {
	arms := measured(f.streamSweep(ANE), PeakGBps)
	peak, _ := Highest(arms, PeakGBps)
	large := keep(arms, func(a *Arm) bool { return a.Int("elems") >= flatFrom })
	if len(large) < 2 {
		return Finding{}
	}
	found := Finding{Outcome: Holds}
	for _, a := range large {
		v, _ := a.Median(PeakGBps)
		if found.Figures == "" {
			found.Figures = fmt.Sprintf("%s GB/s at %d elements, peak %s", digits(v), a.Int("elems"), digits(peak.Value))
		}
		if v < (1-WeightPathTolerance)*peak.Value {
			found.Outcome = Fails
		}
	}
	return found
}

func stagingPower(f *File) Finding {
	arms := measured(f.streamSweep(ANE), ANEMW)
	if len(arms) == 0 {
		return Finding{}
	}
	a := arms[len(arms)-1]
	ane, _ := a.Median(ANEMW)
	cpu, _ := a.Median(CPUMW)
	return Finding{versus(cpu, ane, band(GBpsPerW, a)), fmt.Sprintf("CPU rail %s W, ANE rail %s W", digits(cpu/1e3), digits(ane/1e3))}
}

func weightOverActivation(f *File) Finding {
	w, ok := f.WeightPath(ANE)
	stream := f.ceilingsOf(ANE).Bandwidth()
	if !ok || stream.At == nil {
		return Finding{}
	}
	text := fmt.Sprintf("weights %s at K=%d, activations %s GB/s", digits(w.Max.Value), w.Max.size("K"), digits(stream.Value))
	return Finding{versus(w.Max.Value, stream.Value, band(PeakGBps, w.Max.At, stream.At)), text}
}

func weightVerdict(f *File) Finding {
	w, ok := f.WeightPath(ANE)
	if !ok {
		return Finding{}
	}
	found := Finding{Fails, fmt.Sprintf("median %s GB/s, CV %.1f %%, %.1f %% from %.0f", digits(w.TailMedian), 100*w.TailCV, 100*w.Deviation, WeightPathGBps)}
	if w.Holds() {
		found.Outcome = Holds
	}
	return found
}

func weightPlateau(f *File) Finding {
	w, ok := f.WeightPath(ANE)
	if !ok {
		return Finding{}
	}
	tail := keep(w.Points, func(a *Arm) bool { return a.Int("K") >= 4096 })
	if len(tail) < 2 {
		return Finding{}
	}
	a, b := tail[0], tail[len(tail)-1]
	x, _ := a.Median(PeakGBps)
	y, _ := b.Median(PeakGBps)
	found := Finding{Fails, fmt.Sprintf("%s at K=%d, %s at K=%d GB/s", digits(x), a.Int("K"), digits(y), b.Int("K"))}
	if versus(x, y, band(PeakGBps, a, b)) == Tie {
		found.Outcome = Holds
	}
	return found
}

func activationWatts(f *File) Finding {
	stream := keep(f.Points(BandwidthBench), func(a *Arm) bool { return a.Key("archetype") == Streaming })
	gpu, _ := bestOf(stream, GPU, GBpsPerW)
	ane, _ := bestOf(stream, ANE, GBpsPerW)
	return duel(GBpsPerW, gpu, ane)
}

func weightWatts(f *File) Finding {
	arms := measured(f.Points(GEMVBench), PeakGBpsPerW)
	ks := Sizes(arms, "K")
	for i := len(ks) - 1; i >= 0; i-- {
		at := keep(arms, func(a *Arm) bool { return a.Int("K") == ks[i] && a.Int("N") == ks[i] })
		ane, ok1 := bestOf(at, ANE, PeakGBpsPerW)
		gpu, ok2 := bestOf(at, GPU, PeakGBpsPerW)
		if ok1 && ok2 {
			found := duel(PeakGBpsPerW, ane, gpu)
			found.Figures += fmt.Sprintf(" at K=%d", ks[i])
			return found
		}
	}
	return Finding{}
}

// gemvOrder compares rates of computing, which leave out how many bytes an
// arithmetic takes for an element.
func gemvOrder(bench string) func(*File) Finding {
	return func(f *File) Finding {
		at := keep(f.Points(bench), func(a *Arm) bool {
			return a.Key("gap") == GEMVGap || a.Int("K") == 4096 && a.Int("N") == 4096
		})
		ane, ok1 := bestOf(at, ANE, PeakGFLOPS)
		cpu, ok2 := bestOf(at, CPU, PeakGFLOPS)
		gpu, ok3 := bestOf(at, GPU, PeakGFLOPS)
		if !ok1 || !ok2 || !ok3 {
			return Finding{}
		}
		text := fmt.Sprintf("ANE %s, CPU %s, GPU %s GFLOP/s", digits(ane.Value), digits(cpu.Value), digits(gpu.Value))
		b := band(PeakGFLOPS, ane.At, cpu.At, gpu.At)
		return Finding{max(versus(ane.Value, cpu.Value, b), versus(cpu.Value, gpu.Value, b)), text}
	}
}

func fusedOverRoof(f *File) Finding {
	gaps := keep(f.Points(RooflineBench), func(a *Arm) bool { return a.Key("gap") == FusedBlockGap })
	fused, ok := bestOf(gaps, ANE, PeakGFLOPS)
	roof := f.ceilingsOf(ANE).Conv
	if !ok || roof.At == nil {
		return Finding{}
	}
	text := fmt.Sprintf("fused %s, single %s GFLOP/s: %.0f %%", quantity(fused.Value), quantity(roof.Value), 100*fused.Value/roof.Value)
	return Finding{versus(fused.Value, roof.Value, band(PeakGFLOPS, fused.At, roof.At)), text}
}
