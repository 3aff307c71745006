package ane

import (
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/softane"
	"devicemap/workloads"
)

// published are the relative errors of the paper's Neural Engine (M1, table of
// the device map). Zero stands for a workload without a published figure.
var published = map[string]float64{}

// TestDeviceMap sends every workload of the device map through the Neural
// Engine's path on the software engine and holds the relative error to the
// bound at which an arm may be timed.
func TestDeviceMap(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	r := softRig(t, softane.H13)
	for _, w := range workloads.DeviceMap() {
		t.Run(w.Name, func(t *testing.T) {
			inst, err := w.Build()
			require.NoError(t, err)
			var inputs [][]float32
			for _, in := range inst.Inputs {
				inputs = append(inputs, in.Narrow)
			}
			outs, err := r.once(inst.Graph, inputs)
			require.NoError(t, err)
			got, err := inst.RelErr(outs)
			require.NoError(t, err)
			bound := inst.Bound(device.ANE, device.FP16)
			t.Logf("relerr %.3g, published %.3g, bound %.3g", got, published[w.Name], bound)
			if !(got <= bound) {
				t.Errorf("relerr %.3g, bound %.3g", got, bound)
			}
		})
	}
}
