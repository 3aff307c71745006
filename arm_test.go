package devicemap

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"devicemap/device"
	"devicemap/power"
	"devicemap/results"
	"devicemap/workloads"
)

// arm is one workload on one engine in one arithmetic.
type arm struct {
	bench   string // benchmark name without "Benchmark"
	subject *subject
	engine  device.Engine
	dtype   device.DType
}

// row starts the result of the arm.
func (a arm) row() results.Row {
	r := results.Row{
		Bench: a.bench, Workload: a.subject.Name, Weights: a.subject.Weights,
		Device: a.engine.Info().Name, DType: string(a.dtype),
	}
	for _, k := range a.subject.Keys {
		r.Extra = append(r.Extra, results.KeyValue{Key: k.Name, Value: k.Value})
	}
	return r
}

// name is the arm's full benchmark name without "Benchmark".
func (a arm) name() string {
	r := a.row()
	return r.Name()
}

// subName is the arm's name below its benchmark.
func (a arm) subName() string { return a.name()[len(a.bench)+1:] }

// sustained is what the power window of an arm measured.
type sustained struct {
	runs    int
	elapsed time.Duration
	power   power.Reading
}

// race runs the protocol of one arm: check, minimum latency, sustained window.
// A refusal skips the arm and a wrong answer fails it; in both cases the next
// arm goes on.
func (s *session) race(b *testing.B, a arm) {
	s.progress.step(a.label())
	defer s.progress.done()
	if err := s.obstacle(a); err != nil {
		s.refused(a, err)
		b.Skip(err)
	}
	s.rebase(b.Context())
	prog, first, err := s.prepare(a)
	if errors.Is(err, device.ErrRefused) {
		s.refused(a, err)
		b.Skip(err)
	}
	if err != nil {
		s.failed(a, err)
		b.Fatal(err)
	}
	defer prog.Close()
	lat, win, err := s.measure(b, a, prog, first.took)
	if err != nil {
		s.failed(a, err)
		b.Fatal(err)
	}
	remake := func(r power.Reading) results.Row {
		row, win := a.row(), win
		win.power = r
		row.Iters = win.runs
		if s.meter.Source() != "none" { // else the header says why there is no power
			row.Flags, row.Note = r.Flags, r.Note()
		}
		row.Metrics = a.metrics(first.relErr, lat, win)
		return row
	}
	s.paces.learn(a, win.elapsed/time.Duration(win.runs))
	for _, m := range remake(win.power).Metrics {
		if m.Unit != results.NsPerOp { // go test reports that one by itself
			b.ReportMetric(m.Value, m.Unit)
		}
	}
	if err := s.record(win.power, remake); err != nil {
		b.Error(err)
	}
}

// checked is the first run of an arm, whose result was held to the reference.
type checked struct {
	relErr float64
	took   time.Duration
}

// prepare compiles the arm, runs it once and holds the result to the float64
// reference.
func (s *session) prepare(a arm) (device.Program, checked, error) {
	inst, err := a.subject.instance()
	if err != nil {
		return nil, checked{}, err
	}
	prog, err := a.engine.Compile(inst.Graph, device.Options{DType: a.dtype, Staging: s.options.staging.Staging})
	if err != nil {
		return nil, checked{}, fmt.Errorf("compile: %w", err)
	}
	first, err := check(prog, inst, inst.Bound(a.engine.Info().Kind, a.dtype))
	if err != nil {
		prog.Close()
		return nil, checked{}, err
	}
	return prog, first, nil
}

// check runs prog once on the inputs of inst. A result farther from the
// reference than bound is an error.
func check(prog device.Program, inst *workloads.Instance, bound float64) (checked, error) {
	for i, in := range inst.Inputs {
		copy(prog.Input(i), in.Narrow)
	}
	if err := prog.Upload(); err != nil {
		return checked{}, fmt.Errorf("upload: %w", err)
	}
	start := time.Now()
	if err := prog.Run(); err != nil {
		return checked{}, fmt.Errorf("run: %w", err)
	}
	took := time.Since(start)
	if err := prog.Download(); err != nil {
		return checked{}, fmt.Errorf("download: %w", err)
	}
	var got [][]float32
	for i := range inst.Graph.Outputs {
		got = append(got, prog.Output(i))
	}
	relErr, err := inst.RelErr(got)
	if err != nil {
		return checked{}, fmt.Errorf("wrong result, not timed: %w", err)
	}
	if !(relErr <= bound) {
		return checked{}, fmt.Errorf("wrong result, not timed: relative error %.3g is above the arm's bound %.3g", relErr, bound)
	}
	return checked{relErr, took}, nil
}

// measure takes the minimum latency, then loops for -benchtime inside one
// power window. A program whose checked run, which took first, outlasted the
// latency budget is warm and goes to the window at once.
func (s *session) measure(b *testing.B, a arm, prog device.Program, first time.Duration) (latency, sustained, error) {
	kind, reps := a.engine.Info().Kind, a.subject.Reps
	warm, want := reps.Warmup, reps.Timed(kind)
	if s.options.quick {
		warm, want = (warm+3)/4, (want+3)/4
	}
	budget := latencyBudget
	if first > budget {
		warm, budget = 0, 0
	}
	lat, err := minLatency(prog.Run, warm, want, budget, time.Now)
	if err != nil {
		return lat, sustained{}, err
	}
	each := lat.short()
	w := s.meter.Begin(expected(kind)...)
	for b.Loop() { // the first call resets b's timer
		if !each {
			if err = prog.Run(); err != nil {
				break
			}
			continue
		}
		t := time.Now()
		if err = prog.Run(); err != nil {
			break
		}
		lat.add(time.Since(t))
	}
	win := sustained{runs: b.N, elapsed: b.Elapsed(), power: w.End()}
	if err != nil {
		return lat, win, fmt.Errorf("run in the window: %w", err)
	}
	return lat, win, nil
}

// expected is the rail that work on an engine of kind k must load. The
// published check is the Neural Engine's alone (measurements 0.6); on the
// others it also tells whose power a package without all parts can stand for.
func expected(k device.Kind) []power.Rail {
	rails := map[device.Kind]power.Rail{device.CPU: power.CPU, device.GPU: power.GPU, device.ANE: power.ANE}
	if r, ok := rails[k]; ok {
		return []power.Rail{r}
	}
	return nil
}

// quantity is what one run does of one kind, with the units of its rates.
type quantity struct {
	amount                       float64
	rate, peak, perWatt, peakPer string // peakPer: empty where it is not reported
}

// quantities are what a run of p does in dtype d, the first one its measure.
func quantities(p workloads.Point, d device.DType) (list []quantity) {
	gb := p.Traffic * float64(dtypeBytes(d)) / 1e9
	switch {
	case p.FLOPs > 0 && gb > 0: // the weight stream, published per watt of the minimum latency
		list = append(list, quantity{gb, results.GBps, results.PeakGBps, results.GBpsPerW, results.PeakGBpsPerW})
	case gb > 0:
		list = append(list, quantity{gb, results.GBps, results.PeakGBps, results.GBpsPerW, ""})
	}
	if p.FLOPs > 0 {
		list = append(list, quantity{p.FLOPs / 1e9, results.GFLOPS, results.PeakGFLOPS, results.GFLOPSPerW, ""})
	}
	if p.Items > 0 {
		list = append(list, quantity{p.Items, results.Items, results.PeakItems, results.ItemsPerW, ""})
	}
	return list
}

// metrics are the figures of one arm in the units of the results package. What
// was not measured is absent.
func (a arm) metrics(relErr float64, lat latency, win sustained) []results.Metric {
	var row results.Row
	perOp := win.elapsed.Seconds() / float64(win.runs)
	row.Add(perOp*1e9, results.NsPerOp)
	row.Add(float64(lat.min.Nanoseconds()), results.MinNsPerOp)
	row.Add(float64(lat.calls), results.LatencyCalls)
	row.Add(relErr*1e6, results.RelErrPPM)
	addPower(&row, win.power)
	watts, ok := win.power.Resolved(power.Package) // else it is within its own uncertainty
	exact, counted := win.power.CounterActive(power.Package)
	counted = counted && ok && exact > 0
	for _, q := range quantities(a.subject.Point, a.dtype) {
		row.Add(q.amount/perOp, q.rate)
		row.Add(q.amount/lat.min.Seconds(), q.peak)
		if ok {
			row.Add(q.amount/perOp/watts, q.perWatt)
		}
		if unit := perCounterWatt[q.perWatt]; counted && unit != "" {
			row.Add(q.amount/perOp/exact, unit)
		}
		if ok && q.peakPer != "" {
			row.Add(q.amount/lat.min.Seconds()/watts, q.peakPer)
		}
	}
	switch {
	case ok && a.bench == results.ServingBench:
		row.Add(watts*perOp*1e3/a.subject.Items, results.MJPerItem)
	case ok:
		row.Add(watts*perOp*1e3, results.MJPerOp)
	}
	return row.Metrics
}

// perCounterWatt are the units of work per watt by the energy counter.
var perCounterWatt = map[string]string{results.GFLOPSPerW: results.GFLOPSPerCtrW, results.ItemsPerW: results.ItemsPerCtrW}

// addPower appends the power figures of a window that were measured.
func addPower(row *results.Row, r power.Reading) {
	milli := func(watts float64, ok bool, unit string) {
		if ok {
			row.Add(watts*1e3, unit)
		}
	}
	for _, rail := range []struct {
		rail          power.Rail
		active, total string
	}{
		{power.Package, results.MW, results.TotalMW},
		{power.CPU, results.CPUMW, results.CPUTotalMW},
		{power.GPU, results.GPUMW, results.GPUTotalMW},
		{power.ANE, results.ANEMW, results.ANETotalMW},
	} {
		watts, ok := r.Active(rail.rail)
		milli(watts, ok, rail.active)
		watts, ok = r.Loaded(rail.rail)
		milli(watts, ok, rail.total)
	}
	watts, ok := r.MeanActive()
	milli(watts, ok, results.MeanMW)
	watts, ok = r.MinActive()
	milli(watts, ok, results.MinMW)
	watts, ok = r.P90Active()
	milli(watts, ok, results.P90MW)
	watts, ok = r.CounterActive(power.Package)
	milli(watts, ok, results.CtrMW)
	watts, ok = r.CounterMean(power.Package)
	milli(watts, ok, results.CtrTotalMW)
	watts, ok = r.Idle(power.Package)
	milli(watts, ok, results.IdleMW)
	watts, ok = r.Total(power.System)
	milli(watts, ok, results.SystemMW)
	watts, ok = r.Uncertainty(power.Package)
	milli(watts, ok, results.UncMW)
	if checks := r.CrossChecks(); len(checks) > 0 {
		row.Add(crossRatio(checks), results.CrossRatio)
	}
	if cv, ok := r.CV(); ok {
		row.Add(cv, results.CVPercent)
	}
	if r.Samples > 0 {
		row.Add(float64(r.Samples), results.PMSamples)
	}
}

// crossRatio is the ratio of the package's check, else of the first one.
func crossRatio(checks []power.CrossCheck) float64 {
	for _, c := range checks {
		if c.Rail == power.Package {
			return c.Ratio()
		}
	}
	return checks[0].Ratio()
}
