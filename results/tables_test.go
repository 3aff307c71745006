package results

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func tablesText(t *testing.T, f *File) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, WriteTables(&b, f))
	return b.String()
}

// TestTablesOfM5 compares with the tables of the paper: ceilings, bandwidths
// with their efficiency, crossovers.
func TestTablesOfM5(t *testing.T) {
	wantLines(t, tablesText(t, loadM5(t)),
		"Ceilings and crossovers: M5 Pro, 20 GPU cores, 6+12 CPU cores, 48 GB",
		"ANE fp16       GEMM         10.2k N=2048        48 % N=8192         866 N=4096",
		"ANE fp16       conv3x3      18.8k C=512         100 % C=512        1372 C=512",
		"CPU fp32           130 (9.04)     176 (10.4)    41.7 (2.95)    6.14 (0.51)    10.9 (0.76)",
		"ANE fp16          24.1 (1.99)    23.2 (2.03)    22.4 (2.24)    15.1 (1.78)    4.38 (0.90)",
		"   [b] GEMV M=1 K=N=4096 (decode)         AI=   1.000     112.1 GFLOP/s  466.1%roof",
		"  K=8192        143 GB/s     60.8 GB/s/W",
		"  median from K=2048 on 122 GB/s, CV 21.8 %: 5.1 times the activations' 24.1 GB/s",
		"  that is within 25 % of the published 112 GB/s",
		"vision      ANE at every batch           ANE at every batch           ANE at every batch",
		"encoder     GPU overtakes at B≈23        GPU overtakes at B≈33        ANE at every batch",
	)
}

// TestTablesSayWhatIsMissing: one sweep alone prints its table, and what the
// others need.
func TestTablesSayWhatIsMissing(t *testing.T) {
	out := tablesText(t, read(t, "BenchmarkSaturation/workload=GEMM/device=CPU/dtype=fp32/N=512 1 1400 peak-GFLOP/s\n"))
	wantLines(t, out,
		"CPU fp32       GEMM          1400 N=512         100 % N=512           –",
		"not printed: f.txt has no rows of Bandwidth; run first: go test -bench Bandwidth",
		"not printed: f.txt has no rows of GEMV; run first: go test -bench GEMV",
		"not printed: f.txt has no rows of Serving; run first: go test -bench Serving",
	)
	require.Equal(t, 1, strings.Count(out, "no rows of Bandwidth"))

	var b strings.Builder
	err := WriteTables(&b, read(t, "BenchmarkDeviceMap/workload=w/device=CPU/dtype=fp32 1 5 ns/op\n"))
	if want := "results: f.txt has no rows of Saturation; run first: go test -bench Saturation"; err == nil || err.Error() != want || b.Len() > 0 {
		t.Errorf("error %v, want %s; printed %q", err, want, b.String())
	}
}
