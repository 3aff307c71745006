package devicemap

import (
	"testing"

	"devicemap/results"
	"devicemap/workloads"
)

// BenchmarkDeviceMap is the single-stream device map (measurement E01): every
// workload class on every engine of the host, one request at a time.
func BenchmarkDeviceMap(b *testing.B) {
	var points []workloads.Point
	for _, w := range suite.workloads {
		points = append(points, workloads.Point{Workload: w})
	}
	suite.raceAll(b, results.MapBench, points)
}

// subject is a point whose data are made when its first arm needs them and
// shared by all of its arms.
type subject struct {
	workloads.Point
	made *workloads.Instance
}

func (s *subject) instance() (*workloads.Instance, error) {
	if s.made == nil {
		made, err := s.Build()
		if err != nil {
			return nil, err
		}
		s.made = made
	}
	return s.made, nil
}
