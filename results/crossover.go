package results

import (
	"fmt"
	"math"
	"slices"
)

// Pair is one batch size with the figures of two engine kinds.
type Pair struct {
	Batch         int
	First, Second float64 // higher is better
}

// Lead says how two engines compare over a series of batches.
type Lead int

const (
	NoPairs     Lead = iota // no batch has both
	FirstLeads              // the first is never overtaken
	SecondLeads             // the second leads from the smallest batch on
	Overtaken               // the second overtakes the first
	FirstGains              // the second led first and fell behind: the published rule (T9) calls this FirstLeads
)

// Crossover is where the second engine of a series overtakes the first.
type Crossover struct {
	Lead     Lead
	At       float64 // batch, interpolated; 0 where nothing crosses
	From, To int     // measured batches around it
}

// Cross applies the published rule to pairs sorted by batch. With
// d = second − first, the first change of sign from d₀ < 0 to d₁ ≥ 0 gives
//
//	B = 2^(log₂B₀ + (−d₀/(d₁−d₀))·(log₂B₁−log₂B₀))
//
// Source: measurement E04.
func Cross(pairs []Pair) Crossover {
	if len(pairs) == 0 {
		return Crossover{}
	}
	d := func(i int) float64 { return pairs[i].Second - pairs[i].First }
	never, always := true, true
	for i := range pairs {
		never = never && d(i) <= 0
		always = always && d(i) >= 0
	}
	switch {
	case never:
		return Crossover{Lead: FirstLeads}
	case always:
		return Crossover{Lead: SecondLeads, At: float64(pairs[0].Batch), From: pairs[0].Batch, To: pairs[0].Batch}
	}
	for i := range len(pairs) - 1 {
		if d(i) < 0 && d(i+1) >= 0 {
			x0, x1 := math.Log2(float64(pairs[i].Batch)), math.Log2(float64(pairs[i+1].Batch))
			at := math.Exp2(x0 + (-d(i)/(d(i+1)-d(i)))*(x1-x0))
			return Crossover{Overtaken, at, pairs[i].Batch, pairs[i+1].Batch}
		}
	}
	return Crossover{Lead: FirstGains}
}

// Text is the crossover in words.
func (c Crossover) Text(first, second string) string {
	switch c.Lead {
	case FirstLeads:
		return first + " at every batch"
	case SecondLeads:
		return second + " at every batch"
	case Overtaken:
		return fmt.Sprintf("%s overtakes at B≈%s", second, digits3(c.At))
	case FirstGains:
		return fmt.Sprintf("%s leads small batches, %s large ones", second, first)
	default:
		return "not measured"
	}
}

// digits3 prints a batch size: 2.4, 5.9, 23.
func digits3(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// ServingWorkload is a graph of the batched serving sweep (E04).
type ServingWorkload struct {
	Name  string // value of the workload key
	Label string // in the published JSON
}

// ServingWorkloads lists them in published order.
var ServingWorkloads = []ServingWorkload{
	{"vision", "vision (conv-stack->GAP->FC classifier)"},
	{"encoder", "encoder (transformer block, S=128)"},
	{"attention", "attention (self-attn block, S=128)"},
	{"gemm", "gemm (batched [B,M,K]@[K,N], M=128,K=1024,N=1024)"},
}

// Series pairs two engine kinds over the batches of a serving workload that
// both have, in one unit: [PeakItems] as published, [Items] as the published
// text describes it (T8), or [ItemsPerW]. Of several arms of a kind the fp16
// ones race, and of those the best at each batch.
func (f *File) Series(workload, unit, first, second string) []Pair {
	arms := keep(f.Points(ServingBench), func(a *Arm) bool { return a.Workload == workload })
	var pairs []Pair
	for _, b := range Sizes(arms, "batch") {
		at := keep(arms, func(a *Arm) bool { return a.Int("batch") == b })
		x, ok1 := bestOf(at, first, unit)
		y, ok2 := bestOf(at, second, unit)
		if ok1 && ok2 {
			pairs = append(pairs, Pair{b, x.Value, y.Value})
		}
	}
	return pairs
}

// ServingRivals are the kinds whose crossovers are of interest: ANE and GPU as
// published, or CPU and GPU on a host without a Neural Engine.
func (f *File) ServingRivals() (first, second string) {
	for _, e := range f.Engines(ServingBench) {
		if e.Kind() == ANE {
			return ANE, GPU
		}
	}
	return CPU, GPU
}

// Sizes lists the values of a numeric key in ascending order.
func Sizes(arms []*Arm, key string) []int {
	var list []int
	for _, a := range arms {
		if n := a.Int(key); n > 0 && !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list
}

// bestOf is the best arm of a kind in a unit where higher is better: the fp16
// arms race where there are any.
func bestOf(arms []*Arm, kind, unit string) (Peak, bool) {
	mine := keep(measured(arms, unit), func(a *Arm) bool { return a.Kind() == kind && races(a.Device) })
	if half := keep(mine, func(a *Arm) bool { return a.DType == "fp16" }); len(half) > 0 {
		mine = half
	}
	return Highest(mine, unit)
}
