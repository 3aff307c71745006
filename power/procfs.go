package power

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// procLoad reads /proc/stat: the first line holds the processors' time in ticks
// since boot, by state, and procs_running the threads that run.
// Source: proc_stat(5).
func procLoad(fsys fs.FS) (Load, error) {
	text, err := fs.ReadFile(fsys, "proc/stat")
	if err != nil {
		return Load{}, err
	}
	return parseStat(string(text))
}

func parseStat(text string) (l Load, err error) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) >= 5 && f[0] == "cpu":
			// user nice system idle iowait irq softirq steal; guest time is
			// within user.
			for i, s := range f[1:min(len(f), 9)] {
				v, err := strconv.ParseUint(s, 10, 63)
				if err != nil {
					return Load{}, fmt.Errorf("/proc/stat: %.40q is no number of ticks", s)
				}
				l.Total += float64(v)
				if i != 3 && i != 4 {
					l.Busy += float64(v)
				}
			}
		case len(f) == 2 && f[0] == "procs_running":
			l.Running, _ = strconv.Atoi(f[1]) // 0 if unknown
		}
	}
	if l.Total == 0 {
		return Load{}, fmt.Errorf("/proc/stat: no cpu line")
	}
	return l, nil
}

// procState reads the state of a Linux host without special rights:
//
//	sys/devices/system/cpu/cpu*/thermal_throttle/{core,package}_throttle_count
//	sys/class/power_supply/*/{type,online,status}
//	sys/firmware/acpi/platform_profile
//	proc/uptime
func procState(fsys fs.FS) (s State) {
	counts, _ := fs.Glob(fsys, "sys/devices/system/cpu/cpu*/thermal_throttle/*_throttle_count") // the pattern is valid
	for _, file := range counts {
		if n, err := readMicrojoules(fsys, file); err == nil {
			s.Throttled += n
			s.ThrottledKnown = true
		}
	}
	s.OnBattery = onBattery(fsys)
	profile, err := fs.ReadFile(fsys, "sys/firmware/acpi/platform_profile")
	s.LowPower = err == nil && strings.TrimSpace(string(profile)) == "low-power"
	if text, err := fs.ReadFile(fsys, "proc/uptime"); err == nil {
		s.Up, s.UpKnown = parseUptime(string(text))
	}
	return s
}

// onBattery reports whether a battery discharges and no supply of another kind
// is on line.
func onBattery(fsys fs.FS) bool {
	entries, _ := fs.ReadDir(fsys, supplyDir) // none: a desktop
	discharging, mains := false, false
	for _, e := range entries {
		read := func(file string) string {
			b, _ := fs.ReadFile(fsys, supplyDir+"/"+e.Name()+"/"+file) // "" if absent
			return strings.TrimSpace(string(b))
		}
		if read("type") == "Battery" {
			// A mouse has a battery too; its scope is the device.
			discharging = discharging || read("status") == "Discharging" && read("scope") != "Device"
		} else {
			mains = mains || read("online") == "1"
		}
	}
	return discharging && !mains
}

// parseUptime reads /proc/uptime: seconds since boot, sleep included, and idle
// seconds.
func parseUptime(text string) (time.Duration, bool) {
	first, _, _ := strings.Cut(text, " ")
	v, err := strconv.ParseFloat(first, 64)
	if err != nil || !(v >= 0 && v < 1e9) {
		return 0, false
	}
	return time.Duration(v * float64(time.Second)), true
}
