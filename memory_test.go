package devicemap

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"devicemap/device"
	"devicemap/workloads"
)

// memoryShare is the part of the available memory that one point may take: the
// reference, the runtime and the other programs of the host need the rest.
const memoryShare = 0.8

// tooLarge says why a point does not fit: its data in float32 on the host and
// in d on the engine against what the host has to give. Where that is not
// known, everything fits.
func tooLarge(p workloads.Point, d device.DType, available func() (int64, error)) error {
	have, err := available()
	if err != nil {
		return nil
	}
	need := int64(p.Values) * int64(4+dtypeBytes(d))
	if limit := int64(memoryShare * float64(have)); need > limit {
		return fmt.Errorf("needs about %.1f GB; of the %.1f GB available it may take %.1f; close other programs or use a larger host",
			float64(need)/1e9, float64(have)/1e9, float64(limit)/1e9)
	}
	return nil
}

// dtypeBytes is the size of an element.
func dtypeBytes(d device.DType) int {
	if d == device.FP32 {
		return 4
	}
	return 2
}

// memoryEnv replaces the host's available memory, in bytes, in a child process
// of these tests.
const memoryEnv = "DEVICEMAP_TEST_MEMORY"

// available is the memory that the host can give to this process, in bytes.
func available() (int64, error) {
	if text := os.Getenv(memoryEnv); text != "" {
		return strconv.ParseInt(text, 10, 64)
	}
	return hostMemory()
}

// parseMeminfo reads MemAvailable from /proc/meminfo: an estimate of what
// programs can still take without swapping. Source: proc_meminfo(5).
func parseMeminfo(text string) (int64, error) {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, "MemAvailable:")
		if !ok {
			continue
		}
		number, ok := strings.CutSuffix(strings.TrimSpace(rest), " kB")
		kb, err := strconv.ParseInt(strings.TrimSpace(number), 10, 53)
		if !ok || err != nil || kb < 0 {
			return 0, fmt.Errorf("/proc/meminfo: MemAvailable is %.40q, want a number of kB", strings.TrimSpace(rest))
		}
		return kb << 10, nil
	}
	return 0, fmt.Errorf("/proc/meminfo: no MemAvailable")
}

func TestParseMeminfo(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       int64
		err        string
	}{
		{"as captured", "MemTotal:       24683524 kB\nMemFree:        23699072 kB\nMemAvailable:   24108416 kB\n", 24108416 << 10, ""},
		{"nothing left", "MemAvailable:          0 kB\n", 0, ""},
		{"old kernel", "MemTotal:       24683524 kB\n", 0, "no MemAvailable"},
		{"other unit", "MemAvailable:   24108416 MB\n", 0, `MemAvailable is "24108416 MB", want a number of kB`},
		{"no number", "MemAvailable:   lots kB\n", 0, "want a number of kB"},
		{"negative", "MemAvailable:   -5 kB\n", 0, "want a number of kB"},
		{"empty", "", 0, "no MemAvailable"},
	} {
		got, err := parseMeminfo(tt.text)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %d, %v; want %d, %q", tt.name, got, err, tt.want, tt.err)
		}
	}
}

func FuzzParseMeminfo(f *testing.F) {
	f.Add("MemAvailable:   24108416 kB\n")
	f.Add("MemAvailable: 9223372036854775807 kB")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseMeminfo(text); n < 0 || (err != nil && n != 0) {
			t.Errorf("parseMeminfo(%q) = %d, %v", text, n, err)
		}
	})
}

// TestHostMemory: this host's figure is one that a machine can have.
func TestHostMemory(t *testing.T) {
	n, err := hostMemory()
	if err != nil {
		t.Skip(err)
	}
	if n < 1<<20 || n > 1<<50 {
		t.Errorf("available memory = %d bytes", n)
	}
}

func TestTooLarge(t *testing.T) {
	point := func(values int) workloads.Point { return workloads.Point{Values: values} }
	have := func(n int64) func() (int64, error) { return func() (int64, error) { return n, nil } }
	unknown := func() (int64, error) { return 0, fmt.Errorf("no meminfo") }
	const gemm8192 = 3 * 8192 * 8192
	for _, tt := range []struct {
		name      string
		point     workloads.Point
		dtype     device.DType
		available func() (int64, error)
		want      string
	}{
		{"fits in fp32", point(gemm8192), device.FP32, have(2 << 30), ""},
		{"does not in fp32", point(gemm8192), device.FP32, have(1900 << 20), "needs about 1.6 GB; of the 2.0 GB available it may take 1.6"},
		{"fits in fp16", point(gemm8192), device.FP16, have(1900 << 20), ""},
		{"not in fp16", point(gemm8192), device.FP16, have(1 << 30), "needs about 1.2 GB"},
		{"nothing left", point(1), device.FP16, have(0), "needs about 0.0 GB"},
		{"unknown memory", point(gemm8192), device.FP32, unknown, ""},
	} {
		err := tooLarge(tt.point, tt.dtype, tt.available)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
