package results

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const sample = `pkg: devicemap
Unit ns/op better=lower
# host: Test host
# absent: GPU: libcuda.so.1 not found: install a driver
# free text without a key
goos: linux

# workload: GEMM-floor: 8.4 MFLOP
# flags: low confidence; short window
# note: one of two
BenchmarkDeviceMap/workload=GEMM-floor/device=CPU/dtype=fp32-8	 100	 12.5 ns/op	 3 min-ns/op	 0 relerr-ppm
BenchmarkDeviceMap/workload=GEMM-floor/device=CPU/dtype=fp32-8	 100	 13.5 ns/op	 5 min-ns/op	 7 B/op
# absent: GPU: corrected
BenchmarkOther/size=4/label/batch=16 1 2 ns/op
PASS
ok  	devicemap	1.2s
`

func TestRead(t *testing.T) {
	f, err := Read(strings.NewReader(sample), "sample")
	require.NoError(t, err)
	require.Empty(t, f.Warnings)
	want := []Row{
		{
			Bench: "DeviceMap", Workload: "GEMM-floor", Device: "CPU", DType: "fp32", Iters: 100, Line: 11,
			Metrics: []Metric{{12.5, "ns/op", "12.5"}, {3, "min-ns/op", "3"}, {0, "relerr-ppm", "0"}},
			Flags:   []string{"low confidence", "short window"}, Note: "one of two",
		},
		{
			Bench: "DeviceMap", Workload: "GEMM-floor", Device: "CPU", DType: "fp32", Iters: 100, Line: 12,
			Metrics: []Metric{{13.5, "ns/op", "13.5"}, {5, "min-ns/op", "5"}, {7, "B/op", "7"}},
		},
		{
			Bench: "Other", Iters: 1, Line: 14, Metrics: []Metric{{2, "ns/op", "2"}},
			Extra: []KeyValue{{"size", "4"}, {"", "label"}, {"batch", "16"}},
		},
	}
	for i := range want {
		if !reflect.DeepEqual(f.Rows[i], want[i]) {
			t.Errorf("row %d\n got %+v\nwant %+v", i, f.Rows[i], want[i])
		}
	}
	for _, tt := range []struct{ key, want string }{{"host", "Test host"}, {"goos", "linux"}} {
		if got, ok := f.Fact(tt.key); got != tt.want || !ok {
			t.Errorf("fact %s = %q, %v; want %q", tt.key, got, ok, tt.want)
		}
	}
	if got, want := f.Named(KeyAbsent), []KeyValue{{"GPU", "corrected"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("absent = %v, want %v", got, want)
	}
	arms := f.Arms()
	require.Len(t, arms, 1)
	if got, ok := arms[0].Median(MinNsPerOp); got != 4 || !ok {
		t.Errorf("median of 3 and 5 = %v, %v", got, ok)
	}
	if _, ok := arms[0].Median(MW); ok {
		t.Error("a metric that was not measured has a median")
	}
	if _, ok := f.Rows[1].Value(RelErrPPM); ok {
		t.Error("a metric that the row lacks has a value")
	}
}

func TestReadGoesOnAfterMalformedLines(t *testing.T) {
	const good = "BenchmarkDeviceMap/workload=W/device=CPU/dtype=fp32 1 2 ns/op\n"
	tests := []struct {
		name, line, want string
	}{
		{"no measurement", "BenchmarkX 1", "f:1: line ignored: missing measurements"},
		{"no unit", "BenchmarkX 1 5", "f:1: line ignored: missing units"},
		{"iterations", "BenchmarkX many 5 ns/op", "f:1: line ignored: parsing iteration count: invalid syntax"},
		{"value", "BenchmarkX 1 fast ns/op", "f:1: line ignored: parsing measurement: invalid syntax"},
		{"unit line", "Unit ns/op better", "f:1: line ignored: expected key=value"},
		{"NaN", "BenchmarkX 1 5 ns/op NaN mW", "f:1: mW is NaN, taken as not measured"},
		{"twice", "BenchmarkX 1 5 ns/op 6 ns/op", "f:1: ns/op is given twice; the first value holds"},
		{"no device", "BenchmarkDeviceMap/workload=W 1 5 ns/op", "f:1: the name has no workload or no device key; the map cannot show this row"},
		{"long line", "BenchmarkX 1 5 " + strings.Repeat("u", maxLine), "f:1: line of 65551 bytes ignored: longer than 65535"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Read(strings.NewReader(tt.line+"\n"+good), "f")
			require.NoError(t, err)
			require.NotEmpty(t, f.Warnings)
			if got := f.Warnings[0].String(); got != tt.want {
				t.Errorf("warning = %q\n    want %q", got, tt.want)
			}
			last := f.Rows[len(f.Rows)-1]
			if last.Workload != "W" || last.Line != 2 {
				t.Errorf("the good row after it = %+v", last)
			}
		})
	}
}

func TestReadCutShort(t *testing.T) {
	f, err := Read(strings.NewReader("BenchmarkA 1 2 ns/op\nBenchmarkA 1 2 ns/o"), "f")
	require.NoError(t, err)
	require.Len(t, f.Warnings, 1)
	if got, want := f.Warnings[0].String(), "f:2: last line has no line break; it may be cut short"; got != want {
		t.Errorf("warning = %q, want %q", got, want)
	}
}

func TestReadEmpty(t *testing.T) {
	for _, text := range []string{"", "\n\n", "pkg: devicemap\n# host: x\n", "BenchmarkX\n", "BenchmarkX 1 5\n"} {
		_, err := Read(strings.NewReader(text), "f.txt")
		if !errors.Is(err, ErrEmpty) || !strings.Contains(err.Error(), "f.txt") {
			t.Errorf("Read(%q) = %v, want an ErrEmpty that names the file", text, err)
		}
	}
	_, err := Load(t.TempDir() + "/none.txt")
	if err == nil || !strings.Contains(err.Error(), "none.txt") {
		t.Errorf("Load of a missing file = %v, want an error that names it", err)
	}
}

// FuzzRead: whatever the input, every row that the package would write reads
// back as it was.
func FuzzRead(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("BenchmarkX-8 1 5e-3 ns/op\r\n# flags: ;;\n# : \n\xff: x\nUnit a b=c\nBenchmark 1 0x1p3 y"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Read(bytes.NewReader(data), "fuzz")
		if (err == nil) != (file != nil) {
			t.Fatalf("Read = %v, %v", file, err)
		}
		if err != nil {
			return
		}
		for i := range file.Rows {
			text, err := file.Rows[i].text()
			if err != nil {
				continue // a row from elsewhere that we would not write
			}
			again, err := Read(strings.NewReader(text), "again")
			if err != nil || len(again.Rows) != 1 {
				t.Fatalf("row %+v\nwritten as %q\nreads back as %v, %v", file.Rows[i], text, again, err)
			}
			got, want := again.Rows[0], file.Rows[i]
			if got.Name() != want.Name() || got.Iters != want.Iters || len(got.Metrics) != len(want.Metrics) ||
				got.Note != want.Note || !reflect.DeepEqual(got.Flags, want.Flags) {
				t.Fatalf("row %+v\nreads back as %+v\nfrom %q", want, got, text)
			}
			for _, m := range want.Metrics {
				if v, ok := got.Value(m.Unit); !ok || v != m.Value {
					t.Fatalf("%s = %v, %v; want %v", m.Unit, v, ok, m.Value)
				}
			}
		}
		var sink strings.Builder
		if err := WriteMap(&sink, file, MapOptions{Efficiency: true}); err != nil && len(file.Lines()) > 0 {
			t.Fatal(err)
		}
	})
}
