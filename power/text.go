package power

import (
	"strconv"
	"strings"
	"time"
)

// textParser reads powermetrics -f text line by line, in the vocabulary of
// every release from macOS 11 on.
//
// The section decides what a line means: GPU Power is printed twice when two
// samplers are on, in the processor section and in GPU usage, and the first
// counts. Rows of the task table, such as PerfPowerServices, lie outside both
// sections. A missing line is a missing rail.
type textParser struct {
	cur     report
	section string
	begun   bool // cur holds something
}

// header reports whether line opens a sample, with the elapsed time it states
// (0 if unreadable):
//
//	*** Sampled system activity (DATE) (1004.68ms elapsed) ***
func header(line string) (elapsed time.Duration, ok bool) {
	if !strings.HasPrefix(line, "*** Sampled system activity (") {
		return 0, false
	}
	_, rest, _ := cutLast(line, " (")
	ms, _, found := strings.Cut(rest, "ms elapsed)")
	if !found {
		return 0, true
	}
	v, err := strconv.ParseFloat(ms, 64)
	if err != nil || !(v > 0 && v <= 24*3600e3) {
		return 0, true
	}
	return time.Duration(v*1e6 + 0.5), true
}

// cutLast is strings.Cut at the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// start begins a sample and returns the one before, if there was any.
func (p *textParser) start(elapsed time.Duration) (prev report, ok bool) {
	prev, ok = p.cur, p.begun
	*p = textParser{cur: report{elapsed: elapsed}, begun: true}
	return prev, ok
}

// line takes a line that is no header. It reports whether the line closes the
// powers of the sample: the package comes last in the processor section.
func (p *textParser) line(line string) (last bool) {
	line = strings.TrimRight(line, " \t\r\n")
	if strings.HasPrefix(line, "***") {
		p.section = strings.Trim(line, "* ")
		p.begun = p.begun || p.section == "Processor usage"
		return false
	}
	key, val, ok := strings.Cut(line, ": ")
	if !ok {
		return false
	}
	switch p.section {
	case "Thermal pressure":
		if key == "Current pressure level" {
			p.cur.thermal = val
		}
	case "GPU usage":
		if key == "GPU Power" && !p.cur.mW.has[GPU] {
			p.power(GPU, val)
		}
	case "Processor usage":
		return p.processor(key, val)
	}
	return false
}

// processor takes a line of the processor section. macOS 11 has Clusters Total
// Power for CPU Power; Package Power, of macOS 11 to the 13 betas, holds more
// than the three parts of the later Combined Power.
func (p *textParser) processor(key, val string) (last bool) {
	switch key {
	case "CPU Power", "Clusters Total Power":
		p.power(CPU, val)
	case "GPU Power":
		p.power(GPU, val)
	case "ANE Power":
		p.power(ANE, val)
	case "DRAM Power":
		p.power(DRAM, val)
	case "Package Power":
		return p.power(Package, val)
	case "Combined Power (CPU + GPU + ANE)":
		p.cur.combined = p.power(Package, val)
		return p.cur.combined
	}
	return false
}

// power stores a value such as "271 mW".
func (p *textParser) power(r Rail, val string) bool {
	digits, ok := strings.CutSuffix(val, " mW")
	if !ok {
		return false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err == nil {
		p.cur.mW.set(r, float64(n))
	}
	return err == nil
}
