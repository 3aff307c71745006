package results

import (
	"fmt"
	"slices"
	"strings"
)

// Archetype is a memory-bound operator of the bandwidth measurement (E03).
type Archetype struct {
	Name   string // value of the archetype key
	Label  string // in the published JSON
	Factor int    // times that each element crosses the memory bus
}

// Archetypes lists them in their published order.
var Archetypes = []Archetype{
	{Streaming, "streaming (relu / x*2)", 2},
	{"gelu", "gelu (light compute)", 2},
	{"sum", "reduction (sum)", 1},
	{"softmax", "softmax", 2},
	{"layer_norm", "layer_norm", 2},
}

// Streaming is the archetype whose peak is the bandwidth roof.
const Streaming = "streaming"

// Gaps of the roofline measurement (E05), values of the gap key.
const (
	AttentionGap  = "attention"
	FusedBlockGap = "fused-block"
	GEMVGap       = "GEMV"
)

// Classes of work.
const (
	ComputeClass   = "compute"
	MemoryClass    = "memory"
	CompositeClass = "composite (matmul-dom)"
)

// Work is what one run of a roofline archetype computes and moves.
type Work struct {
	Name  string // as published
	Class string
	FLOPs float64
	Elems float64 // elements read and written

	// Where the achieved rate comes from; all empty for none.
	saturation []KeyValue // workload, then size keys of an arm of the saturation sweep
	archetype  string     // of the bandwidth sweep: intensity · peak GB/s
	gap        string     // of the gap measurements
}

// Intensity is the arithmetic intensity FLOPs / (elements · bytes) in
// FLOP/byte for elements of the given size.
func (w Work) Intensity(bytes int) float64 { return w.FLOPs / (w.Elems * float64(bytes)) }

// isConv picks the compute roof. The archetype's name says it, as published.
func (w Work) isConv() bool { return strings.Contains(w.Name, "conv") }

// Works lists the archetypes that E05 places under a roofline, in published
// order.
func Works() []Work {
	const n = 16777216 // elements of the memory-bound ones
	works := []Work{matmulWork(512), matmulWork(2048), matmulWork(8192)}
	works = append(works, gemvWork("matmul GEMV M=1 (decode), K=N=4096", ""))
	works = append(works, convWork(512, 4), convWork(64, 16))
	for _, m := range []struct {
		name, archetype string
		flops           float64 // of one element
	}{
		{"relu / copy (1R+1W, ~1 flop)", Streaming, 1},
		{"gelu / silu (~10 flop, 1R+1W)", "gelu", 10},
		{"softmax (~5 flop, 1R+1W)", "softmax", 5},
		{"layer_norm (~10 flop, 1R+1W)", "layer_norm", 10},
	} {
		works = append(works, Work{Name: m.name, Class: MemoryClass, FLOPs: m.flops * n, Elems: 2 * n, archetype: m.archetype})
	}
	return append(works, attentionWork(), gemvWork("GEMV M=1 K=N=4096 (decode)", GEMVGap))
}

// matmulWork is a square product: 2N³ over 3N² elements.
func matmulWork(n int) Work {
	size := float64(n)
	return Work{
		Name: fmt.Sprintf("matmul square N=%d", n), Class: ComputeClass,
		FLOPs: 2 * size * size * size, Elems: 3 * size * size,
		saturation: []KeyValue{{"workload", GEMM}, {"N", fmt.Sprint(n)}},
	}
}

// convWork is a 3×3 convolution, C channels to C, of B images of 64×64:
// 2·B·C²·9·HW over B·C·HW + 9C² + B·C·HW elements.
func convWork(c, b int) Work {
	const hw = 64 * 64
	channels, images := float64(c), float64(b)
	return Work{
		Name: fmt.Sprintf("conv 3x3 (C=%d,B=%d,64x64)", c, b), Class: ComputeClass,
		FLOPs:      2 * images * channels * channels * 9 * hw,
		Elems:      2*images*channels*hw + 9*channels*channels,
		saturation: []KeyValue{{"workload", Conv3x3}, {"C", fmt.Sprint(c)}, {"B", fmt.Sprint(b)}},
	}
}

// gemvWork is x[1,K]·Wᵀ with K = N = 4096: 2KN over KN + K + N elements.
func gemvWork(name, gap string) Work {
	const k, n = 4096, 4096
	return Work{Name: name, Class: MemoryClass, FLOPs: 2 * k * n, Elems: k*n + k + n, gap: gap}
}

// attentionWork is softmax(q·kᵀ)·v over [1, H=12, S=512, d=64]: 4HS²d + 5HS²
// over 4HSd + 2HS² elements, the scores being written and read.
func attentionWork() Work {
	const h, s, d = 12, 512, 64
	return Work{
		Name: "attention block [1,12,512,64]", Class: CompositeClass,
		FLOPs: 4*h*s*s*d + 5*h*s*s, Elems: 4*h*s*d + 2*h*s*s, gap: AttentionGap,
	}
}

// Ceilings are what an engine reached when it was full.
type Ceilings struct {
	Engine
	GEMM, Conv               Peak            // peak-GFLOP/s
	GEMMPerWatt, ConvPerWatt Peak            // GFLOP/s/W
	GBps                     map[string]Peak // archetype → peak-GB/s
}

// Bandwidth is the bandwidth roof: the peak of the streaming archetype.
func (c *Ceilings) Bandwidth() Peak { return c.GBps[Streaming] }

// Ridge is where the roofs of GEMM and streaming meet, in FLOP/byte; ok is
// false where one of them was not measured.
func (c *Ceilings) Ridge() (ridge float64, ok bool) {
	if c.GEMM.At == nil || c.Bandwidth().At == nil {
		return 0, false
	}
	return Ridge(c.GEMM.Value, c.Bandwidth().Value), true
}

// Ridge is peak [GFLOP/s] / bandwidth [GB/s] in FLOP/byte: work of a lower
// arithmetic intensity is memory-bound.
func Ridge(gflops, gbps float64) float64 { return gflops / gbps }

// Ceilings finds the peaks of every engine of the sweeps E02 and E03. A peak
// that was not measured has no arm.
func (f *File) Ceilings() []*Ceilings {
	var list []*Ceilings
	compute, memory := f.Points(SaturationBench), f.Points(BandwidthBench)
	for _, e := range f.Engines(SaturationBench, BandwidthBench) {
		c := &Ceilings{Engine: e, GBps: map[string]Peak{}}
		mine := keep(compute, e.runs)
		gemm := keep(mine, func(a *Arm) bool { return a.Workload == GEMM })
		conv := keep(mine, func(a *Arm) bool { return a.Workload == Conv3x3 })
		c.GEMM, _ = Highest(gemm, PeakGFLOPS)
		c.Conv, _ = Highest(conv, PeakGFLOPS)
		c.GEMMPerWatt, _ = Highest(gemm, GFLOPSPerW)
		c.ConvPerWatt, _ = Highest(conv, GFLOPSPerW)
		for _, kind := range Archetypes {
			arms := keep(memory, func(a *Arm) bool { return e.runs(a) && a.Key("archetype") == kind.Name })
			if p, ok := Highest(arms, PeakGBps); ok {
				c.GBps[kind.Name] = p
			}
		}
		list = append(list, c)
	}
	return list
}

// cacheDoubt is how far the largest size may stay behind the streaming peak
// before the peak is taken for that of a cache.
const cacheDoubt = 0.75

// StreamingDoubts says for which engines the bandwidth roof may be that of a
// cache: the published rule takes the highest rate over all sizes, and a small
// operand can stay in a large cache.
func (f *File) StreamingDoubts() []string {
	var doubts []string
	for _, c := range f.Ceilings() {
		peak := c.Bandwidth()
		arms := keep(f.Points(BandwidthBench), func(a *Arm) bool { return c.runs(a) && a.Key("archetype") == Streaming })
		ratio, largest, ok := FallOff(arms, "elems", PeakGBps)
		if !ok || ratio < 1/cacheDoubt {
			continue
		}
		v, _ := largest.Median(PeakGBps)
		doubts = append(doubts, fmt.Sprintf("The %s streams %s GB/s at %d elements but %s GB/s at %d: its bandwidth roof may be that of a cache.",
			c.Engine, digits(peak.Value), peak.size("elems"), digits(v), largest.Int("elems")))
	}
	return doubts
}

// Placement is a piece of work under an engine's roofline.
type Placement struct {
	Work      Work
	Intensity float64 // FLOP/byte in the engine's arithmetic
	Roof      float64 // GFLOP/s
	Achieved  float64 // GFLOP/s; 0 where not measured
	Source    string  // of the achieved rate; empty where not measured
	Memory    bool    // left of the ridge: bound by memory
}

// Percent is the achieved part of the roof in percent; ok is false where
// nothing was measured.
func (p Placement) Percent() (percent float64, ok bool) {
	if p.Source == "" {
		return 0, false
	}
	return 100 * p.Achieved / p.Roof, true
}

// Roofline is an engine's ceilings with what was placed under them.
type Roofline struct {
	*Ceilings
	RidgeAt    float64
	Placements []Placement
}

// Rooflines combines the sweeps E02 and E03 and the gaps E05: one roofline for
// each engine that has both roofs. It fails with a [MissingError] where one of
// the sweeps is missing.
func (f *File) Rooflines() ([]Roofline, error) {
	if err := f.need(SaturationBench, BandwidthBench); err != nil {
		return nil, err
	}
	var list []Roofline
	for _, c := range f.Ceilings() {
		ridge, ok := c.Ridge()
		if !ok {
			continue
		}
		r := Roofline{Ceilings: c, RidgeAt: ridge}
		for _, w := range Works() {
			r.Placements = append(r.Placements, f.place(c, ridge, w))
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("results: %s: no engine has both a GEMM peak and a streaming peak; run first: go test -bench 'Saturation|Bandwidth'", f.Name)
	}
	return list, nil
}

// place computes roof = min(C, BW·AI), C being the conv peak for convolutions
// and else the GEMM peak.
func (f *File) place(c *Ceilings, ridge float64, w Work) Placement {
	p := Placement{Work: w, Intensity: w.Intensity(ElementBytes(c.DType))}
	compute := c.GEMM.Value
	if w.isConv() {
		compute = c.Conv.Value
	}
	p.Roof = c.Bandwidth().Value * p.Intensity
	if compute > 0 {
		p.Roof = min(compute, p.Roof)
	}
	p.Memory = p.Intensity < ridge
	switch {
	case w.archetype != "":
		if peak, ok := c.GBps[w.archetype]; ok {
			p.Achieved = p.Intensity * peak.Value
			p.Source = fmt.Sprintf("DERIVED: AI x achieved %.1f GB/s (%s)", peak.Value, archetypeLabel(w.archetype))
		}
	case w.saturation != nil:
		p.Achieved, p.Source = rateOf(f.Points(SaturationBench), c.Engine, "saturation sweep (size-specific)", func(a *Arm) bool {
			return a.Workload == w.saturation[0].Value && slices.Equal(a.Extra, w.saturation[1:])
		})
	case w.gap != "":
		p.Achieved, p.Source = rateOf(f.Points(RooflineBench), c.Engine, "MEASURED "+w.gap, func(a *Arm) bool {
			return a.Key("gap") == w.gap
		})
	}
	return p
}

// rateOf is the rate of the engine's arm that passes, with its source; both
// are empty where there is none.
func rateOf(arms []*Arm, e Engine, source string, pass func(*Arm) bool) (float64, string) {
	for _, a := range measured(arms, PeakGFLOPS) {
		if e.runs(a) && pass(a) {
			v, _ := a.Median(PeakGFLOPS)
			return v, source
		}
	}
	return 0, ""
}

func archetypeLabel(name string) string {
	for _, a := range Archetypes {
		if a.Name == name {
			return a.Label
		}
	}
	return name
}

// ElementBytes is the size of an element.
func ElementBytes(dtype string) int {
	switch dtype {
	case "fp64":
		return 8
	case "fp32":
		return 4
	default:
		return 2
	}
}

// Fused is three equal convolutions, two of them with a ReLU, in one program.
type Fused struct{ One Work }

// FusedBlock is the fused block of the gap measurements: [4,256,64,64], three
// 3×3 convolutions.
func FusedBlock() Fused { return Fused{convWork(256, 4)} }

// Intensity counts input, output and the three filters, but none of the
// intermediates: an estimate of what stays on the chip.
func (f Fused) Intensity(bytes int) float64 {
	const filters = 9 * 256 * 256
	return 3 * f.One.FLOPs / ((f.One.Elems + 2*filters) * float64(bytes))
}
