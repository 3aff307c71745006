package workloads_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/graph"
	"devicemap/internal/reference"
	"devicemap/workloads"
)

// label is the point's part of a benchmark's name.
func label(p workloads.Point) string {
	parts := []string{p.Name}
	for _, k := range p.Keys {
		parts = append(parts, k.Name+"="+k.Value)
	}
	return strings.Trim(strings.Join(parts, "/"), "/")
}

func sweeps() map[string][]workloads.Point {
	return map[string][]workloads.Point{
		"E02": workloads.Saturation(false), "E02 quick": workloads.Saturation(true),
		"E03": workloads.Bandwidth(false), "E03 quick": workloads.Bandwidth(true),
		"E04": workloads.ServingSweep(), "E05": workloads.Gaps(),
		"E06": workloads.GEMVSweep(false), "E06 quick": workloads.GEMVSweep(true),
	}
}

// TestSweepSizes holds the sweeps to the sizes of measurements E02 to E06.
func TestSweepSizes(t *testing.T) {
	want := map[string]string{
		"E02": `GEMM/N=512 GEMM/N=1024 GEMM/N=2048 GEMM/N=4096 GEMM/N=6144 GEMM/N=8192
			conv3x3/C=64/B=16 conv3x3/C=128/B=16 conv3x3/C=256/B=8 conv3x3/C=512/B=4`,
		"E02 quick": `GEMM/N=512 GEMM/N=1024 GEMM/N=2048 GEMM/N=4096
			conv3x3/C=64/B=8 conv3x3/C=128/B=8 conv3x3/C=256/B=4 conv3x3/C=512/B=2`,
		"E05": "gap=attention gap=fused-block gap=GEMV",
		"E06": `K=512/N=512 K=1024/N=1024 K=2048/N=2048 K=4096/N=4096 K=6144/N=6144 K=8192/N=8192
			K=8192/N=2048 K=2048/N=8192 K=4096/N=11008`,
		"E06 quick": "K=512/N=512 K=1024/N=1024 K=2048/N=2048 K=4096/N=4096",
	}
	for _, a := range []string{"streaming", "gelu", "sum", "softmax", "layer_norm"} {
		for i := 18; i <= 26; i++ {
			name := fmt.Sprintf("archetype=%s/elems=%d ", a, 1<<i)
			if i != 19 && i != 21 {
				want["E03"] += name
			}
			if i == 20 || i == 23 || i == 25 {
				want["E03 quick"] += name
			}
		}
	}
	for _, w := range []string{"vision", "encoder", "attention", "gemm"} {
		for _, b := range []int{1, 4, 16, 64, 256} {
			want["E04"] += fmt.Sprintf("%s/batch=%d ", w, b)
		}
	}
	for id, points := range sweeps() {
		var got []string
		for _, p := range points {
			got = append(got, label(p))
		}
		require.Equal(t, strings.Fields(want[id]), got, id)
	}
}

// TestSweepCounts holds FLOPs, bytes and repetitions to the specification and
// to published points (saturation, gemv, roofline_analysis; bytes are fp16).
func TestSweepCounts(t *testing.T) {
	reps := func(warm, dev, cpu int) workloads.Reps { return workloads.Reps{Warmup: warm, Device: dev, CPU: cpu} }
	tests := []struct {
		id, label          string
		gflop, bytes, item float64
		reps               workloads.Reps
	}{
		{"E02", "GEMM/N=512", 0.268435456, 0, 0, reps(3, 8, 8)},
		{"E02", "GEMM/N=8192", 1099.511627776, 0, 0, reps(3, 8, 8)},
		{"E02", "conv3x3/C=64/B=16", 4.831838208, 0, 0, reps(3, 8, 4)},
		{"E02", "conv3x3/C=128/B=16", 19.327352832, 0, 0, reps(3, 8, 4)},
		{"E02", "conv3x3/C=256/B=8", 38.654705664, 0, 0, reps(3, 8, 4)},
		{"E02", "conv3x3/C=512/B=4", 77.309411328, 0, 0, reps(3, 8, 4)},
		{"E03", "archetype=streaming/elems=67108864", 0, 268435456, 0, reps(6, 20, 20)},
		{"E03", "archetype=sum/elems=67108864", 0, 134217728, 0, reps(6, 20, 20)},
		{"E03", "archetype=layer_norm/elems=262144", 0, 1048576, 0, reps(6, 20, 20)},
		{"E04", "vision/batch=256", 0, 0, 256, reps(6, 20, 20)},
		{"E05", "gap=attention", 0.821035008, 0, 0, reps(5, 20, 10)},
		{"E05", "gap=fused-block", 57.982058496, 0, 0, reps(5, 20, 10)},
		{"E05", "gap=GEMV", 0.033554432, 0, 0, reps(5, 20, 20)},
		{"E06", "K=512/N=512", 0.000524288, 526336, 0, reps(12, 40, 20)},
		{"E06", "K=8192/N=8192", 0.134217728, 134250496, 0, reps(12, 40, 20)},
		{"E06", "K=4096/N=11008", 0.090177536, 90207744, 0, reps(12, 40, 20)},
	}
	all := sweeps()
	for _, tt := range tests {
		i := slices.IndexFunc(all[tt.id], func(p workloads.Point) bool { return label(p) == tt.label })
		require.GreaterOrEqual(t, i, 0, tt.label)
		p := all[tt.id][i]
		if p.FLOPs != tt.gflop*1e9 || 2*p.Traffic != tt.bytes || p.Items != tt.item || p.Reps != tt.reps {
			t.Errorf("%s %s: %v FLOP, %v bytes, %v items, %+v; want %v GFLOP, %v, %v, %+v",
				tt.id, tt.label, p.FLOPs, 2*p.Traffic, p.Items, p.Reps, tt.gflop, tt.bytes, tt.item, tt.reps)
		}
	}
}

// small are the points whose data are made in well under a second.
func small() (list []workloads.Point) {
	for _, points := range sweeps() {
		for _, p := range points {
			if p.Values < 6e6 {
				list = append(list, p)
			}
		}
	}
	return list
}

// TestSweepGraphs builds the small points: the graph's products are the FLOPs,
// Values lies between what enters and leaves and all that is ever computed, and
// the reference takes the rows that it should.
func TestSweepGraphs(t *testing.T) {
	points := small()
	require.Greater(t, len(points), 20)
	for _, p := range points {
		inst, err := p.Build()
		require.NoError(t, err, label(p))
		if p.FLOPs > 0 {
			softmax := 0.0 // only the attention gap counts one
			if label(p) == "gap=attention" {
				softmax = inst.Graph.FLOPs()
			}
			require.Equal(t, p.FLOPs, products(inst.Graph)+softmax, label(p))
		}
		all := 0
		for _, v := range inst.Graph.Values {
			all += v.Shape.Elems()
		}
		if label(p) == "gap=attention" {
			all += 12 * 512 * 512 // the scores are inside the operation
		}
		least := inst.Graph.ConstElems() + inst.Graph.IOElems()
		if p.Traffic > 0 && p.FLOPs == 0 { // norms have small parameters
			least -= inst.Graph.ConstElems()
		}
		if p.Values > all || float64(p.Values) < 0.99*float64(least) {
			t.Errorf("%s: Values = %d, want between %d (inputs, constants, outputs) and %d (all)", label(p), p.Values, least, all)
		}
		if rows := inst.Checked(); rows != nil && (len(rows) == 0 || rows[len(rows)-1] >= inst.Graph.Inputs[0].Shape[0]) {
			t.Errorf("%s: the reference holds the rows %v of %v", label(p), rows, inst.Graph.Inputs[0].Shape)
		}
	}
}

// TestSampledReference: the reference of some rows is those rows of the whole
// reference, for every graph that is sampled.
func TestSampledReference(t *testing.T) {
	tests := map[string][]int{ // rows by point; nil: all
		"GEMM/N=512":        first(256),
		"conv3x3/C=64/B=8":  {0},
		"vision/batch=16":   {0, 5, 10, 15},
		"attention/batch=4": nil,
		"K=512/N=512":       nil,
	}
	for _, p := range small() {
		rows, ok := tests[label(p)]
		if !ok {
			continue
		}
		delete(tests, label(p))
		inst, err := p.Build()
		require.NoError(t, err)
		require.Equal(t, rows, inst.Checked(), label(p))
		holdToWhole(t, label(p), inst)
	}
	for name := range tests {
		t.Errorf("%s is not among the small points", name)
	}
}

// TestSampledBlocks does the same for the blocks whose sampled points are too
// large to be evaluated whole.
func TestSampledBlocks(t *testing.T) {
	for _, tt := range []struct {
		name  string
		build func() (*workloads.Instance, error)
	}{
		{"encoder", func() (*workloads.Instance, error) {
			return workloads.Encoder{S: 5, D: 8, Heads: 2, FF: 16, GELU: graph.GELU}.Build(6)
		}},
		{"attention", func() (*workloads.Instance, error) {
			return workloads.SelfAttention{S: 5, D: 8, Heads: 2}.Build(6)
		}},
		{"gemm", func() (*workloads.Instance, error) { return workloads.BatchedGEMM{M: 3, K: 8}.Build(6) }},
		{"softmax", func() (*workloads.Instance, error) {
			return workloads.Archetype{Op: workloads.StreamSoftmax, Rows: 6, Cols: 7}.Build()
		}},
		{"layer_norm", func() (*workloads.Instance, error) {
			return workloads.Archetype{Op: workloads.StreamLayerNorm, Rows: 6, Cols: 7}.Build()
		}},
		{"sum", func() (*workloads.Instance, error) {
			return workloads.Archetype{Op: workloads.StreamSum, Rows: 6, Cols: 7}.Build()
		}},
	} {
		inst, err := tt.build()
		require.NoError(t, err, tt.name)
		holdToWhole(t, tt.name, workloads.OnRows(inst, []int{0, 3, 5}))
	}
}

func first(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}

func holdToWhole(t *testing.T, name string, inst *workloads.Instance) {
	t.Helper()
	whole, err := reference.Eval(inst.Graph, inst.Inputs)
	require.NoError(t, err, name)
	ref, err := inst.Reference()
	require.NoError(t, err, name)
	rows, lead := inst.Checked(), inst.Graph.Inputs[0].Shape[0]
	if rows == nil {
		rows = first(lead)
	}
	size := len(whole[0]) / lead
	require.Len(t, ref[0], len(rows)*size, name)
	got := make([]float32, len(whole[0]))
	for i, v := range whole[0] {
		got[i] = float32(v)
	}
	for i, r := range rows {
		require.InDeltaSlice(t, whole[0][r*size:(r+1)*size], ref[0][i*size:(i+1)*size], 1e-12, "%s: row %d", name, r)
	}
	e, err := inst.RelErr([][]float32{got})
	require.NoError(t, err, name)
	require.Less(t, e, 1e-7, name)
	// A wrong value in a checked row counts, a NaN in any row too.
	got[rows[len(rows)-1]*size] += 1
	if e, err = inst.RelErr([][]float32{got}); err != nil || e < 1e-5 {
		t.Errorf("%s: one value is off by 1: error %g, %v", name, e, err)
	}
	got[len(got)/2] = float32(math.NaN())
	_, err = inst.RelErr([][]float32{got})
	require.ErrorContains(t, err, "is NaN", name)
}

// TestRowsThatMix refuses to sample a graph whose rows depend on each other.
func TestRowsThatMix(t *testing.T) {
	inst, err := workloads.Attention{S: 4, D: 8, Heads: 2}.Build() // rows are tokens
	require.NoError(t, err)
	_, err = workloads.OnRows(inst, []int{1}).Reference()
	require.ErrorContains(t, err, "mixes rows; it cannot be sampled")
}

// TestSweepBoundsAdmitPublishedArms: the errors published for E02 and E06 pass,
// three times as much does not.
func TestSweepBoundsAdmitPublishedArms(t *testing.T) {
	published := map[string][2]float64{ // GPU, Neural Engine, both fp16
		"GEMM/N=512":        {0.0003590674805873171, 0.00257800397023792},
		"conv3x3/C=64/B=16": {0.0003589054157161917, 0.0005134171098867606},
		"K=512/N=512":       {0.0003628219082614415, 0.0024445968323742575},
		"K=1024/N=1024":     {0.0003438542111596957, 0.005398935782845327},
	}
	for _, p := range small() {
		want, ok := published[label(p)]
		if !ok {
			continue
		}
		inst, err := p.Build()
		require.NoError(t, err)
		for i, k := range []device.Kind{device.GPU, device.ANE} {
			if bound := inst.Bound(k, device.FP16); want[i] > bound || bound > 3.5*want[i] {
				t.Errorf("%s on %s: bound %.3g, published %.3g", label(p), k, bound, want[i])
			}
		}
	}
}
