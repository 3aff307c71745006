package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// paperHosts says which machines the published files were measured on. The
// files themselves do not; the classes of the two older machines are inferred
// from their GPU power (32 W and 21 W).
var paperHosts = []struct{ file, host string }{
	{"device_map_M1.json", "M1 generation, Max class"},
	{"device_map_M2.json", "M2 generation, Pro class"},
	{"device_map_M5.json", m5Host},
	{"saturation.json", m5Host},
	{"bandwidth.json", m5Host},
	{"serving.json", m5Host},
	{"roofline_analysis.json", m5Host},
	{"gemv.json", m5Host},
}

const m5Host = "M5 Pro, 20 GPU cores, 6+12 CPU cores, 48 GB"

// PaperSource is the source fact of converted files.
const PaperSource = Published + " (arXiv:2606.22283)"

// field pairs a field of the published energy record with a unit:
// metric = field · 10^scale.
type field struct {
	number func(*paperEnergy) *json.Number
	unit   string
	scale  int
}

// energyFields holds the fields that are metrics; iters, flags and perf_per_W
// need more than a factor.
var energyFields = []field{
	{func(e *paperEnergy) *json.Number { return &e.IterMS }, NsPerOp, 6},
	{func(e *paperEnergy) *json.Number { return &e.Samples }, PMSamples, 0},
	{func(e *paperEnergy) *json.Number { return &e.ANELoaded }, ANETotalMW, 0},
	{func(e *paperEnergy) *json.Number { return &e.ANEActive }, ANEMW, 0},
	{func(e *paperEnergy) *json.Number { return &e.CPULoaded }, CPUTotalMW, 0},
	{func(e *paperEnergy) *json.Number { return &e.CPUActive }, CPUMW, 0},
	{func(e *paperEnergy) *json.Number { return &e.GPULoaded }, GPUTotalMW, 0},
	{func(e *paperEnergy) *json.Number { return &e.GPUActive }, GPUMW, 0},
	{func(e *paperEnergy) *json.Number { return &e.PkgLoaded }, TotalMW, 3},
	{func(e *paperEnergy) *json.Number { return &e.PkgActive }, MW, 3},
	{func(e *paperEnergy) *json.Number { return &e.PkgMean }, MeanMW, 3},
	{func(e *paperEnergy) *json.Number { return &e.PkgMin }, MinMW, 3},
	{func(e *paperEnergy) *json.Number { return &e.PkgP90 }, P90MW, 3},
	{func(e *paperEnergy) *json.Number { return &e.CV }, CVPercent, 0},
	{func(e *paperEnergy) *json.Number { return &e.MJPerInfer }, MJPerOp, 0},
	{func(e *paperEnergy) *json.Number { return &e.GFLOPS }, GFLOPS, 0},
	{func(e *paperEnergy) *json.Number { return &e.GBps }, GBps, 0},
	{func(e *paperEnergy) *json.Number { return &e.GBpsPerW }, GBpsPerW, 0},
	{func(e *paperEnergy) *json.Number { return &e.Items }, Items, 0},
	{func(e *paperEnergy) *json.Number { return &e.MJPerItem }, MJPerItem, 0},
}

// throughputs are the published throughput texts, which come from the minimum
// latency: metric = number · 10^scale, printed with so many decimals.
var throughputs = []struct {
	suffix   string
	unit     string
	scale    int
	decimals int
}{
	{" GFLOP/s", PeakGFLOPS, 0, 1},
	{" Gelem/s", PeakItems, 9, 2},
}

// scalars pairs the scalar fields of a published file with facts.
func (p *paperProtocol) scalars() []struct {
	key    string
	number *json.Number
} {
	return []struct {
		key    string
		number *json.Number
	}{
		{"window-s", &p.WindowS}, {"power-window-s", &p.PowerWindowS}, {"pm-interval-ms", &p.PMIntervalMS},
		{"reps", &p.Reps}, {"idle-pkg-mW", &p.IdlePkgMW},
	}
}

// Prefixes of the facts that hold the two maps of a published file.
const (
	backendFact = "backend-" // backend-mlx: true
	idleFact    = "idle-"    // idle-gpu-mW: 39.0
	idleUnit    = "-mW"
)

// FromPaper converts a published result file: the device map (E01) or one of
// the sweeps E02 to E06. name is used in errors, and its last element says
// which host it is. The result holds everything that was measured: FromPaper
// converts it back, compares, and refuses a file that it would change.
func FromPaper(data []byte, name string) (*File, error) {
	f := &File{Name: name}
	base := name[strings.LastIndexAny(name, `/\`)+1:]
	for _, h := range paperHosts {
		if h.file == base {
			f.Facts = append(f.Facts, Fact{KeyHost, h.host})
		}
	}
	f.Facts = append(f.Facts, Fact{KeySource, PaperSource})
	if s := sweepOf(data); s != nil {
		if err := s.convert(f, data); err != nil {
			return nil, err
		}
		return f, nil
	}
	p, err := parsePaper(data, name)
	if err != nil {
		return nil, err
	}
	f.Facts = append(f.Facts, p.facts("")...)
	for _, label := range slices.Sorted(maps.Keys(p.Results)) {
		if labelRank(label) == len(Workloads) {
			return nil, fmt.Errorf("results: %s: unknown workload %q; this converter knows those of the device map (E01)", name, label)
		}
	}
	for _, w := range Workloads {
		entry, ok := p.Results[w.Label]
		if !ok {
			continue
		}
		if err := f.addEntry(w, entry); err != nil {
			return nil, fmt.Errorf("results: %s: %s: %w", name, w.Label, err)
		}
	}
	if err := f.carries(p); err != nil {
		return nil, fmt.Errorf("results: %s: %w", name, err)
	}
	return f, nil
}

// carries writes f out, reads it and converts it back, and compares with p.
func (f *File) carries(p *paperMap) error {
	var text bytes.Buffer
	if err := f.Encode(&text); err != nil {
		return err
	}
	read, err := parse(text.Bytes(), "converted file")
	if err != nil {
		return err
	}
	back, err := read.paper()
	if err != nil {
		return err
	}
	want, err := p.canonical()
	if err != nil {
		return err
	}
	got, err := back.canonical()
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		return fmt.Errorf("conversion would change …%s… to …%s…; not converted", excerpt(want, at), excerpt(got, at))
	}
	return nil
}

// excerpt is the text around at.
func excerpt(text []byte, at int) string {
	return strings.ToValidUTF8(string(text[max(0, at-40):min(len(text), at+20)]), "?")
}

// facts lists the backends, the protocol and the idle figures. The prefix is
// the measurement's, empty for the device map.
func (p *paperProtocol) facts(prefix string) []Fact {
	var facts []Fact
	for _, k := range slices.Sorted(maps.Keys(p.Backends)) {
		facts = append(facts, Fact{prefix + backendFact + k, strconv.FormatBool(p.Backends[k])})
	}
	for _, s := range p.scalars() {
		if *s.number != "" {
			facts = append(facts, Fact{prefix + s.key, s.number.String()})
		}
	}
	for _, k := range slices.Sorted(maps.Keys(p.IdleMW)) {
		facts = append(facts, Fact{prefix + idleFact + k + idleUnit, p.IdleMW[k].String()})
	}
	return facts
}

// addEntry takes over one workload: its note and its rows.
func (f *File) addEntry(w Workload, entry paperEntry) error {
	key := KeyWorkload
	if len(entry.Rows) == 0 {
		key = KeySkipped
	}
	f.Facts = append(f.Facts, Named(key, w.Name, entry.Note))
	for _, row := range entry.Rows {
		r := Row{Workload: w.Name, DType: row.DType, Iters: 1}
		if w.Model {
			r.Weights = Pretrained
		}
		for _, d := range paperDevices {
			if d.paper == row.Device {
				r.Device = d.ours
			}
		}
		if r.Device == "" {
			return fmt.Errorf("unknown device %q", row.Device)
		}
		if err := r.fromPaper(row); err != nil {
			return fmt.Errorf("%s %s: %w", row.Device, row.DType, err)
		}
		if e, ok := entry.Energy[row.Device]; ok && r.hasEnergy() {
			if err := r.fromEnergy(e); err != nil {
				return fmt.Errorf("%s energy: %w", row.Device, err)
			}
		}
		f.Rows = append(f.Rows, r)
	}
	return nil
}

// hasEnergy reports whether a published arm was the one of its device that got
// the energy run: the fp16 one, save for the GPU framework of the models.
func (r *Row) hasEnergy() bool { return r.DType == "fp16" || r.Device == GPUMPS }

func (r *Row) fromPaper(p paperRow) error {
	if err := r.scaled(p.LatencyMS, 6, MinNsPerOp); err != nil {
		return err
	}
	if err := r.scaled(p.RelErr, 6, RelErrPPM); err != nil || p.Throughput == nil {
		return err
	}
	for _, t := range throughputs {
		if number, ok := strings.CutSuffix(*p.Throughput, t.suffix); ok {
			return r.scaled(json.Number(number), t.scale, t.unit)
		}
	}
	return fmt.Errorf("throughput %q has an unknown unit", *p.Throughput)
}

func (r *Row) fromEnergy(e paperEnergy) error {
	for _, field := range energyFields {
		if err := r.scaled(*field.number(&e), field.scale, field.unit); err != nil {
			return err
		}
	}
	if e.Iters != "" {
		n, err := strconv.Atoi(e.Iters.String())
		if err != nil || n < 1 {
			return fmt.Errorf("iters %.40q is not a count", e.Iters)
		}
		r.Iters = n
	}
	r.Flags = e.Flags
	if e.PerfPerW == "" {
		return nil
	}
	if e.PerfUnit != GFLOPSPerW && e.PerfUnit != ItemsPerW {
		return fmt.Errorf("perf_unit %q is neither %s nor %s", e.PerfUnit, GFLOPSPerW, ItemsPerW)
	}
	return r.scaled(e.PerfPerW, 0, e.PerfUnit)
}

// scaled adds number · 10^by as a metric; an absent number adds none.
func (r *Row) scaled(number json.Number, by int, unit string) error {
	if number == "" {
		return nil
	}
	text, err := shift(number.String(), by)
	if err != nil {
		return err
	}
	m, err := parseMetric(text, unit)
	if err != nil {
		return err
	}
	r.Metrics = append(r.Metrics, m)
	return nil
}
