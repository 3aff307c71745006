package results

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// MapOptions choose what [WriteMap] prints beside the map.
type MapOptions struct {
	// Efficiency adds a second table with the figures behind the perf/W
	// verdicts.
	Efficiency bool
}

// column is one device arm of the table, or several arms of one kind and dtype
// that share a column.
type column struct {
	kind, dtype string
	devices     []string
}

func (c column) holds(a *Arm) bool {
	return a.DType == c.dtype && slices.Contains(c.devices, a.Device)
}

// library is the part of the device name below the kind, where the column
// holds a single device.
func (c column) library() string {
	if len(c.devices) != 1 {
		return ""
	}
	_, library, _ := strings.Cut(c.devices[0], "-")
	return library
}

// WriteMap prints the device map of a file: one line per workload with the
// minimum latency of every arm and the winners by latency and per watt.
func WriteMap(w io.Writer, f *File, o MapOptions) error {
	lines := f.Lines()
	if len(lines) == 0 {
		return fmt.Errorf("results: %s has no row of the device map; run go test -bench DeviceMap", f.Name)
	}
	t := &mapTable{file: f, lines: lines}
	t.columns = columnsOf(lines)
	t.title()
	t.latencies()
	if o.Efficiency {
		t.efficiencies()
	}
	t.footnotes()
	_, err := io.WriteString(w, t.out.String())
	return err
}

// mapTable builds the text of one map.
type mapTable struct {
	file    *File
	lines   []Line
	columns []column
	out     strings.Builder

	shared []string // devices that share a column, each with a mark
}

func (t *mapTable) printf(format string, args ...any) { fmt.Fprintf(&t.out, format, args...) }

// columnsOf lays the arms out: CPU, GPU, ANE, and within a kind by device and
// dtype. Arms of one kind and dtype share a column where no workload has both
// (the paper's frameworks for the models), or where the page is too narrow.
func columnsOf(lines []Line) []column {
	var columns []column
	for _, l := range lines {
		for _, a := range l.Arms {
			if !slices.ContainsFunc(columns, func(c column) bool { return c.holds(a) }) {
				columns = append(columns, column{a.Kind(), a.DType, []string{a.Device}})
			}
		}
	}
	kinds := []string{CPU, GPU, ANE}
	slices.SortStableFunc(columns, func(a, b column) int {
		ka, kb := slices.Index(kinds, a.kind), slices.Index(kinds, b.kind)
		if ka < 0 || kb < 0 { // unknown kinds come last, by name
			return cmp.Or(cmp.Compare(kb, ka), strings.Compare(a.kind, b.kind))
		}
		return cmp.Or(ka-kb, strings.Compare(a.devices[0], b.devices[0]), strings.Compare(b.dtype, a.dtype))
	})
	columns = merge(columns, func(a, b column) bool { return !meet(lines, a, b) })
	if tableWidth(columns) > pageWidth {
		columns = merge(columns, func(a, b column) bool { return true })
	}
	return columns
}

// tableWidth is the width of a line of the map.
func tableWidth(columns []column) int {
	width := nameWidth + gap + 2*verdictWidth
	for _, c := range columns {
		width += 1 + cellWidth(c, columns)
	}
	return width
}

// cellWidth fits a latency with its mark, or the name of the library.
func cellWidth(c column, columns []column) int {
	width := len("91.7us!")
	if slices.ContainsFunc(columns, func(c column) bool { return len(c.devices) > 1 }) {
		width++ // for the mark of a device that shares its column
	}
	return max(width, utf8.RuneCountInString(c.library()))
}

// merge joins columns of one kind and dtype that may share a column.
func merge(columns []column, may func(a, b column) bool) []column {
	var out []column
	for _, c := range columns {
		at := slices.IndexFunc(out, func(o column) bool {
			return o.kind == c.kind && o.dtype == c.dtype && may(o, c)
		})
		if at < 0 {
			out = append(out, c)
		} else {
			out[at].devices = append(slices.Clone(out[at].devices), c.devices...)
		}
	}
	return out
}

// meet reports whether a workload has arms in both columns.
func meet(lines []Line, a, b column) bool {
	return slices.ContainsFunc(lines, func(l Line) bool {
		return slices.ContainsFunc(l.Arms, a.holds) && slices.ContainsFunc(l.Arms, b.holds)
	})
}

func (t *mapTable) title() {
	t.printf("Device map: %s\n", t.file.Host())
	if source, ok := t.file.Fact(KeySource); ok {
		// Not "source:", which benchstat would read as configuration where the
		// map stands in the output of go test.
		t.printf("Source: %s\n", source)
	}
	t.printf("\n")
}

// latencies prints the map itself.
func (t *mapTable) latencies() {
	t.printf("minimum latency of one run; the winner with its lead over the next engine\n\n")
	t.table(pad("latency", verdictWidth)+"per watt", func(a *Arm) (string, bool) {
		ns, ok := a.Median(MinNsPerOp)
		return duration(ns), ok
	}, func(l Line) string {
		perWatt := l.PerWatt.String()
		if l.PerWatt.Flagged() {
			perWatt += "!"
		}
		return pad(l.Latency.String(), verdictWidth) + perWatt
	})
}

// efficiencies prints the figures behind the perf/W verdicts.
func (t *mapTable) efficiencies() {
	units := map[*Arm]string{}
	for _, l := range t.lines {
		for _, a := range l.Arms {
			units[a] = l.PerWatt.Unit
		}
	}
	if !t.hasPower() {
		t.printf("\nno figures per watt: no power was measured\n")
		return
	}
	t.printf("\nsustained throughput per active package watt, or energy of one run\n\n")
	t.table("unit", func(a *Arm) (string, bool) {
		v, ok := a.Median(units[a])
		return quantity(v), ok
	}, func(l Line) string { return l.PerWatt.Unit })
}

// The widths of a line of the map: names, a gap, two verdicts.
const (
	pageWidth    = 100
	nameWidth    = 17
	gap          = 2
	verdictWidth = 15
)

// table prints one block: name, a cell for each column, and what right says.
func (t *mapTable) table(rightHead string, cell func(*Arm) (string, bool), right func(Line) string) {
	names := nameWidth
	for _, l := range t.lines {
		names = max(names, utf8.RuneCountInString(t.name(l)))
	}
	heads := []func(column) string{
		func(c column) string { return c.kind },
		column.library,
		func(c column) string { return c.dtype },
	}
	for i, head := range heads {
		cells, blank := "", true
		for _, c := range t.columns {
			cells += " " + t.align(head(c), "", c)
			blank = blank && head(c) == ""
		}
		switch {
		case i == 0:
			t.row(pad("workload", names) + cells + pad("", gap) + rightHead)
		case !blank:
			t.row(pad("", names) + cells)
		}
	}
	for _, l := range t.lines {
		cells := ""
		for _, c := range t.columns {
			text, mark := t.cell(l, c, cell)
			cells += " " + t.align(text, mark, c)
		}
		t.row(pad(t.name(l), names) + cells + pad("", gap) + right(l))
	}
}

// align sets a cell to the right; marks stand in a place of their own.
func (t *mapTable) align(text, mark string, c column) string {
	width := cellWidth(c, t.columns)
	if slices.ContainsFunc(t.columns, func(c column) bool { return len(c.devices) > 1 }) {
		return padLeft(text, width-1) + pad(mark, 1)
	}
	return padLeft(text, width)
}

func (t *mapTable) row(text string) { t.printf("%s\n", strings.TrimRight(text, " ")) }

// name is the workload; its weights join where the file has several.
func (t *mapTable) name(l Line) string {
	several := slices.ContainsFunc(t.lines, func(o Line) bool { return o.Workload == l.Workload && o.Weights != l.Weights })
	if several {
		return l.Workload + "/" + cmp.Or(l.Weights, "unnamed")
	}
	return l.Workload
}

// cell prints the arm of a column, of several the one with the lowest latency,
// and the mark of its device.
func (t *mapTable) cell(l Line, c column, cell func(*Arm) (string, bool)) (text, mark string) {
	var best *Arm
	for _, a := range l.Arms {
		if _, ok := cell(a); !ok || !c.holds(a) {
			continue
		}
		if best == nil {
			best = a
			continue
		}
		v, _ := a.Median(MinNsPerOp)
		if b, ok := best.Median(MinNsPerOp); ok && v < b {
			best = a
		}
	}
	if best == nil {
		return "–", ""
	}
	text, _ = cell(best)
	if len(best.Flags()) > 0 {
		text += "!"
	}
	return text, t.mark(best, c)
}

// markOf is the mark of the nth device that shares a column.
func markOf(n int) string { return string([]rune("¹²³⁴⁵⁶⁷⁸⁹")[min(n, 8)]) }

// mark is the sign of a device that shares a column and is not named like
// its kind.
func (t *mapTable) mark(a *Arm, c column) string {
	if len(c.devices) == 1 || a.Device == c.kind {
		return ""
	}
	at := slices.Index(t.shared, a.Device)
	if at < 0 {
		at = len(t.shared)
		t.shared = append(t.shared, a.Device)
	}
	return markOf(at)
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

func padLeft(text string, width int) string {
	return strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text))) + text
}

// duration prints nanoseconds with three digits and a unit: 91.7µs.
func duration(ns float64) string {
	for _, step := range []struct {
		below float64
		scale float64
		unit  string
	}{{999.5, 1, "ns"}, {999.5e3, 1e3, "µs"}, {999.5e6, 1e6, "ms"}} {
		if ns < step.below {
			return digits(ns/step.scale) + step.unit
		}
	}
	return digits(ns/1e9) + "s"
}

// quantity prints a number with three digits and an SI prefix: 125M.
func quantity(v float64) string {
	for _, step := range []struct {
		below float64
		scale float64
		unit  string
	}{{9999.5, 1, ""}, {999.5e3, 1e3, "k"}, {999.5e6, 1e6, "M"}} {
		if v < step.below {
			return digits(v/step.scale) + step.unit
		}
	}
	return digits(v/1e9) + "G"
}

// digits prints three significant digits, or all digits before the point.
func digits(v float64) string {
	switch {
	case v < 9.995:
		return fmt.Sprintf("%.2f", v)
	case v < 99.95:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.0f", v)
	}
}
