package results

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestClaimsOnPublishedFiles holds the outcomes to the verdict tables of the
// measurement specification (V1 to V5), which were read off the published
// figures by hand: h holds, t tie, f fails, - not measured, for M1, M2, M5.
func TestClaimsOnPublishedFiles(t *testing.T) {
	want := map[string]string{
		"V1.1": "hhh", "V1.2": "hhh", "V1.3": "hhh", "V1.4": "hhh", "V1.5": "hhh", "V1.6": "hhh", "V1.7": "hhh", "V1.8": "hhh",
		"V1.9":  "hhh",
		"V1.10": "hfh", // conv single per watt goes to the GPU on M2
		"V1.11": "hhh", "V1.12": "hhh",
		"V1.13": "tth", // layer_norm is 4 % and 2 % apart on the older hosts
		"V1.14": "hht", // group_norm 0.94 and DFT 0.82 within the CV on M5
		"V1.15": "-hh", // models were not run on M1
		"V1.16": "hhh", "V1.17": "hhh",

		"V2.1": "--h", "V2.2": "--h", "V2.3": "--h", "V2.4": "--h", "V2.5": "--h", "V2.6": "--h", "V2.7": "--h", "V2.8": "--h",
		"V2.9": "--h", "V2.10": "--h",
		"V2.11": "--f", // conv C=64 at 287 is left of the ANE's ridge of 424
		"V2.12": "--h", "V2.13": "--h", "V2.14": "--h",

		"V3.1": "--t", // 9.5 times
		"V3.2": "--f", // 16.7 of 24.1 GB/s at 2^20
		"V3.3": "--h", "V3.4": "--h", "V3.5": "--h",
		"V3.6": "--f", // still rising (T13)
		"V3.7": "--h", "V3.8": "--h", "V3.9": "--h",
		"V3.10": "--f", // T12

		"V4.1": "--h", "V4.2": "--h", "V4.3": "--h", "V4.4": "--h", "V4.5": "--h", "V4.6": "--h", "V4.7": "--h", "V4.8": "--h",
		"V4.9": "--h", "V4.10": "--h", "V4.11": "--h",
		"V4.12": "--t", // 5 to 10 % from B=16 on, within the CV
		"V4.13": "--f", // T8
		"V5.1":  "--h",
	}
	var files []*File
	for _, name := range []string{"M1.txt", "M2.txt", "M5.txt"} {
		f, err := Load(name)
		require.NoError(t, err)
		files = append(files, f)
	}
	judged := map[string]bool{}
	for _, c := range Claims() {
		require.False(t, judged[c.ID], "%s stands there twice", c.ID)
		judged[c.ID] = true
		if c.Between() {
			continue
		}
		got := ""
		for _, f := range files {
			found := c.Judge(f)
			got += string("-htf"[found.Outcome])
			if found.Figures == "" {
				t.Errorf("%s on %s: no figures or reason", c.ID, f.Name)
			}
		}
		if w := want[c.ID]; got != w && (w != "" || got != "---") {
			t.Errorf("%s %s: %s, want %s", c.ID, c.Text, got, w)
		}
	}
	for id := range want {
		require.True(t, judged[id], "no claim %s", id)
	}
}

// TestSameVerdicts: the seven entries in bold of the specification's table
// contradict the claim; rms_norm, a tie on M5, contradicts no winner.
func TestSameVerdicts(t *testing.T) {
	var files []*File
	for _, name := range []string{"M5.txt", "M2.txt", "M1.txt"} {
		f, err := Load(name)
		require.NoError(t, err)
		files = append(files, f)
	}
	found := sameVerdicts(files)
	require.Equal(t, Fails, found.Outcome)
	for _, part := range []string{
		"on M5, M2, M1: GEMM-bandwidth by latency (ANE, ANE, GPU), attention-vit by latency (ANE, ANE, GPU), DFT-as-matmul by latency (ANE, GPU, GPU), ",
		"GEMM-floor per watt (ANE, GPU, GPU), conv-single per watt (ANE, GPU, ANE), layer_norm-vit per watt (ANE, GPU, tie)",
	} {
		require.Contains(t, found.Figures, part)
	}
	require.True(t, strings.HasSuffix(found.Figures, "layer_norm-vit per watt (ANE, GPU, tie)"), found.Figures)

	require.Equal(t, NotMeasured, sameVerdicts(files[:1]).Outcome)
	require.Equal(t, Holds, sameVerdicts([]*File{files[0], files[0]}).Outcome)
	mine := read(t, "BenchmarkDeviceMap/workload=GEMM-floor/device=CPU/dtype=fp32 1 5 min-ns/op\n")
	require.Equal(t, found, sameVerdicts(append(files, mine)), "a host of ours is no generation of the paper")
}

func TestVersus(t *testing.T) {
	tests := []struct {
		a, b, band float64
		want       Outcome
	}{
		{110, 100, 0.05, Holds}, {100, 110, 0.05, Fails}, {104, 100, 0.05, Tie}, {100, 104, 0.05, Tie}, {105, 100, 0.05, Tie},
		{110, 100, 0.2, Tie}, {0, 1, 0.05, NotMeasured}, {1, -1, 0.05, NotMeasured},
	}
	for _, tt := range tests {
		if got := versus(tt.a, tt.b, tt.band); got != tt.want {
			t.Errorf("versus(%v, %v, %v) = %v, want %v", tt.a, tt.b, tt.band, got, tt.want)
		}
	}
}

func claimNamed(t *testing.T, id string) Claim {
	t.Helper()
	claims := Claims()
	i := slices.IndexFunc(claims, func(c Claim) bool { return c.ID == id })
	require.GreaterOrEqual(t, i, 0, "no claim %s", id)
	return claims[i]
}

// TestClaimBoundaries moves the figures of a claim across its edges.
func TestClaimBoundaries(t *testing.T) {
	row := func(name string, metrics ...string) string {
		return "Benchmark" + name + " 1 " + strings.Join(metrics, " ") + "\n"
	}
	gemm := func(n int, rate string) string {
		return row(fmt.Sprintf("Saturation/workload=GEMM/device=ANE/dtype=fp16/N=%d", n), rate, PeakGFLOPS)
	}
	serve := func(device string, batch int, rate, cv string) string {
		return row(fmt.Sprintf("Serving/workload=gemm/device=%s/dtype=fp16/batch=%d", device, batch), rate, ItemsPerW, cv, CVPercent)
	}
	weight := func(k int, rate string) string {
		return row(fmt.Sprintf("GEMV/device=ANE/dtype=fp16/K=%d/N=%d", k, k), rate, PeakGBps)
	}
	cliff := func(sort, right, wrong string) string {
		return row("NumericCliffs/cliff="+sort+"/device=ANE/dtype=fp16", right, LastRight, wrong, FirstWrong)
	}
	tests := []struct {
		name, id, text string
		want           Outcome
	}{
		{"peak elsewhere", "V2.2", gemm(1024, "100") + gemm(2048, "50"), Fails},
		{"peak beside", "V2.2", gemm(1024, "100") + gemm(2048, "97"), Tie},
		{"no figure at 2048", "V2.2", gemm(1024, "100") + gemm(4096, "97"), NotMeasured},
		{"no fall", "V2.3", gemm(1024, "100") + gemm(2048, "97"), Fails},
		{"one size alone", "V2.3", gemm(2048, "97"), NotMeasured},
		{"per watt beyond the CV", "V4.12", serve(ANE, 1, "120", "10") + serve(GPU, 1, "100", "10"), Holds},
		{"per watt within the CV", "V4.12", serve(ANE, 1, "120", "10") + serve(GPU, 1, "100", "25"), Tie},
		{"per watt behind", "V4.12", serve(ANE, 1, "80", "10") + serve(GPU, 1, "100", "10"), Fails},
		{"one engine", "V4.12", serve(ANE, 1, "80", "10"), NotMeasured},
		{"software engine", "V4.12", serve("ANE-software", 1, "120", "1") + serve(GPU, 1, "100", "1"), NotMeasured},
		{"weights as published", "V3.5", weight(2048, "112"), Holds},
		{"weights at the edge", "V3.5", weight(2048, "140"), Holds},
		{"weights beyond", "V3.5", weight(2048, "141"), Fails},
		{"weights of a small product alone", "V3.5", weight(1024, "112"), NotMeasured},
		{"plateau", "V3.6", weight(4096, "112") + weight(8192, "115"), Holds},
		{"matmul cliff", "V8.1", cliff("matmul/K=4", "32758.8", "32760.2"), Holds},
		{"matmul cliff too early", "V8.1", cliff("matmul/K=4", "32758.8", "32760.2") + cliff("matmul/K=8", "30000", "30010"), Fails},
		{"sums", "V8.3", cliff("reduce", "2048", "2049"), Holds},
		{"sums exact for longer", "V8.3", cliff("reduce", "4096", "4097"), Fails},
		{"slices of an older part", "V8.2", cliff("slice", "4094", "4096"), Holds},
		{"slices of a newer part", "V8.2", row("NumericCliffs/cliff=slice/device=ANE/dtype=fp16", "5", NsPerOp), Holds},
		{"cliffs of a CPU", "V8.3", row("NumericCliffs/cliff=reduce/device=CPU/dtype=fp16", "2048", LastRight, "2049", FirstWrong), NotMeasured},
	}
	for _, tt := range tests {
		if got := claimNamed(t, tt.id).Judge(read(t, tt.text)); got.Outcome != tt.want {
			t.Errorf("%s: %s %v (%s), want %v", tt.name, tt.id, got.Outcome, got.Figures, tt.want)
		}
	}
}

func claimsText(t *testing.T, files ...*File) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, WriteClaims(&b, files...))
	return b.String()
}

// TestWriteClaims: what is printed for a published host and for one with a CPU
// alone.
func TestWriteClaims(t *testing.T) {
	m5 := loadM5(t)
	cpu := read(t, "BenchmarkDeviceMap/workload=GEMM-floor/device=CPU/dtype=fp32 1 5 min-ns/op\n")
	cpu.Name = `C:\runs\AMD-EPYC.txt`
	out := claimsText(t, m5, cpu)
	wantLines(t, out,
		"Claims of the paper, judged on M5, AMD-EPYC",
		"V1.3  A tiny GEMM runs fastest on the CPU.",
		"      M5        holds         GEMM-floor CPU 3.5× ANE",
		"      not measured: AMD-EPYC: an engine that it compares was not raced",
		"V2.1  The GPU has the highest GEMM throughput.",
		"      not measured: AMD-EPYC: no rows of Saturation, Bandwidth",
		"      not measured: M5, AMD-EPYC: needs E12, which is no benchmark of this version",
		"Where the published text and the published data disagree, the data win:",
		"  - V3.6 on M5: The weight path is a plateau from K=4096 on. (113 at K=4096, 143 at K=8192 GB/s)",
	)
	for line := range strings.SplitSeq(out, "\n") {
		if n := len([]rune(line)); n > pageWidth {
			t.Errorf("line of %d columns: %s", n, line)
		}
	}
}

func TestWriteClaimsRefusesBadInput(t *testing.T) {
	f := read(t, "BenchmarkDeviceMap/workload=w/device=CPU/dtype=fp32 1 -5 min-ns/op\n")
	var b strings.Builder
	err := WriteClaims(&b, loadM5(t), f)
	if want := "results: f.txt:1: -5 min-ns/op is negative"; err == nil || err.Error() != want || b.Len() > 0 {
		t.Errorf("error %v, want %s; printed %q", err, want, b.String())
	}
}
