package cpu_test

import (
	"testing"

	"devicemap/corpus"
	"devicemap/device/cpu"
)

// TestCorpus holds the engine to the suite's correctness gate.
func TestCorpus(t *testing.T) {
	e, err := cpu.Open(cpu.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	corpus.Run(t, e)
}
