package devicemap

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/device/cpu"
	"devicemap/internal/graph"
	"devicemap/results"
)

// faultyEnv makes a child process of these tests race engines that fail in
// every way an engine can, beside the good one.
const faultyEnv = "DEVICEMAP_TEST_FAULTS"

// faults are ways to fail, by engine name.
var faults = map[string]func(device.Program) (device.Program, error){
	"GPU-refuses": func(device.Program) (device.Program, error) {
		return nil, &device.UnsupportedError{Engine: "GPU-refuses", Node: "linear_0", What: "linear", Reason: "the test says so"}
	},
	"GPU-wrong": func(p device.Program) (device.Program, error) {
		return spoiled{p, func(out []float32) { out[0] += 1 }}, nil
	},
	"GPU-nan": func(p device.Program) (device.Program, error) {
		return spoiled{p, func(out []float32) { out[3] = out[3] / 0 * 0 }}, nil
	},
	"GPU-dies": func(p device.Program) (device.Program, error) { return &dying{Program: p, left: 3}, nil },
}

func faultyOpeners() (list []device.Opener) {
	for _, name := range []string{"GPU-refuses", "GPU-wrong", "GPU-nan", "GPU-dies"} {
		list = append(list, device.Opener{Kind: device.GPU, Name: name, Open: func() (device.Engine, error) {
			good, err := cpu.Open(cpu.Config{})
			return faulty{good, name}, err
		}})
	}
	return list
}

// faulty is a good engine whose programs go wrong.
type faulty struct {
	device.Engine
	name string
}

func (f faulty) Info() device.Info {
	i := f.Engine.Info()
	i.Kind, i.Name = device.GPU, f.name
	return i
}

func (f faulty) Compile(g *graph.Graph, o device.Options) (device.Program, error) {
	p, err := f.Engine.Compile(g, o)
	if err != nil {
		return nil, err
	}
	return faults[f.name](p)
}

// spoiled changes the first output.
type spoiled struct {
	device.Program
	spoil func([]float32)
}

func (s spoiled) Download() error {
	err := s.Program.Download()
	s.spoil(s.Program.Output(0))
	return err
}

// dying fails after some runs.
type dying struct {
	device.Program
	left int
}

func (d *dying) Run() error {
	if d.left--; d.left < 0 {
		return errors.New("device lost; unplug and plug it again")
	}
	return d.Program.Run()
}

// alone skips a test that starts a benchmark run of its own.
func alone(t *testing.T) {
	t.Helper()
	if suite != nil {
		t.Skip("benchmarks are running in this process; a second run would disturb them")
	}
}

// child runs this test binary as a benchmark run of its own.
func child(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	alone(t)
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe, append([]string{"-test.run=^$", "-test.bench=DeviceMap", "-test.benchtime=1x"}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestFaultyEnginesLoseNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "map.txt")
	stdout, stderr, code := child(t, []string{faultyEnv + "=1"}, "-workloads=GEMM-floor,layer_norm-vit", "-results="+path)
	if code != 1 {
		t.Errorf("exit status = %d, want 1: arms failed", code)
	}
	f, err := results.Load(path)
	require.NoError(t, err)
	var raced []string
	for _, a := range f.Arms() {
		raced = append(raced, a.Workload+" "+a.Device)
	}
	if got, want := strings.Join(raced, ", "), "GEMM-floor CPU, layer_norm-vit CPU"; got != want {
		t.Errorf("recorded arms = %s, want %s", got, want)
	}
	for _, want := range []string{
		"GEMM-floor on GPU-refuses fp32: compile: GPU-refuses: linear_0: linear is not supported: the test says so",
		"GEMM-floor on GPU-wrong fp32: failed: wrong result, not timed: relative error",
		"GEMM-floor on GPU-nan fp32: failed: wrong result, not timed:",
		"GEMM-floor on GPU-dies fp32: failed: device lost; unplug and plug it again",
	} {
		if !strings.Contains(unwrapped(stderr), want) {
			t.Errorf("the closing map does not say %q:\n%s", want, stderr)
		}
	}
	if !strings.Contains(stdout, "workload=GEMM-floor/device=CPU/dtype=fp32") {
		t.Errorf("no CPU row in the output:\n%s", stdout)
	}
}

// unwrapped joins the lines of a broken note.
func unwrapped(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestBadFlagsAreNamed(t *testing.T) {
	ro := filepath.Join(t.TempDir(), "missing", "map.txt")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-engines=TPU", "-results=none"}, `-engines: no engine "TPU"; this build knows CPU, GPU, ANE`},
		{[]string{"-workloads=GEMM", "-results=none"}, `no workload "GEMM"; there are GEMM-floor`},
		{[]string{"-require=GPU-missing", "-results=none"}, `-require: no engine "GPU-missing"`},
		{[]string{"-cpu-lib=gonum,mkl", "-results=none"}, `-cpu-lib: no kernel set "mkl"; this build knows ` + strings.Join(cpu.Libraries(), ", ")},
		{[]string{"-cpu-lib=gonum", "-require=CPU-openblas", "-results=none"}, `-require: no engine "CPU-openblas"; this build knows CPU-gonum, GPU, ANE`},
		{[]string{"-results=" + ro}, "cannot write " + ro},
		{[]string{"-staging=both", "-results=none"}, "want published, resident or staged"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			stdout, stderr, code := child(t, nil, tt.args...)
			if code == 0 || !strings.Contains(stderr, tt.want) {
				t.Errorf("status %d, stderr %q, want %q", code, stderr, tt.want)
			}
			if strings.Contains(stdout, "Benchmark") {
				t.Errorf("something was measured:\n%s", stdout)
			}
		})
	}
}

// TestKernelSets races two sets of the CPU as engines of their own, and one
// whose library cannot be loaded.
func TestKernelSets(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("libraries are hidden by LD_LIBRARY_PATH, which is Linux's")
	}
	dir := t.TempDir()
	for _, name := range []string{"libopenblas.so.0", "libopenblas.so", "libopenblasp.so.0", "libopenblas64.so.0", "libopenblas64_.so.0", "libopenblas64_.so"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("no library"), 0o644))
	}
	path := filepath.Join(dir, "map.txt")
	env := []string{"LD_LIBRARY_PATH=" + dir}
	args := []string{"-engines=CPU", "-cpu-lib=gonum,openblas,embedded,gonum", "-workloads=GEMM-floor", "-results=" + path}
	_, stderr, code := child(t, env, args...)
	require.Zero(t, code, stderr)
	f, err := results.Load(path)
	require.NoError(t, err)
	var raced []string
	for _, a := range f.Arms() {
		raced = append(raced, a.Device)
	}
	require.Equal(t, []string{"CPU-gonum", "CPU-embedded"}, raced)
	require.Len(t, f.Named("engine"), 2)
	require.Contains(t, f.Named("engine")[0].Value, "gonum v")
	require.Equal(t, []results.KeyValue{{Key: "CPU-openblas",
		Value: "cpu: library openblas: not available: no libopenblas.so.0; install OpenBLAS: make deps"}}, f.Named(results.KeyAbsent))

	_, stderr, code = child(t, env, append(args, "-require=CPU-openblas")...)
	require.NotZero(t, code)
	require.Contains(t, stderr, "devicemap: -require: CPU-openblas: cpu: library openblas: not available")
}

// TestRawOutputsPair runs the suite as hosts with one and two threads would
// and gives both raw outputs to plain benchstat.
func TestRawOutputsPair(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for _, procs := range []int{1, 2} {
		stdout, stderr, code := child(t, []string{fmt.Sprintf("GOMAXPROCS=%d", procs)}, "-workloads=GEMM-floor", "-results=none")
		if code != 0 {
			t.Fatalf("GOMAXPROCS=%d: status %d: %s", procs, code, stderr)
		}
		path := filepath.Join(dir, fmt.Sprintf("host%d.txt", procs))
		require.NoError(t, os.WriteFile(path, []byte(stdout), 0o644))
		files = append(files, path)
	}
	out, err := exec.Command("go", append([]string{"tool", "benchstat"}, files...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, unit := range []string{"sec/op", "min-sec/op", "GFLOP/s", "relerr-ppm"} {
		if n := strings.Count(string(out), " "+unit+" "); n != 2 {
			t.Errorf("%s heads %d columns, want both hosts in one table:\n%s", unit, n, out)
		}
	}
}

func TestMinLatency(t *testing.T) {
	var clock time.Time
	now := func() time.Time { return clock }
	took := func(ds ...time.Duration) func() error {
		return func() error { clock = clock.Add(ds[0]); ds = append(ds[1:], ds[0]); return nil }
	}
	for _, tt := range []struct {
		name         string
		run          func() error
		warmup, want int
		min          time.Duration
		calls        int
	}{
		{"all calls fit", took(3*time.Millisecond, 2*time.Millisecond), 8, 30, 2 * time.Millisecond, 30},
		{"one slow call", took(time.Second), 0, 30, time.Second, 1},
		{"warm-ups use the budget", took(time.Second), 8, 30, 0, 0},
		{"budget ends the calls", took(10 * time.Millisecond), 2, 30, 10 * time.Millisecond, 23},
	} {
		l, err := minLatency(tt.run, tt.warmup, tt.want, 250*time.Millisecond, now)
		if err != nil || l.min != tt.min || l.calls != tt.calls {
			t.Errorf("%s: %v from %d calls, %v; want %v from %d", tt.name, l.min, l.calls, err, tt.min, tt.calls)
		}
	}
}

func TestMatching(t *testing.T) {
	names := []string{"DeviceMap/workload=GEMM-floor/device=CPU/dtype=fp32", "DeviceMap/workload=conv-single/device=ANE/dtype=fp16"}
	for _, tt := range []struct {
		pattern string
		want    int
	}{{".", 2}, {"DeviceMap", 2}, {"DeviceMap/workload=GEMM", 1}, {"DeviceMap/.*/device=ANE", 1}, {"Saturation", 0}, {"(", 0}} {
		if got := len(matching(names, tt.pattern)); got != tt.want {
			t.Errorf("matching(%q) = %d names, want %d", tt.pattern, got, tt.want)
		}
	}
}
