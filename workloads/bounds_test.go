package workloads_test

import (
	"encoding/csv"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/workloads"
)

// TestBoundsAdmitPublishedArms checks every published error of the device map:
// an arm of the paper passes its bound, and the bound is not wider than a
// right answer can need.
func TestBoundsAdmitPublishedArms(t *testing.T) {
	file, err := os.Open("testdata/published_relerr.csv")
	require.NoError(t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)

	type arm struct{ workload, device, dtype string }
	worst := map[arm]float64{}
	for _, r := range rows[1:] { // workload, host, device, dtype, relerr
		v, err := strconv.ParseFloat(r[4], 64)
		require.NoError(t, err)
		a := arm{r[0], r[2], r[3]}
		worst[a] = max(worst[a], v)
	}
	require.Greater(t, len(worst), 50)
	for _, w := range workloads.DeviceMap() {
		inst, err := w.Build()
		require.NoError(t, err, w.Name)
		for a, v := range worst {
			if a.workload != w.Name {
				continue
			}
			bound := inst.Bound(device.Kind(a.device), device.DType(a.dtype))
			if v > bound {
				t.Errorf("%s on %s in %s: published %.3g is above the bound %.3g", w.Name, a.device, a.dtype, v, bound)
			}
			// 3.03: three digits of the figure, times three. The other terms
			// are the golden rules for fp32 and fp16.
			if limit := max(3.03*v, goldenRule[a.dtype]); bound > limit {
				t.Errorf("%s on %s in %s: bound %.3g, want at most %.3g (published %.3g)", w.Name, a.device, a.dtype, bound, limit, v)
			}
		}
		for _, k := range []device.Kind{device.CPU, device.GPU, device.ANE} {
			if got := inst.Bound(k, "fp8"); got != 0 {
				t.Errorf("%s: bound of an unknown dtype on %s is %g, want 0", w.Name, k, got)
			}
		}
	}
}

// goldenRule is the widest tolerance that the golden rules give on the map:
// 4·1.07e-6 + 2e-7 (stencil), 1.5·1.36e-3 + 2e-4 (ViT).
var goldenRule = map[string]float64{"fp32": 4.5e-6, "fp16": 2.3e-3}
