package devicemap

import (
	"testing"

	"devicemap/results"
	"devicemap/workloads"
)

// BenchmarkDeviceMap is the single-stream device map (measurement E01): every
// workload class on every engine of the host, one request at a time.
func BenchmarkDeviceMap(b *testing.B) {
	for _, w := range suite.workloads {
		subject := &subject{Workload: w}
		for _, e := range suite.engines {
			for _, d := range e.Info().DTypes {
				a := arm{bench: results.MapBench, subject: subject, engine: e, dtype: d}
				b.Run(a.subName(), func(b *testing.B) { suite.race(b, a) })
			}
		}
	}
}

// deviceMapArms lists the arms of BenchmarkDeviceMap, for the progress line.
func deviceMapArms(s *session) (names []string) {
	for _, w := range s.workloads {
		for _, e := range s.engines {
			for _, d := range e.Info().DTypes {
				a := arm{bench: results.MapBench, subject: &subject{Workload: w}, engine: e, dtype: d}
				names = append(names, a.name())
			}
		}
	}
	return names
}

// subject is a workload whose data are made when its first arm needs them and
// shared by all of its arms.
type subject struct {
	workloads.Workload
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
