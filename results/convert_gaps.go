package results

import (
	"encoding/json"
	"fmt"
)

// paperRoofline is the published roofline synthesis (E05). Only the gap
// measurements are measured; ceilings and placements follow from E02 and E03,
// and the rest is prose about them.
type paperRoofline struct {
	Ceilings   *paperCeilings              `json:"ceilings,omitempty"`
	AI         []paperAI                   `json:"archetype_ai"`
	Gaps       paperGaps                   `json:"gap_measurements"`
	Placements map[string][]paperPlacement `json:"placement,omitempty"`
	Sketches   map[string]string           `json:"ascii_rooflines,omitempty"`
	Meta       map[string]any              `json:"meta"`
}

type paperCeilings struct {
	Compute   map[string]paperCompute       `json:"compute"`
	Bandwidth map[string]float64            `json:"bandwidth_gbps"`
	Ridge     map[string]float64            `json:"ridge_flop_per_byte"`
	GBps      map[string]map[string]float64 `json:"archetype_achieved_gbps"`
}

type paperCompute struct {
	GEMM   float64 `json:"gemm_peak_gflops"`
	GEMMAt int     `json:"gemm_peak_at_N"`
	Conv   float64 `json:"conv_peak_gflops"`
	ConvAt int     `json:"conv_peak_at_C"`
}

type paperAI struct {
	Name       string   `json:"archetype"`
	Class      string   `json:"class"`
	FLOPs      float64  `json:"flops"`
	Bytes      float64  `json:"bytes_fp16"`
	AI         float64  `json:"ai_fp16"`
	Archetype  string   `json:"bw_archetype,omitempty"`
	Formula    string   `json:"formula,omitempty"`    // prose
	Note       string   `json:"note,omitempty"`       // prose
	Represents []string `json:"represents,omitempty"` // prose
}

type paperGaps struct {
	Attention  map[string]json.RawMessage `json:"attention"`
	FusedBlock map[string]*paperArm       `json:"fused_block"`
	GEMV       map[string]*paperArm       `json:"gemv"`
	Available  map[string]bool            `json:"available"`
}

type paperPlacement struct {
	Name     string   `json:"archetype"`
	Class    string   `json:"class"`
	AI       float64  `json:"ai"`
	Roof     float64  `json:"applicable_roof_gflops"`
	Achieved *float64 `json:"achieved_gflops"`
	Percent  *float64 `json:"pct_roof"`
	Source   *string  `json:"source"`
}

// configKey stands beside the devices of the attention gap.
const configKey = "config"

func fromGaps(f *File, data []byte) error {
	var p paperRoofline
	if err := decodePaper(data, f.Name, &p); err != nil {
		return err
	}
	f.Facts = append(f.Facts, (&paperProtocol{Backends: p.Gaps.Available}).facts(prefix(RooflineBench))...)
	attention := map[string]*paperArm{}
	for device, text := range p.Gaps.Attention {
		if device == configKey {
			continue
		}
		a := new(paperArm)
		if err := decodePaper(text, device, a); err != nil {
			return err
		}
		attention[device] = a
	}
	for _, gap := range []struct {
		name    string
		devices map[string]*paperArm
	}{{AttentionGap, attention}, {FusedBlockGap, p.Gaps.FusedBlock}, {GEMVGap, p.Gaps.GEMV}} {
		err := eachDevice(gap.devices, func(device string, a *paperArm) error {
			r := Row{Bench: RooflineBench, Device: device, Extra: []KeyValue{{"gap", gap.name}}}
			if err := r.take(a, rateFields); err != nil {
				return err
			}
			f.Rows = append(f.Rows, r)
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", gap.name, err)
		}
	}
	return nil
}

// backGaps rebuilds the synthesis without its prose. Where the file has no E02
// or E03 it holds the gaps alone.
func backGaps(f *File) (any, error) {
	var protocol paperProtocol
	if err := protocol.take(f, prefix(RooflineBench)); err != nil {
		return nil, err
	}
	p := &paperRoofline{Meta: map[string]any{"fp16_bytes": 2, "cpu_fp32_bytes": 4}}
	p.Gaps.Available = protocol.Backends
	w := attentionWork()
	config, err := json.Marshal(map[string]any{"S": 512, "D": 64, "H": 12, "flops": w.FLOPs})
	if err != nil {
		return nil, err
	}
	p.Gaps.Attention = map[string]json.RawMessage{configKey: config}
	p.Gaps.FusedBlock, p.Gaps.GEMV = map[string]*paperArm{}, map[string]*paperArm{}
	for _, r := range f.rowsOf(RooflineBench) {
		a, err := r.arm(rateFields)
		if err == nil {
			err = p.Gaps.add(r, a)
		}
		if err != nil {
			return nil, fmt.Errorf("results: %s: line %d: %w", f.Name, r.Line, err)
		}
	}
	for _, w := range Works()[:10] { // the gaps have no entry of their own
		p.AI = append(p.AI, paperAI{
			Name: w.Name, Class: w.Class, FLOPs: w.FLOPs, Bytes: 2 * w.Elems, AI: w.Intensity(2),
			Archetype: archetypeLabel(w.archetype),
		})
	}
	if rooflines, err := f.Rooflines(); err == nil {
		p.synthesis(rooflines)
	}
	return p, nil
}

func (p *paperGaps) add(r *Row, a *paperArm) error {
	switch gap := (&Arm{Extra: r.Extra}).Key("gap"); gap {
	case AttentionGap:
		text, err := json.Marshal(a)
		if err != nil {
			return err
		}
		p.Attention[r.Device] = text
	case FusedBlockGap:
		block := FusedBlock()
		config, err := json.Marshal(map[string]any{"B": 4, "C": 256, "HxW": "64x64", "n_conv": 3})
		if err != nil {
			return err
		}
		one := block.One.Intensity(2)
		fused, flops := block.Intensity(2), 3*block.One.FLOPs
		a.Config, a.FusedFLOPs, a.AIOneConv, a.AIFused, a.AIThree = config, &flops, &one, &fused, &one
		p.FusedBlock[r.Device] = a
	case GEMVGap:
		p.GEMV[r.Device] = a
	default:
		return fmt.Errorf("gap %q is not a published one", gap)
	}
	return nil
}

// synthesis adds what follows from the ceilings.
func (p *paperRoofline) synthesis(rooflines []Roofline) {
	p.Ceilings = &paperCeilings{map[string]paperCompute{}, map[string]float64{}, map[string]float64{}, map[string]map[string]float64{}}
	p.Placements, p.Sketches = map[string][]paperPlacement{}, map[string]string{}
	for _, r := range rooflines {
		p.Ceilings.Compute[r.Device] = paperCompute{r.GEMM.Value, r.GEMM.size("N"), r.Conv.Value, r.Conv.size("C")}
		p.Ceilings.Bandwidth[r.Device] = r.Bandwidth().Value
		p.Ceilings.Ridge[r.Device] = r.RidgeAt
		for name, peak := range r.GBps {
			label := archetypeLabel(name)
			if p.Ceilings.GBps[label] == nil {
				p.Ceilings.GBps[label] = map[string]float64{}
			}
			p.Ceilings.GBps[label][r.Device] = peak.Value
		}
		for _, at := range r.Placements {
			entry := paperPlacement{Name: at.Work.Name, Class: at.Work.Class, AI: at.Intensity, Roof: at.Roof}
			if percent, ok := at.Percent(); ok {
				entry.Achieved, entry.Percent, entry.Source = &at.Achieved, &percent, &at.Source
			}
			p.Placements[r.Device] = append(p.Placements[r.Device], entry)
		}
		p.Sketches[r.Device] = r.Sketch()
	}
}
