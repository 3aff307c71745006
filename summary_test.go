package devicemap

import (
	"flag"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"devicemap/results"
)

// hostFacts is what travels at the head of every output and file: the host,
// its engines, the power source, and what is absent and why.
func (s *session) hostFacts() []results.Fact {
	facts := []results.Fact{
		{Key: results.KeySource, Value: "measured " + time.Now().UTC().Format(time.RFC3339)},
		{Key: results.KeyHost, Value: fmt.Sprintf("%s, %d threads, %s/%s", chip(), runtime.GOMAXPROCS(0), runtime.GOOS, runtime.GOARCH)},
		{Key: "benchtime", Value: flag.Lookup("test.benchtime").Value.String()},
		{Key: "staging", Value: s.options.staging.String()},
	}
	for _, e := range s.engines {
		i := e.Info()
		facts = append(facts, results.Named("engine", i.Name, strings.TrimSuffix(i.Library+", "+i.Detail, ", ")))
	}
	for _, a := range s.absent {
		facts = append(facts, results.Named(results.KeyAbsent, a.Name, a.Err.Error()))
	}
	source := "none"
	if names := s.meter.Sources(); len(names) > 0 {
		source = strings.Join(names, ", ")
	}
	if b := s.meter.Boundary(); b != "" {
		source += ", " + b
	}
	facts = append(facts, results.Fact{Key: "power", Value: source})
	for _, r := range s.meter.Reasons() {
		facts = append(facts, results.Fact{Key: "power-absent", Value: strings.TrimPrefix(r, "power: ")})
	}
	return facts
}

// refused notes an arm whose engine declined the graph.
func (s *session) refused(a arm, err error) {
	s.note(results.Named(results.KeyAbsent, a.label(), err.Error()))
}

// failed notes an arm that gave no figure.
func (s *session) failed(a arm, err error) {
	s.note(results.Named(results.KeyAbsent, a.label(), "failed: "+err.Error()))
}

// label is the arm in words: "GEMM-floor on CPU fp32", "Saturation GEMM N=512
// on ANE fp16".
func (a arm) label() string {
	var words []string
	if a.bench != results.MapBench {
		words = append(words, a.bench)
	}
	if a.subject.Name != "" {
		words = append(words, a.subject.Name)
	}
	for _, k := range a.subject.Keys {
		words = append(words, k.Name+"="+k.Value)
	}
	return strings.Join(words, " ") + " on " + a.engine.Info().Name + " " + string(a.dtype)
}

// summary prints the map of this run and where it was recorded.
func (s *session) summary(w io.Writer) {
	s.mu.Lock()
	f := &results.File{Name: "this run", Facts: s.facts, Rows: s.rows}
	s.mu.Unlock()
	fmt.Fprintln(w)
	if len(f.Arms()) > 0 {
		if err := results.WriteMap(w, f, results.MapOptions{Efficiency: s.meter.Source() != "none"}); err != nil {
			fmt.Fprintln(w, "devicemap:", err)
		}
	} else {
		for _, kv := range f.Named(results.KeyAbsent) {
			fmt.Fprintf(w, "not raced: %s: %s\n", kv.Key, kv.Value)
		}
	}
	for _, kv := range f.Named("power-absent") {
		fmt.Fprintf(w, "no power from %s: %s\n", kv.Key, kv.Value)
	}
	if s.path != "" && len(f.Rows) > 0 {
		fmt.Fprintf(w, "recorded in %s; compare: go tool benchstat results/M5.txt %s\n", s.path, s.path)
	}
}

// matching filters benchmark names as -bench does: the pattern is split at
// slashes and each part matches one level of the name; a shorter pattern
// matches everything below.
func matching(names []string, pattern string) []string {
	var parts []*regexp.Regexp
	for p := range strings.SplitSeq(pattern, "/") {
		re, err := regexp.Compile(p)
		if err != nil {
			return nil // go test reports a bad pattern by itself
		}
		parts = append(parts, re)
	}
	var out []string
	for _, n := range names {
		levels := strings.Split("Benchmark"+n, "/")
		ok := true
		for i, re := range parts {
			ok = ok && (i >= len(levels) || re.MatchString(levels[i]))
		}
		if ok {
			out = append(out, n)
		}
	}
	return out
}

// counts is how often each arm runs (-count).
func counts() int {
	n, err := strconv.Atoi(flag.Lookup("test.count").Value.String())
	if err != nil || n < 1 {
		return 1
	}
	return n
}
