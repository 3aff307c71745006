package power

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/ioreport"
)

// inventory reads a captured list of channels.
func inventory(t *testing.T, file string) (all []ioreport.Channel) {
	t.Helper()
	for line := range strings.Lines(string(capture(t, file))) {
		if name, unit, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && !strings.HasPrefix(line, "#") {
			all = append(all, ioreport.Channel{Name: name, Unit: unit})
		}
	}
	return all
}

const (
	m1ultra = "ioreport_energymodel_m1ultra_26A428_trimmed.tsv"
	m5max   = "ioreport_energymodel_m5max_26A428_trimmed.tsv"
)

// picks renders picked channels as "RAIL name" with the joules per count.
func picks(picked []channel) map[string]float64 {
	out := map[string]float64{}
	for _, c := range picked {
		out[c.rail.String()+" "+c.name] = c.joule
	}
	return out
}

// TestChannelsOfInventories: each rail once, GPU by its nanojoules, no core, no
// cluster, no telemetry.
func TestChannelsOfInventories(t *testing.T) {
	tests := []struct {
		file string
		want map[string]float64
	}{
		{m1ultra, map[string]float64{
			"CPU DIE_0_CPU Energy": 1e-3, "CPU DIE_1_CPU Energy": 1e-3, "GPU GPU Energy": 1e-9,
			"ANE ANE0_0": 1e-3, "ANE ANE0_1": 1e-3, "DRAM DRAM0_0": 1e-3, "DRAM DRAM0_1": 1e-3}},
		{m5max, map[string]float64{
			"CPU CPU Energy": 1e-3, "GPU GPU Energy": 1e-9, "ANE ANE0": 1e-3, "DRAM DRAM0": 1e-3}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			picked, unknown := selectChannels(inventory(t, tt.file), nil)
			require.Equal(t, tt.want, picks(picked))
			if unknown != 0 {
				t.Errorf("channels of unknown unit = %d, want 0", unknown)
			}
		})
	}
}

func TestChannelRules(t *testing.T) {
	ch := func(list ...string) (all []ioreport.Channel) {
		for _, s := range list {
			name, unit, _ := strings.Cut(s, "|")
			all = append(all, ioreport.Channel{Name: name, Unit: unit})
		}
		return all
	}
	tests := []struct {
		name    string
		list    []ioreport.Channel
		have    map[Rail]bool
		want    map[string]float64
		unknown int
	}{
		{"base M1: clusters are the CPU", ch("ECPU|mJ", "PCPU|mJ", "ECPU0|mJ", "GPU|mJ", "ANE|mJ", "DRAM|mJ"), nil,
			map[string]float64{"CPU ECPU": 1e-3, "CPU PCPU": 1e-3, "GPU GPU": 1e-3, "ANE ANE": 1e-3, "DRAM DRAM": 1e-3}, 0},
		{"the total excludes the clusters", ch("CPU Energy|mJ", "ECPU|mJ", "PCPU|mJ"), nil,
			map[string]float64{"CPU CPU Energy": 1e-3}, 0},
		{"a second group fills gaps only", ch("ECPU|mJ", "GPU|mJ"), map[Rail]bool{CPU: true},
			map[string]float64{"GPU GPU": 1e-3}, 0},
		{"two kinds of GPU", ch("GPU0_0|mJ", "GPU0_1|mJ", "GPU Energy|nJ"), nil, map[string]float64{"GPU GPU Energy": 1e-9}, 0},
		{"GPU of two dies", ch("GPU0_0|mJ", "GPU0_1|mJ"), nil, map[string]float64{"GPU GPU0_0": 1e-3, "GPU GPU0_1": 1e-3}, 0},
		{"unknown unit", ch("CPU Energy|mWh", "GPU Energy|nJ"), nil, map[string]float64{"GPU GPU Energy": 1e-9}, 1},
		{"unknown unit of the better GPU", ch("GPU Energy|?", "GPU0|mJ"), nil, map[string]float64{"GPU GPU0": 1e-3}, 1},
		{"words within names", ch("GPU SRAM0|mJ", "PERF CPU Energy|mJ", "CPU Energy SRAM|mJ", "ANE0_SRAM|mJ", "PCPUDTL00|mJ", "DRAMX|mJ"),
			nil, map[string]float64{}, 0},
		{"die with a space", ch("DIE0 CPU Energy|mJ", "DIE1 CPU Energy|uJ"), nil,
			map[string]float64{"CPU DIE0 CPU Energy": 1e-3, "CPU DIE1 CPU Energy": 1e-6}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			picked, unknown := selectChannels(tt.list, tt.have)
			require.Equal(t, tt.want, picks(picked))
			if unknown != tt.unknown {
				t.Errorf("channels of unknown unit = %d, want %d", unknown, tt.unknown)
			}
		})
	}
}

// FuzzChannels: whatever the names, no rail gets both a total and its parts.
func FuzzChannels(f *testing.F) {
	f.Add("CPU Energy", "ECPU", "mJ")
	f.Add("DIE_0_GPU Energy", "GPU0_1", "nJ")
	f.Fuzz(func(t *testing.T, a, b, unit string) {
		picked, _ := selectChannels([]ioreport.Channel{{Name: a, Unit: unit}, {Name: b, Unit: unit}, {Name: "CPU Energy", Unit: "mJ"}, {Name: "GPU Energy", Unit: "nJ"}}, nil)
		for _, c := range picked {
			if _, spare, ok := classify(c.name); !ok || spare || c.joule <= 0 {
				t.Fatalf("%+v is picked beside the totals", c)
			}
		}
		if !slices.ContainsFunc(picked, func(c channel) bool { return c.name == "CPU Energy" }) {
			t.Fatal("the total of the CPU is lost")
		}
	})
}
