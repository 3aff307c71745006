package devicemap

import (
	"testing"

	"devicemap/results"
)

// BenchmarkServing is the batched serving sweep (measurement E04): four blocks
// at batches of 1 to 256, where one program has the batch as its leading
// dimension. It gives what the crossovers need, both by the minimum latency
// (peak-items/s, as published) and sustained (items/s, trap T8).
//
// The encoder's gelu is part of the graph on every engine; the published GPU
// figure holds a host round trip (trap T10).
func BenchmarkServing(b *testing.B) { suite.sweep(b, results.ServingBench) }
