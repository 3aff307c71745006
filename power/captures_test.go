package power

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// absent marks a rail that the capture does not report.
const absent = -1

// expected is one sample of a capture; testdata/README.md states where each
// capture comes from and most of these values, the others stand in the file.
type expected struct {
	cpu, gpu, ane, dram, pkg float64 // mW
	ms                       float64 // 0: not stated
	thermal                  string
}

func (e expected) mW() [5]float64 { return [5]float64{e.cpu, e.gpu, e.ane, e.dram, e.pkg} }

func checkReport(t *testing.T, r report, want expected, tolerance float64) {
	t.Helper()
	for i, w := range want.mW() {
		got, ok := r.mW.get(Rail(i))
		if ok != (w != absent) || ok && math.Abs(got-w) > tolerance*max(w, 1) {
			t.Errorf("%v = %v mW (reported %v), want %v", Rail(i), got, ok, w)
		}
	}
	if got := float64(r.elapsed) / 1e6; math.Abs(got-want.ms) > 1e-6 {
		t.Errorf("elapsed = %v ms, want %v", got, want.ms)
	}
	if r.thermal != want.thermal {
		t.Errorf("thermal = %q, want %q", r.thermal, want.thermal)
	}
	if r.combinedDiffers() {
		t.Errorf("combined is flagged as a mismatch of %v", r.mW)
	}
}

const x = absent

var textCaptures = map[string][]expected{
	"macos11_m1_macmini_20D80_text_1s.txt": {
		{10, 0, 0, 4, 48, 1004.68, ""}, {14295, 0, 0, 300, 14656, 1014.77, ""}, {18747, 0, 0, 361, 19669, 1008.06, ""}},
	"macos12_m1_air_21G115_text_100ms.txt": {
		{947, 153, 0, 220, 1473, 104.51, ""}, {420, 67, 0, 162, 773, 104.81, ""}, {208, 28, 0, 66, 396, 105.93, ""}},
	"macos13beta_m1max_22A5321d_text_5s_trimmed.txt": {{23639, 109, 0, 2545, 31688, 5006.24, ""}},
	"macos13_m1pro_22G91_text_100ms_tasks_trimmed.txt": {
		{143, 0, 0, x, 143, 111.75, ""}, {106, 0, 0, x, 106, 113.33, ""}, {271, 26, 0, x, 298, 114.26, ""}},
	"macos14_m1_mbp13_23G93_text_5s_tasks_trimmed.txt":    {{57, 1, 0, x, 59, 5009.62, ""}},
	"macos14_m1max_23G93_text_5s_allsamplers_trimmed.txt": {{44, 10, 0, x, 54, 5037.96, "Nominal"}},
	"macos15_m3air_24F74_text_1s_trimmed.txt":             {{125, 0, 0, x, 125, 1003.40, ""}, {1506, 0, 0, x, 1506, 1004.94, ""}},
	"macos15_m4air_24F74_text_gpu_power_5s.txt":           {{x, 6, x, x, x, 5002.44, ""}},
	"macos15_m4max_24F74_text_5s_default_samplers.txt":    {{954, 28, 0, x, 983, 5021.96, ""}},
	"macos26_m2air_25C56_text_1s_ane_thermal_trimmed.txt": {
		{823, 26, 323, x, 1172, 1002.90, "Nominal"}, {205, 19, 221, x, 445, 1010.09, "Nominal"}},
	"macos26_m2pro_25D125_text_gpu_power_500ms.txt":   {{x, 4, x, x, x, 503.05, ""}},
	"macos26_m4max14c_2026-04_text_500ms_trimmed.txt": {{41, 2, 0, x, 43, 516.35, ""}},
	"macos26_m4pro_25G83_text_1s_thermal_trimmed.txt": {
		{37, 3, 0, x, 40, 1015.86, "Nominal"}, {12, 0, 0, x, 12, 1026.65, "Nominal"}},
	"macos26_m5pro_text_powerlines_only.txt":        {{1673, 560, 0, x, 2233, 0, ""}},
	"macos27beta_m5_26A5421a_text_thermal_only.txt": {{x, x, x, x, x, 1.20, "Moderate"}},
}

var plistCaptures = map[string][]expected{
	"macos13_m1_mbp13_22E252_plist_2s.xml":               {{44.0773, 15.3528, 0, x, 59.4301, 2019.17875, "Nominal"}},
	"macos13_m1_mbp13_22E252_plist_500ms.xml":            {{102.663, 19.0117, 0, x, 121.675, 525.992374, "Nominal"}},
	"macos14_m2ultra_23E224_plist_1s_gpuload.xml":        {{835.188, 70924.6, 0, x, 71759.8, 1023.721416, "Nominal"}},
	"macos26_m3max_25F84_plist_100ms_trimmed.plist":      {{143.114, 0, 0, x, 143.114, 111.798833, "Nominal"}, {2477.48, 103.228, 0, x, 2580.71, 116.247166, "Nominal"}},
	"macos26_m3max_25G83_plist_250ms_idle_trimmed.plist": {{57.7142, 0, 0, x, 57.7142, 259.901333, "Nominal"}},
	// The gpu dictionary alone: 19, 107 and 788 mJ; powers are energy / elapsed.
	"macos15_m4pro_24F74_plist_gpu_power_only_nulsep.plist": {
		{x, 19 / 5.004758375, x, x, x, 5004.758375, ""}, {x, 107 / 5.014447083, x, x, x, 5014.447083, ""},
		{x, 788 / 5.010073541, x, x, x, 5010.073541, ""}},
	"macos27_m5pro_mac17_9_plist_gpu_power_trimmed.xml": {{x, 208 / 1.01229575, x, x, x, 1012.29575, ""}},
}

func TestTextCaptures(t *testing.T) {
	for file, want := range textCaptures {
		t.Run(file, func(t *testing.T) {
			got := parseText(string(capture(t, file)))
			require.Len(t, got, len(want))
			for i := range want {
				t.Run(fmt.Sprint(i), func(t *testing.T) { checkReport(t, got[i], want[i], 0) })
			}
		})
	}
}

func TestPlistCaptures(t *testing.T) {
	for file, want := range plistCaptures {
		t.Run(file, func(t *testing.T) {
			got := readPlists(t, capture(t, file))
			require.Len(t, got, len(want))
			for i := range want {
				t.Run(fmt.Sprint(i), func(t *testing.T) {
					checkReport(t, got[i], want[i], 5e-6) // printed with six digits
				})
			}
		})
	}
}

// TestEveryCaptureIsTested fails when a capture is added without values.
func TestEveryCaptureIsTested(t *testing.T) {
	for _, glob := range []string{"*.txt", "*.xml", "*.plist"} {
		files, err := filepath.Glob(filepath.Join("testdata", glob))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, f := range files {
			_, text := textCaptures[filepath.Base(f)]
			_, plist := plistCaptures[filepath.Base(f)]
			if text == plist {
				t.Errorf("%s: in the text table %v, in the plist table %v; want one of them", f, text, plist)
			}
		}
	}
}

// TestPowerIsEnergyOverElapsed holds both numbers of the plists to each other.
func TestPowerIsEnergyOverElapsed(t *testing.T) {
	tests := []struct {
		file   string
		sample int
		mJ     [3]float64 // CPU, GPU, ANE
	}{
		{"macos13_m1_mbp13_22E252_plist_2s.xml", 0, [3]float64{89, 31, 0}},
		{"macos13_m1_mbp13_22E252_plist_500ms.xml", 0, [3]float64{54, 10, 0}},
		{"macos14_m2ultra_23E224_plist_1s_gpuload.xml", 0, [3]float64{855, 72607, 0}},
		{"macos26_m3max_25F84_plist_100ms_trimmed.plist", 0, [3]float64{16, 0, 0}},
		{"macos26_m3max_25F84_plist_100ms_trimmed.plist", 1, [3]float64{288, 12, 0}},
	}
	for _, tt := range tests {
		r := readPlists(t, capture(t, tt.file))[tt.sample]
		for i, want := range tt.mJ {
			mJ, ok := r.mJ.get(Rail(i))
			if !ok || mJ != want {
				t.Errorf("%s#%d: %v = %v mJ, %v, want %v", tt.file, tt.sample, Rail(i), mJ, ok, want)
			}
			if p, e := r.mW.v[i], mJ/r.elapsed.Seconds(); math.Abs(p-e) > 5e-6*max(p, 1) {
				t.Errorf("%s#%d: %v = %v mW, but %v mJ over %v are %v mW", tt.file, tt.sample, Rail(i), p, mJ, r.elapsed, e)
			}
		}
		if r.gpuSecondary {
			t.Errorf("%s#%d: GPU energy is marked secondary", tt.file, tt.sample)
		}
	}
	for i, r := range readPlists(t, capture(t, "macos15_m4pro_24F74_plist_gpu_power_only_nulsep.plist")) {
		if !r.gpuSecondary {
			t.Errorf("gpu-only capture, sample %d: GPU energy is not marked secondary", i)
		}
	}
}

// TestMissingANELine: a line that is not printed is no zero. No genuine capture
// of this is known, so the line is cut from one.
func TestMissingANELine(t *testing.T) {
	text := string(capture(t, "macos26_m2air_25C56_text_1s_ane_thermal_trimmed.txt"))
	cut := strings.Replace(text, "ANE Power: 323 mW\n", "", 1)
	require.NotEqual(t, text, cut)
	got := parseText(cut)
	require.Len(t, got, 2)
	if v, ok := got[0].mW.get(ANE); ok {
		t.Errorf("ANE = %v mW, want not reported", v)
	}
	if v, ok := got[1].mW.get(ANE); !ok || v != 221 {
		t.Errorf("ANE of the next sample = %v mW, %v, want 221", v, ok)
	}
}

func TestCombinedMismatch(t *testing.T) {
	tests := []struct {
		line string
		want bool
	}{
		{"Combined Power (CPU + GPU + ANE): 1175 mW", false}, // 3 mW, and below 1 %
		{"Combined Power (CPU + GPU + ANE): 1183 mW", false}, // 11 mW, below 1 %
		{"Combined Power (CPU + GPU + ANE): 1185 mW", true},  // 13 mW of 1185
		{"Package Power: 2000 mW", false},                    // holds more by design
	}
	text := string(capture(t, "macos26_m2air_25C56_text_1s_ane_thermal_trimmed.txt"))
	for _, tt := range tests {
		r := parseText(strings.Replace(text, "Combined Power (CPU + GPU + ANE): 1172 mW", tt.line, 1))[0]
		if got := r.sample(time.Now()).notes&noteCombined != 0; got != tt.want {
			t.Errorf("%s with 823 + 26 + 323: mismatch = %v, want %v", tt.line, got, tt.want)
		}
	}
}

// capture returns an untouched capture of testdata.
func capture(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", file))
	require.NoError(t, err)
	return b
}

// readPlists reads a whole plist stream and wants no doubt about it.
func readPlists(t *testing.T, stream []byte) []report {
	t.Helper()
	var all []report
	feed := documentReader(func(r report) { all = append(all, r) }, func(err error) { t.Error(err) })
	feed(bytes.Clone(stream))
	return all
}

// parseText returns all samples of a text, dated or not.
func parseText(text string) []report {
	var p textParser
	var all []report
	for line := range strings.Lines(text) {
		if elapsed, ok := header(strings.TrimSpace(line)); ok {
			if prev, ok := p.start(elapsed); ok {
				all = append(all, prev)
			}
			continue
		}
		p.line(line)
	}
	if p.begun {
		all = append(all, p.cur)
	}
	return all
}
