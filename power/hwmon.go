package power

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const hwmonDir = "sys/class/hwmon"

// sensor is one rail of the kernel's hardware monitors.
type sensor struct {
	rail   Rail
	files  []string // power: one file in µW; Jetson: volts in mV and amperes in mA
	scale  float64  // the product of the files times this is watts, or joules
	energy bool     // a counter

	every  time.Duration // the driver's update interval
	latest float64
	at     time.Time
	first  float64 // of a counter
	resets int
}

// hwmon reads power from the kernel's hardware monitors:
//
//	amdgpu       power1_average or power1_input, µW: the board; an APU's is its package
//	ina3221      inK_input (mV) × currK_input (mA) by inK_label: rails of a Jetson
//	amd_energy   energyK_input, µJ, of Esocket*: sockets
//	power_meter  power1_average, µW: the machine, by ACPI
//
// Source: Documentation/hwmon of the Linux kernel; power.md 3.4.
type hwmon struct {
	fsys    fs.FS
	label   string // "amdgpu", "ina3221", …
	sensors []*sensor
}

// jetsonRails maps the labels of NVIDIA's boards. VDD_IN and SYS5V hold all the
// others. Source: Jetson Linux Developer Guide, as listed in power.md 3.4.
var jetsonRails = map[string]Rail{
	"VDD_IN": System, "VIN_SYS_5V0": Uncore, "VDD_CPU_GPU_CV": Package,
	"VDD_CPU_CV": CPU, "CPU": CPU, "VDD_GPU_SOC": GPU, "GPU": GPU,
}

func openHwmon(c Config) (*hwmon, error) {
	entries, err := fs.ReadDir(c.FS, hwmonDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("hwmon: %w: %w", err, ErrUnavailable)
	}
	var errs []error
	var best *hwmon
	for _, e := range entries {
		dir := path.Join(hwmonDir, e.Name())
		name, err := fs.ReadFile(c.FS, dir+"/name")
		if err != nil {
			continue // a monitor without a name is none of ours
		}
		h := &hwmon{fsys: c.FS, label: strings.TrimSpace(string(name))}
		h.find(dir)
		if len(h.sensors) == 0 {
			continue
		}
		if err := h.read(new(snapshot)); err != nil {
			errs = append(errs, fmt.Errorf("/%s: %w", dir, err))
		} else if best == nil {
			best = h
		} else if best.label == h.label {
			best.sensors = append(best.sensors, h.sensors...) // a second board
		}
	}
	switch {
	case best != nil:
		return best, nil
	case len(errs) > 0:
		return nil, fmt.Errorf("hwmon: %w: %w", errors.Join(errs...), ErrUnavailable)
	}
	return nil, fmt.Errorf("hwmon: no amdgpu, ina3221, amd_energy or power_meter in /%s: %w", hwmonDir, ErrUnavailable)
}

// find lists the sensors of a monitor.
func (h *hwmon) find(dir string) {
	has := func(file string) bool {
		_, err := fs.Stat(h.fsys, dir+"/"+file)
		return err == nil
	}
	every := time.Second
	if ms, err := readMicrojoules(h.fsys, dir+"/update_interval"); err == nil && ms > 0 && ms < 60_000 {
		every = time.Duration(ms) * time.Millisecond
	}
	add := func(rail Rail, energy bool, scale float64, files ...string) {
		for i := range files {
			files[i] = dir + "/" + files[i]
		}
		h.sensors = append(h.sensors, &sensor{rail: rail, files: files, scale: scale, energy: energy, every: every})
	}
	switch h.label {
	case "amdgpu":
		rail := Package // an APU's covers its processors
		if has("power1_cap") {
			rail = Board // inferred: only boards have a limit to set
		}
		for _, file := range []string{"power1_average", "power1_input"} {
			if has(file) {
				add(rail, false, 1e-6, file)
				return
			}
		}
	case "power_meter":
		if has("power1_average") {
			add(System, false, 1e-6, "power1_average")
		}
	case "ina3221":
		for k := 1; k <= 3; k++ { // 4 to 6 are shunt voltages
			label, err := fs.ReadFile(h.fsys, fmt.Sprintf("%s/in%d_label", dir, k))
			rail, known := jetsonRails[strings.TrimSpace(string(label))]
			if err == nil && known {
				add(rail, false, 1e-6, fmt.Sprintf("in%d_input", k), fmt.Sprintf("curr%d_input", k))
			}
		}
	case "amd_energy":
		h.sockets(dir, add)
	}
}

var energyFile = regexp.MustCompile(`^energy(\d+)_input$`)

// sockets adds the counters of whole sockets.
func (h *hwmon) sockets(dir string, add func(Rail, bool, float64, ...string)) {
	entries, _ := fs.ReadDir(h.fsys, dir) // an unreadable folder has no counters
	for _, e := range entries {
		m := energyFile.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		label, err := fs.ReadFile(h.fsys, dir+"/energy"+m[1]+"_label")
		if err == nil && strings.HasPrefix(string(label), "Esocket") {
			add(Package, true, 1e-6, e.Name())
		}
	}
}

func (h *hwmon) name() string     { return "hwmon-" + h.label }
func (h *hwmon) close() error     { return nil }
func (h *hwmon) boundary() string { return "rails of the kernel's " + h.label + " monitor" }

func (h *hwmon) rails() (all []Rail) {
	for _, s := range h.sensors {
		if !slices.Contains(all, s.rail) {
			all = append(all, s.rail)
		}
	}
	if slices.Contains(all, CPU) && slices.Contains(all, GPU) && !slices.Contains(all, Package) {
		all = append(all, Package)
	}
	return all
}

// read adds the sensors of one rail up.
func (h *hwmon) read(s *snapshot) error {
	var sums values
	var latest [numRails]time.Time
	var counts [numRails]bool
	var lost [numRails]int
	for _, x := range h.sensors {
		v, err := x.read(h.fsys)
		if err != nil {
			return err
		}
		if sums.set(x.rail, sums.v[x.rail]+v); x.at.After(latest[x.rail]) {
			latest[x.rail] = x.at
		}
		counts[x.rail] = x.energy
		lost[x.rail] += x.resets
	}
	if sums.has[CPU] && sums.has[GPU] && !sums.has[Package] { // a Jetson without one rail for both
		sums.set(Package, sums.v[CPU]+sums.v[GPU])
		latest[Package] = latest[CPU]
	}
	for r, has := range sums.has {
		switch rail := Rail(r); {
		case has && counts[r]:
			s.count(rail, sums.v[r], latest[r], raplLag, raplStep)
			s.lost[r] += lost[r]
		case has:
			s.sense(rail, sums.v[r], latest[r])
		}
	}
	return nil
}

// read reads the files of a sensor. A sensor's unchanged value counts again
// after the driver's update interval.
func (x *sensor) read(fsys fs.FS) (float64, error) {
	v := x.scale
	for _, file := range x.files {
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return 0, err
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
		if err != nil || !(n >= 0 && n < 1e18) {
			return 0, fmt.Errorf("/%s: %.40q is no reading", file, text)
		}
		v *= n
	}
	now := time.Now()
	if x.at.IsZero() {
		x.first = v
	}
	if x.energy && v < x.latest {
		x.resets++
		x.first = v
	}
	if v != x.latest || now.Sub(x.at) >= x.every {
		x.latest, x.at = v, now
	}
	if x.energy {
		return v - x.first, nil
	}
	return x.latest, nil
}
