package results

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ToPaper converts one measurement of a file of published figures back into
// the JSON that it was converted from: measured values digit by digit, derived
// ones computed again. bench is the name of its benchmark, such as [MapBench].
func ToPaper(f *File, bench string) ([]byte, error) {
	var p any
	var err error
	if s := sweepNamed(bench); s != nil {
		p, err = s.back(f)
	} else if bench == MapBench {
		p, err = f.paper()
	} else {
		err = fmt.Errorf("results: %s: no published form of %q", f.Name, bench)
	}
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(p, "", "  ")
}

// paper rebuilds the published record.
func (f *File) paper() (*paperMap, error) {
	p := &paperMap{Results: paperEntries{}}
	if err := p.take(f, ""); err != nil {
		return nil, err
	}
	for _, w := range Workloads {
		entry, ok, err := f.paperEntry(w)
		if err != nil {
			return nil, fmt.Errorf("results: %s: %s: %w", f.Name, w.Name, err)
		}
		if ok {
			p.Results[w.Label] = entry
		}
	}
	return p, nil
}

// take reads back the facts that facts wrote with the same prefix.
func (p *paperProtocol) take(f *File, prefix string) error {
	p.Backends, p.IdleMW = map[string]bool{}, map[string]json.Number{}
	for _, fact := range f.Facts {
		key, ok := strings.CutPrefix(fact.Key, prefix)
		if !ok || fact.Value == "" { // absent, never 0
			continue
		}
		if err := p.takeFact(Fact{key, fact.Value}); err != nil {
			return fmt.Errorf("results: %s: %w", f.Name, err)
		}
	}
	return nil
}

// takeFact reads back one fact; others are ours.
func (p *paperProtocol) takeFact(fact Fact) error {
	for _, s := range p.scalars() {
		if fact.Key == s.key {
			*s.number = json.Number(fact.Value)
			return nil
		}
	}
	if k, ok := strings.CutPrefix(fact.Key, backendFact); ok {
		v, err := strconv.ParseBool(fact.Value)
		if err != nil {
			return fmt.Errorf("fact %s is %q, want true or false", fact.Key, fact.Value)
		}
		p.Backends[k] = v
	}
	if k, ok := strings.CutPrefix(fact.Key, idleFact); ok && strings.HasSuffix(k, idleUnit) {
		p.IdleMW[strings.TrimSuffix(k, idleUnit)] = json.Number(fact.Value)
	}
	return nil
}

// paperEntry rebuilds one workload; ok is false where the file has none.
func (f *File) paperEntry(w Workload) (entry paperEntry, ok bool, err error) {
	entry.Rows = []paperRow{}
	for _, key := range []string{KeyWorkload, KeySkipped} {
		for _, kv := range f.Named(key) {
			if kv.Key == w.Name {
				entry.Note, ok = kv.Value, true
			}
		}
	}
	for i := range f.Rows {
		r := &f.Rows[i]
		if r.Workload != w.Name || cmp.Or(r.Bench, MapBench) != MapBench {
			continue
		}
		ok = true
		d := slices.IndexFunc(paperDevices, func(d struct{ paper, ours string }) bool { return d.ours == r.Device })
		if d < 0 {
			return entry, ok, fmt.Errorf("line %d: device %q is not a published one", r.Line, r.Device)
		}
		row, err := r.toPaper(paperDevices[d].paper)
		if err != nil {
			return entry, ok, fmt.Errorf("line %d: %w", r.Line, err)
		}
		entry.Rows = append(entry.Rows, row)
		if _, measured := r.metric(NsPerOp); !measured {
			continue
		}
		energy, err := r.toEnergy()
		if err != nil {
			return entry, ok, fmt.Errorf("line %d: %w", r.Line, err)
		}
		if entry.Energy == nil {
			entry.Energy = map[string]paperEnergy{}
		}
		entry.Energy[row.Device] = energy
	}
	return entry, ok, nil
}

func (r *Row) toPaper(device string) (paperRow, error) {
	row := paperRow{Device: device, DType: r.DType}
	if err := r.unscaled(MinNsPerOp, 6, &row.LatencyMS); err != nil {
		return row, err
	}
	if err := r.unscaled(RelErrPPM, 6, &row.RelErr); err != nil {
		return row, err
	}
	for _, t := range throughputs {
		var number json.Number
		if err := r.unscaled(t.unit, t.scale, &number); err != nil {
			return row, err
		}
		if number == "" {
			continue
		}
		v, err := number.Float64()
		if err != nil {
			return row, err
		}
		text := strconv.FormatFloat(v, 'f', t.decimals, 64) + t.suffix
		row.Throughput = &text
	}
	return row, nil
}

func (r *Row) toEnergy() (paperEnergy, error) {
	e := paperEnergy{Iters: json.Number(strconv.Itoa(r.Iters)), Flags: append([]string{}, r.Flags...)}
	for _, field := range energyFields {
		if err := r.unscaled(field.unit, field.scale, field.number(&e)); err != nil {
			return e, err
		}
	}
	for _, unit := range []string{GFLOPSPerW, ItemsPerW} {
		if _, ok := r.metric(unit); ok {
			e.PerfUnit = unit
			return e, r.unscaled(unit, 0, &e.PerfPerW)
		}
	}
	return e, nil
}

// unscaled sets number to the metric · 10^−by where it was measured.
func (r *Row) unscaled(unit string, by int, number *json.Number) error {
	m, ok := r.metric(unit)
	if !ok {
		return nil
	}
	text, err := shift(m.number(), -by)
	*number = json.Number(text)
	return err
}
