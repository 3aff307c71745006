package power

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// tree is a powercap tree whose files may change while they are read.
type tree struct {
	mu     sync.Mutex
	files  fstest.MapFS
	denied map[string]bool
}

// zones makes a tree of zones "dir name energy max"; max may be missing.
func zones(lines ...string) *tree {
	tr := &tree{files: fstest.MapFS{}, denied: map[string]bool{}}
	for _, line := range lines {
		f := strings.Fields(line)
		tr.put(f[0]+"/name", f[1])
		tr.put(f[0]+"/energy_uj", f[2])
		if len(f) > 3 {
			tr.put(f[0]+"/max_energy_range_uj", f[3])
		}
	}
	return tr
}

func (tr *tree) put(name, content string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.files[powercap+"/"+name] = &fstest.MapFile{Data: []byte(content + "\n"), Mode: 0o444}
}

func (tr *tree) energy(zone string, uj int) { tr.put(zone+"/energy_uj", strconv.Itoa(uj)) }

func (tr *tree) Open(name string) (fs.File, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.denied[name] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return maps.Clone(tr.files).Open(name)
}

const socket = "intel-rapl:0 package-0 1000000 262143328850"

// TestRAPLSums reads two sockets with children, the platform zone, and the same
// packages a second time through mmio, over one second.
func TestRAPLSums(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := zones(
			"intel-rapl:0 package-0 1000000 262143328850", "intel-rapl:0:0 core 500 262143328850",
			"intel-rapl:0:1 uncore 9 262143328850", "intel-rapl:0:2 dram 700 65712999613",
			"intel-rapl:1 package-1-die-0 5 262143328850", "intel-rapl:1:0 core 6 262143328850",
			"intel-rapl:1:1 dram 7 65712999613", "intel-rapl:2 psys 100 262143328850",
			"intel-rapl-mmio:0 package-0 1000000 262143328850",
		)
		tr.put("intel-rapl/enabled", "1") // the control type is no zone
		src, err := opened(openRAPL(tr))
		require.NoError(t, err)
		m := begun(Config{Interval: time.Second}, src)
		defer m.Close()
		synctest.Wait()
		w := m.Begin()
		tr.energy("intel-rapl:0", 1000000+30e6)
		tr.energy("intel-rapl-mmio:0", 1000000+30e6)
		tr.energy("intel-rapl:0:0", 500+20e6)
		tr.energy("intel-rapl:0:1", 9+1e6)
		tr.energy("intel-rapl:0:2", 700+2e6)
		tr.energy("intel-rapl:1", 5+10e6)
		tr.energy("intel-rapl:1:0", 6+4e6)
		tr.energy("intel-rapl:1:1", 7+3e6)
		tr.energy("intel-rapl:2", 100+60e6)
		time.Sleep(time.Second)
		synctest.Wait()
		r := w.End()
		want := map[Rail]float64{Package: 40, CPU: 40, Core: 24, Uncore: 1, DRAM: 5, System: 60}
		for rail := range numRails {
			rail := Rail(rail)
			watts, measured := r.Loaded(rail)
			joules, counted := r.Energy(rail)
			if w, has := want[rail]; math.Abs(watts-w) > 1e-9 || math.Abs(joules-w) > 1e-9 || measured != has || counted != has {
				t.Errorf("%v = %v W (%v), %v J (%v), want %v (%v)", rail, watts, measured, joules, counted, w, has)
			}
		}
	})
}

// TestRAPLEdges: energy is read at the edges, wherever the samples lie.
func TestRAPLEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := zones(socket)
		src, err := opened(openRAPL(tr))
		require.NoError(t, err)
		m := begun(Config{}, src)
		defer m.Close()
		uj := 1000000
		spend := func(d time.Duration, watts int) {
			for ; d > 0; d -= 100 * time.Millisecond {
				time.Sleep(100 * time.Millisecond)
				uj += watts * 100000
				tr.energy("intel-rapl:0", uj)
			}
			synctest.Wait()
		}
		spend(700*time.Millisecond, 5)
		w := m.Begin()
		spend(1300*time.Millisecond, 20)
		r := w.End()
		if got, ok := r.Energy(Package); !ok || math.Abs(got-26) > 1e-9 {
			t.Errorf("energy of 1.3 s at 20 W = %v J, %v, want 26", got, ok)
		}
		if r.Samples != 2 { // 1.0–1.5 and 1.5–2.0 s lie inside 0.7–2.0 s
			t.Errorf("samples = %d, want 2", r.Samples)
		}
	})
}

func TestRAPLCounterSteps(t *testing.T) {
	tests := []struct {
		name     string
		max      string
		from, to int
		joules   float64 // −1: no energy
		flag     string
	}{
		{"advance", "262143328850", 1000000, 4000000, 3, ""},
		{"wrap", "262143328850", 262143328850 - 1000000, 2000000, 3, FlagWrap},
		{"restart", "262143328850", 100000000000, 50, -1, FlagReset},
		{"leap", "262143328850", 0, 100000000000, -1, FlagReset},
		{"step back without range", "", 4000000, 1000000, -1, FlagNonMonotone},
		{"stands still", "262143328850", 1000000, 1000000, -1, FlagStale},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := zones(strings.TrimSpace(fmt.Sprintf("intel-rapl:0 package-0 %d %s", tt.from, tt.max)))
				src, err := opened(openRAPL(tr))
				require.NoError(t, err)
				m := begun(Config{}, src)
				defer m.Close()
				synctest.Wait()
				w := m.Begin()
				tr.energy("intel-rapl:0", tt.to)
				time.Sleep(500 * time.Millisecond)
				synctest.Wait()
				r := w.End()
				got, ok := r.Energy(Package)
				if ok != (tt.joules >= 0) || ok && math.Abs(got-tt.joules) > 1e-9 {
					t.Errorf("energy = %v J, %v, want %v", got, ok, tt.joules)
				}
				watts, ok := r.Loaded(Package)
				if ok != (tt.joules >= 0) || ok && math.Abs(watts-2*tt.joules) > 1e-9 {
					t.Errorf("power = %v W, %v, want %v", watts, ok, 2*tt.joules)
				}
				for _, f := range []string{FlagWrap, FlagReset, FlagNonMonotone, FlagStale} {
					if r.Has(f) != (f == tt.flag) {
						t.Errorf("flags = %v, want of the counter's only %q", r.Flags, tt.flag)
					}
				}
			})
		})
	}
}

func TestRAPLMmioAlone(t *testing.T) {
	src, err := openRAPL(zones("intel-rapl-mmio:0 package-0 1 100"))
	require.NoError(t, err)
	require.Len(t, src.zones, 1)
}

func TestRAPLAbsent(t *testing.T) {
	denied := zones(socket)
	denied.denied[powercap+"/intel-rapl:0/energy_uj"] = true
	tests := []struct {
		name string
		fsys fs.FS
		want []string
	}{
		{"no powercap", fstest.MapFS{}, []string{"no package zone in /sys/class/powercap", "container"}},
		{"no package", zones("intel-rapl:0 psys 1 2"), []string{"no package zone"}},
		{"no number", zones("intel-rapl:0 package-0 watts"), []string{"/sys/class/powercap/intel-rapl:0/energy_uj", `"watts"`}},
		{"no permission", denied, []string{
			"/sys/class/powercap/intel-rapl:0/energy_uj: permission denied",
			"sudo chmod g+r /sys/class/powercap/intel-rapl*/energy_uj",
			`SUBSYSTEM=="powercap", ACTION=="add", RUN+="/bin/chgrp GROUP /sys%p/energy_uj"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := openRAPL(tt.fsys)
			require.ErrorIs(t, err, ErrUnavailable)
			require.ErrorIs(t, err, errors.ErrUnsupported)
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("reason = %q, want %q in it", err, want)
				}
			}
			m := Open(Config{Only: "rapl", FS: tt.fsys})
			require.Equal(t, []string{err.Error()}, m.Reasons())
			require.Equal(t, "none", m.Source())
			if denied := tt.name == "no permission"; m.Begin().End().Has(FlagNoPermission) != denied {
				t.Errorf("flag %s is up: %v, want %v", FlagNoPermission, !denied, denied)
			}
			require.NoError(t, m.Close())
		})
	}
}

// TestRAPLOnDisk reads a tree of real files, linked as in sysfs.
func TestRAPLOnDisk(t *testing.T) {
	root := t.TempDir()
	dev := filepath.Join(root, "sys/devices/virtual/powercap/intel-rapl/intel-rapl:0")
	require.NoError(t, os.MkdirAll(dev, 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(root, powercap), 0o755))
	for name, content := range map[string]string{"name": "package-0\n", "energy_uj": "12345\n", "max_energy_range_uj": "65532610987\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dev, name), []byte(content), 0o444))
	}
	link := "../../devices/virtual/powercap/intel-rapl/intel-rapl:0"
	require.NoError(t, os.Symlink(link, filepath.Join(root, powercap, "intel-rapl:0")))
	src, err := openRAPL(os.DirFS(root))
	require.NoError(t, err)
	z := src.zones
	require.Len(t, z, 1)
	if z[0].last != 12345 || z[0].max != 65532610987 || z[0].rail != Package {
		t.Errorf("zone = %+v, want last 12345, max 65532610987, rail Package", *z[0])
	}
}

// TestRAPLLosesItsCounter: the reader stops, the next window starts it again.
func TestRAPLLosesItsCounter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := zones(socket)
		src, err := opened(openRAPL(tr))
		require.NoError(t, err)
		m := begun(Config{}, src)
		defer m.Close()
		synctest.Wait()
		w := m.Begin()
		tr.energy("intel-rapl:0", 6000000)
		time.Sleep(600 * time.Millisecond)
		tr.put("intel-rapl:0/energy_uj", "broken")
		time.Sleep(time.Second)
		r := w.End()
		if r.Samples != 1 || !r.Has(FlagStalled) {
			t.Errorf("window across the loss: %d samples, flags %v, want 1 and stalled", r.Samples, r.Flags)
		}
		if j, ok := r.Energy(Package); ok {
			t.Errorf("energy = %v J, want none without the counter at the end", j)
		}
		w = m.Begin()
		time.Sleep(600 * time.Millisecond)
		r = w.End()
		if !r.Has(FlagNoSamples) || len(r.Reasons) == 0 || !strings.Contains(r.Reasons[0], `"broken"`) {
			t.Errorf("window without counter: flags %v, reasons %q, want no_samples and the broken file", r.Flags, r.Reasons)
		}
		tr.energy("intel-rapl:0", 7000000)
		w = m.Begin()
		synctest.Wait() // the new run has read the counter
		tr.energy("intel-rapl:0", 9000000)
		time.Sleep(600 * time.Millisecond)
		r = w.End()
		if got, ok := r.Loaded(Package); r.Samples != 1 || !ok || math.Abs(got-4) > 1e-9 {
			t.Errorf("window after the repair: %d samples, %v W, %v, want 1 of 4 W", r.Samples, got, ok)
		}
	})
}

func FuzzMicrojoules(f *testing.F) {
	for _, s := range []string{"0\n", "262143328850\n", "18446744073709551616", "-1", " 1", "", "1\n\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := parseMicrojoules(b)
		if err != nil {
			return
		}
		// What was accepted is a plain decimal number: writing it again gives
		// the same digits, up to leading zeros and the newline.
		digits := bytes.TrimLeft(bytes.TrimSuffix(b, []byte("\n")), "0")
		if got := strings.TrimLeft(strconv.FormatUint(v, 10), "0"); got != string(digits) {
			t.Fatalf("parse(%q) = %d", b, v)
		}
	})
}

var _ counter = (*polled)(nil)
