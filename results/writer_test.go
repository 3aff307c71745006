package results

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func arm(device string, ns float64) Row {
	r := Row{Workload: "GEMM-floor", Device: device, DType: "fp32", Iters: 3}
	r.Add(1e-7, RelErrPPM)
	r.Add(ns, NsPerOp)
	return r
}

func TestWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host.txt")
	facts := []Fact{{KeyHost, "Test\nhost"}, Named(KeyAbsent, "GPU", "no driver found")}
	w, err := Create(path, facts)
	require.NoError(t, err)
	row := arm(CPU, 1.0/3)
	row.Flags, row.Note = []string{"low confidence", "short window"}, "a note"
	require.NoError(t, w.Write(row))

	// The row is there before Close: a crash now loses nothing.
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	want := Header(facts) + `
# flags: low confidence; short window
# note: a note
BenchmarkDeviceMap/workload=GEMM-floor/device=CPU/dtype=fp32	3	0.3333333333333333 ns/op	1e-07 relerr-ppm
`
	if got := string(text); got != want {
		t.Errorf("file =\n%s\nwant\n%s", got, want)
	}
	require.NoError(t, w.Close())

	// A second run appends to a file that a crash has cut short.
	require.NoError(t, os.WriteFile(path, []byte(want+"BenchmarkDeviceMap/workl"), 0o644))
	w, err = Create(path, []Fact{{KeyHost, "second run"}})
	require.NoError(t, err)
	require.NoError(t, w.Write(arm(GPU, 2)))
	require.NoError(t, w.Close())
	f, err := Load(path)
	require.NoError(t, err)
	if len(f.Rows) != 2 || f.Rows[0].Device != CPU || f.Rows[1].Device != GPU {
		t.Errorf("rows after the second run = %+v", f.Rows)
	}
	if host, _ := f.Fact(KeyHost); host != "second run" {
		t.Errorf("host = %q, want the later one", host)
	}
}

func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	published := filepath.Join(dir, "M5.txt")
	require.NoError(t, os.WriteFile(published, []byte("# source: "+PaperSource+"\nBenchmarkX 1 2 ns/op\n"), 0o644))
	tests := []struct{ name, path, want string }{
		{"published file", published, "holds published figures"},
		{"folder missing", filepath.Join(dir, "none", "x.txt"), "cannot write"},
		{"folder", dir, "cannot write"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Create(tt.path, nil)
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range []string{tt.want, tt.path, "choose another file"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q lacks %q", err, part)
				}
			}
		})
	}
}

func TestRowRefuses(t *testing.T) {
	tests := []struct {
		name string
		edit func(*Row)
		want string
	}{
		{"space", func(r *Row) { r.Device = "my GPU" }, "a space or a slash"},
		{"slash", func(r *Row) { r.Workload = "ViT-B/16" }, "a space or a slash"},
		{"GOMAXPROCS", func(r *Row) { r.DType = "ResNet-18" }, `the end "-18" reads as GOMAXPROCS`},
		{"iterations", func(r *Row) { r.Iters = 0 }, "0 iterations"},
		{"no metrics", func(r *Row) { r.Metrics = nil }, "has no metrics"},
		{"NaN", func(r *Row) { r.Add(math.NaN(), MW) }, "mW is NaN; leave out what was not measured"},
		{"Inf", func(r *Row) { r.Add(math.Inf(1), MW) }, "mW is +Inf"},
		{"unit", func(r *Row) { r.Add(1, "m W") }, `unit "m W"`},
		{"twice", func(r *Row) { r.Add(1, NsPerOp) }, "ns/op is given twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := arm(CPU, 1)
			tt.edit(&r)
			text, err := r.text()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("text = %q, error %v; want one with %q", text, err, tt.want)
			}
		})
	}
}

// TestRowName: weights come after the workload, further keys last.
func TestRowName(t *testing.T) {
	r := Row{Workload: "MiniLM-encoder", Weights: Generated, Device: ANE, DType: "fp16", Extra: []KeyValue{{"batch", "16"}}}
	want := "DeviceMap/workload=MiniLM-encoder/weights=generated/device=ANE/dtype=fp16/batch=16"
	if got := r.Name(); got != want {
		t.Errorf("name = %s, want %s", got, want)
	}
}
