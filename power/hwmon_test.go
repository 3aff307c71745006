package power

import (
	"io/fs"
	"maps"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// files makes a file system from "path content" lines.
func files(lines ...string) fstest.MapFS {
	f := fstest.MapFS{}
	for _, line := range lines {
		name, content, _ := strings.Cut(line, " ")
		f[name] = &fstest.MapFile{Data: []byte(content + "\n"), Mode: 0o444}
	}
	return f
}

// shelf is a file system whose files may change while they are read.
type shelf struct {
	mu    sync.Mutex
	files fstest.MapFS
}

func (s *shelf) put(name, content string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[name] = &fstest.MapFile{Data: []byte(content + "\n")}
}

func (s *shelf) Open(name string) (fs.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.files).Open(name)
}

const h0 = "sys/class/hwmon/hwmon0/"

func TestHwmonMonitors(t *testing.T) {
	tests := []struct {
		name string
		fs   fstest.MapFS
		as   string
		want map[Rail]float64
	}{
		{"amdgpu board", files(h0+"name amdgpu", h0+"power1_average 213000000", h0+"power1_cap 300000000"),
			"hwmon-amdgpu", map[Rail]float64{Board: 213, GPU: 213}},
		{"amdgpu APU", files(h0+"name amdgpu", h0+"power1_input 15250000"), "hwmon-amdgpu", map[Rail]float64{Package: 15.25}},
		{"two boards", files(h0+"name amdgpu", h0+"power1_average 100000000", h0+"power1_cap 1",
			"sys/class/hwmon/hwmon1/name amdgpu", "sys/class/hwmon/hwmon1/power1_average 50000000", "sys/class/hwmon/hwmon1/power1_cap 1"),
			"hwmon-amdgpu", map[Rail]float64{Board: 150, GPU: 150}},
		{"Jetson Orin Nano", files(h0+"name ina3221", h0+"in1_label VDD_IN", h0+"in1_input 5000", h0+"curr1_input 1200",
			h0+"in2_label VDD_CPU_GPU_CV", h0+"in2_input 5000", h0+"curr2_input 400",
			h0+"in3_label VDD_SOC", h0+"in3_input 5000", h0+"curr3_input 300", h0+"in4_label VDD_IN", h0+"in4_input 12", h0+"curr4_input 1"),
			"hwmon-ina3221", map[Rail]float64{System: 6, Package: 2}},
		{"Jetson AGX Orin", files(h0+"name ina3221", h0+"in1_label VDD_GPU_SOC", h0+"in1_input 20000", h0+"curr1_input 500",
			h0+"in2_label VDD_CPU_CV", h0+"in2_input 20000", h0+"curr2_input 250"),
			"hwmon-ina3221", map[Rail]float64{GPU: 10, CPU: 5, Package: 15}},
		{"ACPI meter", files(h0+"name power_meter", h0+"power1_average 312000000"), "hwmon-power_meter", map[Rail]float64{System: 312}},
		{"another monitor first", files(h0+"name nvme", h0+"temp1_input 30000",
			"sys/class/hwmon/hwmon1/name power_meter", "sys/class/hwmon/hwmon1/power1_average 7000000"), "hwmon-power_meter", map[Rail]float64{System: 7}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, err := openHwmon(Config{FS: tt.fs})
				require.NoError(t, err)
				require.Equal(t, tt.as, g.name())
				m := begun(Config{}, group([]gauge{g})...)
				defer m.Close()
				time.Sleep(time.Second)
				w := m.Begin()
				time.Sleep(10 * time.Second)
				r := w.End()
				for rail := range Rail(numRails) {
					want, has := tt.want[rail]
					if got, ok := r.Loaded(rail); ok != has || has && math.Abs(got-want) > 1e-9 {
						t.Errorf("%v = %v W, %v, want %v, %v", rail, got, ok, want, has)
					}
				}
			})
		})
	}
}

func TestHwmonCounter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &shelf{files: files(h0+"name amd_energy", h0+"energy1_input 5000000", h0+"energy1_label Ecore000",
			h0+"energy17_input 900000000", h0+"energy17_label Esocket0", h0+"energy18_input 100", h0+"energy18_label Esocket1")}
		g, err := openHwmon(Config{FS: f})
		require.NoError(t, err)
		m := begun(Config{Interval: time.Second}, group([]gauge{g})...)
		defer m.Close()
		synctest.Wait()
		w := m.Begin()
		time.Sleep(999 * time.Millisecond)
		f.put(h0+"energy17_input", "940000000")
		f.put(h0+"energy18_input", "10000100")
		time.Sleep(time.Millisecond)
		synctest.Wait()
		r := w.End()
		if got, ok := r.Energy(Package); !ok || math.Abs(got-50) > 1e-6 {
			t.Errorf("energy = %v J, %v, want 50 of two sockets", got, ok)
		}
	})
}

func TestHwmonAbsent(t *testing.T) {
	tests := []struct {
		fs   fstest.MapFS
		want string
	}{
		{fstest.MapFS{}, "no amdgpu, ina3221, amd_energy or power_meter in /sys/class/hwmon"},
		{files(h0 + "name coretemp"), "no amdgpu"},
		{files(h0+"name amdgpu", h0+"power1_input watts"), `/sys/class/hwmon/hwmon0/power1_input: "watts\n" is no reading`},
		{files(h0+"name amdgpu", h0+"power1_input -5"), "is no reading"},
	}
	for _, tt := range tests {
		_, err := openHwmon(Config{FS: tt.fs})
		require.ErrorIs(t, err, ErrUnavailable)
		require.ErrorContains(t, err, tt.want)
	}
}

func TestBattery(t *testing.T) {
	const b = "sys/class/power_supply/BAT0/"
	tests := []struct {
		name  string
		fs    fstest.MapFS
		watts float64
		want  string // in the error
	}{
		{"power", files(b+"status Discharging", b+"power_now 8250000"), 8.25, ""},
		{"current", files(b+"status Discharging", b+"current_now -1500000", b+"voltage_now 12000000"), 18, ""},
		{"on the mains", files(b+"status Full", b+"power_now 0"), 0, `does not discharge (status "Full")`},
		{"garbage", files(b+"status Discharging", b+"power_now x", b+"current_now y"), 0, `"y\n" is no number`},
		{"none", fstest.MapFS{}, 0, "none in /sys/class/power_supply"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, err := openBattery(Config{FS: tt.fs})
			if tt.want != "" {
				require.ErrorIs(t, err, ErrUnavailable)
				require.ErrorContains(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			var s snapshot
			require.NoError(t, g.read(&s))
			if got, ok := s.watts.get(System); !ok || math.Abs(got-tt.watts) > 1e-9 {
				t.Errorf("system = %v W, %v, want %v", got, ok, tt.watts)
			}
		})
	}
}

func FuzzSysfs(f *testing.F) {
	f.Add("Discharging", "123", "cpu 1 2 3 4 5\nprocs_running 3\n", "1.5 3")
	f.Add("", "-9223372036854775808", "cpu", "")
	f.Fuzz(func(t *testing.T, status, number, stat, uptime string) {
		fsys := fstest.MapFS{
			"sys/class/power_supply/BAT0/status":    {Data: []byte(status)},
			"sys/class/power_supply/BAT0/power_now": {Data: []byte(number)},
			"sys/class/hwmon/hwmon0/name":           {Data: []byte("amdgpu")},
			"sys/class/hwmon/hwmon0/power1_input":   {Data: []byte(number)},
			"proc/stat":                             {Data: []byte(stat)},
			"proc/uptime":                           {Data: []byte(uptime)},
		}
		if w, err := discharge(fsys, "sys/class/power_supply/BAT0"); err == nil && !(w >= 0) {
			t.Fatalf("battery = %v W", w)
		}
		if g, err := openHwmon(Config{FS: fsys}); err == nil {
			var s snapshot
			if err := g.read(&s); err != nil || !(s.watts.v[Package] >= 0) {
				t.Fatalf("hwmon = %v W, %v", s.watts.v[Package], err)
			}
		}
		if l, err := procLoad(fsys); err == nil && !(l.Busy >= 0 && l.Busy <= l.Total) {
			t.Fatalf("load = %+v", l)
		}
		if s := procState(fsys); s.Up < 0 {
			t.Fatalf("up = %v", s.Up)
		}
	})
}
