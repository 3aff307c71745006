package ane

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/softane"
	"devicemap/results"
	"devicemap/workloads"
)

// published reads the relative errors that silicon showed in the paper's map
// of the M1, by workload.
func published(t *testing.T) map[string]float64 {
	t.Helper()
	f, err := results.Load(filepath.Join("..", "..", "results", "M1.txt"))
	require.NoError(t, err)
	errs := map[string]float64{}
	for _, r := range f.Rows {
		if ppm, ok := r.Value(results.RelErrPPM); ok && r.Device == results.ANE && r.Bench == results.MapBench {
			errs[r.Workload] = ppm / 1e6
		}
	}
	require.NotEmpty(t, errs)
	return errs
}

// siliconFactor is how far the software engine's error may be above silicon's.
// It is below where the documentation, which the software engine follows, is
// kinder than the hardware: products accumulate in float32 there, while the
// published error of the M1 grows with the length of the sum (0.0013, 0.0055
// and 0.027 for the three GEMMs).
const siliconFactor = 3

// TestDeviceMap sends every workload of the device map through the Neural
// Engine's path on the software engine. The result must satisfy the bound at
// which an arm may be timed and stay near what the M1 showed.
func TestDeviceMap(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	silicon := published(t)
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
			if bound := inst.Bound(device.ANE, device.FP16); !(got <= bound) {
				t.Errorf("relerr %.3g, bound of the arm %.3g", got, bound)
			}
			want, ok := silicon[w.Name]
			if !ok {
				t.Logf("relerr %.3g; none is published for the M1", got)
				return
			}
			t.Logf("relerr %.3g, M1 %.3g, ratio %.2f", got, want, got/want)
			if !(got <= siliconFactor*want) {
				t.Errorf("relerr %.3g is more than %d times the M1's %.3g", got, siliconFactor, want)
			}
		})
	}
}
