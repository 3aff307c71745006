package cpu

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/accelerate"
	"devicemap/internal/accelerate/standin"
	"devicemap/internal/graph"
)

// OpenAccelerate opens an engine on the stand-in, with faults by symbol. Its
// set is preferred, the portable one comes next.
func OpenAccelerate(t *testing.T, threads int, faults map[string]standin.Fault) device.Engine {
	t.Helper()
	list := []candidate{{"accelerate", func(threads int) (*library, error) {
		lib, err := accelerate.Bind(standin.Lookup(faults))
		if err != nil {
			return nil, err
		}
		return newAccelerate(lib, "stand-in", threads)
	}}, {"gonum", openGonum}}
	lib, exec, passed, err := openLibrary(list, "", threads)
	require.NoError(t, err)
	e := newEngine(Config{}, threads, lib, exec, passed)
	t.Cleanup(func() {
		require.NoError(t, e.Close())
		require.Empty(t, standin.Violations())
	})
	return e
}

// TestAccelerateFaults: what fails its check is named and not used; the rest
// of the set is, or the next set.
func TestAccelerateFaults(t *testing.T) {
	all := func(f standin.Fault) map[string]standin.Fault {
		m := map[string]standin.Fault{}
		for g := accelerate.FortranSgemm64; g <= accelerate.Sgemm32; g++ {
			m[g.String()] = f
		}
		return m
	}
	one := func(name string, f standin.Fault) map[string]standin.Fault { return map[string]standin.Fault{name: f} }
	const fortran = "Accelerate (stand-in), sgemm$NEWLAPACK$ILP64"
	tests := []struct {
		faults  map[string]standin.Fault
		library string
		detail  string // in Info.Detail; empty: no complaint there
		half    bool   // there is an fp16 arm
	}{
		{nil, fortran, "", true},
		{one("sgemm$NEWLAPACK$ILP64", standin.Missing), "Accelerate (stand-in), cblas_sgemm$NEWLAPACK$ILP64", "", true},
		{one("sgemm$NEWLAPACK$ILP64", standin.Idle), "Accelerate (stand-in), cblas_sgemm$NEWLAPACK$ILP64",
			"not used: accelerate sgemm$NEWLAPACK$ILP64: product 5×7×33, a turned false, b turned false: element 0, 0 is NaN, want", true},
		{all(standin.Wrong), "gonum ", "not used: accelerate: no sgemm of this system passes its check: accelerate sgemm$NEWLAPACK$ILP64: product", false},
		{all(standin.Missing), "gonum ", "not used: accelerate: accelerate: not available: the library lacks cblas_sgemm", false},
		{one("BNNSMatMul", standin.Fails), fortran, "not used: accelerate fp16 product: BNNSMatMul: status -1", false},
		{one("BNNSMatMul", standin.Wrong), fortran, "not used: accelerate fp16 product: product 5×7×33", false},
		{one("BNNSMatMulWorkspaceSize", standin.Null), fortran, "not used: accelerate fp16 product: BNNS refuses this layer", false},
		{one("BNNSMatMul", standin.Missing), fortran, "", false},
		{one("BNNSFilterCreateLayerConvolution", standin.Null), fortran, "not used: accelerate convolution: [3 6 7] by [3 3]", true},
		{one("BNNSFilterApplyBatch", standin.Fails), fortran, "BNNSFilterApplyBatch: status -1", true},
		{one("BNNSFilterApplyBatch", standin.Wrong), fortran, "not used: accelerate convolution", true},
		{one("vDSP_vmax", standin.Wrong), fortran, "not used: accelerate maximum: of 0 and 0: result 0 is 1, want 0", true},
		{one("vvexpf", standin.Idle), fortran, "not used: accelerate exp: of", true},
		{one("vvexpf", standin.Missing), fortran, "", true},
		{one("vDSP_sve", standin.Wrong), fortran, "not used: accelerate vDSP_sve: of 66 values and 9: result 0 is", true},
		{one("vDSP_vsadd", standin.Wrong), fortran, "not used: accelerate shift and scale", true},
		{map[string]standin.Fault{"BLASSetThreading": standin.Missing, "pthread_set_qos_class_self_np": standin.Fails}, fortran, "", true},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.faults), func(t *testing.T) {
			info := OpenAccelerate(t, 2, tt.faults).Info()
			require.True(t, strings.HasPrefix(info.Library, tt.library), "library %q", info.Library)
			require.Contains(t, info.Detail, tt.detail)
			require.NotContains(t, info.Detail, "\n")
			require.Equal(t, tt.detail != "", strings.Contains(info.Detail, "not used"), info.Detail)
			want := []device.DType{device.FP32}
			if tt.half {
				want = append(want, device.FP16)
			}
			require.Equal(t, want, info.DTypes)
		})
	}
}

// TestAccelerateFailsLater: a call that fails after start-up is an error of
// the run.
func TestAccelerateFailsLater(t *testing.T) {
	tests := []struct {
		symbol string
		dtype  device.DType
		build  func(b *graph.Builder) *graph.Value
	}{
		{"BNNSFilterApplyBatch", device.FP32, func(b *graph.Builder) *graph.Value {
			return b.Conv(graph.Conv{}, b.Input("x", 1, 4, 5, 5), b.Const("w", graph.F32(make([]float32, 72)), 2, 4, 3, 3), nil)
		}},
		{"BNNSMatMul", device.FP16, func(b *graph.Builder) *graph.Value {
			return b.MatMul(b.Input("x", 3, 4), b.Const("w", graph.F32(make([]float32, 20)), 4, 5))
		}},
	}
	for _, tt := range tests {
		e := OpenAccelerate(t, 1, nil)
		b := graph.New("later")
		b.Output("y", tt.build(b))
		g, err := b.Build()
		require.NoError(t, err)
		p, err := e.Compile(g, device.Options{DType: tt.dtype})
		require.NoError(t, err)
		require.NoError(t, p.Run())
		standin.Lookup(map[string]standin.Fault{tt.symbol: standin.Fails})
		require.EqualError(t, p.Run(), "cpu: program later: accelerate: "+tt.symbol+": status -1")
		standin.Lookup(nil)
		require.NoError(t, p.Close())
		require.Zero(t, standin.Layers(), "layers that were not freed")
	}
}

// TestAccelerateReport: a Mac's owner gets the report of TestAccelerateHere on
// one screen.
func TestAccelerateReport(t *testing.T) {
	lib, err := accelerate.Bind(standin.Lookup(map[string]standin.Fault{"vvatanf": standin.Missing, "vDSP_vabs": standin.Wrong}))
	require.NoError(t, err)
	report, err := accelerateReport(lib, "stand-in", 2, 64)
	require.NoError(t, err)
	t.Log(report)
	for _, want := range []string{"stand-in, 2 threads", "missing: vvatanf\n", "passed: ", "fp16 product", "failed: accelerate abs: of ",
		"sgemm$NEWLAPACK$ILP64 64×64×64: "} {
		require.Contains(t, report, want)
	}
	require.LessOrEqual(t, strings.Count(report, "\n"), 24)
	require.Empty(t, standin.Violations())
}

// accelerateReport says what this system has, which functions pass their
// checks, and the rate of one product of n×n matrices.
func accelerateReport(lib *accelerate.Lib, system string, threads, n int) (string, error) {
	var found, missing []string
	for f, s := range accelerate.Symbols() {
		if lib.Has(accelerate.Func(f)) {
			found = append(found, s.Name)
		} else {
			missing = append(missing, s.Name)
		}
	}
	lib.Prefer()
	s, err := newAppleSet(lib, threads)
	if err != nil {
		return "", err
	}
	g, err := lib.NewGemm(accelerate.Product{M: n, N: n, K: n, LDA: n, LDB: n, LDC: n})
	if err != nil {
		return "", err
	}
	x, y := make([]float32, n*n), make([]float32, n*n)
	for i := range x {
		x[i] = float32(i%17) - 8
	}
	best := time.Hour
	for range 5 {
		start := time.Now()
		g.Run(x, x, y)
		best = min(best, time.Since(start))
	}
	lines := []string{fmt.Sprintf("%s, %d threads", system, threads), "found: " + strings.Join(found, " "),
		"missing: " + strings.Join(missing, " "), "passed: " + strings.Join(s.passed, ", ")}
	for _, f := range s.failed {
		lines = append(lines, "failed: "+f)
	}
	lines = append(lines, fmt.Sprintf("%v %d×%d×%d: %.0f GFLOP/s", lib.GemmFunc(), n, n, n, 2*float64(n)*float64(n)*float64(n)/best.Seconds()/1e9))
	return strings.Join(lines, "\n"), nil
}
