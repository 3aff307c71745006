package results

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// close1e9 compares with a published figure.
func close1e9(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*math.Abs(want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// TestRidges compares with the published roofline synthesis and with the
// rounded table of the paper (14.6, 134.4, 423.6).
func TestRidges(t *testing.T) {
	rooflines, err := loadM5(t).Rooflines()
	require.NoError(t, err)
	want := []struct {
		engine                        Engine
		ridge, gemm, conv, gbps       float64
		gemmAt, convAt, gbpsAt, watts int
	}{
		{Engine{CPU, "fp32"}, 14.555086357229394, 1898.4940071188134, 11.018560885531103, 130.43509056034193, 2048, 256, 8388608, 112},
		{Engine{GPU, "fp16"}, 134.37719285438206, 30862.297164820775, 31790.043491569955, 229.6691611817247, 6144, 512, 67108864, 603},
		{Engine{ANE, "fp16"}, 423.63549140799495, 10190.730294680543, 18771.440988492333, 24.05542146813675, 2048, 512, 67108864, 866},
	}
	require.Len(t, rooflines, len(want))
	for i, w := range want {
		r := rooflines[i]
		require.Equal(t, w.engine, r.Engine)
		name := r.String()
		close1e9(t, name+" ridge", r.RidgeAt, w.ridge)
		close1e9(t, name+" GEMM", r.GEMM.Value, w.gemm)
		close1e9(t, name+" conv", r.Conv.Value, w.conv)
		close1e9(t, name+" bandwidth", r.Bandwidth().Value, w.gbps)
		got := []int{r.GEMM.At.Int("N"), r.Conv.At.Int("C"), r.Bandwidth().At.Int("elems"), int(math.Round(r.GEMMPerWatt.Value))}
		require.Equal(t, []int{w.gemmAt, w.convAt, w.gbpsAt, w.watts}, got, name)
		require.Len(t, r.Placements, 12)
	}
}

// TestWorkMeetsSpecification compares intensities with those the measurement
// specification states (E05).
func TestWorkMeetsSpecification(t *testing.T) {
	want := map[string]float64{
		"matmul square N=512": 170.7, "matmul square N=2048": 682.7, "matmul square N=8192": 2730.7,
		"GEMV M=1 K=N=4096 (decode)": 0.9995, "conv 3x3 (C=512,B=4,64x64)": 2019.9, "conv 3x3 (C=64,B=16,64x64)": 286.7,
		"relu / copy (1R+1W, ~1 flop)": 0.25, "gelu / silu (~10 flop, 1R+1W)": 2.5, "softmax (~5 flop, 1R+1W)": 1.25,
		"layer_norm (~10 flop, 1R+1W)": 2.5, "attention block [1,12,512,64]": 52.2,
		"matmul GEMV M=1 (decode), K=N=4096": 0.9995,
	}
	works := Works()
	require.Len(t, works, len(want))
	for _, w := range works {
		if got := w.Intensity(2); math.Abs(got-want[w.Name]) > 0.05 {
			t.Errorf("%s: intensity %v, want %v", w.Name, got, want[w.Name])
		}
		if w.Intensity(4) != w.Intensity(2)/2 {
			t.Errorf("%s: fp32 does not halve the intensity", w.Name)
		}
	}
	if got := FusedBlock().Intensity(2); math.Abs(got-2854) > 0.5 {
		t.Errorf("fused block: %v, want 2854", got)
	}
}

// TestFallOff: GEMM on the Neural Engine falls 2.1 times from N=2048 to 8192
// (V2); the GPU hardly falls.
func TestFallOff(t *testing.T) {
	tests := []struct {
		engine Engine
		want   float64
	}{{Engine{ANE, "fp16"}, 10190.730294680543 / 4881.866311277611}, {Engine{GPU, "fp16"}, 30862.297164820775 / 30526.726310581864}}
	f := loadM5(t)
	for _, tt := range tests {
		arms := keep(f.Points(SaturationBench), func(a *Arm) bool { return tt.engine.runs(a) && a.Workload == GEMM })
		got, largest, ok := FallOff(arms, "N", PeakGFLOPS)
		require.True(t, ok)
		require.Equal(t, 8192, largest.Int("N"))
		close1e9(t, tt.engine.String(), got, tt.want)
	}
	_, _, ok := FallOff(nil, "N", PeakGFLOPS)
	require.False(t, ok)
}

// TestWeightPath compares with the published verdict of E06.
func TestWeightPath(t *testing.T) {
	w, ok := loadM5(t).WeightPath(ANE)
	require.True(t, ok)
	require.True(t, w.Holds())
	require.Equal(t, 8192, w.Max.At.Int("K"))
	require.Len(t, w.Points, 6)
	for _, c := range []struct {
		what      string
		got, want float64
	}{{"maximum", w.Max.Value, 142.6}, {"median", w.TailMedian, 121.7}, {"CV", 100 * w.TailCV, 21.8}} {
		if oneDecimal(c.got) != c.want {
			t.Errorf("%s = %v, want %v", c.what, c.got, c.want)
		}
	}
	_, ok = read(t, "BenchmarkGEMV/device=ANE/dtype=fp16/K=512/N=512 1 6 peak-GB/s\n").WeightPath(ANE)
	require.False(t, ok, "no size from K = 2048 on")
}

// TestServingCrossovers: the published ones to 1e-9, those of the sustained
// throughput as the specification states them (≈33, ≈2.4, ≈3.6).
func TestServingCrossovers(t *testing.T) {
	f := loadM5(t)
	tests := []struct {
		workload  string
		published float64 // 0: none
		sustained float64
	}{
		{"vision", 0, 0},
		{"encoder", 22.836142198529807, 33},
		{"attention", 5.905486890439842, 2.4},
		{"gemm", 5.202489472528304, 3.6},
	}
	for _, tt := range tests {
		published := Cross(f.Series(tt.workload, PeakItems, ANE, GPU))
		close1e9(t, tt.workload+" published", published.At, tt.published)
		sustained := Cross(f.Series(tt.workload, Items, ANE, GPU))
		if math.Abs(sustained.At-tt.sustained) > 0.02*tt.sustained {
			t.Errorf("%s sustained: B = %v, want about %v", tt.workload, sustained.At, tt.sustained)
		}
		if lead := Cross(f.Series(tt.workload, ItemsPerW, ANE, GPU)).Lead; lead != FirstLeads {
			t.Errorf("%s per watt: lead %v, want the ANE at every batch", tt.workload, lead)
		}
	}
}

func TestCross(t *testing.T) {
	tests := []struct {
		name  string
		pairs []Pair
		want  Crossover
		text  string
	}{
		{"nothing", nil, Crossover{}, "not measured"},
		{"first leads", []Pair{{1, 2, 1}, {4, 2, 2}}, Crossover{Lead: FirstLeads}, "ANE at every batch"},
		{"second leads", []Pair{{1, 1, 1}, {4, 1, 2}}, Crossover{SecondLeads, 1, 1, 1}, "GPU at every batch"},
		{"half way on a log scale", []Pair{{1, 2, 1}, {16, 1, 2}}, Crossover{Overtaken, 4, 1, 16}, "GPU overtakes at B≈4.0"},
		{"meets at a batch", []Pair{{1, 2, 1}, {16, 2, 2}, {64, 1, 2}}, Crossover{Overtaken, 16, 1, 16}, "GPU overtakes at B≈16"},
		{"twice", []Pair{{1, 1, 2}, {4, 2, 1}, {16, 1, 2}}, Crossover{Overtaken, 8, 4, 16}, "GPU overtakes at B≈8.0"},
		{"the other way round (T9)", []Pair{{1, 1, 2}, {4, 2, 1}}, Crossover{Lead: FirstGains}, "GPU leads small batches, ANE large ones"},
	}
	for _, tt := range tests {
		got := Cross(tt.pairs)
		close1e9(t, tt.name, got.At, tt.want.At)
		got.At = tt.want.At
		if got != tt.want || got.Text(ANE, GPU) != tt.text {
			t.Errorf("%s: %+v %q, want %+v %q", tt.name, got, got.Text(ANE, GPU), tt.want, tt.text)
		}
	}
}

// TestSeriesRacesHalfPrecision: where a kind has fp16 arms its fp32 ones stay
// out, and of several libraries the better one races.
func TestSeriesRacesHalfPrecision(t *testing.T) {
	f := read(t, `BenchmarkServing/workload=gemm/device=ANE/dtype=fp16/batch=4 1 10 items/s
BenchmarkServing/workload=gemm/device=GPU/dtype=fp32/batch=4 1 90 items/s
BenchmarkServing/workload=gemm/device=GPU/dtype=fp16/batch=4 1 20 items/s
BenchmarkServing/workload=gemm/device=GPU-mlx/dtype=fp16/batch=4 1 30 items/s
BenchmarkServing/workload=gemm/device=ANE-software/dtype=fp16/batch=4 1 99 items/s
BenchmarkServing/workload=gemm/device=GPU/dtype=fp16/batch=16 1 20 items/s
`)
	require.Equal(t, []Pair{{4, 10, 30}}, f.Series("gemm", Items, ANE, GPU))
}

// TestRooflinesSayWhatToRun: an analysis names the run that it needs.
func TestRooflinesSayWhatToRun(t *testing.T) {
	gemm := "BenchmarkSaturation/workload=GEMM/device=CPU/dtype=fp32/N=512 1 1400 peak-GFLOP/s\n"
	stream := "BenchmarkBandwidth/device=GPU/dtype=fp16/archetype=streaming/elems=262144 1 6 peak-GB/s\n"
	tests := []struct{ text, want string }{
		{stream, "results: f.txt has no rows of Saturation; run first: go test -bench Saturation"},
		{gemm, "results: f.txt has no rows of Bandwidth; run first: go test -bench Bandwidth"},
		{gemm + stream, "results: f.txt: no engine has both a GEMM peak and a streaming peak; run first: go test -bench 'Saturation|Bandwidth'"},
	}
	for _, tt := range tests {
		_, err := read(t, tt.text).Rooflines()
		if err == nil || err.Error() != tt.want {
			t.Errorf("error %v\nwant  %s", err, tt.want)
		}
	}
	var missing *MissingError
	_, err := read(t, gemm).Rooflines()
	require.True(t, errors.As(err, &missing))
	require.Equal(t, BandwidthBench, missing.Bench)
}

// TestPartialRoofline: a host with one size of each and no conv still gets its
// roofline; what was not run is not placed.
func TestPartialRoofline(t *testing.T) {
	rooflines, err := read(t, `BenchmarkSaturation/workload=GEMM/device=CPU/dtype=fp32/N=512 1 1000 peak-GFLOP/s
BenchmarkBandwidth/device=CPU/dtype=fp32/archetype=streaming/elems=262144 1 100 peak-GB/s
`).Rooflines()
	require.NoError(t, err)
	require.Len(t, rooflines, 1)
	require.Equal(t, 10.0, rooflines[0].RidgeAt)
	placed := map[string]float64{}
	for _, p := range rooflines[0].Placements {
		if percent, ok := p.Percent(); ok {
			placed[p.Work.Name] = percent
		}
	}
	require.Equal(t, map[string]float64{"matmul square N=512": 100, "relu / copy (1R+1W, ~1 flop)": 100}, placed)
}

// TestCoverageCounts are the published counts of the roofline classes.
func TestCoverageCounts(t *testing.T) {
	want := map[OpClass]int{ComputeBound: 4, BandwidthBound: 44, DispatchBound: 2, BridgeRaceable: 3, BridgeOnly: 16}
	for class, n := range want {
		if got := class.Ops(); len(got) != n {
			t.Errorf("%s has %d operators, want %d: %v", class, len(got), n, got)
		}
	}
	if class, ok := ClassOf("rms_norm"); !ok || class != BandwidthBound {
		t.Errorf("rms_norm is %q, %v", class, ok)
	}
	if class, ok := ClassOf("fft"); ok {
		t.Errorf("fft is %q", class)
	}
}

// TestStreamingDoubts: a roof that the largest size does not reach is pointed
// out; the published ones hold.
func TestStreamingDoubts(t *testing.T) {
	require.Empty(t, loadM5(t).StreamingDoubts())
	row := func(elems, gbps string) string {
		return "BenchmarkBandwidth/device=CPU/dtype=fp32/archetype=streaming/elems=" + elems + " 1 " + gbps + " peak-GB/s\n"
	}
	want := []string{"The CPU fp32 streams 92.0 GB/s at 1048576 elements but 25.0 GB/s at 33554432: its bandwidth roof may be that of a cache."}
	require.Equal(t, want, read(t, row("1048576", "92")+row("33554432", "25")).StreamingDoubts())
	require.Empty(t, read(t, row("1048576", "92")+row("33554432", "70")).StreamingDoubts())
}
