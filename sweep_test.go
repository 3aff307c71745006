package devicemap

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"devicemap/device"
	"devicemap/results"
	"devicemap/workloads"
)

// sweep is one measurement of the kind E02 to E06: a benchmark over the sizes
// of a few workloads.
type sweep struct {
	bench  string
	points func(short bool) []workloads.Point
}

// sweeps lists them in the order in which they are run.
func sweeps() []sweep {
	return []sweep{
		{results.SaturationBench, workloads.Saturation},
		{results.BandwidthBench, workloads.Bandwidth},
		{results.ServingBench, func(bool) []workloads.Point { return workloads.ServingSweep() }},
		{results.RooflineBench, func(bool) []workloads.Point { return workloads.Gaps() }},
		{results.GEMVBench, workloads.GEMVSweep},
	}
}

// sweep races the sweep of that name.
func (s *session) sweep(b *testing.B, bench string) {
	i := slices.IndexFunc(sweeps(), func(w sweep) bool { return w.bench == bench })
	s.raceAll(b, bench, sweeps()[i].points(s.short()))
}

// raceAll races every point on every engine. A benchmark without any arm is
// skipped: go test would time its empty body.
func (s *session) raceAll(b *testing.B, bench string, points []workloads.Point) {
	arms := 0
	for _, p := range points {
		arms += len(s.arms(bench, &subject{Point: p}))
		s.racePoint(b, bench, p)
	}
	if arms == 0 {
		b.Skip("no arm is left to race")
	}
}

func (s *session) racePoint(b *testing.B, bench string, p workloads.Point) {
	subject := &subject{Point: p}
	for _, a := range s.arms(bench, subject) {
		b.Run(a.subName(), func(b *testing.B) { s.race(b, a) })
	}
	if subject.made != nil && p.Values > largeValues {
		subject.made = nil
		debug.FreeOSMemory() // else the next point's data come on top
	}
}

// largeValues is from when on a point's memory is given back at once.
const largeValues = 1 << 24

// arms are those of one point that are not recorded yet. The device map races every arithmetic of an
// engine; the sweeps race the GPU and the Neural Engine in fp16 alone, as
// published (measurements 0.2).
func (s *session) arms(bench string, p *subject) (list []arm) {
	for _, e := range s.engines {
		dtypes := e.Info().DTypes
		if bench != results.MapBench {
			dtypes = sweepDTypes(e.Info())
		}
		for _, d := range dtypes {
			if a := (arm{bench, p, e, d}); s.recorded[a.name()] < counts() {
				list = append(list, a)
			}
		}
	}
	return list
}

// recordedRows counts the rows of a results file by name. What cannot be read
// counts as nothing; opening the file for writing says what is wrong with it.
func recordedRows(path string) map[string]int {
	rows := map[string]int{}
	f, err := results.Load(path)
	if err != nil {
		return rows
	}
	for i := range f.Rows {
		rows[f.Rows[i].Name()]++
	}
	return rows
}

// sweepDTypes is fp16 where an engine that is no CPU has it, else its first
// arithmetic. fp16 on a CPU is never a real device.
func sweepDTypes(i device.Info) []device.DType {
	if i.Kind != device.CPU && slices.Contains(i.DTypes, device.FP16) {
		return []device.DType{device.FP16}
	}
	return i.DTypes[:min(1, len(i.DTypes))]
}

// planned lists the names of all arms, for the progress line.
func (s *session) planned() (names []string) {
	add := func(bench string, p workloads.Point) {
		for _, a := range s.arms(bench, &subject{Point: p}) {
			names = append(names, a.name())
		}
	}
	for _, w := range s.workloads {
		add(results.MapBench, workloads.Point{Workload: w})
	}
	for _, w := range sweeps() {
		for _, p := range w.points(s.short()) {
			add(w.bench, p)
		}
	}
	return names
}

// obstacle says why an arm is not to be started.
func (s *session) obstacle(a arm) error {
	if a.bench == results.RooflineBench {
		if err := s.ceilings(a); err != nil {
			return err
		}
	}
	if err := tooLarge(a.subject.Point, a.dtype, available); err != nil {
		return err
	}
	if s.short() {
		return s.paces.tooSlow(a, longestShortRun, "a short run; a -benchtime of 1s or more allows more")
	}
	return s.paces.tooSlow(a, longestRun, "any run")
}

// The longest run of an arm that is still started, where its series tells how
// long it will take. The largest published sizes are made for engines of
// teraflops. In a short run an arm costs at least two runs, and the whole suite
// is to end within minutes.
const (
	longestRun      = time.Minute
	longestShortRun = 2 * time.Second
)

// paces holds how long a unit of work took at the last point of each series.
type paces struct{ perUnit map[string]time.Duration }

// series is what the points of an arm's sweep have in common: all but sizes.
func (a arm) series() string {
	name := []string{a.bench, a.subject.Name, a.engine.Info().Name, string(a.dtype)}
	for _, k := range a.subject.Keys {
		if k.Name == "archetype" || k.Name == "gap" {
			name = append(name, k.Value)
		}
	}
	return strings.Join(name, "/")
}

// work is the arm's amount of work in thousandths of the first quantity's unit.
func (a arm) work() float64 { return 1e3 * quantities(a.subject.Point, a.dtype)[0].amount }

// learn keeps the pace of a finished arm of a sweep.
func (p *paces) learn(a arm, run time.Duration) {
	if a.bench == results.MapBench {
		return // its workloads are no series
	}
	if p.perUnit == nil {
		p.perUnit = map[string]time.Duration{}
	}
	p.perUnit[a.series()] = time.Duration(float64(run) / a.work())
}

// tooSlow says that a run of a is expected to outlast the limit of a kind of
// run: its work at the pace of the series' last point.
func (p *paces) tooSlow(a arm, limit time.Duration, kind string) error {
	if a.bench == results.MapBench {
		return nil
	}
	pace, ok := p.perUnit[a.series()]
	expected := time.Duration(float64(pace) * a.work())
	if !ok || expected <= limit {
		return nil
	}
	return fmt.Errorf("one run would take about %v, over the limit of %v for %s",
		expected.Round(100*time.Millisecond), limit, kind)
}
