package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// publishedSweeps are the authors' files as they are (testdata/README.md).
var publishedSweeps = []struct{ file, bench string }{
	{"saturation.json", SaturationBench},
	{"bandwidth.json", BandwidthBench},
	{"serving.json", ServingBench},
	{"gemv.json", GEMVBench},
	{"roofline_analysis.json", RooflineBench},
}

func publishedJSON(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/published/" + file)
	require.NoError(t, err)
	return data
}

// derived lists what is no measurement: a pure function of the rest of the
// file, or for the roofline synthesis of the other files. Everything else must
// come back bit for bit.
var derived = regexp.MustCompile(`^\.(gemm|conv)\[\d+\]\.gflop$|^\.peaks\.|^\.results\._summary\.|\.weight_MB$|` +
	`^\.verdict\.|^\.(ceilings|placement|archetype_ai)\b|\.(fused_flops|ai_one_conv_standalone|ai_fused_est|ai_3conv_standalone_est)$`)

// prose is text of the roofline synthesis about its figures.
var prose = regexp.MustCompile(`^\.archetype_ai\[\d+\]\.(formula|note|represents)|^\.meta\.source_`)

// leaves flattens decoded JSON into path → value; null is absent.
func leaves(v any, path string, into map[string]any) map[string]any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			leaves(v[k], path+"."+k, into)
		}
	case []any:
		into[path+".length"] = float64(len(v))
		for i := range v {
			leaves(v[i], fmt.Sprintf("%s[%d]", path, i), into)
		}
	case nil:
	default:
		into[path] = v
	}
	return into
}

// sameFigures compares two JSON texts: measured values bit for bit, derived
// ones to 1e-9.
func sameFigures(t *testing.T, got, want []byte) {
	t.Helper()
	g, w := leaves(generic(t, got), "", map[string]any{}), leaves(generic(t, want), "", map[string]any{})
	compared := 0
	for path, value := range w {
		if prose.MatchString(path) {
			continue
		}
		compared++
		if g[path] == value {
			continue
		}
		x, ok1 := g[path].(float64)
		y, ok2 := value.(float64)
		if !ok1 || !ok2 || !derived.MatchString(path) || math.Abs(x-y) > 1e-9*math.Abs(y) {
			t.Errorf("%s = %v, want %v", path, g[path], value)
		}
	}
	for path := range g {
		if _, ok := w[path]; !ok {
			t.Errorf("%s = %v is not in the published file", path, g[path])
		}
	}
	if compared < 50 {
		t.Errorf("only %d values compared", compared)
	}
}

// TestSweepsRoundTrip converts each published sweep into a results file as
// text, reads that and converts it back.
func TestSweepsRoundTrip(t *testing.T) {
	for _, s := range publishedSweeps {
		if s.bench == RooflineBench {
			continue // needs the other files: TestRecordedSweeps
		}
		t.Run(s.file, func(t *testing.T) {
			data := publishedJSON(t, s.file)
			f, err := FromPaper(data, s.file)
			require.NoError(t, err)
			var text bytes.Buffer
			require.NoError(t, f.Encode(&text))
			read, err := Read(&text, "converted")
			require.NoError(t, err)
			require.Empty(t, read.Warnings)
			back, err := ToPaper(read, s.bench)
			require.NoError(t, err)
			sameFigures(t, back, data)
		})
	}
}

// TestRecordedSweeps: M5.txt holds all five sweeps, and from it the whole
// roofline synthesis follows: ceilings, ridges, intensities, all 36 placements
// and the three sketches.
func TestRecordedSweeps(t *testing.T) {
	f := loadM5(t)
	for _, s := range publishedSweeps {
		t.Run(s.file, func(t *testing.T) {
			back, err := ToPaper(f, s.bench)
			require.NoError(t, err)
			sameFigures(t, back, publishedJSON(t, s.file))
		})
	}
}

func loadM5(t *testing.T) *File {
	t.Helper()
	f, err := Load("M5.txt")
	require.NoError(t, err)
	require.Empty(t, f.Warnings)
	return f
}

// TestSweepHost: every published sweep is of the host of the M5 map.
func TestSweepHost(t *testing.T) {
	for _, s := range publishedSweeps {
		f, err := FromPaper(publishedJSON(t, s.file), s.file)
		require.NoError(t, err)
		if host, _ := f.Fact(KeyHost); host != m5Host || !f.IsPublished() {
			t.Errorf("%s: host %q, published %v", s.file, host, f.IsPublished())
		}
	}
}

func TestSweepsRefuse(t *testing.T) {
	tests := []struct{ name, file, old, new, want string }{
		{"unknown field", "saturation.json", `"gflops_sustained"`, `"sustained"`, `unknown field "sustained"`},
		{"unknown device", "saturation.json", `"ANE": {`, `"TPU": {`, `unknown device "TPU"`},
		{"flop count", "saturation.json", `"gflop": 0.268435456`, `"gflop": 0.27`, "conversion would change .gemm[0].gflop"},
		{"note on a power run", "saturation.json", `"HxW": "64x64"`, `"HxW": "32x32"`, "conversion would change .conv[0].HxW"},
		{"archetype", "bandwidth.json", `"softmax": {`, `"argmax": {`, `unknown archetype "argmax"`},
		{"byte factor", "bandwidth.json", `"byte_factor": 2`, `"byte_factor": 3`, "byte_factor"},
		{"crossover", "serving.json", "22.836142198529807", "23", "conversion would change .results._summary"},
		{"serving workload", "serving.json", `"vision (conv`, `"audio (conv`, `unknown workload "audio (conv`},
		{"bytes", "gemv.json", `"eff_bytes": 526336`, `"eff_bytes": 526337`, "conversion would change .square_sweep[0].eff_bytes"},
		{"gap", "roofline_analysis.json", `"gflops": 597.6236198011629`, `"gflops": "fast"`, "not a published result file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := publishedJSON(t, tt.file)
			edited := bytes.Replace(data, []byte(tt.old), []byte(tt.new), 1)
			require.NotEqual(t, data, edited)
			f, err := FromPaper(edited, tt.file)
			if err == nil {
				t.Fatalf("accepted %d rows", len(f.Rows))
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.file) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q\n lacks %q", err, tt.want)
			}
		})
	}
}

func TestToPaperUnknownBench(t *testing.T) {
	_, err := ToPaper(loadM5(t), "Decode")
	if want := `results: M5.txt: no published form of "Decode"`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// smallSweeps are files of one point each, in the form of the published ones.
var smallSweeps = []string{
	`{"gemm": [{"N": 512, "gflop": 0.268435456, "devices": {"ANE": {"dtype": "fp16", "lat_ms": 0.5, "gflops": 536.870912, "relerr": 0.002,
		"power": {"active_pkg_W": 2, "iter_ms": 0.6, "n_pm_samples": 16, "flags": [], "perf_per_W": 223.5}}}}],
		"conv": [], "peaks": {"gemm": {"ANE": {"peak_gflops": 536.870912, "peak_gflops_size": 512, "peak_gflops_relerr": 0.002,
		"peak_perf_per_W": 223.5, "peak_perf_per_W_size": 512}}, "conv": {}},
		"meta": {"backends": {"ane": true}, "gemm_ns": [512], "conv_configs": [], "conv_spatial": 64, "idle_mW": {"ane": 0.0}}}`,
	`{"square_sweep": [{"K": 512, "N": 512, "weight_MB": 0.524288, "eff_bytes": 526336, "devices": {"CPU": {"dtype": "fp32",
		"lat_ms": 0.5, "eff_GBps": 2.1, "GFLOPs": 1.05, "relerr": 0}}}], "rect_sweep": [], "method": "m", "backends": {}, "idle_mW": {}}`,
	`{"results": {"_summary": {}, "vision (conv-stack->GAP->FC classifier)": null}, "batches": [], "backends": {}, "idle_mW": {}}`,
	`{"results": {"roofline": {"softmax": {"byte_factor": 2, "sizes": [{"nelem": 4096, "shape": [1, 4096], "cpu_gbps": 3, "cpu_lat_ms": 0.1}],
		"peak": {"cpu": {"gbps": 3, "at_nelem": 4096}}, "power": {}}}, "coverage": {}}, "sizes": [4096], "backends": {}, "idle_mW": {}}`,
	`{"gap_measurements": {"attention": {"config": {"S": 512, "D": 64, "H": 12, "flops": 821035008}, "ANE": {"dtype": "fp16", "lat_ms": 1, "gflops": 821}},
		"fused_block": {}, "gemv": {}, "available": {"ane": true}}}`,
}

// TestSmallSweeps: files of a single point convert, or say what they lack.
func TestSmallSweeps(t *testing.T) {
	want := []string{"", "", "no benchmark lines", "conversion would change .results.coverage", ""}
	for i, text := range smallSweeps {
		f, err := FromPaper([]byte(text), "small.json")
		if want[i] == "" {
			require.NoError(t, err)
			require.Len(t, f.Rows, 1)
		} else if err == nil || !strings.Contains(err.Error(), want[i]) {
			t.Errorf("sweep %d: error %v, want %s", i, err, want[i])
		}
	}
}

// TestNullRecords: a null in the place of a record is an error, not a crash.
func TestNullRecords(t *testing.T) {
	for _, text := range []string{
		`{"gemm": [null]}`, `{"gemm": [{"devices": {"ANE": null}}]}`, `{"square_sweep": [null]}`,
		`{"results": {"roofline": {"softmax": {"sizes": [null]}}}}`, `{"gap_measurements": {"gemv": {"ANE": null}}}`,
		`{"gap_measurements": {"attention": {"ANE": null}}}`,
		`{"results": {"_summary": null, "gemm (batched [B,M,K]@[K,N], M=128,K=1024,N=1024)": {"points": [null]}}}`,
	} {
		if f, err := FromPaper([]byte(text), "null.json"); err == nil || !strings.Contains(err.Error(), "null.json") {
			t.Errorf("%s: %v, %v", text, f, err)
		}
	}
}

// FuzzSweeps: nothing that is accepted changes on the way there and back.
func FuzzSweeps(f *testing.F) {
	for _, text := range smallSweeps {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := sweepOf(data)
		if s == nil {
			return
		}
		file, err := FromPaper(data, "fuzz.json")
		if (err == nil) != (file != nil) {
			t.Fatalf("FromPaper = %v, %v", file, err)
		}
		if err != nil {
			return
		}
		back, err := ToPaper(file, s.bench)
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(back) {
			t.Fatalf("not JSON: %s", back)
		}
	})
}
