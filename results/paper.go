package results

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// paperProtocol heads every published file. Numbers stay as they are written;
// an empty one is absent.
type paperProtocol struct {
	Backends     map[string]bool        `json:"backends"`
	WindowS      json.Number            `json:"window_s,omitempty"`
	PowerWindowS json.Number            `json:"power_window_s,omitempty"`
	PMIntervalMS json.Number            `json:"pm_interval_ms,omitempty"`
	Reps         json.Number            `json:"reps,omitempty"`
	IdleMW       map[string]json.Number `json:"idle_mW"`
	IdlePkgMW    json.Number            `json:"idle_pkg_mW,omitempty"`
}

// paperMap is a published result file of the device map (measurement E01).
type paperMap struct {
	paperProtocol
	Results paperEntries `json:"results"`
}

// paperEntries is keyed by workload label.
type paperEntries map[string]paperEntry

type paperEntry struct {
	Rows   []paperRow             `json:"rows"`
	Note   string                 `json:"note"`
	Energy map[string]paperEnergy `json:"energy,omitempty"`
}

type paperRow struct {
	Device     string      `json:"device"`
	DType      string      `json:"dtype"`
	LatencyMS  json.Number `json:"latency_ms,omitempty"`
	Throughput *string     `json:"throughput"`
	RelErr     json.Number `json:"relerr,omitempty"`
}

type paperEnergy struct {
	IterMS     json.Number `json:"iter_ms,omitempty"`
	Iters      json.Number `json:"iters,omitempty"`
	Samples    json.Number `json:"n_pm_samples,omitempty"`
	ANELoaded  json.Number `json:"ane_loaded_mW,omitempty"`
	ANEActive  json.Number `json:"ane_active_mW,omitempty"`
	CPULoaded  json.Number `json:"cpu_loaded_mW,omitempty"`
	CPUActive  json.Number `json:"cpu_active_mW,omitempty"`
	GPULoaded  json.Number `json:"gpu_loaded_mW,omitempty"`
	GPUActive  json.Number `json:"gpu_active_mW,omitempty"`
	PkgLoaded  json.Number `json:"loaded_pkg_W,omitempty"`
	PkgActive  json.Number `json:"active_pkg_W,omitempty"`
	PkgMean    json.Number `json:"active_pkg_mean_W,omitempty"`
	PkgMin     json.Number `json:"active_pkg_min_W,omitempty"`
	PkgP90     json.Number `json:"active_pkg_p90_W,omitempty"`
	CV         json.Number `json:"active_pkg_cv_pct,omitempty"`
	Flags      []string    `json:"flags"`
	PerfPerW   json.Number `json:"perf_per_W,omitempty"`
	PerfUnit   string      `json:"perf_unit,omitempty"`
	MJPerInfer json.Number `json:"mJ_per_inf,omitempty"`

	// of the sweeps E02 to E04
	GFLOPS    json.Number `json:"gflops_sustained,omitempty"`
	GBps      json.Number `json:"gbps_loop,omitempty"`
	GBpsPerW  json.Number `json:"gbps_per_W,omitempty"`
	Items     json.Number `json:"throughput_items_s,omitempty"`
	MJPerItem json.Number `json:"mJ_per_item,omitempty"`
}

// MarshalJSON writes the workloads in their published order.
func (e paperEntries) MarshalJSON() ([]byte, error) {
	labels := slices.SortedFunc(maps.Keys(e), func(a, b string) int {
		if d := labelRank(a) - labelRank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var b bytes.Buffer
	for i, label := range labels {
		b.WriteByte("{,"[min(i, 1)])
		for j, v := range []any{label, e[label]} {
			text, err := json.Marshal(v)
			if err != nil {
				return nil, err
			}
			b.WriteString(strings.Repeat(":", j))
			b.Write(text)
		}
	}
	if len(labels) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func labelRank(label string) int {
	i := slices.IndexFunc(Workloads, func(w Workload) bool { return w.Label == label })
	if i < 0 {
		return len(Workloads)
	}
	return i
}

// parsePaper reads a published result file of the device map.
func parsePaper(data []byte, name string) (*paperMap, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fmt.Errorf("results: %s is empty; want a published result file of the device map", name)
	}
	p := new(paperMap)
	if err := decodePaper(data, name, p); err != nil {
		return nil, err
	}
	if len(p.Results) == 0 {
		return nil, fmt.Errorf("results: %s has no results; want a published result file of the device map", name)
	}
	return p, nil
}

// decodePaper reads a published file into v. It refuses fields that it would
// lose. Errors name the file and the place.
func decodePaper(data []byte, name string, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return paperError(data, name, dec.InputOffset(), err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return paperError(data, name, dec.InputOffset(), errors.New("more text after the end of the object"))
	}
	return nil
}

// paperError places a decoder's error in the file: name:line:column.
func paperError(data []byte, name string, offset int64, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	hint := ""
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
		if offset > 0 && offset <= int64(len(data)) && strings.ContainsRune("NI", rune(data[offset-1])) {
			hint = "; NaN and Infinity are not JSON: write null"
		}
	case errors.As(err, &kind):
		offset = kind.Offset
	case errors.Is(err, io.ErrUnexpectedEOF):
		offset, hint = int64(len(data)), "; the file is cut short"
	}
	before := data[:min(max(offset, 0), int64(len(data)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n') - 1
	return fmt.Errorf("results: %s:%d:%d: not a published result file: %w%s", name, line, max(column, 1), err, hint)
}

// canonical is the file with sorted keys and every number as a float64: two
// files of equal values have equal canonical forms, null and absent being one.
func (p *paperMap) canonical() ([]byte, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	var values any
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, err
	}
	return json.Marshal(values)
}
