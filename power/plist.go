package power

import (
	"bytes"
	"fmt"
	"time"

	"howett.net/plist"
)

// maxDocument bounds one plist document. The largest capture, a 24-core M2
// Ultra, has 65 KB.
const maxDocument = 1 << 20

var docEnd = []byte("</plist>")

// docSplitter cuts the stream of powermetrics -f plist into documents. They
// are separated by NUL bytes, but the NUL after a document comes with the next
// one, so a document ends at </plist>, as soon as it is there. What stands
// before a NUL or the end of the stream without </plist> is a truncated
// document: feed reports the former, and the latter is never emitted.
type docSplitter struct {
	buf     []byte // the unfinished document
	skip    bool   // it was too long: ignore all up to its end
	emit    func(doc []byte)
	problem func(error)
}

// feed takes the next bytes of the stream, cut anywhere. The slice passed to
// emit is valid during the call.
func (s *docSplitter) feed(p []byte) {
	for len(p) > 0 {
		nul := bytes.IndexByte(p, 0)
		part := p
		if nul >= 0 {
			part = p[:nul]
		}
		s.text(part)
		if nul < 0 {
			return
		}
		if n := len(bytes.TrimSpace(s.buf)); n > 0 {
			s.problem(fmt.Errorf("powermetrics: %d bytes before a NUL are no plist document", n))
		}
		s.buf, s.skip = s.buf[:0], false
		p = p[nul+1:]
	}
}

// text takes bytes without NUL.
func (s *docSplitter) text(p []byte) {
	from := max(0, len(s.buf)-len(docEnd)+1) // </plist> may be cut anywhere
	s.buf = append(s.buf, p...)
	for {
		i := bytes.Index(s.buf[from:], docEnd)
		if i < 0 {
			break
		}
		end := from + i + len(docEnd)
		if !s.skip && end <= maxDocument {
			s.emit(s.buf[:end])
		} else if !s.skip {
			s.tooLong()
		}
		s.skip = false
		s.buf = append(s.buf[:0], s.buf[end:]...)
		from = 0
	}
	if len(s.buf) > maxDocument {
		if !s.skip {
			s.tooLong()
		}
		s.skip = true
		s.buf = append(s.buf[:0], s.buf[len(s.buf)-len(docEnd):]...)
	}
}

func (s *docSplitter) tooLong() {
	s.problem(fmt.Errorf("powermetrics: plist document exceeds %d bytes; it is skipped", maxDocument))
}

// document holds the keys that are read; the decoder ignores all others and
// takes the last of a repeated key, as some releases repeat idle_ratio. Numbers
// are any because a release may print an integer where another prints a real.
type document struct {
	ElapsedNS any `plist:"elapsed_ns"`
	Processor *struct {
		CPUEnergy     any `plist:"cpu_energy"`
		GPUEnergy     any `plist:"gpu_energy"`
		ANEEnergy     any `plist:"ane_energy"`
		DRAMEnergy    any `plist:"dram_energy"`
		PackageEnergy any `plist:"package_energy"`
		CPUPower      any `plist:"cpu_power"`
		GPUPower      any `plist:"gpu_power"`
		ANEPower      any `plist:"ane_power"`
		DRAMPower     any `plist:"dram_power"`
		PackagePower  any `plist:"package_power"`
		CombinedPower any `plist:"combined_power"`
	} `plist:"processor"`
	GPU *struct {
		Energy any `plist:"gpu_energy"`
	} `plist:"gpu"`
	Thermal any `plist:"thermal_pressure"`
}

// parseDocument reads one plist document. Powers in mW are energy over elapsed
// time; energies are mJ of this interval, not cumulative. The GPU of the gpu
// dictionary is a separate read over a slightly other interval and stands in
// only where the processor dictionary lacks one.
func parseDocument(doc []byte) (report, error) {
	var d document
	format, err := plist.Unmarshal(doc, &d)
	if err != nil {
		return report{}, fmt.Errorf("powermetrics: plist document of %d bytes: %w", len(doc), err)
	}
	if format != plist.XMLFormat {
		return report{}, fmt.Errorf("powermetrics: plist document of %d bytes is not XML", len(doc))
	}
	ns, ok := number(d.ElapsedNS)
	if !ok || ns <= 0 || ns > float64(24*time.Hour) {
		return report{}, fmt.Errorf("powermetrics: elapsed_ns is %v, want a positive length of at most a day", d.ElapsedNS)
	}
	r := report{elapsed: time.Duration(ns)}
	r.thermal, _ = d.Thermal.(string)
	if p := d.Processor; p != nil {
		put(&r.mW, CPU, p.CPUPower)
		put(&r.mW, GPU, p.GPUPower)
		put(&r.mW, ANE, p.ANEPower)
		put(&r.mW, DRAM, p.DRAMPower)
		put(&r.mW, Package, p.CombinedPower)
		r.combined = r.mW.has[Package]
		put(&r.mJ, CPU, p.CPUEnergy)
		put(&r.mJ, GPU, p.GPUEnergy)
		put(&r.mJ, ANE, p.ANEEnergy)
		put(&r.mJ, DRAM, p.DRAMEnergy)
		if !r.combined {
			put(&r.mW, Package, p.PackagePower)
			put(&r.mJ, Package, p.PackageEnergy)
		}
	}
	if g := d.GPU; g != nil && !r.mJ.has[GPU] {
		put(&r.mJ, GPU, g.Energy)
		r.gpuSecondary = r.mJ.has[GPU]
	}
	// Energy without its power twin, as in the gpu dictionary.
	for rail, has := range r.mJ.has {
		if has && !r.mW.has[rail] {
			r.mW.set(Rail(rail), r.mJ.v[rail]/r.elapsed.Seconds())
		}
	}
	return r, nil
}

func put(s *values, r Rail, x any) {
	if v, ok := number(x); ok {
		s.set(r, v)
	}
}

// number is the value of a plist integer or real.
func number(x any) (float64, bool) {
	switch x := x.(type) {
	case uint64:
		return float64(x), true
	case int64:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}
