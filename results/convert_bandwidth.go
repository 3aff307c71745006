package results

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// paperBandwidth is the published file of the bandwidth roofline (E03).
type paperBandwidth struct {
	paperProtocol
	Sizes   []int `json:"sizes"`
	Results struct {
		Roofline map[string]*paperArchetype `json:"roofline"`
		Coverage paperCoverage              `json:"coverage"`
	} `json:"results"`
}

type paperArchetype struct {
	Factor int                      `json:"byte_factor"`
	Sizes  []*paperElems            `json:"sizes"`
	Peak   map[string]paperGBpsPeak `json:"peak"`
	Power  map[string]paperEnergy   `json:"power"`
}

type paperGBpsPeak struct {
	GBps  float64 `json:"gbps"`
	Elems int     `json:"at_nelem"`
}

// paperElems is one size of an archetype; the CPU has no relerr.
type paperElems struct {
	Elems   int         `json:"nelem"`
	Shape   [2]int      `json:"shape"`
	CPUGBps json.Number `json:"cpu_gbps,omitempty"`
	CPULat  json.Number `json:"cpu_lat_ms,omitempty"`
	CPUErr  json.Number `json:"cpu_relerr,omitempty"`
	GPUGBps json.Number `json:"gpu_gbps,omitempty"`
	GPULat  json.Number `json:"gpu_lat_ms,omitempty"`
	GPUErr  json.Number `json:"gpu_relerr,omitempty"`
	ANEGBps json.Number `json:"ane_gbps,omitempty"`
	ANELat  json.Number `json:"ane_lat_ms,omitempty"`
	ANEErr  json.Number `json:"ane_relerr,omitempty"`
}

// bandwidthDevices pairs the devices with their keys, their arithmetic and
// their fields.
var bandwidthDevices = []struct {
	device, key, dtype string
	gbps, lat, relerr  func(*paperElems) *json.Number
}{
	{CPU, "cpu", "fp32",
		func(p *paperElems) *json.Number { return &p.CPUGBps },
		func(p *paperElems) *json.Number { return &p.CPULat },
		func(p *paperElems) *json.Number { return &p.CPUErr }},
	{GPU, "gpu", "fp16",
		func(p *paperElems) *json.Number { return &p.GPUGBps },
		func(p *paperElems) *json.Number { return &p.GPULat },
		func(p *paperElems) *json.Number { return &p.GPUErr }},
	{ANE, "ane", "fp16",
		func(p *paperElems) *json.Number { return &p.ANEGBps },
		func(p *paperElems) *json.Number { return &p.ANELat },
		func(p *paperElems) *json.Number { return &p.ANEErr }},
}

// bandwidthColumns is the length of the last axis of every operand.
const bandwidthColumns = 4096

func fromBandwidth(f *File, data []byte) error {
	var p paperBandwidth
	if err := decodePaper(data, f.Name, &p); err != nil {
		return err
	}
	f.Facts = append(f.Facts, p.facts(prefix(BandwidthBench))...)
	for label := range p.Results.Roofline {
		if !slices.ContainsFunc(Archetypes, func(a Archetype) bool { return a.Label == label }) {
			return fmt.Errorf("unknown archetype %q", label)
		}
	}
	for _, kind := range Archetypes {
		for _, s := range p.Results.Roofline[kind.Label].sizes() {
			if s == nil {
				return fmt.Errorf("%s: %w", kind.Label, errNull)
			}
			if err := f.addElems(kind, s, p.Results.Roofline[kind.Label]); err != nil {
				return fmt.Errorf("%s of %d: %w", kind.Label, s.Elems, err)
			}
		}
	}
	return nil
}

// sizes is empty where the file lacks the archetype.
func (p *paperArchetype) sizes() []*paperElems {
	if p == nil {
		return nil
	}
	return p.Sizes
}

// addElems takes over one size; the power run belongs to the last one.
func (f *File) addElems(kind Archetype, s *paperElems, of *paperArchetype) error {
	for _, d := range bandwidthDevices {
		if *d.lat(s) == "" {
			continue
		}
		r := Row{Bench: BandwidthBench, Device: d.device, DType: d.dtype, Iters: 1, Extra: []KeyValue{
			{"archetype", kind.Name}, {"elems", strconv.Itoa(s.Elems)},
		}}
		for _, m := range []struct {
			number json.Number
			scale  int
			unit   string
		}{{*d.lat(s), 6, MinNsPerOp}, {*d.gbps(s), 0, PeakGBps}, {*d.relerr(s), 6, RelErrPPM}} {
			if err := r.scaled(m.number, m.scale, m.unit); err != nil {
				return fmt.Errorf("%s: %w", d.key, err)
			}
		}
		if e, ok := of.Power[d.key]; ok && s == of.Sizes[len(of.Sizes)-1] {
			if err := r.fromEnergy(e); err != nil {
				return fmt.Errorf("%s: %w", d.key, err)
			}
		}
		f.Rows = append(f.Rows, r)
	}
	return nil
}

func backBandwidth(f *File) (any, error) {
	p := &paperBandwidth{}
	if err := p.take(f, prefix(BandwidthBench)); err != nil {
		return nil, err
	}
	p.Results.Roofline = map[string]*paperArchetype{}
	p.Results.Coverage = publishedCoverage()
	for _, r := range f.rowsOf(BandwidthBench) {
		if err := p.add(r); err != nil {
			return nil, fmt.Errorf("results: %s: line %d: %w", f.Name, r.Line, err)
		}
	}
	for _, c := range f.Ceilings() {
		for _, d := range bandwidthDevices {
			for name, peak := range c.GBps {
				if d.device == c.Device {
					p.Results.Roofline[archetypeLabel(name)].Peak[d.key] = paperGBpsPeak{peak.Value, peak.At.Int("elems")}
				}
			}
		}
	}
	return p, nil
}

// add puts one row in its place.
func (p *paperBandwidth) add(r *Row) error {
	at := slices.IndexFunc(Archetypes, func(a Archetype) bool { return len(r.Extra) > 0 && a.Name == r.Extra[0].Value })
	if at < 0 {
		return fmt.Errorf("row %s has no published archetype", r.Name())
	}
	kind := Archetypes[at]
	of := p.Results.Roofline[kind.Label]
	if of == nil {
		of = &paperArchetype{Factor: kind.Factor, Peak: map[string]paperGBpsPeak{}, Power: map[string]paperEnergy{}}
		p.Results.Roofline[kind.Label] = of
	}
	n := r.extra("elems")
	if !slices.Contains(p.Sizes, n) {
		p.Sizes = append(p.Sizes, n)
	}
	i := slices.IndexFunc(of.Sizes, func(s *paperElems) bool { return s.Elems == n })
	if i < 0 {
		i = len(of.Sizes)
		of.Sizes = append(of.Sizes, &paperElems{Elems: n, Shape: [2]int{n / bandwidthColumns, bandwidthColumns}})
	}
	for _, d := range bandwidthDevices {
		if d.device != r.Device {
			continue
		}
		for _, m := range []struct {
			number *json.Number
			scale  int
			unit   string
		}{{d.lat(of.Sizes[i]), 6, MinNsPerOp}, {d.gbps(of.Sizes[i]), 0, PeakGBps}, {d.relerr(of.Sizes[i]), 6, RelErrPPM}} {
			if err := r.unscaled(m.unit, m.scale, m.number); err != nil {
				return err
			}
		}
		if _, ok := r.metric(NsPerOp); ok {
			e, err := r.toEnergy()
			if err != nil {
				return err
			}
			of.Power[d.key] = e
		}
	}
	return nil
}
