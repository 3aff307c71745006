package power

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const powercap = "sys/class/powercap"

// maxZoneWatts tells a wrapped counter from a restarted one: the step that the
// repair implies is a restart if a zone would have drawn more. Inferred: no
// socket comes near it, and a restart of a 65 kJ counter within a second does.
const maxZoneWatts = 10e3

// zone is one RAPL counter of the powercap tree.
type zone struct {
	dir    string // below the root of the file system
	rail   Rail
	max    uint64    // µJ at which the counter wraps; 0 if unknown
	last   uint64    // µJ, raw
	total  uint64    // µJ since open, unwrapped
	at     time.Time // when last was read: the middle of the read
	asked  time.Time // when that read began
	lag    time.Duration
	resets int // steps at which the counter restarted and energy was lost
	backs  int // steps back of a counter without known range: lost too
	wraps  int // steps that were repaired
}

// rapl reads the energy counters of Linux' powercap tree:
//
//	intel-rapl:N    package-N   Package, summed over N; CPU is the same
//	intel-rapl:N:M  core, uncore, dram: children that overlap the package
//	intel-rapl:N    psys        System, never added
//
// AMD's zones have the same names. Source: Documentation/power/powercap of the
// Linux kernel.
type rapl struct {
	fsys  fs.FS
	zones []*zone
}

var zoneName = regexp.MustCompile(`^(intel-rapl|intel-rapl-mmio):\d+(:\d+)?$`)

func openRAPL(fsys fs.FS) (*rapl, error) {
	entries, err := fs.ReadDir(fsys, powercap)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("rapl: %w: %w", err, ErrUnavailable)
	}
	found := map[string][]*zone{} // by family
	for _, e := range entries {
		m := zoneName.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		z := &zone{dir: powercap + "/" + e.Name()}
		name, err := fs.ReadFile(fsys, z.dir+"/name")
		if err != nil {
			continue
		}
		rail, ok := raplRail(strings.TrimSpace(string(name)))
		if !ok {
			continue
		}
		z.rail = rail
		// Without a range a step back is not repaired but flagged.
		z.max, _ = readMicrojoules(fsys, z.dir+"/max_energy_range_uj")
		found[m[1]] = append(found[m[1]], z)
	}
	// The mmio family shows the same packages a second time.
	zones := found["intel-rapl"]
	if !slices.ContainsFunc(zones, func(z *zone) bool { return z.rail == Package }) {
		zones = found["intel-rapl-mmio"]
	}
	r := &rapl{fsys: fsys, zones: zones}
	return r.check()
}

// check reads every zone once. A child that cannot be read is dropped.
func (r *rapl) check() (*rapl, error) {
	now := time.Now()
	var kept []*zone
	packages := 0
	for _, z := range r.zones {
		v, err := readMicrojoules(r.fsys, z.dir+"/energy_uj")
		switch {
		case err == nil:
			z.last, z.at, z.asked = v, now, now
			kept = append(kept, z)
			if z.rail == Package {
				packages++
			}
		case z.rail == Package && errors.Is(err, fs.ErrPermission):
			return nil, &notAllowed{fmt.Sprintf("rapl: /%s/energy_uj: permission denied (readable by root only since CVE-2020-8694); "+
				`until the next boot: sudo chgrp "$(id -gn)" /%[2]s/intel-rapl*/energy_uj && sudo chmod g+r /%[2]s/intel-rapl*/energy_uj; `+
				`for good, a udev rule: SUBSYSTEM=="powercap", ACTION=="add", RUN+="/bin/chgrp GROUP /sys%%p/energy_uj", RUN+="/bin/chmod g+r /sys%%p/energy_uj"`,
				z.dir, powercap)}
		case z.rail == Package:
			return nil, fmt.Errorf("rapl: %w: %w", err, ErrUnavailable)
		}
	}
	if packages == 0 {
		return nil, fmt.Errorf("rapl: no package zone in /%s (virtual machine, container, or a CPU or kernel without RAPL): %w",
			powercap, ErrUnavailable)
	}
	r.zones = kept
	return r, nil
}

// raplRail maps the content of a zone's name file; multi-die sockets have
// package-0-die-1.
func raplRail(name string) (Rail, bool) {
	switch {
	case strings.HasPrefix(name, "package-"):
		return Package, true
	case name == "core":
		return Core, true
	case name == "uncore":
		return Uncore, true
	case name == "dram":
		return DRAM, true
	case name == "psys":
		return System, true
	}
	return 0, false
}

func readMicrojoules(fsys fs.FS, name string) (uint64, error) {
	b, err := fs.ReadFile(fsys, name)
	if err != nil {
		return 0, err
	}
	v, err := parseMicrojoules(b)
	if err != nil {
		return 0, fmt.Errorf("/%s: %w", name, err)
	}
	return v, nil
}

// parseMicrojoules reads the content of energy_uj or max_energy_range_uj: one
// unsigned decimal number and a newline.
func parseMicrojoules(b []byte) (uint64, error) {
	text := strings.TrimSuffix(string(b), "\n")
	v, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("energy %.40q is no unsigned number of µJ", text)
	}
	return v, nil
}

func (r *rapl) name() string { return "rapl" }

func (r *rapl) boundary() string {
	return "CPU packages by RAPL, on-die estimate, not wall power"
}

// advance takes the counter's raw value, read between asked and now: a reader
// that stands still in between cannot say when. A step that loses energy is
// counted and adds nothing.
func (z *zone) advance(raw uint64, asked, now time.Time) {
	prev, before := z.last, z.asked
	z.last, z.at, z.asked = raw, asked.Add(now.Sub(asked)/2), asked
	z.lag = raplLag + now.Sub(asked)/2
	wrapped := raw < prev
	if wrapped && prev > z.max {
		z.backs++
		return
	}
	step := raw - prev
	if wrapped {
		step += z.max // modulo 2⁶⁴ this is (max − prev) + raw
	}
	if float64(step)*1e-6 > maxZoneWatts*max(now.Sub(before).Seconds(), 1e-3) {
		z.resets++
		return
	}
	if wrapped {
		z.wraps++
	}
	z.total += step
}

// raplStep is the coarsest energy unit of client processors in joules; lag is
// the period at which the registers are updated. Source: power.md 3.1.
const (
	raplStep = 61e-6
	raplLag  = time.Millisecond
)

func (r *rapl) rails() []Rail {
	all := []Rail{CPU}
	for _, z := range r.zones {
		if !slices.Contains(all, z.rail) {
			all = append(all, z.rail)
		}
	}
	return all
}

func (r *rapl) close() error { return nil }

// read sums the zones per rail. A rail with an unreadable zone is absent; an
// unreadable package is the end of it.
func (r *rapl) read(s *snapshot) error {
	var failed [numRails]error
	for _, z := range r.zones {
		asked := time.Now()
		raw, err := readMicrojoules(r.fsys, z.dir+"/energy_uj")
		if err == nil {
			z.advance(raw, asked, time.Now())
		} else if failed[z.rail] == nil {
			failed[z.rail] = err
		}
		s.count(z.rail, s.joules.v[z.rail]+float64(z.total)*1e-6, z.at, z.lag, raplStep)
		s.lost[z.rail] += z.resets + z.backs
		s.wraps += z.wraps
		s.backs += z.backs
	}
	for rail, err := range failed {
		if err != nil {
			s.joules.has[rail] = false
		}
	}
	if err := failed[Package]; err != nil {
		return fmt.Errorf("package counter lost: %w", err)
	}
	s.count(CPU, s.joules.v[Package], s.at[Package], s.lag[Package], raplStep)
	s.lost[CPU] = s.lost[Package]
	return errors.Join(failed[:]...)
}
