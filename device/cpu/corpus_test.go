package cpu_test

import (
	"testing"

	"devicemap/corpus"
	"devicemap/device"
	"devicemap/device/cpu"
)

// TestCorpus holds every kernel set to the suite's correctness gate.
func TestCorpus(t *testing.T) {
	cpu.EachSet(t, 2, func(t *testing.T, e device.Engine) { corpus.Run(t, e) })
}
