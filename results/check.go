package results

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// pkgName is the configuration line of every file of the suite.
const pkgName = "devicemap"

// benches are the benchmarks that the analysis reads.
var benches = []string{MapBench, SaturationBench, BandwidthBench, ServingBench, RooflineBench, GEMVBench, CliffsBench}

// hostFacts are keys of facts that may not change within a file: figures of two machines
// in one file would pass for samples of one.
var hostFacts = []string{KeyHost, "chip", "cpu", "goos", "goarch"}

// goUnits come from go test itself.
var goUnits = []string{"B/op", "allocs/op", "MB/s"}

// zeroUnits may be 0: powers that were clamped at the idle baseline, errors,
// variations and counts.
var zeroUnits = []string{
	MW, MeanMW, MinMW, P90MW, CPUMW, GPUMW, ANEMW, TotalMW, CPUTotalMW, GPUTotalMW, ANETotalMW,
	CVPercent, PMSamples, LatencyCalls, RelErrPPM, LastRight, FirstWrong, "B/op", "allocs/op",
}

// InputError is a figure or a line that no analysis should use.
type InputError struct {
	File string
	Line int // 1-based; 0 where it is not known
	Text string
}

func (e *InputError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("results: %s: %s", e.File, e.Text)
	}
	return fmt.Sprintf("results: %s:%d: %s", e.File, e.Line, e.Text)
}

// Check reports the first thing in a file that would make an analysis wrong:
// rows of another suite, figures of two hosts, units that are not known,
// figures that cannot be. Reading a file does not need it; deriving anything
// from one does.
func (f *File) Check() error {
	for _, check := range []func() *InputError{f.checkSuite, f.checkHost, f.checkFigures} {
		if err := check(); err != nil {
			err.File = f.Name
			return err
		}
	}
	return nil
}

// checkSuite refuses the output of other benchmarks.
func (f *File) checkSuite() *InputError {
	known := false
	for i := range f.Rows {
		r := &f.Rows[i]
		if r.foreign != "" {
			return &InputError{Line: r.Line, Text: fmt.Sprintf("Benchmark%s is of package %s, not of %s; give a results file of this suite", r.Name(), r.foreign, pkgName)}
		}
		known = known || slices.Contains(benches, cmp.Or(r.Bench, MapBench))
	}
	if !known && len(f.Rows) > 0 {
		r := &f.Rows[0]
		return &InputError{Line: r.Line, Text: fmt.Sprintf("Benchmark%s is not of this suite, whose benchmarks are %s", r.Name(), strings.Join(benches, ", "))}
	}
	return nil
}

// checkHost refuses a file in which the machine changes.
func (f *File) checkHost() *InputError {
	for _, key := range hostFacts {
		first := -1
		for i, fact := range f.Facts {
			switch {
			case fact.Key != key:
			case first < 0:
				first = i
			case fact.Value != f.Facts[first].Value:
				return &InputError{Line: f.factLine(i), Text: fmt.Sprintf("%s is %q, but %q above; keep one file for each machine", key, fact.Value, f.Facts[first].Value)}
			}
		}
	}
	return nil
}

// factLine is where a fact was read; 0 for one made in memory.
func (f *File) factLine(i int) int {
	if len(f.factLines) != len(f.Facts) {
		return 0
	}
	return f.factLines[i]
}

// checkFigures refuses unknown units and figures that are 0 or negative and
// cannot be.
func (f *File) checkFigures() *InputError {
	for i := range f.Rows {
		r := &f.Rows[i]
		for _, m := range r.Metrics {
			switch {
			case unitRank(m.Unit) == len(Units) && !slices.Contains(goUnits, m.Unit):
				return &InputError{Line: r.Line, Text: fmt.Sprintf("unit %q is not known%s", m.Unit, nearestUnit(m.Unit))}
			case m.Value < 0:
				return &InputError{Line: r.Line, Text: fmt.Sprintf("%s %s is negative", m.number(), m.Unit)}
			case m.Value == 0 && !slices.Contains(zeroUnits, m.Unit):
				return &InputError{Line: r.Line, Text: fmt.Sprintf("%s is 0; leave out what was not measured", m.Unit)}
			}
		}
	}
	return nil
}

// nearestUnit suggests the known unit that differs in case or by a prefix.
func nearestUnit(unit string) string {
	plain := func(s string) string {
		return strings.NewReplacer("/", "", "-", "", "s", "").Replace(strings.ToLower(s))
	}
	for _, u := range Units {
		if plain(u.Name) == plain(unit) {
			return fmt.Sprintf("; is it %q?", u.Name)
		}
	}
	return "; the units are listed in results/units.go"
}
