package results

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// publishedVerdicts is the paper's device map: the winners by latency and per
// watt on the M5, M2 and M1 hosts (N Neural Engine, G GPU, C CPU, T tie, – no
// race), and the M5's perf/W of the Neural Engine over that of the GPU as the
// paper prints it.
var publishedVerdicts = []struct {
	workload string
	latency  string
	perWatt  string
	ratio    string
}{
	{"GEMM-floor", "CCC", "NGG", "2.0"},
	{"GEMM-bandwidth", "NNG", "NNN", "1.7"},
	{"GEMM-compute", "GGG", "NNN", "1.5"},
	{"conv-single", "NNN", "NGN", "1.7"},
	{"conv-resnet-ish", "NNN", "NNN", "13"},
	{"attention-vit", "NNG", "NNN", "2.7"},
	{"attention-longseq", "GGG", "NNN", "1.8"},
	{"layer_norm-vit", "GGG", "NGG", "1.35"},
	{"rms_norm-vit", "GGG", "TGG", "1.01"},
	{"group_norm-fmap", "GGG", "GGG", "0.94"},
	{"DFT-as-matmul", "NGG", "GGG", "0.82"},
	{"stencil-5pt", "NNN", "NNN", "49"},
	{"Jacobi-solve", "CCC", "NNN", "3.7"},
	{"ResNet-18-forward", "NN–", "NN–", "10.8"},
	{"MiniLM-encoder", "NN–", "–––", ""},
	{"ViT-B-16-forward", "NN–", "NN–", "18.0"},
}

// TestPublishedVerdicts reads the winners off the recorded files.
func TestPublishedVerdicts(t *testing.T) {
	for host, file := range []string{"M5.txt", "M2.txt", "M1.txt"} {
		f, err := Load(file)
		require.NoError(t, err)
		lines := f.Lines()
		for _, want := range publishedVerdicts {
			at := slices.IndexFunc(lines, func(l Line) bool { return l.Workload == want.workload })
			line := Line{}
			if at >= 0 {
				line = lines[at]
			}
			if got, want := letter(line.Latency), []rune(want.latency)[host]; got != want {
				t.Errorf("%s: %s: latency winner %c, want %c", file, line.Workload, got, want)
			}
			got, letterWant := letter(line.PerWatt), []rune(want.perWatt)[host]
			if letterWant == 'T' {
				letterWant = 'N' // by a hair
				if !line.PerWatt.Tie() {
					t.Errorf("%s: %s: perf/W is no tie: %s", file, line.Workload, line.PerWatt)
				}
			}
			if got != letterWant {
				t.Errorf("%s: %s: perf/W winner %c, want %c", file, want.workload, got, letterWant)
			}
			if file == "M5.txt" && want.ratio != "" {
				if got := aneOverGPU(line.PerWatt, want.ratio); got != want.ratio {
					t.Errorf("%s: %s: perf/W ratio %s, want %s", file, want.workload, got, want.ratio)
				}
			}
		}
	}
}

func letter(v Verdict) rune {
	switch v.Winner() {
	case ANE:
		return 'N'
	case GPU:
		return 'G'
	case CPU:
		return 'C'
	}
	return '–'
}

// aneOverGPU is the ratio with as many decimals as like has.
func aneOverGPU(v Verdict, like string) string {
	r := v.Ratio
	if v.Winner() == GPU {
		r = 1 / r
	}
	_, decimals, _ := strings.Cut(like, ".")
	return strconv.FormatFloat(r, 'f', len(decimals), 64)
}

// TestVerdictDetails: runners-up, and which arm a kind sends.
func TestVerdictDetails(t *testing.T) {
	f, err := Load("M5.txt")
	require.NoError(t, err)
	find := func(workload string) Line {
		lines := f.Lines()
		return lines[slices.IndexFunc(lines, func(l Line) bool { return l.Workload == workload })]
	}
	// "N beats G", says the paper of the Jacobi solve that the CPU wins.
	var kinds []string
	for _, e := range find("Jacobi-solve").Latency.Entries {
		kinds = append(kinds, e.Arm.Kind())
	}
	require.Equal(t, []string{CPU, ANE, GPU}, kinds)
	// conv-single is faster on the fp32 GPU arm; per watt the fp16 arm stands.
	conv := find("conv-single")
	require.Equal(t, "fp32", conv.Latency.Entries[1].Arm.DType)
	require.Equal(t, "fp16", conv.PerWatt.Entries[1].Arm.DType)
	// Energy per run: less is better.
	vit := find("ViT-B-16-forward").PerWatt
	require.Equal(t, MJPerOp, vit.Unit)
	require.Less(t, vit.Entries[0].Value, vit.Entries[1].Value)
}

func TestVerdict(t *testing.T) {
	const name = "BenchmarkDeviceMap/workload=GEMM-floor/device=%s/dtype=%s 1 %s\n"
	type row struct{ device, dtype, metrics string }
	tests := []struct {
		name             string
		rows             []row
		latency, perWatt string
	}{
		{"one kind", []row{{"CPU", "fp32", "5 min-ns/op"}, {"CPU-openblas", "fp32", "3 min-ns/op"}}, "only CPU", "–"},
		{"nothing", []row{{"CPU", "fp32", "5 ns/op"}, {"GPU", "fp32", "5 ns/op"}}, "–", "–"},
		{"best arm of a kind", []row{{"CPU", "fp32", "5 min-ns/op"}, {"CPU-openblas", "fp32", "3 min-ns/op"}, {"GPU", "fp16", "4 min-ns/op"}}, "CPU 1.3× GPU", "–"},
		{"tie by the band", []row{{"CPU", "fp32", "100 min-ns/op"}, {"GPU", "fp32", "104 min-ns/op"}}, "CPU 1.04× GPU~", "–"},
		{"no tie", []row{{"CPU", "fp32", "100 min-ns/op"}, {"GPU", "fp32", "106 min-ns/op"}}, "CPU 1.06× GPU", "–"},
		{"tie by the samples", []row{
			{"CPU", "fp32", "80 min-ns/op"}, {"CPU", "fp32", "120 min-ns/op"}, {"GPU", "fp32", "110 min-ns/op"},
		}, "CPU 1.1× GPU~", "–"},
		{"tie by the power samples", []row{{"CPU", "fp32", "2 GFLOP/s/W 1 cv-%"}, {"GPU", "fp16", "3 GFLOP/s/W 60 cv-%"}}, "–", "GPU 1.5× CPU~"},
		{"GPU sends fp16", []row{{"GPU", "fp32", "9 GFLOP/s/W"}, {"GPU", "fp16", "3 GFLOP/s/W"}, {"ANE", "fp16", "6 GFLOP/s/W"}}, "–", "ANE 2.0× GPU"},
		{"CPU has energy", []row{{"CPU", "fp32", "8 items/s/W"}, {"GPU", "fp16", "4 items/s/W"}, {"ANE", "fp16", "2 items/s/W"}}, "–", "CPU 2.0× GPU"},
		{"software is not raced", []row{{"CPU", "fp32", "5 min-ns/op"}, {"ANE-software", "fp16", "1 min-ns/op"}}, "only CPU", "–"},
		{"zero is no rate", []row{{"CPU", "fp32", "0 GFLOP/s/W"}, {"GPU", "fp16", "3 GFLOP/s/W"}}, "–", "only GPU"},
		{"far", []row{{"CPU", "fp32", "1 min-ns/op"}, {"GPU", "fp32", "1e6 min-ns/op"}}, "CPU 1e+06× GPU", "–"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := ""
			for _, r := range tt.rows {
				text += fmt.Sprintf(name, r.device, r.dtype, r.metrics)
			}
			f, err := Read(strings.NewReader(text), "f")
			require.NoError(t, err)
			line := f.Lines()[0]
			if got := line.Latency.String(); got != tt.latency {
				t.Errorf("latency: %s, want %s", got, tt.latency)
			}
			if got := line.PerWatt.String(); got != tt.perWatt {
				t.Errorf("per watt: %s, want %s", got, tt.perWatt)
			}
		})
	}
}
