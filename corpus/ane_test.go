package corpus

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/device/ane"
	"devicemap/internal/e5rt"
	"devicemap/internal/graph"
	"devicemap/internal/softane"
)

// full runs the largest cases on the software Neural Engine too, which takes
// half a minute.
var full = flag.Bool("full", false, "run the largest cases on the software Neural Engine too")

// silicon reports whether this host can have a Neural Engine.
const silicon = runtime.GOOS == "darwin" && runtime.GOARCH == "arm64"

// The software engine computes about 4 GFLOP/s. Size shows nothing that a
// family changes: all but the newest run small cases only.
const (
	olderFLOPs  = 1e8
	newestFLOPs = 3e9
)

// neuralEngines are the host's silicon, or one software engine per family.
func neuralEngines() []column {
	if silicon {
		o := ane.Opener()
		return []column{{name: o.Name, open: func(t *testing.T) device.Engine { return opened(t, o) }}}
	}
	var list []column
	for _, arch := range softane.Archs() {
		list = append(list, column{name: softName(arch), settings: familySettings(arch),
			open: func(t *testing.T) device.Engine { return openSoftware(t, ane.Config{}, arch) }})
	}
	return list
}

func softName(arch softane.Arch) string { return fmt.Sprintf("ANE-software-%s", arch) }

// openSoftware opens the Neural Engine path of this suite over the software
// engine: everything but the silicon. c may set what the test is about.
func openSoftware(t *testing.T, c ane.Config, arch softane.Arch) device.Engine {
	t.Helper()
	soft, err := softane.New(arch)
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := soft.Close(); err != nil {
			t.Error(err)
		}
	})
	c.Lookup, c.Name, c.Library, c.Host = soft.Lookup, softName(arch), "softane", soft.String()
	c.Arch, c.CacheDir, c.Pace, c.Saturate = string(arch), programDir(t), e5rt.Pace{Delay: e5rt.NoDelay}, true
	e, err := ane.Open(c)
	require.NoError(t, err)
	t.Cleanup(func() { e.Close() })
	lowers(t, e)
	return e
}

// programDir is a fresh directory for an engine's programs, in memory where the
// system has a place for that: the gate compiles some 1500 programs of several
// small files each, which took a journalling disk 7 to 17 s of system time on
// two cores and took memory 2 s.
func programDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "devicemap-corpus-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// lowers skips where the build cannot turn a graph into a program yet.
func lowers(t *testing.T, e device.Engine) {
	t.Helper()
	b := graph.New("probe")
	b.Output("y", b.Unary(graph.ReLU, b.Input("x", 1, 8)))
	g, err := b.Build()
	require.NoError(t, err)
	p, err := e.Compile(g, device.Options{})
	if errors.Is(err, device.ErrUnavailable) {
		t.Skip(err)
	}
	require.NoError(t, err)
	require.NoError(t, p.Close())
}

// familySettings are what the documented limits of a family say about cases.
func familySettings(arch softane.Arch) Settings {
	s := Settings{XFail: map[string]string{}}
	if arch == softane.H13 {
		for _, name := range []string{"affine", "affine_aligned"} {
			s.XFail[name] = "no texture unit before A14"
		}
	}
	archs := softane.Archs()
	limit := olderFLOPs
	if arch == archs[len(archs)-1] {
		limit = newestFLOPs
	}
	s.Skip = func(c *Case) string {
		if flops, err := c.FLOPs(); err == nil && flops > limit && !*full {
			return fmt.Sprintf("%.2g FLOPs are beyond %.2g for this software engine; -full runs it", flops, limit)
		}
		return ""
	}
	return s
}

// TestNeuralRoutes: both routes of an operation agree on the Neural Engine
// path, in silicon or in software.
func TestNeuralRoutes(t *testing.T) {
	for _, col := range neuralEngines() {
		t.Run(col.name, func(t *testing.T) { RouteGate(t, OnEngine(col.open(t), device.FP16)) })
	}
}

// TestSaturationIsRecognised: a cliff on silicon shows as an error.
func TestSaturationIsRecognised(t *testing.T) {
	if err := error(&ane.SaturationError{Engine: "ANE"}); !errors.Is(err, device.ErrSaturated) {
		t.Errorf("%v is no device.ErrSaturated", err)
	}
}
