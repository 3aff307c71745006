package power

import (
	"bytes"
	"io/fs"
	"strconv"
	"testing"
	"testing/fstest"
	"time"
)

// clock is a powercap tree of one package whose counter follows a function of
// time, in joules, modulo the register's range. Each read computes it anew.
type clock struct {
	files  fstest.MapFS
	joules func(time.Time) float64
	wrap   uint64 // µJ
	base   uint64 // µJ at the origin
	deny   func(time.Time) bool
}

const packageZone = powercap + "/intel-rapl:0"

// raplOf makes the tree. Energy is published in steps of 61 µJ.
func raplOf(joules func(time.Time) float64) *clock {
	return &clock{
		files:  files(packageZone+"/name package-0", packageZone+"/energy_uj 0", packageZone+"/max_energy_range_uj 262143328850"),
		joules: joules, wrap: 262143328850, base: 17_000_000,
	}
}

// clocked is a package that draws constant watts.
func clocked(t *testing.T, watts float64) *clock {
	t.Helper()
	from := time.Now()
	return raplOf(func(at time.Time) float64 { return watts * at.Sub(from).Seconds() })
}

func (c *clock) setWrap(wrap, base uint64) *clock {
	c.wrap, c.base = wrap, base
	c.files[packageZone+"/max_energy_range_uj"] = &fstest.MapFile{Data: []byte(strconv.FormatUint(wrap, 10) + "\n")}
	return c
}

func (c *clock) Open(name string) (fs.File, error) {
	if name != packageZone+"/energy_uj" {
		return c.files.Open(name)
	}
	now := time.Now()
	if c.deny != nil && c.deny(now) {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrPermission}
	}
	const step = 61
	uj := (c.base + uint64(c.joules(now)*1e6)) / step * step
	text := strconv.FormatUint(uj%c.wrap, 10) + "\n"
	return fstest.MapFS{"energy_uj": {Data: bytes.Clone([]byte(text))}}.Open("energy_uj")
}
