package workloads_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/graph"
	"devicemap/internal/reference"
	"devicemap/workloads"
)

// TestBoundsAdmitHalfStorage computes workloads as an ideal fp16 engine would:
// every tensor stored in fp16, every operation computed in float64. The golden
// set has such figures for the kernels, which check this arithmetic, and none
// for the models, whose evidence this test is.
func TestBoundsAdmitHalfStorage(t *testing.T) {
	if testing.Short() {
		t.Skip("evaluates the models once more; run without -short")
	}
	tests := []struct {
		name   string
		golden float64 // kernels.json relerr_fp16; 0: none
	}{
		{"GEMM-floor", 0.0003561842592520691},
		{"conv-single", 0.0003634374192566113},
		{"attention-vit", 0.0008392279300838103},
		{"layer_norm-vit", 0.0003664294909116932},
		{"stencil-5pt", 0.0006589033883282335},
		{"Jacobi-solve", 0.00034182093642647787},
		{"ResNet-18-forward", 0},
		{"MiniLM-encoder", 0},
		{"ViT-B-16-forward", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "ViT-B-16-forward" && *goldenDir == "" {
				t.Skip("takes 15 processor seconds; run with -golden")
			}
			w, err := workloads.Find(tt.name)
			require.NoError(t, err)
			inst, err := w.Build()
			require.NoError(t, err)
			got, err := inst.RelErr(evalHalf(t, inst))
			require.NoError(t, err)
			t.Logf("relerr in fp16 storage: %.3g", got)
			if tt.golden > 0 && math.Abs(got-tt.golden) > 0.02*tt.golden {
				t.Errorf("relerr = %.4g, golden set %.4g", got, tt.golden)
			}
			for _, k := range []device.Kind{device.CPU, device.GPU, device.ANE} {
				if bound := inst.Bound(k, device.FP16); got > bound {
					t.Errorf("relerr = %.3g, above the bound %.3g on %s", got, bound, k)
				}
			}
		})
	}
}

// evalHalf evaluates g node by node and rounds every tensor to fp16.
func evalHalf(t *testing.T, inst *workloads.Instance) [][]float32 {
	t.Helper()
	values := map[*graph.Value][]float64{}
	for i, in := range inst.Graph.Inputs {
		values[in] = halves(inst.Inputs[i].Narrow)
	}
	for _, n := range inst.Graph.Nodes {
		b := graph.New(n.Name)
		var in []*graph.Value
		var data []graph.Data
		for i, v := range n.In {
			x, ok := values[v]
			if !ok {
				x = halves(v.Const.Narrow)
			}
			in = append(in, b.Input(string(rune('a'+i)), v.Shape...))
			data = append(data, graph.F64(x))
		}
		for i, out := range b.ApplyMany(n.Op, in...) {
			b.Output(string(rune('a'+i)), out)
		}
		g, err := b.Build()
		require.NoError(t, err)
		out, err := reference.Eval(g, data)
		require.NoError(t, err)
		for i, v := range n.Out {
			values[v] = halves(out[i])
		}
	}
	var outputs [][]float32
	for _, o := range inst.Graph.Outputs {
		outputs = append(outputs, graph.F64(values[o.Value]).Narrow)
	}
	return outputs
}

func halves[F float32 | float64](x []F) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = half(float64(v))
	}
	return out
}

// half is the nearest fp16 value, ties to even: 11 significand bits, the
// smallest step 2^-24, infinity from 65520.
func half(x float64) float64 {
	_, e := math.Frexp(x)
	step := math.Ldexp(1, max(e-11, -24))
	y := math.RoundToEven(x/step) * step
	if math.Abs(y) > 65504 {
		return math.Inf(int(math.Copysign(1, x)))
	}
	return y
}

func TestHalf(t *testing.T) {
	for _, tt := range []struct{ x, want float64 }{
		{0, 0}, {1, 1}, {-2.5, -2.5},
		{1 + 0x1p-11, 1}, {1 + 3*0x1p-11, 1 + 0x1p-9}, // ties
		{0x1p-24, 0x1p-24}, {0x1p-25, 0}, {1.5 * 0x1p-24, 2 * 0x1p-24}, // subnormal
		{65504, 65504}, {65519, 65504}, {65520, math.Inf(1)}, {-7e4, math.Inf(-1)},
	} {
		if got := half(tt.x); got != tt.want {
			t.Errorf("half(%g) = %g, want %g", tt.x, got, tt.want)
		}
	}
}
