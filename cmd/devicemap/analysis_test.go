package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestClaimsDocument: docs/claims.md shows what the command prints for the
// published files.
func TestClaimsDocument(t *testing.T) {
	status, out, stderr := call("claims", "../../results/M1.txt", "../../results/M2.txt", "../../results/M5.txt")
	require.Equal(t, []any{0, ""}, []any{status, stderr})
	document, err := os.ReadFile("../../docs/claims.md")
	require.NoError(t, err)
	if !strings.Contains(string(document), "```text\n"+out+"```\n") {
		t.Error("docs/claims.md is out of date; put the output of the command into its block: devicemap claims results/M1.txt results/M2.txt results/M5.txt")
	}
}

// TestFiguresDocument: the SVG figures of docs are those of the results file.
func TestFiguresDocument(t *testing.T) {
	dir := t.TempDir()
	status, out, stderr := call("figures", "-o", dir, published)
	require.Equal(t, []any{0, ""}, []any{status, stderr})
	paths := strings.Fields(out)
	require.Len(t, paths, 10)
	for _, path := range paths {
		if filepath.Ext(path) != ".svg" {
			continue
		}
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		want, err := os.ReadFile(filepath.Join("../../docs/figures/M5", filepath.Base(path)))
		require.NoError(t, err)
		if string(got) != string(want) {
			t.Errorf("docs/figures/M5/%s is out of date; run make figures", filepath.Base(path))
		}
	}
}

func TestRoofline(t *testing.T) {
	status, out, stderr := call("roofline", published)
	require.Equal(t, []any{0, ""}, []any{status, stderr})
	for _, part := range []string{"ridge R=424 FLOP/byte", "encoder     GPU overtakes at B≈23"} {
		require.Contains(t, out, part)
	}
}

// TestAnalysisOfBadFiles: a clear line with file and line number, and status 1.
func TestAnalysisOfBadFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.txt")
	row := "BenchmarkDeviceMap/workload=GEMM-floor/device=CPU/dtype=fp32 1 5 min-ns/op\n"
	tests := []struct{ name, text, want string }{
		{"two hosts", "# host: A\n" + row + "# host: B\n" + row, path + `:3: host is "B", but "A" above`},
		{"unit", strings.Replace(row, "min-ns/op", "min-ms/op", 1), path + `:1: unit "min-ms/op" is not known`},
		{"negative", strings.Replace(row, "5", "-5", 1), path + ":1: -5 min-ns/op is negative"},
		{"other suite", "BenchmarkSort 1 5 ns/op\n", path + ":1: BenchmarkSort is not of this suite"},
	}
	for _, tt := range tests {
		require.NoError(t, os.WriteFile(path, []byte(tt.text), 0o644))
		for _, command := range []string{"claims", "roofline", "figures"} {
			args := []string{command, path}
			if command == "figures" {
				args = []string{command, "-o", t.TempDir(), path}
			}
			status, out, stderr := call(args...)
			if status != 1 || out != "" || !strings.Contains(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%s, %s: status %d, stdout %q, stderr %q; want %q", command, tt.name, status, out, stderr, tt.want)
			}
		}
	}
	require.NoError(t, os.WriteFile(path, []byte(row), 0o644))
	status, _, stderr := call("roofline", path)
	if want := "devicemap roofline: results: " + path + " has no rows of Saturation; run first: go test -bench Saturation\n"; status != 1 || stderr != want {
		t.Errorf("no sweeps: status %d, %q, want %q", status, stderr, want)
	}
	status, _, stderr = call("claims")
	if status != 2 || !strings.Contains(stderr, "want at least one file after the flags, got 0") {
		t.Errorf("no file: status %d, %q", status, stderr)
	}
}

// TestConvertSweeps joins all published files of a host, and takes one of them
// out again.
func TestConvertSweeps(t *testing.T) {
	dir := "../../results/testdata/published/"
	path := filepath.Join(t.TempDir(), "x.txt")
	args := []string{"convert", "-o", path, fixture}
	for _, name := range []string{"saturation", "bandwidth", "serving", "roofline_analysis", "gemv"} {
		args = append(args, dir+name+".json")
	}
	status, out, stderr := call(args...)
	require.Equal(t, []any{0, "", ""}, []any{status, out, stderr})
	for bench, part := range map[string]string{
		"Saturation": `"peak_gflops_size": 6144`, "Bandwidth": `"n_emit": 50`, "Serving": `"throughput_crossover_B": 22.836142198529`,
		"GEMV": `"ane_bw_tail_median_GBps": 121.7`, "Roofline": `"GPU": 134.37719285438`,
	} {
		status, out, stderr := call("convert", "-json", "-bench", bench, path)
		if status != 0 || !strings.Contains(out, part) {
			t.Errorf("%s: status %d, %s; lacks %s", bench, status, stderr, part)
		}
	}
	status, _, stderr = call("convert", "-json", path, path)
	if status != 2 || !strings.Contains(stderr, "-json wants one file, got 2") {
		t.Errorf("two files back: status %d, %q", status, stderr)
	}
}
