package results

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// Outcome is what a file says about a claim.
type Outcome int

const (
	NotMeasured Outcome = iota
	Holds
	Tie // within the band, for the whole claim or for a part of it
	Fails
)

func (o Outcome) String() string { return [...]string{"not measured", "holds", "tie", "fails"}[o] }

// Finding is the outcome of one claim on one file with the figures behind it.
type Finding struct {
	Outcome Outcome
	Figures string
}

// Claim is a qualitative statement of the paper. The sections V1 to V8 of the
// measurement specification number them.
type Claim struct {
	ID   string
	Text string

	judge   func(f *File) Finding // nil: needs measurements that no benchmark makes yet
	needs   string                // what those are
	benches []string              // that the judgement reads
	between func(files []*File) Finding
}

// Between reports whether the claim compares files instead of judging one.
func (c Claim) Between() bool { return c.between != nil }

// Judge evaluates the claim on one file.
func (c Claim) Judge(f *File) Finding {
	if c.judge == nil {
		return Finding{NotMeasured, "needs " + c.needs}
	}
	found := c.judge(f)
	if found.Outcome != NotMeasured {
		return found
	}
	var missing []string
	for _, bench := range c.benches {
		if len(f.Points(bench)) == 0 {
			missing = append(missing, bench)
		}
	}
	found.Figures = "an engine that it compares was not raced"
	if missing != nil {
		found.Figures = "no rows of " + strings.Join(missing, ", ")
	}
	return found
}

// Claims lists all claims in order.
func Claims() []Claim {
	return slices.Concat(
		reading(mapClaims(), MapBench),
		reading(roofClaims(), SaturationBench, BandwidthBench),
		reading(bandwidthClaims(), BandwidthBench, GEMVBench, RooflineBench),
		reading(servingClaims(), ServingBench),
		reading(fusionClaims(), RooflineBench, SaturationBench),
		reading(laterClaims(), CliffsBench),
	)
}

// reading notes the benchmarks that claims read.
func reading(claims []Claim, benches ...string) []Claim {
	for i := range claims {
		claims[i].benches = benches
	}
	return claims
}

// versus says whether a is ahead of b: more than the band above it.
func versus(a, b, band float64) Outcome {
	switch {
	case a <= 0 || b <= 0:
		return NotMeasured
	case a > b*(1+band):
		return Holds
	case b > a*(1+band):
		return Fails
	default:
		return Tie
	}
}

// all joins the parts of a claim: one that fails makes the claim fail, one
// that ties makes it a tie; parts that were not measured do not count.
func all(parts ...Finding) Finding {
	var sum Finding
	var texts []string
	missing := 0
	for _, p := range parts {
		if p.Outcome == NotMeasured {
			missing++
			continue
		}
		sum.Outcome = max(sum.Outcome, p.Outcome)
		texts = append(texts, p.Figures)
	}
	if missing > 0 && len(texts) > 0 {
		texts = append(texts, fmt.Sprintf("%d of %d not measured", missing, len(parts)))
	}
	sum.Figures = strings.Join(texts, "; ")
	return sum
}

// label is what to call a file in a table: its name without folder and ending.
func (f *File) label() string {
	base := path.Base(strings.ReplaceAll(f.Name, `\`, "/"))
	return strings.TrimSuffix(base, path.Ext(base))
}

// WriteClaims prints every claim with what each file says about it, then where
// published text and published data disagree, and the count of outcomes.
func WriteClaims(w io.Writer, files ...*File) error {
	t := &claimTable{files: files, counts: make([][4]int, len(files))}
	for _, f := range files {
		if err := f.Check(); err != nil {
			return err
		}
		t.width = max(t.width, len([]rune(f.label())))
	}
	t.printf("Claims of the paper, judged on %s\n", strings.Join(labels(files), ", "))
	t.printf("tie band: %.0f %%, or the variation of the samples where that is larger\n", 100*TieBand)
	for _, c := range Claims() {
		t.claim(c)
	}
	t.disagreements()
	t.summary()
	_, err := io.WriteString(w, t.out.String())
	return err
}

func labels(files []*File) []string {
	var names []string
	for _, f := range files {
		names = append(names, f.label())
	}
	return names
}

// claimTable builds the text.
type claimTable struct {
	files  []*File
	width  int // of the widest label
	out    strings.Builder
	counts [][4]int // by file and outcome
	failed []string // what fails on published data
}

func (t *claimTable) printf(format string, args ...any) { fmt.Fprintf(&t.out, format, args...) }

// line is one outcome with its figures, broken at spaces.
func (t *claimTable) line(name string, found Finding) {
	head := fmt.Sprintf("      %s  %-12s  ", pad(name, t.width), found.Outcome)
	t.wrap(head, found.Figures)
}

func (t *claimTable) wrap(head, text string) {
	line, indent := head, strings.Repeat(" ", len([]rune(head)))
	for i, word := range strings.Fields(text) {
		if i > 0 && len([]rune(line))+1+len([]rune(word)) > pageWidth {
			t.printf("%s\n", strings.TrimRight(line, " "))
			line = indent + word
			continue
		}
		if i > 0 {
			line += " "
		}
		line += word
	}
	t.printf("%s\n", strings.TrimRight(line, " "))
}

func (t *claimTable) claim(c Claim) {
	t.wrap(fmt.Sprintf("\n%-6s", c.ID), c.Text)
	if c.Between() {
		found := c.between(t.files)
		t.line("all", found)
		if found.Outcome == Fails { // it reads published files only
			t.failed = append(t.failed, fmt.Sprintf("%s: %s (%s)", c.ID, c.Text, found.Figures))
		}
		return
	}
	var reasons []string
	missing := map[string][]string{}
	for i, f := range t.files {
		found := c.Judge(f)
		t.counts[i][found.Outcome]++
		if found.Outcome == NotMeasured {
			if missing[found.Figures] == nil {
				reasons = append(reasons, found.Figures)
			}
			missing[found.Figures] = append(missing[found.Figures], f.label())
			continue
		}
		t.line(f.label(), found)
		if found.Outcome == Fails && f.IsPublished() {
			t.failed = append(t.failed, fmt.Sprintf("%s on %s: %s (%s)", c.ID, f.label(), c.Text, found.Figures))
		}
	}
	for _, reason := range reasons {
		t.wrap("      not measured: ", strings.Join(missing[reason], ", ")+": "+reason)
	}
}

// disagreements lists where the published text and the published data part.
func (t *claimTable) disagreements() {
	if len(t.failed) == 0 {
		return
	}
	t.printf("\nWhere the published text and the published data disagree, the data win:\n")
	for _, text := range t.failed {
		t.wrap("  - ", text)
	}
}

func (t *claimTable) summary() {
	t.printf("\n%s  %7s %7s %7s %14s\n", pad("file", t.width), "holds", "tie", "fails", "not measured")
	for i, f := range t.files {
		n := t.counts[i]
		t.printf("%s  %7d %7d %7d %14d\n", pad(f.label(), t.width), n[Holds], n[Tie], n[Fails], n[NotMeasured])
	}
}
