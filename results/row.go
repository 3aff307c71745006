package results

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Metric is one measured value with its unit.
type Metric struct {
	Value float64
	Unit  string

	// text is the number as it was written where Value came from. It is used
	// while it still denotes Value, so that a file can be read and written
	// without changing a digit.
	text string
}

// number is the metric's value at full precision.
func (m Metric) number() string {
	if m.text != "" {
		if v, err := strconv.ParseFloat(m.text, 64); err == nil && v == m.Value {
			return m.text
		}
	}
	return strconv.FormatFloat(m.Value, 'g', -1, 64)
}

// KeyValue is one part of a benchmark's name.
type KeyValue struct{ Key, Value string }

// Row is one finished arm: one benchmark line with the comments above it.
type Row struct {
	Bench    string // name without "Benchmark"; empty means [MapBench]
	Workload string
	Weights  string // empty, [Generated] or [Pretrained]
	Device   string
	DType    string
	Extra    []KeyValue // further keys, in order: batch=16; a part without "=" has no key

	Iters   int // runs in the sustained window; 1 where there was none
	Metrics []Metric
	Flags   []string // doubts about this row, for example "short window"
	Note    string   // one line for people

	Line int // where it was read, 1-based; 0 for a row made in memory

	foreign string // package of another suite that it comes from
}

// Add appends a metric.
func (r *Row) Add(value float64, unit string) {
	r.Metrics = append(r.Metrics, Metric{Value: value, Unit: unit})
}

// Value returns a metric; ok is false where it was not measured.
func (r *Row) Value(unit string) (v float64, ok bool) {
	m, ok := r.metric(unit)
	return m.Value, ok
}

func (r *Row) metric(unit string) (Metric, bool) {
	i := slices.IndexFunc(r.Metrics, func(m Metric) bool { return m.Unit == unit })
	if i < 0 {
		return Metric{}, false
	}
	return r.Metrics[i], true
}

// Name is the benchmark's name without "Benchmark":
// DeviceMap/workload=GEMM-compute/device=ANE/dtype=fp16.
func (r *Row) Name() string {
	var b strings.Builder
	b.WriteString(cmp.Or(r.Bench, MapBench))
	for _, kv := range r.keys() {
		b.WriteByte('/')
		if kv.Key != "" {
			b.WriteString(kv.Key + "=")
		}
		b.WriteString(kv.Value)
	}
	return b.String()
}

// keys lists the parts of the name that are set.
func (r *Row) keys() []KeyValue {
	all := append([]KeyValue{
		{"workload", r.Workload}, {"weights", r.Weights}, {"device", r.Device}, {"dtype", r.DType},
	}, r.Extra...)
	return slices.DeleteFunc(all, func(kv KeyValue) bool { return kv.Value == "" })
}

// check refuses a row that would not be read back as it is.
func (r *Row) check() error {
	name := r.Name()
	for _, kv := range r.keys() {
		if strings.ContainsFunc(kv.Key+kv.Value, func(c rune) bool { return unicode.IsSpace(c) || c == '/' }) {
			return fmt.Errorf("results: row %s: key %q holds a space or a slash", name, kv.Key+"="+kv.Value)
		}
	}
	if strings.ContainsFunc(r.Bench, func(c rune) bool { return unicode.IsSpace(c) || c == '/' }) {
		return fmt.Errorf("results: benchmark %q holds a space or a slash", r.Bench)
	}
	if i := strings.LastIndexByte(name, '-'); i >= 0 && i < len(name)-1 && strings.Trim(name[i+1:], "0123456789") == "" {
		return fmt.Errorf("results: row %s: the end %q reads as GOMAXPROCS; put another key last", name, name[i:])
	}
	if r.Iters < 1 {
		return fmt.Errorf("results: row %s: %d iterations; write 1 where no window was run", name, r.Iters)
	}
	if len(r.Metrics) == 0 {
		return fmt.Errorf("results: row %s has no metrics", name)
	}
	for i, m := range r.Metrics {
		switch {
		case math.IsNaN(m.Value) || math.IsInf(m.Value, 0):
			return fmt.Errorf("results: row %s: %s is %v; leave out what was not measured", name, m.Unit, m.Value)
		case m.Unit == "" || strings.ContainsFunc(m.Unit, unicode.IsSpace):
			return fmt.Errorf("results: row %s: unit %q is empty or holds a space", name, m.Unit)
		case slices.ContainsFunc(r.Metrics[:i], func(o Metric) bool { return o.Unit == m.Unit }):
			return fmt.Errorf("results: row %s: %s is given twice", name, m.Unit)
		}
	}
	return nil
}

// text is the row as it stands in a file: its comments, then its line.
func (r *Row) text() (string, error) {
	if err := r.check(); err != nil {
		return "", err
	}
	var b strings.Builder
	if len(r.Flags) > 0 {
		b.WriteString(Fact{keyFlags, strings.Join(r.Flags, flagSep)}.line())
	}
	if r.Note != "" {
		b.WriteString(Fact{keyNote, r.Note}.line())
	}
	fmt.Fprintf(&b, "Benchmark%s\t%d", r.Name(), r.Iters)
	sorted := slices.Clone(r.Metrics)
	slices.SortStableFunc(sorted, func(x, y Metric) int { return unitRank(x.Unit) - unitRank(y.Unit) })
	for _, m := range sorted {
		fmt.Fprintf(&b, "\t%s %s", m.number(), m.Unit)
	}
	b.WriteByte('\n')
	return b.String(), nil
}
