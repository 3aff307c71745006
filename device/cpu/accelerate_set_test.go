package cpu_test

import (
	"testing"

	"devicemap/device/cpu"
	"devicemap/internal/accelerate/standin"
)

// TestAccelerateSet runs the whole set through the stand-in's C functions;
// TestCorpus does so too.
func TestAccelerateSet(t *testing.T) {
	t.Run("golden", func(t *testing.T) { goldenOps(t, cpu.OpenAccelerate(t, 2, nil)) })
	t.Run("random", func(t *testing.T) { randomShapes(t, cpu.OpenAccelerate(t, 2, nil), 4) })
}

// TestAccelerateLeast runs the set of a system that has an old sgemm and
// nothing else, and convolutions as products.
func TestAccelerateLeast(t *testing.T) {
	faults := map[string]standin.Fault{}
	for _, name := range standin.Names() {
		faults[name] = standin.Missing
	}
	delete(faults, "cblas_sgemm")
	t.Run("golden", func(t *testing.T) { goldenOps(t, cpu.OpenAccelerate(t, 2, faults)) })
	t.Run("random", func(t *testing.T) { randomShapes(t, cpu.OpenAccelerate(t, 2, faults), 4) })
}
