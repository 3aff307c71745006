package results

import (
	"strings"
	"testing"
)

func TestFileName(t *testing.T) {
	tests := []struct{ chip, want string }{
		{"AMD EPYC", "AMD-EPYC.txt"},
		{"AMD EPYC 7B13 64-Core Processor", "AMD-EPYC-7B13.txt"},
		{"Intel(R) Xeon(R) CPU @ 2.20GHz", "Intel-Xeon.txt"},
		{"Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz", "Intel-Core-i7-9750H.txt"},
		{"Apple M5 Pro", "Apple-M5-Pro.txt"},
		{"Apple M1", "Apple-M1.txt"},
		{"M1", "Apple-M1.txt"}, // M1.txt holds published figures
		{"../../etc/passwd", "etc-passwd.txt"},
		{"", "unknown-chip.txt"},
		{"@ 3 GHz", "unknown-chip.txt"},
	}
	for _, tt := range tests {
		if got := FileName(tt.chip); got != tt.want {
			t.Errorf("FileName(%q) = %q, want %q", tt.chip, got, tt.want)
		}
	}
}

func TestKind(t *testing.T) {
	tests := []struct {
		device, kind string
		races        bool
	}{
		{"CPU", CPU, true}, {CPUTorch, CPU, true}, {GPUMPS, GPU, true}, {"ANE", ANE, true}, {"ANE-software", ANE, false},
	}
	for _, tt := range tests {
		if got, ok := Kind(tt.device), races(tt.device); got != tt.kind || ok != tt.races {
			t.Errorf("device %s: kind %s, races %v; want %s, %v", tt.device, got, ok, tt.kind, tt.races)
		}
	}
}

// TestNamesAreKeys holds the tables to what a benchmark name can carry.
func TestNamesAreKeys(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range Workloads {
		r := Row{Workload: w.Name, Device: CPU, DType: "fp32", Iters: 1, Metrics: []Metric{{Value: 1, Unit: NsPerOp}}}
		if err := r.check(); err != nil {
			t.Errorf("workload %s: %v", w.Name, err)
		}
		if seen[w.Name] || seen[w.Label] {
			t.Errorf("workload %s (%s) stands there twice", w.Name, w.Label)
		}
		seen[w.Name], seen[w.Label] = true, true
	}
	for _, u := range Units {
		if u.Name == "" || strings.ContainsAny(u.Name, " \t") || seen[u.Name] {
			t.Errorf("unit %q is no single word or stands there twice", u.Name)
		}
		seen[u.Name] = true
	}
}
