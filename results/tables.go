package results

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// WriteTables prints what follows from the sweeps of a file: ceilings with
// fall-off, bandwidths, rooflines with placements, the weight path and the
// serving crossovers. A table whose rows are missing says which run makes them.
// It fails where all are missing.
func WriteTables(w io.Writer, f *File) error {
	if err := f.Check(); err != nil {
		return err
	}
	t := &sweepTables{file: f}
	t.printf("Ceilings and crossovers: %s\n", f.Host())
	if source, ok := f.Fact(KeySource); ok {
		t.printf("Source: %s\n", source)
	}
	written := 0
	var missing []string
	for _, part := range []func() error{t.ceilings, t.bandwidths, t.rooflines, t.weightPath, t.crossovers} {
		before := t.out.Len()
		switch err := part(); {
		case err != nil:
			missing = append(missing, strings.TrimPrefix(err.Error(), "results: "))
		case t.out.Len() > before:
			written++
		}
	}
	for i, text := range missing {
		if i == 0 {
			t.printf("\n")
		}
		if i == 0 || text != missing[i-1] {
			t.printf("not printed: %s\n", text)
		}
	}
	if written == 0 {
		return errors.New("results: " + missing[0])
	}
	for line := range strings.Lines(t.out.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// sweepTables builds the text.
type sweepTables struct {
	file *File
	out  strings.Builder
}

func (t *sweepTables) printf(format string, args ...any) { fmt.Fprintf(&t.out, format, args...) }

// cell prints a figure, or a dash where it was not measured.
func (p Peak) cell(key string) (value, at string) {
	if p.At == nil {
		return "–", ""
	}
	return quantity(p.Value), fmt.Sprintf("%s=%d", key, p.At.Int(key))
}

func (t *sweepTables) ceilings() error {
	if err := t.file.need(SaturationBench); err != nil {
		return err
	}
	t.printf("\nCompute ceilings: highest rate of the minimum latency, rate at the largest size as a part of it,\n")
	t.printf("and highest sustained rate per active package watt\n\n")
	t.printf("%-14s %-8s %9s %-8s %16s   %9s %-8s\n", "engine", "work", "GFLOP/s", "at", "at largest size", "per watt", "at")
	for _, c := range t.file.Ceilings() {
		for _, work := range []struct {
			name, key     string
			rate, perWatt Peak
		}{{GEMM, "N", c.GEMM, c.GEMMPerWatt}, {Conv3x3, "C", c.Conv, c.ConvPerWatt}} {
			if work.rate.At == nil {
				continue
			}
			arms := keep(t.file.Points(SaturationBench), func(a *Arm) bool { return c.runs(a) && a.Workload == work.name })
			ratio, largest, _ := FallOff(arms, work.key, PeakGFLOPS)
			rate, at := work.rate.cell(work.key)
			watts, wattsAt := work.perWatt.cell(work.key)
			edge := fmt.Sprintf("%.0f %% %s=%d", 100/ratio, work.key, largest.Int(work.key))
			t.printf("%-14s %-8s %9s %-8s %16s   %9s %-8s\n", c, work.name, rate, at, edge, watts, wattsAt)
		}
	}
	return nil
}

func (t *sweepTables) bandwidths() error {
	if err := t.file.need(BandwidthBench); err != nil {
		return err
	}
	t.printf("\nBandwidth ceilings in GB/s: highest rate of the minimum latency; in brackets GB/s/W at the largest size\n\n")
	t.printf("%-14s", "engine")
	for _, kind := range Archetypes {
		t.printf(" %14s", kind.Name)
	}
	t.printf("\n")
	for _, c := range t.file.Ceilings() {
		line, found := fmt.Sprintf("%-14s", c), false
		for _, kind := range Archetypes {
			cell := "–"
			if p, ok := c.GBps[kind.Name]; ok {
				found = true
				cell = digits(p.Value)
				arms := keep(t.file.Points(BandwidthBench), func(a *Arm) bool { return c.runs(a) && a.Key("archetype") == kind.Name })
				if watts, ok := Highest(arms, GBpsPerW); ok {
					cell += " (" + digits(watts.Value) + ")"
				}
			}
			line += fmt.Sprintf(" %14s", cell)
		}
		if found {
			t.printf("%s\n", line)
		}
	}
	for _, doubt := range t.file.StreamingDoubts() {
		t.printf("%s\n", doubt)
	}
	return nil
}

func (t *sweepTables) rooflines() error {
	rooflines, err := t.file.Rooflines()
	if err != nil {
		return err
	}
	t.printf("\nRooflines: ridge = GEMM peak / streaming peak; roof = min(peak, bandwidth · intensity)\n")
	for _, r := range rooflines {
		t.printf("\n%s\n", r.Sketch())
	}
	return nil
}

func (t *sweepTables) weightPath() error {
	if err := t.file.need(GEMVBench); err != nil {
		return err
	}
	for _, kind := range []string{CPU, GPU, ANE} {
		w, ok := t.file.WeightPath(kind)
		if !ok {
			continue
		}
		t.printf("\nWeight path of the %s: x[1,K]·W[N,K]ᵀ, K = N\n\n", kind)
		for _, a := range w.Points {
			v, _ := a.Median(PeakGBps)
			t.printf("  K=%-6d %8s GB/s", a.Int("K"), digits(v))
			if watts, ok := a.Median(PeakGBpsPerW); ok {
				t.printf(" %8s GB/s/W", digits(watts))
			}
			t.printf("\n")
		}
		t.printf("  median from K=%d on %s GB/s, CV %.1f %%", weightPathTail, digits(w.TailMedian), 100*w.TailCV)
		if stream, ok := t.file.ceilingsOf(kind).GBps[Streaming]; ok {
			t.printf(": %.1f times the activations' %s GB/s", w.TailMedian/stream.Value, digits(stream.Value))
		}
		t.printf("\n")
		if kind == ANE {
			verdict := "not within"
			if w.Holds() {
				verdict = "within"
			}
			t.printf("  that is %s %.0f %% of the published %.0f GB/s\n", verdict, 100*WeightPathTolerance, WeightPathGBps)
		}
	}
	return nil
}

func (t *sweepTables) crossovers() error {
	if err := t.file.need(ServingBench); err != nil {
		return err
	}
	first, second := t.file.ServingRivals()
	t.printf("\nServing: where the %s overtakes the %s\n\n", second, first)
	t.printf("%-11s %-28s %-28s %s\n", "workload", "minimum latency (published)", "sustained", "per watt")
	for _, w := range ServingWorkloads {
		var cells []any
		for _, unit := range []string{PeakItems, Items, ItemsPerW} {
			cells = append(cells, Cross(t.file.Series(w.Name, unit, first, second)).Text(first, second))
		}
		t.printf("%-11s %-28s %-28s %s\n", append([]any{w.Name}, cells...)...)
	}
	return nil
}
