package corpus

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Report is the outcome of a run over many variants.
type Report []Result

// Red lists the results that close the gate.
func (r Report) Red() (red Report) {
	for _, x := range r {
		if !x.Status.Green() {
			red = append(red, x)
		}
	}
	return red
}

// Green reports whether no result is red.
func (r Report) Green() bool { return len(r.Red()) == 0 }

// Count is the number of results with status s.
func (r Report) Count(s Status) (n int) {
	for _, x := range r {
		if x.Status == s {
			n++
		}
	}
	return n
}

// Banner counts the cases: all, per category in alphabetical order, with an
// int8 variant, and with an expected failure.
func Banner(cases []*Case) string {
	per := map[string]int{}
	var int8s, xfail int
	for _, c := range cases {
		per[c.Category]++
		if c.Int8Tol > 0 {
			int8s++
		}
		if c.XFail != "" {
			xfail++
		}
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(per)) {
		parts = append(parts, fmt.Sprintf("%s=%d", k, per[k]))
	}
	return fmt.Sprintf("%d cases: %s; int8: %d; xfail: %d", len(cases), strings.Join(parts, ", "), int8s, xfail)
}

// WriteTable prints one row per variant.
func (r Report) WriteTable(w io.Writer) error {
	for _, x := range r {
		line := fmt.Sprintf("%-36s %-5s %-6s %s", x.Case, x.Variant, x.Status, x.Metric)
		if x.Reason != "" {
			line += " [" + x.Reason + "]"
		}
		if x.Trace != "" {
			line += "\n    " + strings.ReplaceAll(strings.TrimSpace(x.Trace), "\n", "\n    ")
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// WriteSummary prints the counts, the spread of relerr, the worst relerr of
// each category, and the gate.
func (r Report) WriteSummary(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintln(&b, strings.Repeat("=", 78))
	fmt.Fprintf(&b, "variants run %d   PASS %d   XFAIL %d   FAIL %d   ERROR %d   XPASS %d\n",
		len(r), r.Count(PASS), r.Count(XFAIL), r.Count(FAIL), r.Count(ERROR), r.Count(XPASS))
	if all := r.relErrs(""); len(all) > 0 {
		fmt.Fprintf(&b, "relerr of %d variants: min %.2e, median %.2e, max %.2e\n", len(all), all[0], median(all), all[len(all)-1])
	}
	for _, category := range r.categories() {
		if e := r.relErrs(category); len(e) > 0 {
			fmt.Fprintf(&b, "  worst of %-16s %.2e (%d variants)\n", category, e[len(e)-1], len(e))
		}
	}
	gate, red := "GREEN", len(r.Red())
	if red > 0 {
		gate = "RED"
	}
	fmt.Fprintf(&b, "gate %s (%d/%d green, %d red)\n", gate, len(r)-red, len(r), red)
	_, err := io.WriteString(w, b.String())
	return err
}

// relErrs are the values of all relerr metrics as printed, ascending, whatever
// their status; of one category, or of all for the empty name. A NaN sorts as
// the largest.
func (r Report) relErrs(category string) []float64 {
	var v []float64
	for _, x := range r {
		if x.Metric.Kind == RelErr && (category == "" || x.Category == category) {
			v = append(v, asPrinted(x.Metric.Value))
		}
	}
	slices.SortFunc(v, func(a, b float64) int {
		switch {
		case a < b || (a == a && b != b):
			return -1
		case a > b || (a != a && b == b):
			return 1
		}
		return 0
	})
	return v
}

func (r Report) categories() (list []string) {
	for _, x := range r {
		if !slices.Contains(list, x.Category) {
			list = append(list, x.Category)
		}
	}
	return list
}

func median(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}
