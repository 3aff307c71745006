package results

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// paperServing is the published file of the batched serving sweep (E04).
type paperServing struct {
	paperProtocol
	Batches []int               `json:"batches"`
	Results paperServingResults `json:"results"`
}

// paperServingResults is keyed by workload label, with the summary beside.
type paperServingResults struct {
	workloads map[string]*paperServed
	summary   map[string]*paperSummary
}

const summaryKey = "_summary"

type paperServed struct {
	Points []*paperPoint `json:"points"`
	Note   string        `json:"note"`
}

type paperPoint struct {
	Device string       `json:"device"`
	B      int          `json:"B"`
	LatMS  json.Number  `json:"latency_ms,omitempty"`
	Items  json.Number  `json:"throughput_items_s,omitempty"` // from the minimum latency
	RelErr json.Number  `json:"relerr,omitempty"`
	Energy *paperEnergy `json:"energy,omitempty"`

	// copies of fields of Energy
	PkgActive json.Number `json:"active_pkg_W,omitempty"`
	PerfPerW  json.Number `json:"perf_per_W,omitempty"`
	MJPerItem json.Number `json:"mJ_per_item,omitempty"`
	CV        json.Number `json:"pkg_cv_pct,omitempty"`
	Flags     *[]string   `json:"flags,omitempty"`
}

type paperSummary struct {
	ThroughputAt   *float64       `json:"throughput_crossover_B"`
	ThroughputText string         `json:"throughput_verdict"`
	PerWattAt      *float64       `json:"perf_per_W_crossover_B"`
	PerWattText    string         `json:"perf_per_W_verdict"`
	Flagged        []paperFlagged `json:"flagged"`
}

type paperFlagged struct {
	Device string   `json:"device"`
	B      int      `json:"B"`
	Flags  []string `json:"flags"`
}

// UnmarshalJSON tells the summary from the workloads.
func (p *paperServingResults) UnmarshalJSON(data []byte) error {
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return err
	}
	p.workloads = map[string]*paperServed{}
	for label, part := range parts {
		if label == summaryKey {
			if err := decodePaper(part, label, &p.summary); err != nil {
				return err
			}
			continue
		}
		served := new(paperServed)
		if err := decodePaper(part, label, served); err != nil {
			return err
		}
		p.workloads[label] = served
	}
	return nil
}

// MarshalJSON puts the summary beside the workloads.
func (p paperServingResults) MarshalJSON() ([]byte, error) {
	all := map[string]any{summaryKey: p.summary}
	for label, served := range p.workloads {
		all[label] = served
	}
	return json.Marshal(all)
}

func fromServing(f *File, data []byte) error {
	var p paperServing
	if err := decodePaper(data, f.Name, &p); err != nil {
		return err
	}
	f.Facts = append(f.Facts, p.facts(prefix(ServingBench))...)
	for label := range p.Results.workloads {
		if !slices.ContainsFunc(ServingWorkloads, func(w ServingWorkload) bool { return w.Label == label }) {
			return fmt.Errorf("unknown workload %q", label)
		}
	}
	for _, w := range ServingWorkloads {
		served, ok := p.Results.workloads[w.Label]
		if !ok {
			continue
		}
		if served == nil || slices.Contains(served.Points, nil) {
			return fmt.Errorf("%s: %w", w.Label, errNull)
		}
		f.Facts = append(f.Facts, Named(KeyWorkload, w.Name, served.Note))
		for _, point := range served.Points {
			r, err := point.row(w.Name)
			if err != nil {
				return fmt.Errorf("%s %s B=%d: %w", w.Label, point.Device, point.B, err)
			}
			f.Rows = append(f.Rows, r)
		}
	}
	return nil
}

// row converts one point; both engines raced in fp16.
func (p *paperPoint) row(workload string) (Row, error) {
	r := Row{
		Bench: ServingBench, Workload: workload, Device: p.Device, DType: "fp16", Iters: 1,
		Extra: []KeyValue{{"batch", strconv.Itoa(p.B)}},
	}
	if !slices.Contains(sweepDevices, p.Device) {
		return r, fmt.Errorf("unknown device %q", p.Device)
	}
	for _, m := range []struct {
		number json.Number
		scale  int
		unit   string
	}{{p.LatMS, 6, MinNsPerOp}, {p.Items, 0, PeakItems}, {p.RelErr, 6, RelErrPPM}} {
		if err := r.scaled(m.number, m.scale, m.unit); err != nil {
			return r, err
		}
	}
	if p.Energy == nil {
		return r, nil
	}
	p.Energy.PerfUnit = ItemsPerW // not written in this file
	return r, r.fromEnergy(*p.Energy)
}

func backServing(f *File) (any, error) {
	p := &paperServing{}
	if err := p.take(f, prefix(ServingBench)); err != nil {
		return nil, err
	}
	p.Results = paperServingResults{map[string]*paperServed{}, map[string]*paperSummary{}}
	notes := f.Named(KeyWorkload)
	for _, w := range ServingWorkloads {
		served := &paperServed{Points: []*paperPoint{}}
		for _, r := range f.rowsOf(ServingBench) {
			if r.Workload != w.Name {
				continue
			}
			point, err := r.servingPoint()
			if err != nil {
				return nil, fmt.Errorf("results: %s: line %d: %w", f.Name, r.Line, err)
			}
			served.Points = append(served.Points, point)
			if !slices.Contains(p.Batches, point.B) {
				p.Batches = append(p.Batches, point.B)
			}
		}
		if len(served.Points) == 0 {
			continue
		}
		for _, kv := range notes {
			if kv.Key == w.Name {
				served.Note = kv.Value
			}
		}
		p.Results.workloads[w.Label] = served
		p.Results.summary[w.Label] = f.servingSummary(w.Name, served)
	}
	slices.Sort(p.Batches)
	return p, nil
}

func (r *Row) servingPoint() (*paperPoint, error) {
	p := &paperPoint{Device: r.Device, B: r.extra("batch")}
	for _, m := range []struct {
		number *json.Number
		scale  int
		unit   string
	}{{&p.LatMS, 6, MinNsPerOp}, {&p.Items, 0, PeakItems}, {&p.RelErr, 6, RelErrPPM}} {
		if err := r.unscaled(m.unit, m.scale, m.number); err != nil {
			return nil, err
		}
	}
	if _, ok := r.metric(NsPerOp); !ok {
		return p, nil
	}
	e, err := r.toEnergy()
	if err != nil {
		return nil, err
	}
	e.PerfUnit = ""
	p.Energy = &e
	p.PkgActive, p.PerfPerW, p.MJPerItem, p.CV, p.Flags = e.PkgActive, e.PerfPerW, e.MJPerItem, e.CV, &e.Flags
	return p, nil
}

// servingSummary computes the published crossovers again.
func (f *File) servingSummary(workload string, served *paperServed) *paperSummary {
	s := &paperSummary{Flagged: []paperFlagged{}}
	s.ThroughputAt, s.ThroughputText = Cross(f.Series(workload, PeakItems, ANE, GPU)).published()
	s.PerWattAt, s.PerWattText = Cross(f.Series(workload, ItemsPerW, ANE, GPU)).published()
	for _, p := range served.Points {
		if p.Flags != nil && len(*p.Flags) > 0 {
			s.Flagged = append(s.Flagged, paperFlagged{p.Device, p.B, *p.Flags})
		}
	}
	return s
}

// published is the crossover as the published file words it, with its mistake:
// a series in which the GPU led first is called a win of the ANE (T9).
func (c Crossover) published() (at *float64, text string) {
	switch c.Lead {
	case Overtaken:
		return &c.At, fmt.Sprintf("GPU overtakes ANE between B=%d and B=%d (~B=%.0f)", c.From, c.To, c.At)
	case SecondLeads:
		return &c.At, "GPU wins at all measured B"
	default:
		return nil, "ANE wins at all measured B (never overtaken in range)"
	}
}
