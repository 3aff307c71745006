package corpus

import (
	"testing"

	"devicemap/device"
	"devicemap/device/cpu"
)

func openCPU(t *testing.T) device.Engine {
	t.Helper()
	e, err := cpu.Open(cpu.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// TestCorpus is the gate: every engine of this host over the whole corpus.
func TestCorpus(t *testing.T) {
	t.Run("CPU", func(t *testing.T) { shared().Run(t, openCPU(t), Settings{}) })
}
