package results

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRewrite corrects one row of the second run of a file.
func TestRewrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host.txt")
	w, err := Create(path, []Fact{{KeyHost, "first"}})
	require.NoError(t, err)
	require.NoError(t, w.Write(arm(CPU, 1)))
	require.NoError(t, w.Close())
	first, err := os.ReadFile(path)
	require.NoError(t, err)

	w, err = Create(path, []Fact{{KeyHost, "second"}})
	require.NoError(t, err)
	require.NoError(t, w.Write(arm(CPU, 2)))
	require.NoError(t, w.Note(Fact{"idle", "1 W"}))
	require.NoError(t, w.Write(arm(GPU, 3)))
	require.NoError(t, w.Rewrite(func(r Row) (Row, bool) {
		if r.Device != GPU {
			return r, false
		}
		r.Flags = []string{"idle_drift"}
		r.Metrics = append(r.Metrics[:1:1], Metric{Value: 30, Unit: NsPerOp})
		return r, true
	}))
	require.NoError(t, w.Write(arm(ANE, 4))) // the file is still open
	require.NoError(t, w.Close())

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	rest, ok := strings.CutPrefix(string(text), string(first))
	if !ok {
		t.Fatalf("the first run has changed:\n%s", text)
	}
	const want = `
# host: second
BenchmarkDeviceMap/workload=GEMM-floor/device=CPU/dtype=fp32	3	2 ns/op	1e-07 relerr-ppm
# idle: 1 W
# flags: idle_drift
BenchmarkDeviceMap/workload=GEMM-floor/device=GPU/dtype=fp32	3	30 ns/op	1e-07 relerr-ppm
BenchmarkDeviceMap/workload=GEMM-floor/device=ANE/dtype=fp32	3	4 ns/op	1e-07 relerr-ppm
`
	if rest != want {
		t.Errorf("second run =\n%s\nwant\n%s", rest, want)
	}
	left, err := filepath.Glob(path + ".*")
	require.NoError(t, err)
	require.Empty(t, left, "temporary files")
}

func TestRewriteLeavesWhatItMust(t *testing.T) {
	same := func(r Row) (Row, bool) { return r, false }
	path := filepath.Join(t.TempDir(), "host.txt")
	w, err := Create(path, nil)
	require.NoError(t, err)
	require.NoError(t, w.Write(arm(CPU, 1)))
	before, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, w.Rewrite(same))
	after, err := os.Stat(path)
	require.NoError(t, err)
	if !os.SameFile(before, after) {
		t.Error("the file was replaced though no row differs")
	}
	bad := func(r Row) (Row, bool) { r.Metrics = nil; return r, true }
	require.ErrorContains(t, w.Rewrite(bad), "has no metrics")
	require.NoError(t, w.Close())
}
