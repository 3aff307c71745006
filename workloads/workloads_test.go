package workloads_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/graph"
	"devicemap/workloads"
)

// TestDeviceMap holds the rows to measurements E01 and its repetition table
// 0.4: names in order, FLOPs or items, arms, counts.
func TestDeviceMap(t *testing.T) {
	const full, noCPU, model, noGPU = "ANE/fp16+ GPU/fp32 GPU/fp16+ CPU/fp32", "ANE/fp16+ GPU/fp32 GPU/fp16+",
		"CPU/fp32 GPU/fp32+ ANE/fp16+", "CPU/fp32 ANE/fp16+"
	want := []struct {
		name         string
		flops, items float64
		unit, arms   string
		reps         workloads.Reps
	}{
		{"GEMM-floor", 8388608, 0, "", full, workloads.Reps{Warmup: 8, Device: 30, CPU: 30}},
		{"GEMM-bandwidth", 268435456, 0, "", full, workloads.Reps{Warmup: 8, Device: 30, CPU: 30}},
		{"GEMM-compute", 8589934592, 0, "", full, workloads.Reps{Warmup: 8, Device: 30, CPU: 30}},
		{"conv-single", 18874368, 0, "", noCPU, workloads.Reps{Warmup: 8, Device: 30, CPU: 30}},
		{"conv-resnet-ish", 18421383168, 0, "", noCPU, workloads.Reps{Warmup: 8, Device: 30, CPU: 30}},
		{"attention-vit", 1048783872, 0, "", full, workloads.Reps{Warmup: 8, Device: 30, CPU: 10}},
		{"attention-longseq", 3221225472, 0, "", full, workloads.Reps{Warmup: 8, Device: 30, CPU: 10}},
		{"layer_norm-vit", 0, 151296, "elem", noCPU, workloads.Reps{Warmup: 8, Device: 30, CPU: 30}},
		{"rms_norm-vit", 0, 151296, "elem", noCPU, workloads.Reps{Warmup: 8, Device: 30, CPU: 30}},
		{"group_norm-fmap", 0, 1048576, "elem", noCPU, workloads.Reps{Warmup: 8, Device: 30, CPU: 30}},
		{"DFT-as-matmul", 4194304, 0, "", noCPU, workloads.Reps{Warmup: 8, Device: 30, CPU: 30}},
		{"stencil-5pt", 37748736, 0, "", full, workloads.Reps{Warmup: 8, Device: 30, CPU: 5}},
		{"Jacobi-solve", 13145600, 0, "", full, workloads.Reps{Warmup: 8, Device: 30, CPU: 5}},
		{"ResNet-18-forward", 0, 1, "inf", model, workloads.Reps{Warmup: 5, Device: 15, CPU: 5}},
		{"MiniLM-encoder", 0, 1, "inf", noGPU, workloads.Reps{Warmup: 3, Device: 15, CPU: 5}},
		{"ViT-B-16-forward", 0, 1, "inf", model, workloads.Reps{Warmup: 4, Device: 12, CPU: 4}},
	}
	list := workloads.DeviceMap()
	require.Len(t, list, len(want))
	for i, w := range want {
		got := list[i]
		if got.Name != w.name || got.FLOPs != w.flops || got.Items != w.items || got.ItemUnit != w.unit {
			t.Errorf("row %d = %s, %v FLOPs, %v %q; want %s, %v, %v %q",
				i, got.Name, got.FLOPs, got.Items, got.ItemUnit, w.name, w.flops, w.items, w.unit)
		}
		if got.Reps != w.reps || got.Reps.Timed(device.CPU) != w.reps.CPU || got.Reps.Timed(device.ANE) != w.reps.Device {
			t.Errorf("%s: repetitions %+v, want %+v", w.name, got.Reps, w.reps)
		}
		if arms := armText(got.Arms); arms != w.arms {
			t.Errorf("%s: arms %s, want %s", w.name, arms, w.arms)
		}
		if generated := got.Weights == "generated"; generated != (w.unit == "inf") {
			t.Errorf("%s: weights %q", w.name, got.Weights)
		}
	}
}

// armText lists arms; a plus marks an energy run.
func armText(arms []workloads.Arm) string {
	var text []string
	for _, a := range arms {
		s := string(a.Kind) + "/" + string(a.DType)
		if a.Energy {
			s += "+"
		}
		text = append(text, s)
	}
	return strings.Join(text, " ")
}

func TestFind(t *testing.T) {
	w, err := workloads.Find("stencil-5pt")
	require.NoError(t, err)
	require.Equal(t, "stencil-5pt", w.Name)

	_, err = workloads.Find("GEMM")
	for _, want := range []string{`"GEMM"`, "GEMM-floor", "ViT-B-16-forward"} {
		require.ErrorContains(t, err, want)
	}
}

// TestFLOPsOfGraphs compares the published formulas with the products of the
// graphs, and the models with their published sizes.
func TestFLOPsOfGraphs(t *testing.T) {
	wantGFLOP := map[string]float64{ // measurements, Models
		"ResNet-18-forward": 3.63, "ViT-B-16-forward": 35.1,
	}
	wantWeights := map[string]int{"ResNet-18-forward": 11684712, "ViT-B-16-forward": 86567656}
	for _, w := range workloads.DeviceMap() {
		inst, err := w.Build()
		require.NoError(t, err, w.Name)
		got := products(inst.Graph)
		switch {
		case w.Name == "Jacobi-solve": // 3n of its formula are no products
			require.Equal(t, w.FLOPs-25*3*512, got, w.Name)
		case w.FLOPs > 0:
			require.Equal(t, w.FLOPs, got, w.Name)
		case w.ItemUnit == "elem":
			require.EqualValues(t, w.Items, inst.Graph.Inputs[0].Shape.Elems(), w.Name)
		}
		if want, ok := wantGFLOP[w.Name]; ok && math.Abs(got/1e9-want) > 0.005*want {
			t.Errorf("%s: %.3f GFLOP, published %v", w.Name, got/1e9, want)
		}
		if want, ok := wantWeights[w.Name]; ok {
			n := inst.Graph.ConstElems()
			for _, in := range inst.Graph.Inputs {
				if in.Name != "image" { // ViT's class token and positions
					n += in.Shape.Elems()
				}
			}
			require.Equal(t, want, n, w.Name)
		}
	}
}

// products counts the FLOPs of the matrix products and convolutions of g.
func products(g *graph.Graph) float64 {
	var sum float64
	for _, n := range g.Nodes {
		switch n.Op.(type) {
		case graph.MatMul, graph.Linear, graph.Conv:
			sum += n.FLOPs()
		}
	}
	return sum
}

func TestServingFLOPs(t *testing.T) {
	want := map[string]float64{"vision": 0.396, "encoder": 1.862, "attention": 0.654, "gemm": 0.268} // E04, GFLOP per item
	for _, b := range workloads.Serving() {
		inst, err := b.Build(3, 1)
		require.NoError(t, err, b.Name)
		require.Equal(t, 3*b.FLOPsPerItem, products(inst.Graph), b.Name)
		require.InDelta(t, want[b.Name], b.FLOPsPerItem/1e9, 0.0005, b.Name)
	}
}

// TestSweepsDrawOn checks that a sweep's later points continue the stream of
// its earlier ones, with the same weights.
func TestSweepsDrawOn(t *testing.T) {
	build := workloads.SelfAttention{S: 3, D: 8, Heads: 2, Seed: 7}.Build
	both, err := build(3)
	require.NoError(t, err)
	second, err := build(2, 1)
	require.NoError(t, err)
	require.Equal(t, both.Graph.Consts[0].Const, second.Graph.Consts[0].Const)
	require.Equal(t, both.Inputs[0].Narrow[3*8:], second.Inputs[0].Narrow)

	first, err := workloads.Archetype{Op: workloads.StreamReLU, Rows: 4, Cols: 5, Seed: 11}.Build()
	require.NoError(t, err)
	later, err := workloads.Archetype{Op: workloads.StreamReLU, Rows: 2, Cols: 5, Seed: 11, Earlier: []int{4, 6}}.Build()
	require.NoError(t, err)
	require.Equal(t, first.Inputs[0].Narrow[10:], later.Inputs[0].Narrow)
}

func TestRelErr(t *testing.T) {
	inst, err := workloads.DFT{N: 4, Seed: 2}.Build()
	require.NoError(t, err)
	ref, err := inst.Reference()
	require.NoError(t, err)
	exact := func() [][]float32 {
		var out [][]float32
		for _, r := range ref {
			v := make([]float32, len(r))
			for i, x := range r {
				v[i] = float32(x)
			}
			out = append(out, v)
		}
		return out
	}
	got, err := inst.RelErr(exact())
	require.NoError(t, err)
	require.Less(t, got, 1e-7)

	doubled := exact() // imag·2 is off by 1, real by 0: the mean is a half
	for i := range doubled[1] {
		doubled[1][i] *= 2
	}
	got, err = inst.RelErr(doubled)
	require.NoError(t, err)
	require.InDelta(t, 0.5, got, 1e-6)

	nan, inf, short := exact(), exact(), exact()
	nan[1][2] = float32(math.NaN())
	inf[0][3] = float32(math.Inf(-1))
	short[1] = short[1][:3]
	for _, tt := range []struct {
		name string
		got  [][]float32
		want string
	}{
		{"NaN", nan, "imag[2] is NaN"},
		{"infinite", inf, "real[3] is -Inf"},
		{"short", short, "output imag has 3 values, want 4"},
		{"one output", exact()[:1], "2 outputs, got 1"},
	} {
		if _, err := inst.RelErr(tt.got); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
}

// paramsFunc adapts a function to Params.
type paramsFunc func(name string, shape ...int) ([]float32, error)

func (f paramsFunc) Param(name string, shape ...int) ([]float32, error) { return f(name, shape...) }

// TestMissingParameters checks that a model names every parameter that its
// source lacks or gives in another size.
func TestMissingParameters(t *testing.T) {
	absent := errors.New("not in the file")
	source := paramsFunc(func(name string, shape ...int) ([]float32, error) {
		switch name {
		case "fc.bias":
			return nil, absent
		case "conv1.weight":
			return make([]float32, 5), nil
		}
		return workloads.Generated{}.Param(name, shape...)
	})
	_, err := workloads.ResNet{Blocks: []int{1}, Classes: 2, Height: 32, Width: 32}.Build(source)
	require.ErrorIs(t, err, absent)
	require.ErrorContains(t, err, "fc.bias")
	require.ErrorContains(t, err, "conv1.weight has 5 values, want [64,3,7,7]")
}

func TestMiniLMRejectsTokens(t *testing.T) {
	small := workloads.MiniLM{Vocab: 10, Positions: 3, Dim: 8, MLP: 8, Depth: 1, Heads: 2, Eps: 1e-12}
	for _, tt := range []struct {
		ids  []int
		want string
	}{
		{nil, "1 to 3 tokens, got 0"},
		{[]int{1, 2, 3, 4}, "1 to 3 tokens, got 4"},
		{[]int{1, 10}, "token 1 is 10, want 0 to 9"},
		{[]int{-1}, "token 0 is -1"},
	} {
		small.IDs = tt.ids
		if _, err := small.Build(workloads.Generated{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ids %v: error %v, want %q", tt.ids, err, tt.want)
		}
	}
}

func TestUnknownOps(t *testing.T) {
	_, err := workloads.Norm{Op: "batch_norm", Shape: graph.Shape{2, 3}}.Build()
	require.ErrorContains(t, err, `no norm "batch_norm"`)
	_, err = workloads.Archetype{Op: "tan", Rows: 1, Cols: 1}.Build()
	require.ErrorContains(t, err, `no archetype "tan"`)
}
