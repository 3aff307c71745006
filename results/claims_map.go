package results

import (
	"fmt"
	"slices"
	"strings"
)

// axis is one of the two verdicts of a line of the map.
type axis func(Line) Verdict

func byLatency(l Line) Verdict { return l.Latency }
func byWatt(l Line) Verdict    { return l.PerWatt }

var (
	denseWorkloads = []string{"GEMM-floor", "GEMM-bandwidth", "GEMM-compute", "conv-single", "conv-resnet-ish", "attention-vit", "attention-longseq"}
	convWorkloads  = []string{"conv-single", "conv-resnet-ish"}
	normWorkloads  = []string{"layer_norm-vit", "rms_norm-vit", "group_norm-fmap"}
	chainWorkloads = []string{"stencil-5pt", "Jacobi-solve"}
	modelWorkloads = []string{"ResNet-18-forward", "MiniLM-encoder", "ViT-B-16-forward"}
)

// mapClaims are the claims of the device map (V1, measurement E01).
func mapClaims() []Claim {
	return []Claim{
		{ID: "V1.1", Text: "The winner by latency depends on the workload class.", judge: winnersDiffer(byLatency)},
		{ID: "V1.2", Text: "The ANE leads the GPU per watt in most dense classes (GEMM, conv, attention).", judge: mostDense},
		{ID: "V1.3", Text: "A tiny GEMM runs fastest on the CPU.", judge: wins(CPU, byLatency, "GEMM-floor")},
		{ID: "V1.4", Text: "A tiny solve runs fastest on the CPU.", judge: wins(CPU, byLatency, "Jacobi-solve")},
		{ID: "V1.5", Text: "A large GEMM runs fastest on the GPU.", judge: wins(GPU, byLatency, "GEMM-compute")},
		{ID: "V1.6", Text: "A large GEMM is cheapest per watt on the ANE.", judge: wins(ANE, byWatt, "GEMM-compute")},
		{ID: "V1.7", Text: "Long attention runs fastest on the GPU.", judge: wins(GPU, byLatency, "attention-longseq")},
		{ID: "V1.8", Text: "Long attention is cheapest per watt on the ANE.", judge: wins(ANE, byWatt, "attention-longseq")},
		{ID: "V1.9", Text: "Convolutions run fastest on the ANE.", judge: wins(ANE, byLatency, convWorkloads...)},
		{ID: "V1.10", Text: "Convolutions are cheapest per watt on the ANE.", judge: wins(ANE, byWatt, convWorkloads...)},
		{ID: "V1.11", Text: "Fused step chains (stencil, Jacobi) run faster on the ANE than on the GPU.", judge: beats(ANE, GPU, byLatency, chainWorkloads...)},
		{ID: "V1.12", Text: "Fused step chains are cheaper per watt on the ANE than on the GPU.", judge: beats(ANE, GPU, byWatt, chainWorkloads...)},
		{ID: "V1.13", Text: "Norms run fastest on the GPU.", judge: wins(GPU, byLatency, normWorkloads...)},
		{ID: "V1.14", Text: "group_norm and a small DFT are cheapest per watt on the GPU.", judge: wins(GPU, byWatt, "group_norm-fmap", "DFT-as-matmul")},
		{ID: "V1.15", Text: "Real models take the least energy on the ANE.", judge: wins(ANE, byWatt, modelWorkloads...)},
		{ID: "V1.16", Text: "The error of an ANE GEMM grows with K (256, 1024, 4096).", judge: errorGrows(ANE)},
		{ID: "V1.17", Text: "The error of a GPU fp16 GEMM does not grow with K.", judge: errorFlat(GPU)},
		{ID: "V1.18", Text: "The map repeats verdict for verdict across the generations.", between: sameVerdicts},
	}
}

// mapLine finds a workload; of several sets of weights the first.
func (f *File) mapLine(workload string) (Line, bool) {
	lines := f.Lines()
	i := slices.IndexFunc(lines, func(l Line) bool { return l.Workload == workload })
	if i < 0 {
		return Line{}, false
	}
	return lines[i], true
}

// wins judges that a kind leads all others in each workload.
func wins(kind string, by axis, workloads ...string) func(*File) Finding {
	return func(f *File) Finding {
		var parts []Finding
		for _, name := range workloads {
			part := Finding{}
			if l, ok := f.mapLine(name); ok {
				part = leads(by(l), kind)
				part.Figures = name + " " + part.Figures
			}
			parts = append(parts, part)
		}
		return all(parts...)
	}
}

// leads judges that a kind is the winner of a race.
func leads(v Verdict, kind string) Finding {
	at := slices.IndexFunc(v.Entries, func(e Entry) bool { return e.Arm.Kind() == kind })
	switch {
	case at < 0 || len(v.Entries) < 2:
		return Finding{}
	case v.Tie() && at < 2:
		return Finding{Tie, v.String()}
	case at == 0:
		return Finding{Holds, v.String()}
	default:
		return Finding{Fails, v.String()}
	}
}

// beats judges that a kind is ahead of another one in each workload, whatever
// the third does.
func beats(first, second string, by axis, workloads ...string) func(*File) Finding {
	return func(f *File) Finding {
		var parts []Finding
		for _, name := range workloads {
			part := Finding{}
			if l, ok := f.mapLine(name); ok {
				v := by(l).only(first, second)
				part = leads(v, first)
				part.Figures = name + " " + part.Figures
			}
			parts = append(parts, part)
		}
		return all(parts...)
	}
}

// only is the race without all other kinds.
func (v Verdict) only(kinds ...string) Verdict {
	var arms []*Arm
	for _, e := range v.Entries {
		if slices.Contains(kinds, e.Arm.Kind()) {
			arms = append(arms, e.Arm)
		}
	}
	return race(arms, v.Unit)
}

// winnersDiffer judges that no single kind wins everything.
func winnersDiffer(by axis) func(*File) Finding {
	return func(f *File) Finding {
		count := map[string]int{}
		for _, l := range f.Lines() {
			if v := by(l); len(v.Entries) > 1 {
				winner := v.Winner()
				if v.Tie() {
					winner = tie
				}
				count[winner]++
			}
		}
		if len(count) == 0 {
			return Finding{}
		}
		var texts []string
		kinds := 0
		for _, kind := range []string{CPU, GPU, ANE, tie} {
			if n := count[kind]; n > 0 {
				texts = append(texts, fmt.Sprintf("%s %d", kind, n))
				if kind != tie {
					kinds++
				}
			}
		}
		found := Finding{Fails, "wins: " + strings.Join(texts, ", ")}
		if kinds > 1 {
			found.Outcome = Holds
		}
		return found
	}
}

// mostDense counts the dense classes that the ANE leads per watt.
func mostDense(f *File) Finding {
	won, tied, total := 0, 0, 0
	for _, name := range denseWorkloads {
		l, ok := f.mapLine(name)
		if !ok {
			continue
		}
		switch leads(l.PerWatt.only(ANE, GPU), ANE).Outcome {
		case Holds:
			won++
		case Tie:
			tied++
		case NotMeasured:
			continue
		}
		total++
	}
	found := Finding{Fails, fmt.Sprintf("ANE ahead in %d of %d, %d ties", won, total, tied)}
	switch {
	case total == 0:
		return Finding{}
	case 2*won > total:
		found.Outcome = Holds
	case 2*(won+tied) > total:
		found.Outcome = Tie
	}
	return found
}

// gemmErrors are a kind's fp16 errors in ppm at K = 256, 1024, 4096.
func (f *File) gemmErrors(kind string) (ppm []float64, arms []*Arm) {
	for _, name := range []string{"GEMM-floor", "GEMM-bandwidth", "GEMM-compute"} {
		for _, a := range f.Arms() {
			if v, ok := a.Median(RelErrPPM); ok && a.Workload == name && a.Kind() == kind && a.DType == "fp16" && races(a.Device) && v > 0 {
				ppm, arms = append(ppm, v), append(arms, a)
				break
			}
		}
	}
	return ppm, arms
}

func errorGrows(kind string) func(*File) Finding {
	return func(f *File) Finding {
		ppm, arms := f.gemmErrors(kind)
		if len(ppm) < 3 {
			return Finding{}
		}
		b := band(RelErrPPM, arms...)
		worst := max(versus(ppm[1], ppm[0], b), versus(ppm[2], ppm[1], b))
		return Finding{worst, ppmText(ppm)}
	}
}

func errorFlat(kind string) func(*File) Finding {
	return func(f *File) Finding {
		ppm, arms := f.gemmErrors(kind)
		if len(ppm) < 3 {
			return Finding{}
		}
		found := Finding{Holds, ppmText(ppm)}
		if versus(slices.Max(ppm), ppm[0], band(RelErrPPM, arms...)) == Holds {
			found.Outcome = Fails
		}
		return found
	}
}

// ppmText prints errors in the paper's form: 1.3e-3, 5.5e-3.
func ppmText(ppm []float64) string {
	var texts []string
	for _, v := range ppm {
		texts = append(texts, fmt.Sprintf("%.1e", v/1e6))
	}
	return "relerr " + strings.Join(texts, ", ")
}

// sameVerdicts compares the published maps: each workload and axis that has a
// race in all of them. A tie contradicts no winner.
func sameVerdicts(files []*File) Finding {
	files = slices.DeleteFunc(slices.Clone(files), func(f *File) bool { return !f.IsPublished() })
	if len(files) < 2 {
		return Finding{NotMeasured, "needs the published files of two hosts or more"}
	}
	var counts, differ []string
	outcome := Holds
	for _, by := range []struct {
		name string
		axis axis
	}{{"by latency", byLatency}, {"per watt", byWatt}} {
		total, same, tied := 0, 0, 0
		for _, w := range Workloads {
			winners := winnersOf(files, w.Name, by.axis)
			if winners == nil {
				continue
			}
			total++
			kinds := slices.Compact(slices.Sorted(slices.Values(winners)))
			clear := slices.DeleteFunc(slices.Clone(kinds), func(k string) bool { return k == tie })
			switch {
			case len(clear) > 1:
				differ = append(differ, fmt.Sprintf("%s %s (%s)", w.Name, by.name, strings.Join(winners, ", ")))
			case len(kinds) > 1:
				tied++
			default:
				same++
			}
		}
		counts = append(counts, fmt.Sprintf("%s the same winner in %d of %d workloads, a tie on some host in %d, other winners in %d",
			by.name, same, total, tied, total-same-tied))
		if tied > 0 {
			outcome = max(outcome, Tie)
		}
	}
	text := strings.Join(counts, "; ")
	if len(differ) > 0 {
		outcome = Fails
		text += "; other winners on " + strings.Join(labels(files), ", ") + ": " + strings.Join(differ, ", ")
	}
	return Finding{outcome, text}
}

// tie stands for a winner within the band.
const tie = "tie"

// winnersOf lists the winner on each host, or a tie; nil where a host has no
// race.
func winnersOf(files []*File, workload string, by axis) []string {
	var winners []string
	for _, f := range files {
		l, ok := f.mapLine(workload)
		if !ok || len(by(l).Entries) < 2 {
			return nil
		}
		winner := by(l).Winner()
		if by(l).Tie() {
			winner = tie
		}
		winners = append(winners, winner)
	}
	return winners
}
