package cpu_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
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
	"devicemap/workloads"
)

// models are the whole models of the bar, as testdata/models.py names them.
var models = []struct {
	name  string
	build func(workloads.Params) (*workloads.Instance, error)
}{
	{"ResNet18", workloads.ResNet18().Build},
	{"ViTB16", workloads.ViTB16().Build},
	{"MiniLM", workloads.MiniLML6().Build},
}

// BenchmarkModels runs whole models at batch 1 on the engine and in PyTorch, on
// as many threads, in turns. The ratio is PyTorch's least time by ours: 1 and
// more is no slower. The path frozen is PyTorch's own optimiser, which folds
// the batch norms as our graphs do. PyTorch runs with OpenMP threads that wait
// as they do by default, spinning for a while, and with ones that sleep at once,
// since either can be far slower, and the better one counts. CPU_LIB in the environment names the kernel set.
func BenchmarkModels(b *testing.B) {
	for _, m := range models {
		for _, path := range []string{"eager", "frozen"} {
			b.Run(fmt.Sprintf("model=%s/path=%s", m.name, path), func(b *testing.B) {
				spinning := startTorch(b, m.name, path)
				sleeping := startTorch(b, m.name, path, "OMP_WAIT_POLICY=passive")
				ours, theirs := beside(b, loaded(b, m.build), spinning, sleeping)
				b.ReportMetric(1e3*ours.Seconds(), "ms")
				b.ReportMetric(1e3*theirs.Seconds(), "PyTorch-ms")
			})
		}
	}
}

// calmDown is how long threads of a library still spin after its last call:
// OpenBLAS's do so for 2^26 cycles.
const calmDown = 100 * time.Millisecond

// beside takes the least time of each side over turns of several runs, and of
// the best rival. A turn begins when the threads of the last one sleep.
func beside(b *testing.B, p device.Program, rivals ...*rival) (ours, theirs time.Duration) {
	const turns, runs = 5, 5
	ours, theirs = time.Duration(1<<62), time.Duration(1<<62)
	for b.Loop() {
		for range turns {
			time.Sleep(calmDown)
			for range runs {
				start := time.Now()
				if err := p.Run(); err != nil {
					b.Fatal(err)
				}
				ours = min(ours, time.Since(start))
			}
			for _, r := range rivals {
				time.Sleep(calmDown)
				theirs = min(theirs, r.run(b, runs))
			}
		}
	}
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "ratio")
	return ours, theirs
}

// BenchmarkModelsAlone is for profiles of our side.
func BenchmarkModelsAlone(b *testing.B) {
	for _, m := range models {
		b.Run("model="+m.name, func(b *testing.B) {
			p := loaded(b, m.build)
			for b.Loop() {
				if err := p.Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// loaded is a model with generated weights, compiled and warm.
func loaded(b *testing.B, build func(workloads.Params) (*workloads.Instance, error)) device.Program {
	w, err := build(workloads.Generated{})
	require.NoError(b, err)
	e, err := cpu.Open(cpu.Config{Library: os.Getenv("CPU_LIB")})
	require.NoError(b, err)
	p, err := e.Compile(w.Graph, device.Options{})
	require.NoError(b, err)
	b.Cleanup(func() {
		require.NoError(b, p.Close())
		require.NoError(b, e.Close())
	})
	for i, v := range w.Inputs {
		copy(p.Input(i), v.Narrow)
	}
	require.NoError(b, p.Upload())
	require.NoError(b, p.Run())
	return p
}

// rival is another program that computes the same: it answers a line with a
// number of runs by the least time of them.
type rival struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// startRival starts cmd and waits for its greeting.
func startRival(b *testing.B, cmd *exec.Cmd) *rival {
	var errs strings.Builder
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() { require.NoError(b, errors.Join(in.Close(), cmd.Wait())) })
	r := &rival{in, bufio.NewReader(out)}
	greeting, err := r.out.ReadString('\n')
	require.NoError(b, err, "%s says %s", cmd.Path, &errs)
	b.Logf("%s: %s", filepath.Base(cmd.Path), strings.TrimSpace(greeting))
	return r
}

// run is the least time of n runs.
func (r *rival) run(b *testing.B, n int) time.Duration {
	_, err := fmt.Fprintln(r.in, n)
	require.NoError(b, err)
	var seconds float64
	_, err = fmt.Fscanln(r.out, &seconds)
	require.NoError(b, err)
	return time.Duration(seconds * 1e9)
}

// startTorch starts testdata/models.py with the first Python that has PyTorch,
// or skips.
func startTorch(b *testing.B, model, path string, env ...string) *rival {
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(python, "-c", "import torch, torchvision").Run() != nil {
			continue
		}
		cmd := exec.Command(python, filepath.Join("testdata", "models.py"), model, path, fmt.Sprint(runtime.GOMAXPROCS(0)))
		cmd.Env = append(os.Environ(), env...)
		return startRival(b, cmd)
	}
	b.Skip("no Python with torch and torchvision to compare with; install python3-torch and python3-torchvision")
	return nil
}
