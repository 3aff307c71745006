package results

import (
	"fmt"
	"slices"
	"strings"
)

// footnotes prints what the reader of the map must know: the marks that
// occur, doubts, absences with their reasons, and what the figures are not.
func (t *mapTable) footnotes() {
	t.printf("\n")
	t.marks()
	for i, device := range t.shared {
		t.printf("%s  %s\n", markOf(i), device)
	}
	t.doubts()
	for _, absent := range t.file.Named(KeyAbsent) {
		t.note("not raced: " + absent.Key + ": " + absent.Value)
	}
	for _, skipped := range t.file.Named(KeySkipped) {
		if !slices.ContainsFunc(t.lines, func(l Line) bool { return l.Workload == skipped.Key }) {
			t.note("not run: " + skipped.Key + ": " + skipped.Value)
		}
	}
	for _, weights := range []string{Generated, Pretrained} {
		var names []string
		for _, l := range t.lines {
			if l.Weights == weights {
				names = append(names, l.Workload)
			}
		}
		if len(names) > 0 {
			t.note(weights + " weights: " + strings.Join(names, ", "))
		}
	}
	if t.mixesDTypes() {
		t.note("dtypes differ between the columns: an fp32 CPU arm runs against fp16 arms.")
	}
	if t.hasPower() {
		t.note("Power is an on-die estimate, not wall power: it compares the engines of one host, not hosts.")
	}
}

// marks explains the signs that occur.
func (t *mapTable) marks() {
	text := t.out.String()
	if strings.Contains(text, "~") {
		t.note(fmt.Sprintf("~ tie: within %.0f %%, or within the variation of the samples where that is larger", 100*TieBand))
	}
	if strings.Contains(text, "–") {
		t.note("– not measured")
	}
	if strings.Contains(text, "!") {
		t.note("! read with care:")
	}
}

// doubts lists the flagged arms.
func (t *mapTable) doubts() {
	for _, l := range t.lines {
		for _, a := range l.Arms {
			if flags := a.Flags(); len(flags) > 0 {
				t.note(fmt.Sprintf("   %s %s %s: %s", t.name(l), a.Device, a.DType, strings.Join(flags, ", ")))
			}
		}
	}
}

func (t *mapTable) mixesDTypes() bool {
	cpu32 := slices.ContainsFunc(t.columns, func(c column) bool { return c.kind == CPU && c.dtype == "fp32" })
	other16 := slices.ContainsFunc(t.columns, func(c column) bool { return c.kind != CPU && c.dtype != "fp32" })
	return cpu32 && other16
}

func (t *mapTable) hasPower() bool {
	return slices.ContainsFunc(t.lines, func(l Line) bool { return len(l.PerWatt.Entries) > 0 })
}

// note prints one footnote, broken at spaces and indented from its second
// line on.
func (t *mapTable) note(text string) {
	line := ""
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
			line = indent + word
		case len([]rune(line))+1+len([]rune(word)) > pageWidth:
			t.printf("%s\n", line)
			line = indent + "   " + word
		default:
			line += " " + word
		}
	}
	t.printf("%s\n", line)
}
