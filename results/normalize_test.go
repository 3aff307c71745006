package results

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// normalized passes text on in pieces of n bytes.
func normalized(t *testing.T, text string, procs, n int) string {
	t.Helper()
	var out bytes.Buffer
	w := NewNormalizer(&out, procs)
	for rest := []byte(text); len(rest) > 0; rest = rest[min(n, len(rest)):] {
		piece := rest[:min(n, len(rest))]
		written, err := w.Write(piece)
		require.NoError(t, err)
		require.Equal(t, len(piece), written)
	}
	require.NoError(t, w.Close())
	return out.String()
}

func TestNormalizer(t *testing.T) {
	tests := []struct {
		name  string
		procs int
		in    string
		want  string
	}{
		{"host lines", 8, "goos: linux\ngoarch: amd64\npkg: devicemap\ncpu: AMD EPYC\n", "# goos: linux\n# goarch: amd64\npkg: devicemap\n# cpu: AMD EPYC\n"},
		{"suffix", 8, "BenchmarkX/a=b-8 \t 1\t 2 ns/op\n", "BenchmarkX/a=b   \t 1\t 2 ns/op\n"},
		{"suffix before a tab", 8, "BenchmarkX-8\t1\t2 ns/op\n", "BenchmarkX  \t1\t2 ns/op\n"},
		{"one suffix only", 18, "BenchmarkResNet-18-18\t1\t2 ns/op\n", "BenchmarkResNet-18   \t1\t2 ns/op\n"},
		{"another number", 8, "BenchmarkX-18\t1\t2 ns/op\n", "BenchmarkX-18\t1\t2 ns/op\n"},
		{"one processor", 1, "BenchmarkResNet-1\t1\t2 ns/op\n", "BenchmarkResNet-1\t1\t2 ns/op\n"},
		{"name alone", 8, "BenchmarkX-8\n", "BenchmarkX-8\n"},
		{"inside a line", 8, "see goos: x BenchmarkX-8 y\n", "see goos: x BenchmarkX-8 y\n"},
		{"similar words", 8, "goose: a\ncpus: 4\ncp\nBench-8 x\n", "goose: a\ncpus: 4\ncp\nBench-8 x\n"},
		{"no line break, host", 8, "PASS\ncpu: X", "PASS\n# cpu: X"},
		{"no line break, name", 8, "PASS\nBenchmarkX-8", "PASS\nBenchmarkX-8"},
		{"no line break, start", 8, "PASS\ngo", "PASS\ngo"},
		{
			"everything else", 8,
			"\x16=== RUN   TestX\n=== RUN   BenchmarkX\n--- BENCH: BenchmarkX-8\n    x_test.go:1: cpu: 3\n--- FAIL: TestY (0.00s)\r\n\n\xff\x00PASS\nok  \tdevicemap\t1.2s\n",
			"\x16=== RUN   TestX\n=== RUN   BenchmarkX\n--- BENCH: BenchmarkX-8\n    x_test.go:1: cpu: 3\n--- FAIL: TestY (0.00s)\r\n\n\xff\x00PASS\nok  \tdevicemap\t1.2s\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, n := range []int{1, 2, 3, 7, 1 << 20} {
				if got := normalized(t, tt.in, tt.procs, n); got != tt.want {
					t.Errorf("in pieces of %d:\n got %q\nwant %q", n, got, tt.want)
				}
			}
		})
	}
}

// TestNormalizerIsPrompt: text that cannot change is not held back.
func TestNormalizerIsPrompt(t *testing.T) {
	var out bytes.Buffer
	w := NewNormalizer(&out, 8)
	for _, piece := range []struct{ in, want string }{
		{"=== RUN", "=== RUN"},
		{"\n", "=== RUN\n"},
		{"BenchmarkX-8", "=== RUN\n"},       // may yet lose its suffix
		{" \t", "=== RUN\nBenchmarkX   \t"}, // shown while it runs
		{"    100\t", "=== RUN\nBenchmarkX   \t    100\t"},
	} {
		_, err := w.Write([]byte(piece.in))
		require.NoError(t, err)
		if out.String() != piece.want {
			t.Errorf("after %q: %q, want %q", piece.in, out.String(), piece.want)
		}
	}
}

// benchstat runs the real command, without flags.
func benchstat(t *testing.T, files ...string) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("benchstat is run by the go command, which is not on the path")
	}
	cmd := exec.Command("go", append([]string{"tool", "benchstat"}, files...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	require.Empty(t, stderr.String(), "benchstat complains")
	return string(out)
}

// table is one table of benchstat's output.
type table struct {
	unit   string
	rows   int // rows that name a benchmark
	paired int // of them, those with a comparison
}

func tables(t *testing.T, out string) []table {
	t.Helper()
	var all []table
	for line := range strings.SplitSeq(out, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "│") && (strings.Contains(line, "vs base") || !strings.Contains(line, ".txt")) {
			all = append(all, table{unit: strings.Fields(line)[1]})
		}
		if strings.HasPrefix(line, "DeviceMap/") {
			last := &all[len(all)-1]
			last.rows++
			if strings.Contains(line, "(n=") || strings.Contains(line, "(p=") {
				last.paired++
			}
		}
	}
	return all
}

// TestTwoHostsPair runs benchstat on the output of two hosts that differ in
// system, processor and core count: as it is, then normalized.
func TestTwoHostsPair(t *testing.T) {
	dir := t.TempDir()
	raw := []string{"testdata/raw_8procs.txt", "testdata/raw_2procs.txt"}
	procs := []int{8, 2}
	var passed []string
	for i, file := range raw {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		path := filepath.Join(dir, filepath.Base(file))
		require.NoError(t, os.WriteFile(path, []byte(normalized(t, string(text), procs[i], 1000)), 0o644))
		passed = append(passed, path)
	}

	for _, tab := range tables(t, benchstat(t, raw...)) {
		if tab.paired != 0 {
			t.Errorf("raw files: unit %s pairs %d rows; the control shows nothing", tab.unit, tab.paired)
		}
	}

	out := benchstat(t, passed...)
	got := tables(t, out)
	want := []table{{"sec/op", 4, 4}, {"GFLOP/s", 4, 4}, {"min-sec/op", 4, 4}}
	if len(got) != len(want) {
		t.Fatalf("tables %+v, want %+v:\n%s", got, want, out)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("table %+v, want %+v:\n%s", got[i], want[i], out)
		}
	}
	if n := strings.Count(out, "pkg: devicemap"); n != 1 {
		t.Errorf("%d configurations, want 1:\n%s", n, out)
	}
	f, err := Load(passed[0])
	require.NoError(t, err)
	if cpu, _ := f.Fact("cpu"); cpu != "Apple M5 Pro" {
		t.Errorf("the cpu reads back as %q", cpu)
	}
}

// TestPublishedFilesPair: one table for each unit, and every arm that both
// hosts have is compared.
func TestPublishedFilesPair(t *testing.T) {
	out := benchstat(t, "M1.txt", "M5.txt")
	if n := strings.Count(out, "pkg: devicemap"); n != 1 {
		t.Errorf("%d configurations, want 1", n)
	}
	seen := map[string]bool{}
	paired := map[string]int{}
	for _, tab := range tables(t, out) {
		if seen[tab.unit] {
			t.Errorf("unit %s has two tables", tab.unit)
		}
		seen[tab.unit], paired[tab.unit] = true, tab.paired
		if want := pairs(t, tab.unit); tab.paired != want {
			t.Errorf("unit %s: %d of %d rows pair, want %d", tab.unit, tab.paired, tab.rows, want)
		}
	}
	for _, unit := range []string{"sec/op", "min-sec/op", GFLOPSPerW, ItemsPerW, MW, RelErrPPM, CVPercent} {
		if paired[unit] == 0 {
			t.Errorf("unit %s pairs no row:\n%s", unit, out)
		}
	}
}

// pairs counts the arms for which both M1.txt and M5.txt hold the unit, by
// text alone.
func pairs(t *testing.T, unit string) int {
	t.Helper()
	unit = strings.Replace(unit, "sec/op", "ns/op", 1)
	names := map[string]int{}
	for _, file := range []string{"M1.txt", "M5.txt"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.SplitSeq(string(text), "\n") {
			if strings.HasPrefix(line, "Benchmark") && strings.Contains(line+"\t", " "+unit+"\t") {
				names[strings.Fields(line)[0]]++
			}
		}
	}
	n := 0
	for _, files := range names {
		n += files / 2
	}
	return n
}

func FuzzNormalizer(f *testing.F) {
	f.Add([]byte("goos: linux\nBenchmarkX-8 \t1\nPASS"), 3)
	f.Fuzz(func(t *testing.T, text []byte, n int) {
		n = max(1, n%64)
		got := normalized(t, string(text), 8, n)
		if whole := normalized(t, string(text), 8, len(text)+1); got != whole {
			t.Fatalf("in pieces of %d: %q; whole: %q", n, got, whole)
		}
		// Undo what may be changed: line by line the text is as before.
		in, out := strings.Split(string(text), "\n"), strings.Split(got, "\n")
		if len(in) != len(out) {
			t.Fatalf("%d lines became %d", len(in), len(out))
		}
		for i := range in {
			switch {
			case out[i] == in[i], out[i] == "# "+in[i]:
			case strings.HasPrefix(in[i], "Benchmark") && strings.Replace(out[i], "  ", "-8", 1) == in[i]:
			default:
				t.Fatalf("line %q became %q", in[i], out[i])
			}
		}
	})
}
