package results

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const fixture = "testdata/device_map_small.json"

// generic decodes JSON without our types.
func generic(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal(text, &v))
	return v
}

// TestPaperRoundTrip converts published JSON into a results file as text, reads
// that and converts it back: every field has the same value, bit for bit.
func TestPaperRoundTrip(t *testing.T) {
	for _, path := range append(paperFiles(t), fixture) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			f, err := FromPaper(data, path)
			require.NoError(t, err)
			var text bytes.Buffer
			require.NoError(t, f.Encode(&text))
			read, err := Read(&text, "converted")
			require.NoError(t, err)
			require.Empty(t, read.Warnings)
			back, err := ToPaper(read, MapBench)
			require.NoError(t, err)
			require.Equal(t, generic(t, data), generic(t, back))
		})
	}
}

// TestPublishedFiles compares the recorded files with the JSON they stand for.
func TestPublishedFiles(t *testing.T) {
	for _, path := range paperFiles(t) {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "device_map_"), ".json") + ".txt"
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			f, err := Load(name)
			require.NoError(t, err)
			require.Empty(t, f.Warnings)
			require.True(t, f.IsPublished())
			back, err := ToPaper(f, MapBench)
			require.NoError(t, err)
			require.Equal(t, generic(t, data), generic(t, back))
		})
	}
}

// TestPublishedFilesAreCurrent: reading and writing a recorded file changes no
// byte. It fails where a unit was added without converting the files again.
func TestPublishedFilesAreCurrent(t *testing.T) {
	for _, name := range []string{"M1.txt", "M2.txt", "M5.txt"} {
		want, err := os.ReadFile(name)
		require.NoError(t, err)
		f, err := Read(bytes.NewReader(want), name)
		require.NoError(t, err)
		var got bytes.Buffer
		require.NoError(t, f.Encode(&got))
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s changes when it is read and written; run make published", name)
		}
	}
}

// paperFiles lists the published JSON files where the checkout has them beside
// it; they are no part of the repository.
func paperFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../shared/paper/device_map_M*.json")
	require.NoError(t, err)
	if len(files) == 0 {
		t.Log("no published JSON beside the checkout (../shared/paper); the excerpt in testdata must do")
	}
	return files
}

// TestFromPaperValues checks the converted figures against numbers read off
// the published file by hand.
func TestFromPaperValues(t *testing.T) {
	data, err := os.ReadFile(fixture)
	require.NoError(t, err)
	f, err := FromPaper(data, "device_map_M5.json")
	require.NoError(t, err)
	tests := []struct {
		workload, weights, device, dtype string
		iters                            int
		unit                             string
		want                             string
	}{
		{"GEMM-floor", "", ANE, "fp16", 35923, NsPerOp, "181984.12114709883"},
		{"GEMM-floor", "", ANE, "fp16", 35923, MinNsPerOp, "91667.05422103405"},
		{"GEMM-floor", "", ANE, "fp16", 35923, MW, "2932"},
		{"GEMM-floor", "", ANE, "fp16", 35923, TotalMW, "4128.5"},
		{"GEMM-floor", "", ANE, "fp16", 35923, GPUMW, "0"}, // clamped by the authors: a real 0
		{"GEMM-floor", "", ANE, "fp16", 35923, P90MW, "3753.4000000000005"},
		{"GEMM-floor", "", ANE, "fp16", 35923, GFLOPSPerW, "15.721444200563644"},
		{"GEMM-floor", "", ANE, "fp16", 35923, RelErrPPM, "1252.2854527169441"},
		{"GEMM-floor", "", CPU, "fp32", 1, RelErrPPM, "0"}, // is the reference
		{"GEMM-floor", "", GPU, "fp32", 1, PeakGFLOPS, "51"},
		{"GEMM-floor", "", GPU, "fp32", 1, NsPerOp, ""}, // had no window
		{"GEMM-floor", "", GPU, "fp32", 1, MW, ""},
		{"layer_norm-vit", "", GPU, "fp16", 36061, PeakItems, "860000000"},
		{"ResNet-18-forward", Pretrained, GPUMPS, "fp32", 2366, MJPerOp, "23.839421898278832"},
		{"ResNet-18-forward", Pretrained, CPUTorch, "fp32", 1, MinNsPerOp, "5998415.988869965"},
	}
	for _, tt := range tests {
		found := false
		for _, r := range f.Rows {
			if r.Workload != tt.workload || r.Device != tt.device || r.DType != tt.dtype {
				continue
			}
			found = true
			m, ok := r.metric(tt.unit)
			if r.Weights != tt.weights || r.Iters != tt.iters || ok != (tt.want != "") || ok && m.number() != tt.want {
				t.Errorf("%s: %d iterations, %s = %s, %v; want %d, %s", r.Name(), r.Iters, tt.unit, m.number(), ok, tt.iters, tt.want)
			}
		}
		if !found {
			t.Errorf("no row %s %s %s", tt.workload, tt.device, tt.dtype)
		}
	}
	for _, fact := range []Fact{
		{"idle-pkg-mW", "1196.5"}, {"idle-gpu-mW", "39.0"}, {"window-s", "6.0"}, {"pm-interval-ms", "500"},
		{"backend-mlx", "true"}, {KeySource, PaperSource}, {KeyHost, paperHosts[2].host},
	} {
		if got, _ := f.Fact(fact.Key); got != fact.Value {
			t.Errorf("fact %s = %q, want %q", fact.Key, got, fact.Value)
		}
	}
	skipped := f.Named(KeySkipped)
	if want := (KeyValue{"ViT-B-16-forward", "skipped — torchvision unavailable."}); len(skipped) != 1 || skipped[0] != want {
		t.Errorf("skipped = %v, want %v", skipped, want)
	}
}

// TestPaperFlags: flags are the one list of the format; the published files
// have none.
func TestPaperFlags(t *testing.T) {
	data, err := os.ReadFile(fixture)
	require.NoError(t, err)
	flagged := bytes.Replace(data, []byte(`"flags": []`), []byte(`"flags": ["low confidence", "short window"]`), 1)
	require.NotEqual(t, data, flagged)
	f, err := FromPaper(flagged, "x.json")
	require.NoError(t, err)
	require.Equal(t, []string{"low confidence", "short window"}, f.Rows[0].Flags)
	back, err := ToPaper(f, MapBench)
	require.NoError(t, err)
	require.Equal(t, generic(t, flagged), generic(t, back))
}

func TestFromPaperRefuses(t *testing.T) {
	data, err := os.ReadFile(fixture)
	require.NoError(t, err)
	whole := string(data)
	edit := func(old, new string) string {
		require.Contains(t, whole, old)
		return strings.Replace(whole, old, new, 1)
	}
	tests := []struct{ name, text, want string }{
		{"empty", " \n", "f.json is empty"},
		{"cut short", whole[:len(whole)/2], "the file is cut short"},
		{"no JSON", "pkg: devicemap", "f.json:1:1: not a published result file: invalid character 'p'"},
		{"NaN", edit("1196.5", "NaN"), "f.json:16:18: not a published result file: invalid character 'N' looking for beginning of value; NaN and Infinity are not JSON: write null"},
		{"kind of value", edit("6.0", "[6]"), "f.json:9:"},
		{"unknown field", edit(`"window_s"`, `"window"`), `unknown field "window"`},
		{"two objects", whole + "{}", "more text after the end"},
		{"no results", `{"window_s": 6}`, "f.json has no results"},
		{"unknown workload", edit("GEMM floor", "GEMM flour"), `unknown workload "GEMM flour`},
		{"unknown device", edit(`"device": "ANE"`, `"device": "TPU"`), `unknown device "TPU"`},
		{"unknown throughput", edit("91.5 GFLOP/s", "91.5 TFLOP/s"), `throughput "91.5 TFLOP/s"`},
		{"throughput digits", edit("91.5 GFLOP/s", "91.54 GFLOP/s"), "conversion would change"},
		{"unknown unit", edit(`"GFLOP/s/W"`, `"FLOP/J"`), `perf_unit "FLOP/J"`},
		{"iterations", edit("35923", "35923.5"), `iters "35923.5" is not a count`},
		{"energy of nothing", edit(`"GPU": {`, `"NPU": {`), "conversion would change"},
		{"line break in a note", edit("0.008 GFLOP.", `0.008\nGFLOP.`), "conversion would change"},
		{"idle null", edit("39.0", "null"), "conversion would change"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := FromPaper([]byte(tt.text), "f.json")
			if err == nil {
				t.Fatalf("accepted: %+v", f)
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "f.json") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q\n lacks %q", err, tt.want)
			}
		})
	}
}

func TestToPaperRefuses(t *testing.T) {
	f, err := Read(strings.NewReader("BenchmarkDeviceMap/workload=GEMM-floor/device=GPU-cuda/dtype=fp16 1 2 ns/op\n"), "f")
	require.NoError(t, err)
	_, err = ToPaper(f, MapBench)
	if want := `results: f: GEMM-floor: line 1: device "GPU-cuda" is not a published one`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// FuzzFromPaper: what is accepted comes back with the same values.
func FuzzFromPaper(f *testing.F) {
	data, err := os.ReadFile(fixture)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"results": {"GEMM floor (M=64,K=256,N=256)": {"rows": [{"device": "CPU", "dtype": "fp32", "latency_ms": 1e-3, "throughput": "1.0 GFLOP/s", "relerr": 0}], "note": "n"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := FromPaper(data, "fuzz.json")
		if (err == nil) != (file != nil) {
			t.Fatalf("FromPaper = %v, %v", file, err)
		}
		if err != nil {
			return
		}
		back, err := ToPaper(file, MapBench)
		if err != nil {
			t.Fatal(err)
		}
		again, err := FromPaper(back, "fuzz.json")
		if err != nil {
			t.Fatalf("%v\nin %s", err, back)
		}
		if len(again.Rows) != len(file.Rows) {
			t.Fatalf("%d rows became %d", len(file.Rows), len(again.Rows))
		}
		for i := range file.Rows {
			got, err1 := again.Rows[i].text()
			want, err2 := file.Rows[i].text()
			if got != want || err1 != nil || err2 != nil {
				t.Fatalf("row %q became %q (%v, %v)", want, got, err2, err1)
			}
		}
	})
}
