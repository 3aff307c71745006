package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"devicemap/results"
)

// bench is a stand-in for the go command: it records what it was asked, writes
// the rows that a benchmark would, and fails where a test says so.
type bench struct {
	t     *testing.T
	file  string
	calls []string            // step ids by their command
	fail  map[string]string   // by step id: what is printed before a failure
	empty map[string]bool     // benchmarks that record nothing
	stop  func(id string)     // called before a step, for interrupts
	args  map[string][]string // by step id, of the last call
}

func (b *bench) run(ctx context.Context, args []string, out io.Writer) error {
	id := b.stepOf(args)
	b.calls = append(b.calls, id)
	b.args[id] = args
	if b.stop != nil {
		b.stop(id)
	}
	if text, ok := b.fail[id]; ok {
		fmt.Fprint(out, text)
		return errors.New("exit status 1")
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, s := range steps() {
		if s.id == id && s.recorded && !b.empty[id] {
			b.record(s.bench)
		}
	}
	fmt.Fprintf(out, "ok %s\n", id)
	return nil
}

// stepOf finds the step of a command, whatever its options.
func (b *bench) stepOf(args []string) string {
	for _, s := range steps() {
		for _, o := range []reproduceOptions{{}, {again: true}, {quick: true}, {quick: true, again: true}} {
			if slices.Equal(args, s.command(b.file, o)) {
				return s.id
			}
		}
	}
	b.t.Fatalf("no step has the command %v", args)
	return ""
}

func (b *bench) record(name string) {
	w, err := results.Create(b.file, []results.Fact{results.Named(results.KeyAbsent, "GPU", "no driver found")})
	require.NoError(b.t, err)
	row := results.Row{Bench: name, Workload: "w", Device: results.CPU, DType: "fp32", Iters: 1}
	row.Add(1, results.NsPerOp)
	require.NoError(b.t, w.Write(row))
	require.NoError(b.t, w.Close())
}

// trial runs a mode over a stand-in in a folder that looks like the
// repository.
func (b *bench) trial(ctx context.Context, mode string, o reproduceOptions) (stdout string, err error) {
	b.calls, b.args = nil, map[string][]string{}
	o.results = b.file
	var out, errs bytes.Buffer
	d := driver{options: o, run: b.run, stdout: &out, stderr: &errs, now: func() time.Time { return time.Unix(1e9, 0) }}
	err = d.reproduce(ctx, mode)
	return out.String(), err
}

func newBench(t *testing.T) *bench {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module devicemap\n"), 0o644))
	t.Chdir(dir)
	return &bench{t: t, file: filepath.Join(dir, "host.txt")}
}

const (
	gateIDs    = "G1 G2 G3 G4 G5"
	measureIDs = "E01 E02 E03 E04 E05 E06 E16"
	analyseIDs = "A1 A2 A3 A4"
)

func TestReproduceOrder(t *testing.T) {
	b := newBench(t)
	out, err := b.trial(context.Background(), "full", reproduceOptions{})
	require.NoError(t, err, out)
	require.Equal(t, strings.Fields(gateIDs+" "+measureIDs+" "+analyseIDs), b.calls)
	for _, want := range []string{"passed  E02", "1 arms in " + b.file + ", 1 new", "16 passed, 0 failed, 0 skipped"} {
		if !strings.Contains(out, want) {
			t.Errorf("the summary lacks %q:\n%s", want, out)
		}
	}

	b = newBench(t)
	_, err = b.trial(context.Background(), "gates", reproduceOptions{})
	require.NoError(t, err)
	require.Equal(t, strings.Fields(gateIDs), b.calls)
	require.NoFileExists(t, b.file)
}

// TestReproduceResumes: a second run measures nothing that the first one
// finished; -again measures all.
func TestReproduceResumes(t *testing.T) {
	b := newBench(t)
	b.fail = map[string]string{"E04": "--- FAIL: BenchmarkServing/x\n    wrong result\nFAIL\n"}
	out, err := b.trial(context.Background(), "full", reproduceOptions{})
	require.ErrorContains(t, err, "1 of 16 steps failed: E04")
	require.Contains(t, out, "failed  E04")
	require.Contains(t, out, "exit status 1: --- FAIL: BenchmarkServing/x")
	require.Equal(t, strings.Fields(gateIDs+" "+measureIDs+" "+analyseIDs), b.calls, "a failure stops nothing")

	b.fail = nil
	out, err = b.trial(context.Background(), "full", reproduceOptions{})
	require.NoError(t, err)
	require.Equal(t, strings.Fields(gateIDs+" E04 "+analyseIDs), b.calls)
	require.Contains(t, out, "skipped E01 the winner depends on the workload class: recorded 2001-09-09T01:46:40Z; -again measures once more")
	require.Contains(t, b.args["E04"], "-resume")

	_, err = b.trial(context.Background(), "full", reproduceOptions{again: true})
	require.NoError(t, err)
	require.Equal(t, strings.Fields(gateIDs+" "+measureIDs+" "+analyseIDs), b.calls)
	require.NotContains(t, b.args["E04"], "-resume")
}

// TestReproduceSkips: what cannot be done is skipped with its reason and fails
// nothing.
func TestReproduceSkips(t *testing.T) {
	b := newBench(t)
	b.empty = map[string]bool{"E01": true, "E03": true}
	out, err := b.trial(context.Background(), "full", reproduceOptions{})
	require.NoError(t, err)
	require.NotContains(t, b.calls, "E05")
	for _, want := range []string{
		"skipped E05 one roofline per engine explains the map: needs the rows of Bandwidth, which " + b.file + " lacks",
		"skipped E03 the activation path tops out an order below the GPU's: no engine of this host gave a row: GPU (no driver found)",
		"skipped E01 the winner depends on the workload class: no engine of this host gave a row: no reason is recorded",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the summary lacks %q:\n%s", want, out)
		}
	}

	b = newBench(t)
	b.empty = map[string]bool{"E01": true, "E02": true, "E03": true, "E04": true, "E05": true, "E06": true}
	out, err = b.trial(context.Background(), "full", reproduceOptions{})
	require.NoError(t, err)
	require.Contains(t, out, "skipped A2  the paper's claims, judged on this host: "+b.file+" has no rows")
}

func TestReproduceInterrupted(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(context.Background())
	b.stop = func(id string) {
		if id == "E02" {
			cancel()
		}
	}
	out, err := b.trial(ctx, "full", reproduceOptions{})
	require.ErrorContains(t, err, "1 of 16 steps failed: E02")
	require.Equal(t, strings.Fields(gateIDs+" E01 E02"), b.calls)
	require.Contains(t, out, "interrupted; finished arms are kept")
	require.Contains(t, out, "skipped A1  the map of this host: interrupted")
}

func TestReproduceProtectsRecords(t *testing.T) {
	b := newBench(t)
	text := "pkg: devicemap\n# source: published (a paper)\nBenchmarkDeviceMap/workload=w/device=CPU/dtype=fp32 1 5 min-ns/op\n"
	require.NoError(t, os.WriteFile(b.file, []byte(text), 0o644))
	_, err := b.trial(context.Background(), "full", reproduceOptions{again: true})
	require.ErrorContains(t, err, "holds published figures, which are never added to")
	require.Empty(t, b.calls)
	_, err = b.trial(context.Background(), "gates", reproduceOptions{})
	require.NoError(t, err, "the gates write nothing")
	after, err := os.ReadFile(b.file)
	require.NoError(t, err)
	require.Equal(t, text, string(after))

	require.NoError(t, os.Remove("go.mod"))
	_, err = b.trial(context.Background(), "gates", reproduceOptions{})
	require.ErrorContains(t, err, "run it in the root of the repository")
}

func TestReproduceCommands(t *testing.T) {
	for _, tt := range []struct {
		id   string
		o    reproduceOptions
		want string
	}{
		{"G1", reproduceOptions{quick: true}, "go test ./corpus"},
		{"E01", reproduceOptions{again: true}, "go test -run '^$' -bench '^BenchmarkDeviceMap$' -benchtime 6s -count 6 -timeout 0 . -results x.txt"},
		{"E02", reproduceOptions{}, "go test -run '^$' -bench '^BenchmarkSaturation$' -benchtime 8s -timeout 0 . -results x.txt -resume"},
		{"E03", reproduceOptions{quick: true}, "go test -run '^$' -bench '^BenchmarkBandwidth$' -benchtime 2s -timeout 0 . -results x.txt -quick -resume"},
		{"E01", reproduceOptions{quick: true, again: true}, "go test -run '^$' -bench '^BenchmarkDeviceMap$' -benchtime 2s -timeout 0 . -results x.txt -quick"},
		{"A2", reproduceOptions{}, "go run ./cmd/devicemap claims x.txt"},
		{"A4", reproduceOptions{}, "go run ./cmd/devicemap figures -o docs/figures/x x.txt"},
	} {
		i := slices.IndexFunc(steps(), func(s step) bool { return s.id == tt.id })
		if got := line(steps()[i].command("x.txt", tt.o)); got != tt.want {
			t.Errorf("%s %+v: %s\nwant %s", tt.id, tt.o, got, tt.want)
		}
	}
}

// TestReproduceTable: steps exist, benchmarks and subcommands too, and the
// README holds the table as it is.
func TestReproduceTable(t *testing.T) {
	ids := map[string]bool{}
	declared := benchmarks(t)
	for _, s := range steps() {
		if ids[s.id] {
			t.Errorf("%s stands twice in the table", s.id)
		}
		ids[s.id] = true
		if s.kind == measure && !declared[s.bench] {
			t.Errorf("%s: no Benchmark%s in the suite", s.id, s.bench)
		}
		if s.kind == analyse && commands[s.args[2]] == nil {
			t.Errorf("%s: no subcommand %s", s.id, s.args[2])
		}
		for i, dir := range s.args {
			if s.kind == gate && i > 0 {
				require.DirExists(t, filepath.Join("..", "..", strings.TrimSuffix(dir, "/...")), s.id)
			}
		}
	}
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	if !strings.Contains(string(readme), table()) {
		t.Errorf("README.md does not hold the table of devicemap reproduce -list:\n%s", table())
	}
}

// benchmarks are the benchmarks that the suite declares.
func benchmarks(t *testing.T) map[string]bool {
	files, err := filepath.Glob("../../*_test.go")
	require.NoError(t, err)
	names := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for l := range strings.Lines(string(text)) {
			if name, ok := strings.CutPrefix(l, "func Benchmark"); ok {
				name, _, _ = strings.Cut(name, "(")
				names[name] = true
			}
		}
	}
	return names
}

func TestReproduceCalls(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"reproduce", "all"}, `want gates or full, got "all"`},
		{[]string{"reproduce", "gates", "full"}, `want gates or full, got "gates full"`},
		{[]string{"reproduce", "full", "-slow"}, "flag provided but not defined: -slow"},
		{[]string{"reproduce", "-slow"}, "flag provided but not defined: -slow"},
	} {
		status, out, stderr := call(tt.args...)
		if status != 2 || out != "" || !strings.Contains(stderr, tt.want) {
			t.Errorf("%v: status %d, stdout %q, stderr %q; want 2 and %q", tt.args, status, out, stderr, tt.want)
		}
	}
	for _, args := range [][]string{{"reproduce", "-list"}, {"reproduce", "full", "-list"}} {
		status, out, _ := call(args...)
		if status != 0 || out != table() {
			t.Errorf("%v: status %d, %s", args, status, out)
		}
	}
}

func TestReason(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a failed test", "ok x\n--- FAIL: TestA (0.1s)\n    a_test.go:1: bad\nFAIL\nFAIL\tdevicemap\t1s\n", "--- FAIL: TestA (0.1s)"},
		{"a panic", "goroutine\npanic: boom\nexit status 2\n", "panic: boom"},
		{"a refused flag", "devicemap: -engines: no engine \"TPU\"\nexit status 1\nFAIL\tdevicemap\t0.1s\n", `devicemap: -engines: no engine "TPU"`},
		{"nothing", "", "no output"},
		{"a long output", strings.Repeat("x\n", 2*tailBytes) + "the end\n", "the end"},
	} {
		var seen tail
		for piece := range slices.Chunk([]byte(tt.text), 1000) {
			n, err := seen.Write(piece)
			require.True(t, n == len(piece) && err == nil)
		}
		if got := seen.reason(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
