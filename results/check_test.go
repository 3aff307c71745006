package results

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPublishedFilesPassCheck(t *testing.T) {
	for _, name := range []string{"M1.txt", "M2.txt", "M5.txt"} {
		f, err := Load(name)
		require.NoError(t, err)
		if err := f.Check(); err != nil {
			t.Error(err)
		}
	}
}

func TestCheck(t *testing.T) {
	const good = "BenchmarkDeviceMap/workload=GEMM-floor/device=CPU/dtype=fp32 1 5 min-ns/op\n"
	tests := []struct{ name, text, want string }{
		{"as it should be", "pkg: devicemap\n# host: A\n" + good + "# host: A\n" + good, ""},
		{"figures of go test", "BenchmarkDeviceMap/workload=w/device=CPU/dtype=fp32 1 5 ns/op 0 B/op 0 allocs/op\n", ""},
		{"power at the baseline", "BenchmarkDeviceMap/workload=w/device=CPU/dtype=fp32 1 5 ns/op 0 mW 0 relerr-ppm\n", ""},
		{"another package", "pkg: sort\n\nBenchmarkSort/n=5 1 5 ns/op\n",
			"results: f.txt:3: BenchmarkSort/n=5 is of package sort, not of devicemap; give a results file of this suite"},
		{"a package beside ours", "pkg: devicemap\n" + good + "pkg: sort\nBenchmarkSort 1 5 ns/op\n", "f.txt:4: BenchmarkSort is of package sort"},
		{"another suite", "# c\nBenchmarkSort/n=5 1 5 ns/op\n",
			"results: f.txt:2: BenchmarkSort/n=5 is not of this suite, whose benchmarks are DeviceMap, Saturation"},
		{"two hosts", "# host: A\n" + good + "\n# host: B\n" + good, `results: f.txt:4: host is "B", but "A" above; keep one file for each machine`},
		{"two processors", "cpu: A\n" + good + "cpu: B\n" + good, `f.txt:4: cpu is "B", but "A" above`},
		{"unknown unit", good + "BenchmarkDeviceMap/workload=w/device=CPU/dtype=fp32 1 5 furlong\n", `results: f.txt:2: unit "furlong" is not known; the units are listed`},
		{"misspelt unit", "BenchmarkDeviceMap/workload=w/device=CPU/dtype=fp32 1 5 GFLOPS\n", `f.txt:1: unit "GFLOPS" is not known; is it "GFLOP/s"?`},
		{"negative", "BenchmarkDeviceMap/workload=w/device=CPU/dtype=fp32 1 5 ns/op -3 mW\n", "results: f.txt:1: -3 mW is negative"},
		{"zero", "\nBenchmarkServing/workload=gemm/device=CPU/dtype=fp32/batch=4 1 0 items/s\n", "results: f.txt:2: items/s is 0; leave out what was not measured"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Read(strings.NewReader(tt.text), "f.txt")
			require.NoError(t, err)
			err = f.Check()
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			var input *InputError
			if !errors.As(err, &input) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v\nlacks %s", err, tt.want)
			}
		})
	}
}
