package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	published = "../../results/M5.txt"
	fixture   = "../../results/testdata/device_map_small.json"
)

// call runs the command and returns its status and both outputs.
func call(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = run(args, &out, &err)
	return status, out.String(), err.String()
}

func TestMap(t *testing.T) {
	status, out, stderr := call("map", "-watts", published)
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, %s", status, stderr)
	}
	for _, part := range []string{"Device map: M5 Pro", "ANE 49× GPU", "40.3   GFLOP/s/W"} {
		if !strings.Contains(out, part) {
			t.Errorf("map lacks %q:\n%s", part, out)
		}
	}
}

func TestMapReportsMalformedLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.txt")
	text := "BenchmarkDeviceMap/workload=GEMM-floor/device=CPU/dtype=fp32 1 5 min-ns/op\nBenchmarkY 1 5\n"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	status, out, stderr := call("map", path)
	if status != 0 || !strings.Contains(out, "only CPU") || stderr != path+":2: line ignored: missing units\n" {
		t.Errorf("status %d, stderr %q, map:\n%s", status, stderr, out)
	}
}

// TestConvert goes from JSON to a results file and back.
func TestConvert(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.txt")
	status, out, stderr := call("convert", "-o", path, fixture)
	require.Equal(t, []any{0, "", ""}, []any{status, out, stderr})
	text, err := os.ReadFile(path)
	require.NoError(t, err)

	status, out, _ = call("convert", fixture)
	if status != 0 || out != string(text) {
		t.Errorf("status %d; the standard output differs from the file:\n%s", status, out)
	}

	status, out, stderr = call("convert", "-json", path)
	require.Equal(t, 0, status, stderr)
	var got, want any
	data, err := os.ReadFile(fixture)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &want))
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.Equal(t, want, got)
}

func TestConvertKeepsRecordedFigures(t *testing.T) {
	path := filepath.Join(t.TempDir(), "M5.txt")
	require.NoError(t, os.WriteFile(path, []byte("mine"), 0o644))
	status, _, stderr := call("convert", "-o", path, fixture)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	if status != 1 || string(text) != "mine" || !strings.Contains(stderr, path+" exists; recorded figures are not overwritten without -force") {
		t.Errorf("status %d, stderr %q, file %q", status, stderr, text)
	}
	status, _, stderr = call("convert", "-force", "-o", path, fixture)
	text, err = os.ReadFile(path)
	require.NoError(t, err)
	if status != 0 || !strings.HasPrefix(string(text), "pkg: devicemap\n") {
		t.Errorf("with -force: status %d, stderr %q, file %q", status, stderr, text)
	}
	// A file that cannot be converted must not cost the old one.
	status, _, _ = call("convert", "-force", "-o", path, published)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	if status != 1 || !bytes.Equal(after, text) {
		t.Errorf("status %d; a failed conversion changed the target", status)
	}
}

func TestWrongCalls(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		status int
		want   string
	}{
		{"nothing", nil, 2, "usage: devicemap map"},
		{"unknown command", []string{"plot"}, 2, "usage: devicemap map"},
		{"no file", []string{"map"}, 2, "devicemap map: want one file after the flags, got 0"},
		{"two files", []string{"map", "a", "b"}, 2, "got 2"},
		{"unknown flag", []string{"map", "-x", "a"}, 2, "flag provided but not defined: -x"},
		{"help", []string{"convert", "-h"}, 0, "-force"},
		{"missing file", []string{"map", "none.txt"}, 1, "devicemap map: results: cannot read: open none.txt"},
		{"missing JSON", []string{"convert", "none.json"}, 1, "devicemap convert: open none.json"},
		{"no JSON", []string{"convert", published}, 1, "M5.txt:1:1: not a published result file"},
		{"no results", []string{"map", fixture}, 1, "no benchmark lines"},
		{"no folder", []string{"convert", "-o", filepath.Join("none", "x.txt"), fixture}, 1, "none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, out, stderr := call(tt.args...)
			if status != tt.status || out != "" || !strings.Contains(stderr, tt.want) {
				t.Errorf("status %d, stdout %q, stderr %q; want %d and %q", status, out, stderr, tt.status, tt.want)
			}
		})
	}
}
