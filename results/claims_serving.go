package results

import (
	"fmt"
	"strings"
)

// servingClaims are the claims on batched serving (V4, measurement E04). Each
// crossover is judged twice: from the minimum latency, as published, and from
// the sustained throughput, as the published text describes it (T8).
func servingClaims() []Claim {
	var claims []Claim
	add := func(text string, judge func(*File) Finding) {
		claims = append(claims, Claim{ID: fmt.Sprintf("V4.%d", len(claims)+1), Text: text, judge: judge})
	}
	for _, from := range []struct{ unit, text string }{
		{PeakItems, "from minimum latency, as published"},
		{Items, "sustained"},
	} {
		add("The ANE serves the conv classifier faster at every batch ("+from.text+").", everyBatch("vision", from.unit))
		for _, w := range []struct{ name, text string }{
			{"encoder", "the encoder block"}, {"attention", "the attention block"}, {"gemm", "batched GEMM"},
		} {
			add("For "+w.text+" the ANE leads small batches and the GPU overtakes ("+from.text+").", overtaken(w.name, from.unit))
		}
	}
	for _, w := range []struct{ name, text string }{
		{"vision", "the conv classifier"}, {"encoder", "the encoder block"}, {"attention", "the attention block"}, {"gemm", "batched GEMM"},
	} {
		add("Per watt the ANE leads "+w.text+" at every batch.", everyBatch(w.name, ItemsPerW))
	}
	add("Crossovers from minimum latency and from sustained throughput agree.", crossoversAgree)
	add("A second measurement of the encoder block confirms its crossover.", nil)
	claims[len(claims)-1].needs = "E11, which is no benchmark of this version"
	return claims
}

// atBatches judges the ANE against the GPU at each batch that both have.
func (f *File) atBatches(workload, unit string) (batches []int, outcomes []Outcome, ratios []float64) {
	arms := keep(f.Points(ServingBench), func(a *Arm) bool { return a.Workload == workload })
	for _, b := range Sizes(arms, "batch") {
		at := keep(arms, func(a *Arm) bool { return a.Int("batch") == b })
		ane, ok1 := bestOf(at, ANE, unit)
		gpu, ok2 := bestOf(at, GPU, unit)
		if ok1 && ok2 {
			batches = append(batches, b)
			outcomes = append(outcomes, versus(ane.Value, gpu.Value, band(unit, ane.At, gpu.At)))
			ratios = append(ratios, ane.Value/gpu.Value)
		}
	}
	return batches, outcomes, ratios
}

// ratiosText prints ANE/GPU by batch: "ANE/GPU 1: 2.1×, 4: 1.4×".
func ratiosText(batches []int, ratios []float64) string {
	var texts []string
	for i, b := range batches {
		texts = append(texts, fmt.Sprintf("B=%d %s×", b, digits(ratios[i])))
	}
	return "ANE/GPU " + strings.Join(texts, ", ")
}

func everyBatch(workload, unit string) func(*File) Finding {
	return func(f *File) Finding {
		batches, outcomes, ratios := f.atBatches(workload, unit)
		if len(batches) == 0 {
			return Finding{}
		}
		worst := Holds
		for _, o := range outcomes {
			worst = max(worst, o)
		}
		cross := Cross(f.Series(workload, unit, ANE, GPU))
		return Finding{worst, cross.Text(ANE, GPU) + "; " + ratiosText(batches, ratios)}
	}
}

func overtaken(workload, unit string) func(*File) Finding {
	return func(f *File) Finding {
		batches, outcomes, ratios := f.atBatches(workload, unit)
		if len(batches) < 2 {
			return Finding{}
		}
		cross := Cross(f.Series(workload, unit, ANE, GPU))
		found := Finding{Fails, cross.Text(ANE, GPU) + "; " + ratiosText(batches, ratios)}
		first, last := outcomes[0], outcomes[len(outcomes)-1]
		switch {
		case first == Holds && last == Fails:
			found.Outcome = Holds
		case first != Fails && last != Holds:
			found.Outcome = Tie
		}
		return found
	}
}

func crossoversAgree(f *File) Finding {
	var parts []Finding
	for _, w := range ServingWorkloads {
		peak, sustained := Cross(f.Series(w.Name, PeakItems, ANE, GPU)), Cross(f.Series(w.Name, Items, ANE, GPU))
		if peak.Lead == NoPairs || sustained.Lead == NoPairs {
			parts = append(parts, Finding{})
			continue
		}
		found := Finding{Fails, fmt.Sprintf("%s: %s, sustained %s", w.Name, peak.at(), sustained.at())}
		if peak.Lead == sustained.Lead && (peak.At == 0 || versus(peak.At, sustained.At, TieBand) == Tie) {
			found.Outcome = Holds
		}
		parts = append(parts, found)
	}
	return all(parts...)
}

// at is the crossover as a batch size, or none.
func (c Crossover) at() string {
	if c.At == 0 {
		return "none"
	}
	return "B≈" + digits3(c.At)
}
