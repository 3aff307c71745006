package devicemap

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"devicemap/results"
)

// BenchmarkRoofline measures what the roofline synthesis lacks (measurement
// E05): attention without its projections, a fused block of three convolutions,
// and a single product with a vector. Everything else of a roofline is read
// from the results file, so an engine without its rows of E02 and E03 is
// skipped with the run to do first.
//
// It stands in this file because go test runs benchmarks in the order of file
// names: a run of all of them reaches it after the sweeps that it needs.
func BenchmarkRoofline(b *testing.B) { suite.sweep(b, results.RooflineBench) }

// ceilings checks that the roofs over an arm are known: from this run, or from
// the file that it is recorded in.
func (s *session) ceilings(a arm) error {
	s.mu.Lock()
	f := &results.File{Name: "this run", Rows: s.rows}
	s.mu.Unlock()
	if s.path != "" {
		switch recorded, err := results.Load(s.path); {
		case err == nil:
			f = recorded // holds this run's rows too
		case !errors.Is(err, results.ErrEmpty) && !errors.Is(err, os.ErrNotExist):
			return err
		}
	}
	want := results.Engine{Device: a.engine.Info().Name, DType: string(a.dtype)}
	for _, c := range f.Ceilings() {
		if _, ok := c.Ridge(); ok && c.Engine == want {
			return nil
		}
	}
	return fmt.Errorf("its roofline needs the GEMM and streaming peaks; run first: go test -bench 'Saturation|Bandwidth'")
}
