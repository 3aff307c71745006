package power

import (
	"bytes"
	"fmt"
	"time"
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

// parseDocument reads one plist document. Powers in mW are energy over elapsed
// time; energies are mJ of this interval, not cumulative. The GPU of the gpu
// dictionary is a separate read over a slightly other interval and stands in
// only where the processor dictionary lacks one. Of a repeated key the last
// counts; integers pass for reals, as a release may print either.
func parseDocument(doc []byte) (report, error) {
	var d document
	scan := plistScan{b: doc, scalar: d.scalar}
	if err := scan.document(); err != nil {
		return report{}, fmt.Errorf("powermetrics: plist document of %d bytes: %w", len(doc), err)
	}
	if !(d.ns > 0 && d.ns <= float64(24*time.Hour)) {
		return report{}, fmt.Errorf("powermetrics: elapsed_ns is %v, want a positive length of at most a day", d.ns)
	}
	return d.report(), nil
}

// document is what is read of one: mW and mJ of the processor dictionary, its
// two forms of a package, and the gpu dictionary's energy.
type document struct {
	ns                    float64
	mW, mJ                values
	packageMW, packageMJ  float64
	hasPackageMW, hasPkgJ bool
	gpuMJ                 values // GPU only
	thermal               string
}

var energyKeys = map[string]Rail{"cpu_energy": CPU, "gpu_energy": GPU, "ane_energy": ANE, "dram_energy": DRAM}

var powerKeys = map[string]Rail{"cpu_power": CPU, "gpu_power": GPU, "ane_power": ANE, "dram_power": DRAM, "combined_power": Package}

// scalar takes one value; see [plistScan].
func (d *document) scalar(dict, key, kind string, text []byte) {
	if dict == "" && key == "thermal_pressure" && kind == "string" {
		d.thermal = string(text)
		return
	}
	v, ok := plistNumber(text)
	if kind == "string" || !ok {
		return
	}
	energy, isEnergy := energyKeys[key]
	power, isPower := powerKeys[key]
	switch {
	case dict == "" && key == "elapsed_ns":
		d.ns = v
	case dict == "gpu" && key == "gpu_energy":
		d.gpuMJ.set(GPU, v)
	case dict != "processor":
	case isEnergy:
		d.mJ.set(energy, v)
	case isPower:
		d.mW.set(power, v)
	case key == "package_power":
		d.packageMW, d.hasPackageMW = v, true
	case key == "package_energy":
		d.packageMJ, d.hasPkgJ = v, true
	}
}

// report settles which read of a rail counts.
func (d *document) report() report {
	r := report{elapsed: time.Duration(d.ns), mW: d.mW, mJ: d.mJ, thermal: d.thermal}
	if r.combined = r.mW.has[Package]; !r.combined {
		if d.hasPackageMW {
			r.mW.set(Package, d.packageMW)
		}
		if d.hasPkgJ {
			r.mJ.set(Package, d.packageMJ)
		}
	}
	if v, ok := d.gpuMJ.get(GPU); ok && !r.mJ.has[GPU] {
		r.mJ.set(GPU, v)
		r.gpuSecondary = true
	}
	// Energy without its power twin, as in the gpu dictionary.
	for rail, has := range r.mJ.has {
		if has && !r.mW.has[rail] {
			r.mW.set(Rail(rail), r.mJ.v[rail]/r.elapsed.Seconds())
		}
	}
	return r
}
