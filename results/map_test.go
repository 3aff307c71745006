package results

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func mapOf(t *testing.T, f *File, o MapOptions) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, WriteMap(&b, f, o))
	for line := range strings.SplitSeq(b.String(), "\n") {
		if n := utf8.RuneCountInString(line); n > pageWidth {
			t.Errorf("line of %d columns: %s", n, line)
		}
	}
	return b.String()
}

func read(t *testing.T, text string) *File {
	t.Helper()
	f, err := Read(strings.NewReader(text), "f.txt")
	require.NoError(t, err)
	require.Empty(t, f.Warnings)
	return f
}

// wantLines checks that the lines stand in out, in this order.
func wantLines(t *testing.T, out string, lines ...string) {
	t.Helper()
	rest := out
	for _, line := range lines {
		at := strings.Index("\n"+rest, "\n"+line+"\n")
		if at < 0 {
			t.Errorf("no line (or not in this place) %q in\n%s", line, out)
			return
		}
		rest = rest[at+len(line):]
	}
}

// TestMapOfM5 compares with figures of the paper's table: latencies in ms
// 0.092/0.124/0.026 for the first line, 18.3/27.8/36.6 for the last.
func TestMapOfM5(t *testing.T) {
	f, err := Load("M5.txt")
	require.NoError(t, err)
	out := mapOf(t, f, MapOptions{Efficiency: true})
	wantLines(t, out,
		"Device map: M5 Pro, 20 GPU cores, 6+12 CPU cores, 48 GB",
		"Source: published (arXiv:2606.22283)",
		"workload              CPU      GPU      GPU      ANE   latency        per watt",
		"                     fp32     fp32     fp16     fp16",
		"GEMM-floor         25.9µs    164µs    124µs   91.7µs   CPU 3.5× ANE   ANE 2.0× GPU",
		"conv-single             –    161µs    173µs    103µs   ANE 1.6× GPU   ANE 1.7× GPU",
		"rms_norm-vit            –    181µs    151µs    373µs   GPU 2.5× ANE   ANE 1.01× GPU~",
		"MiniLM-encoder     2.29ms¹       –        –    525µs   ANE 4.4× CPU   only ANE",
		"ViT-B-16-forward   36.6ms¹  27.8ms²       –   18.3ms   ANE 1.5× GPU   ANE 18× GPU",
		"GEMM-floor              –        –     7.77     15.7   GFLOP/s/W",
		"layer_norm-vit          –        –    92.4M     125M   items/s/W",
		"ViT-B-16-forward        –     1346²       –     74.7   mJ/op",
		"~ tie: within 5 %, or within the variation of the samples where that is larger",
		"– not measured",
		"¹  CPU-torch",
		"²  GPU-MPS",
		"pretrained weights: ResNet-18-forward, MiniLM-encoder, ViT-B-16-forward",
		"dtypes differ between the columns: an fp32 CPU arm runs against fp16 arms.",
		"Power is an on-die estimate, not wall power: it compares the engines of one host, not hosts.",
	)
}

func TestMapOfM1NamesWhatWasNotRun(t *testing.T) {
	f, err := Load("M1.txt")
	require.NoError(t, err)
	out := mapOf(t, f, MapOptions{})
	wantLines(t, out,
		"not run: ResNet-18-forward: skipped — torchvision unavailable.",
		"not run: MiniLM-encoder: skipped — transformers unavailable.",
		"not run: ViT-B-16-forward: skipped — torchvision unavailable.",
	)
	require.NotContains(t, out, "weights:")
}

// TestMapOfOneEngine: a host with a CPU alone still gets its figures.
func TestMapOfOneEngine(t *testing.T) {
	out := mapOf(t, read(t, `# chip: AMD EPYC
# absent: GPU: no CUDA driver on this host; install one, then run again with -engines GPU to race it, or leave the GPU out for good
BenchmarkDeviceMap/workload=ResNet-18-forward/weights=generated/device=CPU/dtype=fp32	1	5e9 min-ns/op
BenchmarkDeviceMap/workload=GEMM-floor/device=CPU/dtype=fp32	1	900 min-ns/op
`), MapOptions{Efficiency: true})
	wantLines(t, out,
		"Device map: AMD EPYC",
		"workload              CPU  latency        per watt",
		"                     fp32",
		"GEMM-floor          900ns  only CPU       –",
		"ResNet-18-forward   5.00s  only CPU       –",
		"no figures per watt: no power was measured",
		"– not measured",
		"not raced: GPU: no CUDA driver on this host; install one, then run again with -engines GPU to race",
		"   it, or leave the GPU out for good",
		"generated weights: ResNet-18-forward",
	)
	require.NotContains(t, out, "on-die")
	require.NotContains(t, out, "dtypes differ")
}

// TestMapMarksDoubts: flags of an arm show in its cell, in the verdict per
// watt and in a footnote.
func TestMapMarksDoubts(t *testing.T) {
	out := mapOf(t, read(t, `# flags: low confidence; short window
BenchmarkDeviceMap/workload=GEMM-floor/device=CPU/dtype=fp32	1	1500 min-ns/op	1 GFLOP/s/W
BenchmarkDeviceMap/workload=GEMM-floor/device=GPU/dtype=fp16	1	500 min-ns/op	3 GFLOP/s/W
`), MapOptions{})
	wantLines(t, out,
		"GEMM-floor        1.50µs!   500ns  GPU 3.0× CPU   GPU 3.0× CPU!",
		"! read with care:",
		"   GEMM-floor CPU fp32: low confidence, short window",
	)
}

// TestMapOfManyLibraries: more arms than the page holds share columns; each
// cell shows the fastest and says which one it is.
func TestMapOfManyLibraries(t *testing.T) {
	text, ns := "", 100
	for _, device := range []string{"CPU", "CPU-openblas", "CPU-onednn", "GPU", "GPU-mlx"} {
		for _, dtype := range []string{"fp32", "fp16"} {
			ns -= 5
			text += "BenchmarkDeviceMap/workload=GEMM-floor/device=" + device + "/dtype=" + dtype + "\t1\t" + digits(float64(ns)) + " min-ns/op\n"
		}
	}
	out := mapOf(t, read(t, text), MapOptions{})
	wantLines(t, out,
		"workload              CPU      CPU      GPU      GPU   latency        per watt",
		"                     fp32     fp16     fp32     fp16",
		"GEMM-floor         75.0ns¹  70.0ns¹  55.0ns²  50.0ns²  GPU 1.4× CPU   –",
		"¹  CPU-onednn",
		"²  GPU-mlx",
	)
}

// TestMapNamesLibraries: where they fit, libraries have columns of their own.
func TestMapNamesLibraries(t *testing.T) {
	out := mapOf(t, read(t, `BenchmarkDeviceMap/workload=GEMM-floor/device=CPU/dtype=fp32	1	15 min-ns/op
BenchmarkDeviceMap/workload=GEMM-floor/device=CPU-openblas/dtype=fp32	1	5 min-ns/op
BenchmarkDeviceMap/workload=MiniLM-encoder/weights=generated/device=CPU/dtype=fp32	1	2.5e6 min-ns/op
BenchmarkDeviceMap/workload=MiniLM-encoder/weights=pretrained/device=CPU/dtype=fp32	1	2.5e6 min-ns/op
`), MapOptions{})
	wantLines(t, out,
		"workload                      CPU      CPU  latency        per watt",
		"                                  openblas",
		"                             fp32     fp32",
		"GEMM-floor                 15.0ns   5.00ns  only CPU       –",
		"MiniLM-encoder/generated   2.50ms        –  only CPU       –",
		"MiniLM-encoder/pretrained  2.50ms        –  only CPU       –",
	)
}

func TestMapOfNothing(t *testing.T) {
	var b strings.Builder
	err := WriteMap(&b, read(t, "BenchmarkOther 1 2 ns/op\n"), MapOptions{})
	if want := "results: f.txt has no row of the device map; run go test -bench DeviceMap"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestNumbersForPeople(t *testing.T) {
	for _, tt := range []struct {
		ns   float64
		want string
	}{{0.5, "0.50ns"}, {999.4, "999ns"}, {999.6, "1.00µs"}, {91667.05, "91.7µs"}, {1292665.9, "1.29ms"}, {99.96e6, "100ms"}, {5e9, "5.00s"}} {
		if got := duration(tt.ns); got != tt.want {
			t.Errorf("duration(%v) = %s, want %s", tt.ns, got, tt.want)
		}
	}
	for _, tt := range []struct {
		v    float64
		want string
	}{{0.8295, "0.83"}, {15.72, "15.7"}, {2288.537, "2289"}, {12345, "12.3k"}, {124746095, "125M"}, {6.1e9, "6.10G"}} {
		if got := quantity(tt.v); got != tt.want {
			t.Errorf("quantity(%v) = %s, want %s", tt.v, got, tt.want)
		}
	}
}
