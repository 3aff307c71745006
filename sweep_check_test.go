package devicemap

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/results"
	"devicemap/workloads"
)

// described is an engine of which only Info is asked.
type described struct {
	device.Engine
	info device.Info
}

func (d described) Info() device.Info { return d.info }

// macEngines are the engines of a Mac, as far as names go.
func macEngines() []device.Engine {
	info := func(k device.Kind, dtypes ...device.DType) device.Engine {
		return described{info: device.Info{Kind: k, Name: string(k), DTypes: dtypes}}
	}
	return []device.Engine{info(device.CPU, device.FP32, device.FP16), info(device.GPU, device.FP32, device.FP16), info(device.ANE, device.FP16)}
}

// sweepArms are all arms of the sweeps on a Mac.
func sweepArms(short bool) (list []arm) {
	s := &session{engines: macEngines()}
	for _, w := range sweeps() {
		for _, p := range w.points(short) {
			list = append(list, s.arms(w.bench, &subject{Point: p})...)
		}
	}
	return list
}

// TestSweepNames: the sweeps' rows are named as the published ones are, on the
// published engines, and every name survives being written and read.
func TestSweepNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host.txt")
	w, err := results.Create(path, nil)
	require.NoError(t, err)
	var names []string
	for _, a := range sweepArms(false) {
		row := a.row()
		row.Iters = 1
		row.Add(1, results.NsPerOp)
		require.NoError(t, w.Write(row), a.name())
		names = append(names, a.name())
	}
	require.NoError(t, w.Close())
	f, err := results.Load(path)
	require.NoError(t, err)
	require.Len(t, f.Rows, len(names))
	for i := range f.Rows {
		require.Equal(t, names[i], f.Rows[i].Name())
	}

	published, err := results.Load("results/M5.txt")
	require.NoError(t, err)
	ours := map[string]bool{}
	for _, n := range names {
		ours[n] = true
	}
	count := map[string]int{}
	for i := range published.Rows {
		r := &published.Rows[i]
		if !slices.ContainsFunc(sweeps(), func(w sweep) bool { return w.bench == r.Bench }) {
			continue
		}
		count[r.Bench]++
		if !ours[r.Name()] {
			t.Errorf("published %s is not among the suite's arms", r.Name())
		}
	}
	// 10 sizes and 5·7 sizes of three engines, 4·5 batches of two, 3 + 1 + 3
	// gaps, 9 shapes of three.
	want := map[string]int{"Saturation": 30, "Bandwidth": 105, "Serving": 40, "Roofline": 7, "GEMV": 27}
	require.Equal(t, want, count)
}

// TestQuantities: a published minimum latency gives the published rate.
// Source: saturation, bandwidth, gemv, serving and roofline_analysis of the M5
// host. The CPU counts 4 bytes an element.
func TestQuantities(t *testing.T) {
	for _, tt := range []struct {
		name  string
		ms    float64
		want  float64
		units string
	}{
		{"Saturation/workload=GEMM/device=ANE/dtype=fp16/N=2048", 1.6858329763635993, 10190.730294680543, "GFLOP/s"},
		{"Saturation/workload=conv3x3/device=GPU/dtype=fp16/C=512/B=4", 2.4318749783560634, 31790.043491569955, "GFLOP/s"},
		{"Bandwidth/device=ANE/dtype=fp16/archetype=streaming/elems=67108864", 11.15904189646244, 24.05542146813675, "GB/s"},
		{"Bandwidth/device=CPU/dtype=fp32/archetype=streaming/elems=67108864", 4.24195802770555, 126.56205188583402, "GB/s"},
		{"Bandwidth/device=GPU/dtype=fp16/archetype=sum/elems=67108864", 0.6952499970793724, 193.04959160564684, "GB/s"},
		{"Serving/workload=encoder/device=ANE/dtype=fp16/batch=16", 5.74391707777977, 2785.555533504424, "items/s"},
		{"GEMV/device=ANE/dtype=fp16/K=4096/N=4096", 0.2958750119432807, 113.46282938700999, "GB/s GFLOP/s"},
		{"GEMV/device=CPU/dtype=fp32/K=2048/N=2048", 0.2311669522896409, 72.64706236624359, "GB/s GFLOP/s"},
		{"Roofline/device=GPU/dtype=fp16/gap=attention", 0.1752499956637621, 4684.93596756061, "GFLOP/s"},
		{"Roofline/device=ANE/dtype=fp16/gap=fused-block", 2.7995409909635782, 20711.27327056678, "GFLOP/s"},
	} {
		arms := sweepArms(false)
		i := slices.IndexFunc(arms, func(a arm) bool { return a.name() == tt.name })
		if i < 0 {
			t.Errorf("%s is not among the arms", tt.name)
			continue
		}
		qs := quantities(arms[i].subject.Point, arms[i].dtype)
		var units []string
		for _, q := range qs {
			units = append(units, q.rate)
		}
		got := qs[0].amount / (tt.ms * 1e-3)
		if math.Abs(got-tt.want) > 1e-9*tt.want || strings.Join(units, " ") != tt.units {
			t.Errorf("%s: %v in %v, want %v in %s", tt.name, got, units, tt.want, tt.units)
		}
	}
}

// TestMetrics: what a window without power gives, per kind of work.
func TestMetrics(t *testing.T) {
	lat := latency{min: 2 * time.Millisecond, calls: 3}
	win := sustained{runs: 10, elapsed: 40 * time.Millisecond}
	for _, tt := range []struct {
		name, want string
		point      workloads.Point
	}{
		{"FLOPs", "4e+06 ns/op, 2e+06 min-ns/op, 3 lat-calls, 1 relerr-ppm, 2 GFLOP/s, 4 peak-GFLOP/s",
			workloads.Point{Workload: workloads.Workload{FLOPs: 8e6}}},
		{"items", "4e+06 ns/op, 2e+06 min-ns/op, 3 lat-calls, 1 relerr-ppm, 4000 items/s, 8000 peak-items/s",
			workloads.Point{Workload: workloads.Workload{Items: 16}}},
		{"bytes in fp16", "4e+06 ns/op, 2e+06 min-ns/op, 3 lat-calls, 1 relerr-ppm, 5 GB/s, 10 peak-GB/s",
			workloads.Point{Traffic: 1e7}},
		{"bytes and FLOPs", "4e+06 ns/op, 2e+06 min-ns/op, 3 lat-calls, 1 relerr-ppm, 5 GB/s, 10 peak-GB/s, 5 GFLOP/s, 10 peak-GFLOP/s",
			workloads.Point{Workload: workloads.Workload{FLOPs: 2e7}, Traffic: 1e7}},
	} {
		var got []string
		a := arm{bench: "X", subject: &subject{Point: tt.point}, dtype: device.FP16}
		for _, m := range a.metrics(1e-6, lat, win) {
			got = append(got, fmt.Sprintf("%.4g %s", m.Value, m.Unit))
		}
		if text := strings.Join(got, ", "); text != tt.want {
			t.Errorf("%s: %s\nwant %s", tt.name, text, tt.want)
		}
	}
}

func TestSweepDTypes(t *testing.T) {
	for _, e := range macEngines() {
		want := device.FP16
		if e.Info().Kind == device.CPU {
			want = device.FP32 // fp16 on a CPU is never a real device
		}
		require.Equal(t, []device.DType{want}, sweepDTypes(e.Info()), e.Info().Name)
	}
	onlyWide := device.Info{Kind: device.GPU, DTypes: []device.DType{device.FP32}}
	require.Equal(t, []device.DType{device.FP32}, sweepDTypes(onlyWide))
	require.Empty(t, sweepDTypes(device.Info{Kind: device.GPU}))
}

func TestPaces(t *testing.T) {
	arms := map[string]arm{}
	for _, a := range sweepArms(false) {
		arms[a.name()] = a
	}
	var p paces
	gemm := func(n string) arm { return arms["Saturation/workload=GEMM/device=CPU/dtype=fp32/N="+n] }
	require.NoError(t, p.tooSlow(gemm("8192"), time.Millisecond, "any run"), "nothing is known yet")
	p.learn(gemm("2048"), 500*time.Millisecond)
	for _, tt := range []struct {
		name, arm string
		limit     time.Duration
		want      string
	}{
		{"8 times the work, allowed", "Saturation/workload=GEMM/device=CPU/dtype=fp32/N=4096", 5 * time.Second, ""},
		{"8 times the work", "Saturation/workload=GEMM/device=CPU/dtype=fp32/N=4096", 2 * time.Second, "about 4s, over the limit of 2s for a test"},
		{"64 times the work", "Saturation/workload=GEMM/device=CPU/dtype=fp32/N=8192", 20 * time.Second, "about 32s, over the limit of 20s"},
		{"another engine", "Saturation/workload=GEMM/device=ANE/dtype=fp16/N=8192", time.Second, ""},
		{"another workload", "Saturation/workload=conv3x3/device=CPU/dtype=fp32/C=512/B=4", time.Millisecond, ""},
		{"another benchmark", "GEMV/device=CPU/dtype=fp32/K=8192/N=8192", time.Nanosecond, ""},
	} {
		err := p.tooSlow(arms[tt.arm], tt.limit, "a test")
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	// Archetypes do not pace each other.
	p.learn(arms["Bandwidth/device=CPU/dtype=fp32/archetype=gelu/elems=262144"], time.Second)
	require.NoError(t, p.tooSlow(arms["Bandwidth/device=CPU/dtype=fp32/archetype=sum/elems=67108864"], time.Second, "a test"))
	require.Error(t, p.tooSlow(arms["Bandwidth/device=CPU/dtype=fp32/archetype=gelu/elems=67108864"], time.Second, "a test"))
	// The map's workloads are no series, whatever their names.
	m := arm{bench: results.MapBench, subject: &subject{Point: workloads.Point{Workload: workloads.Workload{FLOPs: 1}}}, engine: macEngines()[0]}
	p.learn(m, time.Hour)
	require.NoError(t, p.tooSlow(m, time.Nanosecond, "a test"))
}

func TestPlanned(t *testing.T) {
	s := &session{engines: macEngines(), workloads: workloads.DeviceMap()}
	s.options.quick = true
	names := s.planned()
	for pattern, want := range map[string]int{
		"DeviceMap":                  16 * 5, // every arithmetic of every engine
		"Saturation":                 8 * 3,
		"Bandwidth":                  5 * 3 * 3,
		"Serving":                    4 * 5 * 3,
		"Roofline":                   3 * 3,
		"GEMV":                       4 * 3,
		"Saturation/workload=GEMM$":  4 * 3,
		"Serving/.*/device=ANE":      4 * 5,
		"Saturation/.*/.*/.*/N=2048": 3,
	} {
		if got := len(matching(names, pattern)); got != want {
			t.Errorf("%s matches %d planned arms, want %d", pattern, got, want)
		}
	}
}

// TestSweepSkips runs sweeps in a child where the memory is too small for the
// larger points: they are named, the smaller ones are measured.
func TestSweepSkips(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sweep.txt")
	stdout, stderr, code := child(t, []string{memoryEnv + "=16000000"}, "-results="+path,
		"-test.bench=GEMV", "-engines=CPU")
	if code != 0 {
		t.Fatalf("status %d: %s", code, stderr)
	}
	want := []string{"GEMV/device=CPU/dtype=fp32/K=512/N=512", "GEMV/device=CPU/dtype=fp32/K=1024/N=1024"}
	require.Equal(t, want, rowNames(t, path))
	for _, want := range []string{"GEMV K=2048 N=2048 on CPU fp32: needs about 0.0 GB; of the 0.0 GB available it may take 0.0"} {
		if !strings.Contains(unwrapped(stderr), want) {
			t.Errorf("the closing lines do not say %q:\n%s", want, stderr)
		}
	}
	if !strings.Contains(stdout, "peak-GB/s") || !strings.Contains(stdout, "peak-GFLOP/s") {
		t.Errorf("no rates in the output:\n%s", stdout)
	}
}

// TestRooflineNeedsTheSweeps: the gaps are skipped with the run to do first
// where the file lacks the ceilings, and measured where it has them.
func TestRooflineNeedsTheSweeps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host.txt")
	run := func(pattern string) string {
		t.Helper()
		_, stderr, code := child(t, nil, "-results="+path, "-test.bench="+pattern, "-engines=CPU")
		if code != 0 {
			t.Fatalf("%s: status %d: %s", pattern, code, stderr)
		}
		return unwrapped(stderr)
	}
	const first = "Roofline gap=GEMV on CPU fp32: its roofline needs the GEMM and streaming peaks; run first: go test -bench 'Saturation|Bandwidth'"
	if stderr := run("Roofline/.*/.*/gap=GEMV"); !strings.Contains(stderr, first) {
		t.Errorf("without ceilings: %q is missing:\n%s", first, stderr)
	}
	run("Saturation/workload=GEMM/.*/.*/N=512")
	if stderr := run("Roofline/.*/.*/gap=GEMV"); !strings.Contains(stderr, first) {
		t.Errorf("with one ceiling: %q is missing:\n%s", first, stderr)
	}
	run("Bandwidth/.*/.*/archetype=streaming/elems=1048576")
	run("Roofline/.*/.*/gap=GEMV")
	require.Equal(t, []string{
		"Saturation/workload=GEMM/device=CPU/dtype=fp32/N=512",
		"Bandwidth/device=CPU/dtype=fp32/archetype=streaming/elems=1048576",
		"Roofline/device=CPU/dtype=fp32/gap=GEMV",
	}, rowNames(t, path))
}

// TestFaultyEnginesInSweeps: an engine that fails a point loses neither the
// other points nor the other engines.
func TestFaultyEnginesInSweeps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sweep.txt")
	_, stderr, code := child(t, []string{faultyEnv + "=1"}, "-results="+path, "-test.bench=GEMV/.*/.*/K=(512|1024)", "-engines=CPU,GPU")
	if code != 1 {
		t.Errorf("exit status = %d, want 1: arms failed", code)
	}
	require.Equal(t, []string{"GEMV/device=CPU/dtype=fp32/K=512/N=512", "GEMV/device=CPU/dtype=fp32/K=1024/N=1024"}, rowNames(t, path))
	for _, want := range []string{
		"GEMV K=1024 N=1024 on GPU-refuses fp32: compile: GPU-refuses: linear_0: linear is not supported: the test says so",
		"GEMV K=512 N=512 on GPU-wrong fp32: failed: wrong result, not timed: relative error",
		"GEMV K=1024 N=1024 on GPU-nan fp32: failed: wrong result, not timed: workloads: GEMM: output y[3] is NaN",
		"GEMV K=512 N=512 on GPU-dies fp32: failed: device lost; unplug and plug it again",
	} {
		if !strings.Contains(unwrapped(stderr), want) {
			t.Errorf("the closing lines do not say %q:\n%s", want, stderr)
		}
	}
}

// TestResume: what the file holds as often as -count says is left out, the rest
// is measured; without anything left no line is printed.
func TestResume(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host.txt")
	run := func(args ...string) (stdout string) {
		t.Helper()
		stdout, stderr, code := child(t, nil, append([]string{"-results=" + path, "-engines=CPU"}, args...)...)
		if code != 0 {
			t.Fatalf("%v: status %d: %s", args, code, stderr)
		}
		return stdout
	}
	k512, k1024 := "GEMV/device=CPU/dtype=fp32/K=512/N=512", "GEMV/device=CPU/dtype=fp32/K=1024/N=1024"
	run("-test.bench=GEMV/.*/.*/K=512")
	run("-test.bench=GEMV/.*/.*/K=(512|1024)", "-resume")
	require.Equal(t, []string{k512, k1024}, rowNames(t, path))
	if out := run("-test.bench=GEMV/.*/.*/K=(512|1024)", "-resume"); strings.Contains(out, "Benchmark") {
		t.Errorf("a line was printed though nothing was left:\n%s", out)
	}
	require.Len(t, rowNames(t, path), 2)
	run("-test.bench=GEMV/.*/.*/K=512", "-resume", "-test.count=2")
	require.Equal(t, []string{k512, k1024, k512, k512}, rowNames(t, path), "fewer than -count are recorded: all are measured again")
	run("-test.bench=GEMV/.*/.*/K=512")
	require.Len(t, rowNames(t, path), 5, "without -resume")
	if out := run("-test.bench=DeviceMap", "-workloads=GEMM-floor", "-resume"); !strings.Contains(out, "GEMM-floor") {
		t.Errorf("the map was not measured:\n%s", out)
	}
	if out := run("-test.bench=DeviceMap", "-workloads=GEMM-floor", "-resume"); strings.Contains(out, "Benchmark") {
		t.Errorf("the map was measured again:\n%s", out)
	}
}

func rowNames(t *testing.T, path string) (names []string) {
	t.Helper()
	f, err := results.Load(path)
	require.NoError(t, err)
	for i := range f.Rows {
		names = append(names, f.Rows[i].Name())
	}
	return names
}
