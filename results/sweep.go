package results

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// Names of the sweeps' benchmarks, without "Benchmark".
const (
	SaturationBench = "Saturation" // E02: workload=GEMM/…/N=2048, workload=conv3x3/…/C=512/B=4
	BandwidthBench  = "Bandwidth"  // E03: …/archetype=softmax/elems=67108864
	ServingBench    = "Serving"    // E04: workload=encoder/…/batch=16
	RooflineBench   = "Roofline"   // E05, the gaps: …/gap=attention
	GEMVBench       = "GEMV"       // E06: …/K=4096/N=4096
	CliffsBench     = "NumericCliffs"
)

// Workloads of the saturation sweep.
const (
	GEMM    = "GEMM"
	Conv3x3 = "conv3x3"
)

// Points returns the arms of a benchmark in the order of first appearance.
func (f *File) Points(bench string) []*Arm {
	var arms []*Arm
	for i := range f.Rows {
		r := &f.Rows[i]
		if cmp.Or(r.Bench, MapBench) != bench || r.Device == "" {
			continue
		}
		at := slices.IndexFunc(arms, func(a *Arm) bool {
			return a.Workload == r.Workload && a.Weights == r.Weights && a.Device == r.Device && a.DType == r.DType &&
				slices.Equal(a.Extra, r.Extra)
		})
		if at < 0 {
			at = len(arms)
			arms = append(arms, &Arm{Workload: r.Workload, Weights: r.Weights, Device: r.Device, DType: r.DType, Extra: r.Extra})
		}
		arms[at].Rows = append(arms[at].Rows, r)
	}
	return arms
}

// Key is the value of a further key of the arm's name.
func (a *Arm) Key(key string) string {
	for _, kv := range a.Extra {
		if kv.Key == key {
			return kv.Value
		}
	}
	return ""
}

// Int is a further key as a number; 0 where the name has none.
func (a *Arm) Int(key string) int {
	n, err := strconv.Atoi(a.Key(key))
	if err != nil {
		return 0
	}
	return n
}

// Engine is the arm's device with its arithmetic.
func (a *Arm) Engine() Engine { return Engine{a.Device, a.DType} }

// Races reports whether the arm takes part in verdicts: a software stand-in
// computes like an engine but is not one.
func (a *Arm) Races() bool { return races(a.Device) }

// keep returns the arms that pass.
func keep(arms []*Arm, pass func(*Arm) bool) []*Arm {
	return slices.DeleteFunc(slices.Clone(arms), func(a *Arm) bool { return !pass(a) })
}

// measured returns the arms with a positive figure in a unit.
func measured(arms []*Arm, unit string) []*Arm {
	return keep(arms, func(a *Arm) bool {
		v, ok := a.Median(unit)
		return ok && v > 0
	})
}

// Peak is the best figure of a sweep and where it was reached.
type Peak struct {
	Value float64
	At    *Arm
}

// size is a key of the peak's arm; 0 without one.
func (p Peak) size(key string) int {
	if p.At == nil {
		return 0
	}
	return p.At.Int(key)
}

// Highest is the arm with the highest median of a unit; ok is false where none
// has it.
func Highest(arms []*Arm, unit string) (p Peak, ok bool) {
	for _, a := range measured(arms, unit) {
		if v, _ := a.Median(unit); v > p.Value {
			p = Peak{v, a}
		}
	}
	return p, p.At != nil
}

// FallOff is how many times the figure at the largest size falls short of the
// peak: peak / value(largest), ≥ 1. ok is false where nothing was measured.
func FallOff(arms []*Arm, sizeKey, unit string) (ratio float64, largest *Arm, ok bool) {
	peak, ok := Highest(arms, unit)
	if !ok {
		return 0, nil, false
	}
	largest = slices.MaxFunc(measured(arms, unit), func(a, b *Arm) int { return a.Int(sizeKey) - b.Int(sizeKey) })
	v, _ := largest.Median(unit)
	return peak.Value / v, largest, true
}

// bySize sorts arms by a numeric key.
func bySize(arms []*Arm, key string) []*Arm {
	sorted := slices.Clone(arms)
	slices.SortStableFunc(sorted, func(a, b *Arm) int { return a.Int(key) - b.Int(key) })
	return sorted
}

// Engine is a device in one arithmetic, as far as sweeps go.
type Engine struct{ Device, DType string }

func (e Engine) String() string { return e.Device + " " + e.DType }

// Kind is the engine kind.
func (e Engine) Kind() string { return Kind(e.Device) }

func (e Engine) runs(a *Arm) bool { return a.Device == e.Device && a.DType == e.DType }

// Engines lists the engines of some benchmarks: CPU, GPU, ANE, then others,
// fp32 before fp16. Software stand-ins are left out.
func (f *File) Engines(benches ...string) []Engine {
	var engines []Engine
	for _, bench := range benches {
		for _, a := range f.Points(bench) {
			if e := (Engine{a.Device, a.DType}); races(a.Device) && !slices.Contains(engines, e) {
				engines = append(engines, e)
			}
		}
	}
	kinds := []string{CPU, GPU, ANE}
	rank := func(e Engine) int {
		if i := slices.Index(kinds, e.Kind()); i >= 0 {
			return i
		}
		return len(kinds)
	}
	slices.SortStableFunc(engines, func(a, b Engine) int {
		return cmp.Or(rank(a)-rank(b), cmp.Compare(a.Device, b.Device), cmp.Compare(b.DType, a.DType))
	})
	return engines
}

// MissingError: an analysis needs rows that the file does not have.
type MissingError struct {
	File, Bench string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("results: %s has no rows of %s; run first: go test -bench %s", e.File, e.Bench, e.Bench)
}

// need fails for the first benchmark that the file has no row of.
func (f *File) need(benches ...string) error {
	for _, bench := range benches {
		if len(f.Points(bench)) == 0 {
			return &MissingError{f.Name, bench}
		}
	}
	return nil
}
