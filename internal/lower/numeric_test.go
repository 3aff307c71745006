package lower_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/chip"
	"devicemap/internal/lower"
	"devicemap/workloads"
)

// TestDeviceMapLowers: every workload of the map has a program on every chip.
func TestDeviceMapLowers(t *testing.T) {
	for _, w := range workloads.DeviceMap() {
		t.Run(w.Name, func(t *testing.T) {
			inst, err := w.Build()
			require.NoError(t, err)
			for _, arch := range chip.Archs() {
				c, err := chip.Of(arch)
				require.NoError(t, err)
				l, err := lower.Lower(inst.Graph, c)
				if err != nil {
					t.Errorf("%s: %v", arch, err)
					continue
				}
				if len(l.Inputs) != len(inst.Graph.Inputs) || len(l.Outputs) != len(inst.Graph.Outputs) {
					t.Errorf("%s: %d inputs and %d outputs, want %d and %d", arch, len(l.Inputs), len(l.Outputs), len(inst.Graph.Inputs), len(inst.Graph.Outputs))
				}
			}
		})
	}
}
