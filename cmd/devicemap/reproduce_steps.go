package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"devicemap/results"
)

// step is one row of the claim → command → result table.
type step struct {
	id, claim string
	kind      stepKind
	args      []string // of the go command; with resultsFile and figuresDir to be filled in

	// Of measurements.
	bench       string // name of the rows, without "Benchmark"
	recorded    bool   // the benchmark's rows go to the results file
	window      string // -benchtime
	quickWindow string // the same under -quick
	count       int    // -count, where it is not 1 and not under -quick
	after       []string
}

type stepKind int

const (
	gate    stepKind = iota // a test that needs no hardware
	measure                 // a benchmark that adds rows to the results file
	analyse                 // reads the results file
)

const (
	resultsFile = "RESULTS"
	figuresDir  = "FIGURES" // docs/figures/ and the results file's name
)

// steps is the table in the order of a run: the gates, then the measurements as
// measurements 0.1 orders them, then what is computed from their rows.
//
// Windows are the published ones, full and quick; where only one is published,
// both are that one or the 2 s of the map.
func steps() []step {
	gate := func(id, claim string, args ...string) step {
		return step{id: id, claim: claim, kind: gate, args: append([]string{"test"}, args...)}
	}
	bench := func(id, claim, bench, window, quick string) step {
		return step{id: id, claim: claim, kind: measure, bench: bench, recorded: true, window: window, quickWindow: quick}
	}
	analysis := func(id, claim string, args ...string) step {
		return step{id: id, claim: claim, kind: analyse, args: append([]string{"run", "./cmd/devicemap"}, args...)}
	}
	list := []step{
		gate("G1", "every engine computes every operation right, on every route", "./corpus"),
		gate("G2", "the programs, inputs and references are the paper's", "./workloads", "./internal/reference", "./internal/rng"),
		gate("G3", "the published analysis follows from the published rows", "./results"),
		gate("G4", "the engines keep their contract, faults included", "./device/..."),
		gate("G5", "the suite times nothing that is wrong", "."),
		bench("E01", "the winner depends on the workload class", results.MapBench, "6s", "2s"),
		bench("E02", "compute peaks; the Neural Engine's products fall off after N=2048", results.SaturationBench, "8s", "2.5s"),
		bench("E03", "the activation path tops out an order below the GPU's", results.BandwidthBench, "6s", "2s"),
		bench("E04", "the batch at which the GPU overtakes", results.ServingBench, "5s", "2.5s"),
		bench("E05", "one roofline per engine explains the map", results.RooflineBench, "6s", "2s"),
		bench("E06", "the weight path is a second, faster bandwidth", results.GEMVBench, "6s", "2s"),
		bench("E16", "magnitudes at which fp16 silently goes wrong", results.CliffsBench, "1x", "1x"),
		analysis("A1", "the map of this host", "map", "-watts", resultsFile),
		analysis("A2", "the paper's claims, judged on this host", "claims", resultsFile),
		analysis("A3", "ceilings, rooflines and crossovers of this host", "roofline", resultsFile),
		analysis("A4", "figures 1 to 5 of this host", "figures", "-o", figuresDir, resultsFile),
	}
	for i := range list {
		switch list[i].id {
		case "E01":
			list[i].count = 6 // enough for benchstat's intervals
		case "E05":
			list[i].after = []string{results.SaturationBench, results.BandwidthBench}
		case "E16":
			list[i].recorded = false
		}
	}
	return list
}

// command is the step's argument list of go, for a results file.
func (s step) command(file string, o reproduceOptions) []string {
	if s.kind != measure {
		args := append([]string(nil), s.args...)
		for i := range args {
			switch args[i] {
			case resultsFile:
				args[i] = file
			case figuresDir:
				args[i] = "docs/figures/" + strings.TrimSuffix(filepath.Base(file), ".txt")
			}
		}
		return args
	}
	args := []string{"test", "-run", "^$", "-bench", "^Benchmark" + s.bench + "$", "-benchtime", s.window}
	if o.quick {
		args[6] = s.quickWindow
	} else if s.count > 1 {
		args = append(args, "-count", fmt.Sprint(s.count))
	}
	args = append(args, "-timeout", "0", ".", "-results", file)
	if o.quick {
		args = append(args, "-quick")
	}
	if !o.again {
		args = append(args, "-resume")
	}
	return args
}

// result says where the step's result is found.
func (s step) result(file string) string {
	switch {
	case slices.Contains(s.args, figuresDir):
		return "docs/figures/"
	case s.recorded:
		return "Benchmark" + s.bench + " in " + file
	case s.kind == gate:
		return "exit status"
	default:
		return "its output"
	}
}

// line spells a command for a shell.
func line(args []string) string {
	words := []string{"go"}
	for _, a := range args {
		if strings.ContainsAny(a, "^$ |") {
			a = "'" + a + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// table is the claim → command → result table in Markdown.
func table() string {
	const file = "results/<chip>.txt"
	var b strings.Builder
	b.WriteString("| step | claim | command | result |\n| --- | --- | --- | --- |\n")
	for _, s := range steps() {
		o := reproduceOptions{again: true} // without -resume: what a person types
		fmt.Fprintf(&b, "| %s | %s | `%s` | %s |\n", s.id, s.claim, strings.ReplaceAll(line(s.command(file, o)), "|", `\|`), s.result(file))
	}
	return b.String()
}
