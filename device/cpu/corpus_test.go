package cpu_test

import (
	"strings"
	"testing"

	"devicemap/corpus"
	"devicemap/device"
	"devicemap/device/cpu"
)

// TestCorpus holds every kernel set to the suite's correctness gate, whose
// references are computed once.
func TestCorpus(t *testing.T) {
	c := corpus.New(corpus.NumPy1)
	cpu.EachSet(t, 2, func(t *testing.T, e device.Engine) {
		if set := e.Info().Library; testing.Short() && (set == "embedded Go" || strings.HasPrefix(set, "gonum")) {
			t.Skip("plain Go takes long")
		}
		c.Run(t, e, corpus.Settings{})
		t.Run("contract", func(t *testing.T) { corpus.Contract(t, e) })
	})
	// Accelerate's set over callbacks, which allocate: without the contract.
	t.Run("set=accelerate-standin", func(t *testing.T) { c.Run(t, cpu.OpenAccelerate(t, 2, nil), corpus.Settings{}) })
}
