package power

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
)

const supplyDir = "sys/class/power_supply"

// batteryUpdate is the longest time for which a battery's gauge shows the same
// value. Source: power.md 3.4, 1 to 30 s.
const batteryUpdate = 30 * time.Second

// battery reads the discharge of a laptop's batteries: the whole machine, and
// only while it runs on them.
type battery struct {
	fsys   fs.FS
	dirs   []string
	latest float64 // W
	at     time.Time
}

func openBattery(c Config) (*battery, error) {
	b := &battery{fsys: c.FS}
	entries, _ := fs.ReadDir(c.FS, supplyDir) // a host without the folder has no battery
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "BAT") {
			b.dirs = append(b.dirs, path.Join(supplyDir, e.Name()))
		}
	}
	if len(b.dirs) == 0 {
		return nil, fmt.Errorf("battery: none in /%s: %w", supplyDir, ErrUnavailable)
	}
	if err := b.read(new(snapshot)); err != nil {
		return nil, fmt.Errorf("battery: %w: %w", err, ErrUnavailable)
	}
	return b, nil
}

func (b *battery) name() string     { return "battery" }
func (b *battery) rails() []Rail    { return []Rail{System} }
func (b *battery) close() error     { return nil }
func (b *battery) boundary() string { return "whole machine by its battery's gauge, slow" }

func (b *battery) read(s *snapshot) error {
	watts := 0.0
	for _, dir := range b.dirs {
		w, err := discharge(b.fsys, dir)
		if err != nil {
			return err
		}
		watts += w
	}
	now := time.Now()
	if watts != b.latest || now.Sub(b.at) >= batteryUpdate {
		b.latest, b.at = watts, now
	}
	s.sense(System, b.latest, b.at)
	return nil
}

// discharge reads one battery: power_now in µW, else current_now in µA times
// voltage_now in µV.
func discharge(fsys fs.FS, dir string) (watts float64, err error) {
	status, err := fs.ReadFile(fsys, dir+"/status")
	if err != nil {
		return 0, err
	}
	if s := strings.TrimSpace(string(status)); s != "Discharging" {
		return 0, fmt.Errorf("/%s does not discharge (status %.20q): its gauge shows the machine's power only off the mains", dir, s)
	}
	if p, err := readMicro(fsys, dir+"/power_now"); err == nil {
		return p, nil
	}
	i, err := readMicro(fsys, dir+"/current_now")
	if err != nil {
		return 0, err
	}
	u, err := readMicro(fsys, dir+"/voltage_now")
	return i * u, err
}

// readMicro reads a number of millionths; some drivers give the discharge a
// minus sign.
func readMicro(fsys fs.FS, file string) (float64, error) {
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/%s: %.40q is no number", file, text)
	}
	return max(float64(n), -float64(n)) * 1e-6, nil
}
