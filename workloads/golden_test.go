package workloads_test

import (
	"flag"
	"math"
	"runtime/debug"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/golden"
	"devicemap/internal/graph"
	"devicemap/internal/reference"
	"devicemap/workloads"
)

var goldenDir = flag.String("golden", "", "directory of kernels.json and models.json; empty: the embedded set")

// exact is the relative error below which two float64 evaluations agree.
const exact = 1e-10

func goldenSet(t *testing.T) *golden.Set {
	t.Helper()
	set, err := golden.Open(*goldenDir)
	require.NoError(t, err)
	return set
}

// goldenGELU is the graph's function for a "gelu" entry.
func goldenGELU(kind string) graph.UnaryFn {
	if kind == "tanh" {
		return graph.GELUTanh
	}
	return graph.GELU
}

// kernelOf builds the workload that a golden kernel describes, with its FLOPs
// or element count.
func kernelOf(t *testing.T, k golden.Kernel) (*workloads.Instance, float64) {
	t.Helper()
	s := k.Sizes
	var build func() (*workloads.Instance, error)
	var work float64
	switch k.Kind {
	case "gemm":
		w := workloads.GEMM{M: s.M, K: s.K, N: s.N, Seed: k.Seed}
		build, work = w.Build, w.FLOPs()
	case "conv_stack":
		w := workloads.ConvStack{Cin: s.Cin, C: s.C, H: s.H, W: s.W, Depth: s.Depth, Seed: k.Seed}
		build, work = w.Build, w.FLOPs()
	case "attention":
		w := workloads.Attention{S: s.S, D: s.D, Heads: s.H, Seed: k.Seed}
		build, work = w.Build, w.FLOPs()
	case "layer_norm", "rms_norm", "group_norm":
		w := workloads.Norm{Op: workloads.NormOp(k.Kind), Shape: s.Shape, Groups: s.Groups, Seed: k.Seed}
		build, work = w.Build, float64(w.Shape.Elems())
	case "dft":
		w := workloads.DFT{N: s.N, Seed: k.Seed}
		build, work = w.Build, w.FLOPs()
	case "stencil":
		w := workloads.Stencil{H: s.H, W: s.W, Steps: s.Steps, Seed: k.Seed}
		build, work = w.Build, w.FLOPs()
	case "jacobi":
		w := workloads.Jacobi{N: s.Order, Iterations: s.Iterations, Seed: k.Seed}
		build, work = w.Build, w.FLOPs()
	case "e03":
		w := workloads.Archetype{Op: workloads.ArchetypeOp(s.Op), Rows: s.Shape[0], Cols: s.Shape[1], Seed: k.Seed}
		if k.ParamSeed != nil {
			w.ParamSeed = *k.ParamSeed
		}
		build, work = w.Build, float64(w.Rows*w.Cols)
	case "neck":
		w := workloads.Neck{C: s.C, H: s.H, W: s.W, Groups: s.Groups, GELU: goldenGELU(s.GELU), Seed: k.Seed, InputSeed: *k.InputSeed}
		build, work = w.Build, w.FLOPs()
	default:
		t.Fatalf("no workload of kind %q", k.Kind)
	}
	inst, err := build()
	require.NoError(t, err)
	return inst, work
}

func TestGoldenKernels(t *testing.T) {
	set, err := goldenSet(t).Kernels()
	require.NoError(t, err)
	for _, k := range set.Kernels {
		t.Run(k.Name, func(t *testing.T) {
			inst, work := kernelOf(t, k)
			if want := k.FLOPs + k.Elements; work != want { // one of them is 0
				t.Errorf("FLOPs or elements = %v, want %v", work, want)
			}
			checkDrawn(t, inst, k.Inputs)
			ref, err := inst.Reference()
			require.NoError(t, err)
			want := []*golden.Digest{&k.Reference.Digest}
			if k.Kind == "dft" {
				want = []*golden.Digest{k.Reference.Real, k.Reference.Imag}
			}
			require.Len(t, ref, len(want))
			for i, d := range want {
				if _, err := golden.Compare(ref[i], d, exact); err != nil {
					t.Errorf("output %s: %v", inst.Graph.Outputs[i].Name, err)
				}
			}
		})
	}
}

// checkDrawn compares the inputs and constants of a graph with the listed
// draws. What a graph does not hold cannot be compared: rms_norm's β, drawn
// last, and Jacobi's M, which its b and its result prove.
func checkDrawn(t *testing.T, inst *workloads.Instance, want []golden.Tensor) {
	t.Helper()
	have := map[string][]float32{}
	for i, in := range inst.Graph.Inputs {
		have[in.Name] = inst.Inputs[i].Narrow
	}
	for _, c := range inst.Graph.Consts {
		have[c.Name] = c.Const.Narrow
	}
	compared := 0
	for _, w := range want {
		if v, ok := have[w.Name]; ok {
			compared++
			if err := w.Check(v); err != nil {
				t.Error(err)
			}
		}
	}
	if compared < len(want)-1 {
		t.Errorf("only %d of %d drawn tensors are in the graph", compared, len(want))
	}
}

func TestGoldenModels(t *testing.T) {
	set, err := goldenSet(t).Models()
	require.NoError(t, err)
	params := workloads.Generated{SeedOffset: set.SeedOffset}
	for _, m := range set.Models {
		for _, v := range variantsOf(t, m) {
			t.Run(m.Name+v.suffix, func(t *testing.T) {
				checkParameters(t, params, v.parameters, m.Parameters)
				inst, err := v.build(params)
				require.NoError(t, err)
				if m.Input.IDs == nil {
					image := golden.Tensor{Name: "image", Shape: m.Input.Shape, CRC32: m.Input.CRC32}
					require.NoError(t, image.Check(inst.Inputs[0].Narrow))
				}
				out, layers := evalLayers(t, inst)
				checkLayers(t, inst.Layers, layers, m.Layers)
				if _, err := golden.Compare(out[0], &m.Output, exact); err != nil {
					t.Error(err)
				}
				if top := topIndices(out[0], len(m.Top5)); !slices.Equal(top, m.Top5) {
					t.Errorf("largest outputs at %v, want %v", top, m.Top5)
				}
			})
		}
	}
}

type variant struct {
	suffix     string
	parameters []workloads.Parameter
	build      func(workloads.Params) (*workloads.Instance, error)
}

func variantsOf(t *testing.T, m golden.Model) []variant {
	t.Helper()
	c := m.Config
	switch c.Kind {
	case "resnet":
		size := c.Image.Ints()
		net := workloads.ResNet{Blocks: c.Layers, Classes: c.Classes, Height: size[0], Width: size[1], InputSeed: m.Input.Seed}
		kept := net
		kept.KeepBatchNorm = true
		return []variant{{", folded", net.Parameters(), net.Build}, {", BatchNorm kept", kept.Parameters(), kept.Build}}
	case "vit":
		net := workloads.ViT{Image: c.Image.Ints()[0], Patch: c.Patch, Depth: c.Depth, Heads: c.Heads, Dim: c.Dim,
			MLP: c.MLP, Classes: c.Classes, InputSeed: m.Input.Seed}
		return []variant{{"", net.Parameters(), net.Build}}
	case "bert":
		net := workloads.MiniLM{Vocab: c.Vocab, Positions: c.Positions, Dim: c.Dim, MLP: c.MLP, Depth: c.Depth,
			Heads: c.Heads, Eps: c.Eps, IDs: m.Input.IDs}
		return []variant{{"", net.Parameters(), net.Build}}
	default:
		t.Fatalf("no model of kind %q", c.Kind)
		return nil
	}
}

// checkParameters compares the declared parameters, in order, and their
// generated values.
func checkParameters(t *testing.T, p workloads.Params, got []workloads.Parameter, want []golden.Parameter) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, w := range want {
		if got[i].Name != w.Name || !slices.Equal(got[i].Shape, w.Shape) {
			t.Fatalf("parameter %d is %s %v, want %s %v", i, got[i].Name, got[i].Shape, w.Name, w.Shape)
		}
		v, err := p.Param(w.Name, w.Shape...)
		require.NoError(t, err)
		if err := w.Check(v); err != nil {
			t.Error(err)
		}
	}
}

// evalLayers evaluates the outputs and the recorded layers.
func evalLayers(t *testing.T, inst *workloads.Instance) (outputs, layers [][]float64) {
	t.Helper()
	g := *inst.Graph
	g.Outputs = append(slices.Clone(g.Outputs), inst.Layers...)
	all, err := reference.Eval(&g, inst.Inputs)
	require.NoError(t, err)
	n := len(inst.Graph.Outputs)
	return all[:n], all[n:]
}

// checkLayers walks the golden modules in call order and stops at the first
// recorded layer whose sums differ. Modules that the graph has no layer for
// are passed over.
func checkLayers(t *testing.T, names []graph.Output, got [][]float64, want []golden.Layer) {
	t.Helper()
	next := 0
	for i, l := range names {
		for next < len(want) && want[next].Name != l.Name {
			next++
		}
		require.Less(t, next, len(want), "golden set has no layer %s after layer %d", l.Name, i-1)
		w := want[next]
		next++
		var sum, squares float64
		for _, v := range got[i] {
			sum += v
			squares += v * v
		}
		apart := math.Abs(sum-w.Sum) / math.Sqrt(float64(len(got[i]))*w.SumOfSquares)
		if apart > exact || math.Abs(squares-w.SumOfSquares) > 2*exact*w.SumOfSquares {
			t.Fatalf("first wrong layer: %s: sum %v, squares %v; want %v, %v", l.Name, sum, squares, w.Sum, w.SumOfSquares)
		}
	}
	require.NotEmpty(t, names)
}

// topIndices are the indices of the k largest values, largest first.
func topIndices(v []float64, k int) []int {
	at := make([]int, len(v))
	for i := range at {
		at[i] = i
	}
	sort.SliceStable(at, func(i, j int) bool { return v[at[i]] > v[at[j]] })
	return at[:k]
}

func TestGoldenBlocks(t *testing.T) {
	set, err := goldenSet(t).Models()
	require.NoError(t, err)
	for _, b := range set.Blocks {
		t.Run(b.Name, func(t *testing.T) {
			inst := blockOf(t, b)
			checkDrawn(t, inst, b.Inputs)
			ref, err := inst.Reference()
			require.NoError(t, err)
			if _, err := golden.Compare(ref[0], &b.Reference, exact); err != nil {
				t.Error(err)
			}
		})
	}
}

func blockOf(t *testing.T, b golden.Block) *workloads.Instance {
	t.Helper()
	s := b.Sizes
	var build func(int, ...int) (*workloads.Instance, error)
	switch b.Kind {
	case "vision":
		build = workloads.Vision{Cin: s.Cin, C: s.C, H: s.H, W: s.W, Depth: s.Depth, Classes: s.Classes, Seed: b.Seed}.Build
	case "encoder04":
		build = workloads.Encoder{S: s.S, D: s.D, Heads: s.H, FF: s.F, GELU: goldenGELU(s.GELU), Seed: b.Seed}.Build
	case "attention04":
		build = workloads.SelfAttention{S: s.S, D: s.D, Heads: s.H, Seed: b.Seed}.Build
	case "gemm04":
		build = workloads.BatchedGEMM{M: s.M, K: s.K, Seed: b.Seed}.Build
	case "encoder11":
		block := workloads.PreNorm{S: s.S, D: s.D, Heads: s.H, FF: s.F, Seed: b.Seed, InputSeed: *b.InputSeed}
		build = func(batch int, _ ...int) (*workloads.Instance, error) { return block.Build(batch) }
	default:
		t.Fatalf("no block of kind %q", b.Kind)
	}
	inst, err := build(s.B)
	require.NoError(t, err)
	return inst
}

// TestGoldenDecode needs 3 GB for the full stack's 610 million weights, which
// -short leaves out; the full stack at 64 positions runs only with -golden.
func TestGoldenDecode(t *testing.T) {
	set, err := goldenSet(t).Models()
	require.NoError(t, err)
	// Garbage worth a fifth of the weights, not as much as the weights.
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	debug.FreeOSMemory()
	for _, d := range set.Decode {
		t.Run(d.Name, func(t *testing.T) {
			c := d.Config
			config := workloads.DecodeConfig{D: c.Dim, Layers: c.Layers, Heads: c.Heads, FF: c.Hidden, Vocab: c.Vocab,
				Cache: c.Cache, Seed: d.Seed, InputSeed: d.InputSeed}
			big := strings.Contains(d.Name, "full")
			if big && testing.Short() {
				t.Skip("draws 610 million weights; run without -short")
			}
			dec := workloads.NewDecoder(config)
			for _, p := range d.Parameters {
				v, err := dec.Param(p.Name, p.Shape...)
				require.NoError(t, err)
				require.NoError(t, p.Check(v))
			}
			for _, b := range d.Batches {
				at := slices.Index(c.BatchesDrawn, b.B)
				step := workloads.DecodeStep{Batch: b.B, Earlier: c.BatchesDrawn[:at], CachesAsInputs: b.B > 1}
				checkDecode(t, dec, step, b)
			}
			if d.E14 != nil && (!big || *goldenDir != "") {
				inst, err := dec.Step(workloads.DecodeStep{Batch: d.E14.Positions})
				require.NoError(t, err)
				require.Equal(t, d.E14.InputCRC32, golden.CRC32(inst.Inputs[0].Narrow))
				ref, err := inst.Reference()
				require.NoError(t, err)
				_, err = golden.Compare(ref[0], d.E14.Logits["fp32"], exact)
				require.NoError(t, err)
			}
		})
	}
}

func checkDecode(t *testing.T, dec *workloads.Decoder, step workloads.DecodeStep, want golden.DecodeBatch) {
	t.Helper()
	inst, err := dec.Step(step)
	require.NoError(t, err)
	require.Equal(t, want.InputCRC32, golden.CRC32(inst.Inputs[0].Narrow), "input of B=%d", step.Batch)
	out, layers := evalLayers(t, inst)
	checkLayers(t, inst.Layers, layers, want.Layers)
	if _, err := golden.Compare(out[0], &want.Logits, exact); err != nil {
		t.Errorf("B=%d: %v", step.Batch, err)
	}
	vocab := len(out[0]) / step.Batch
	for r, at := range want.ArgMax {
		row := out[0][r*vocab : (r+1)*vocab]
		if got := topIndices(row, 1)[0]; got != at {
			t.Errorf("B=%d, row %d: largest logit at %d, want %d", step.Batch, r, got, at)
		}
		if math.Abs(row[at]-want.RowMax[r]) > exact*math.Abs(want.RowMax[r])*20 {
			t.Errorf("B=%d, row %d: largest logit %v, want %v", step.Batch, r, row[at], want.RowMax[r])
		}
	}
}

// TestDecodeCaches checks that the two ways to hold the caches agree, and the
// FLOPs formula: the graph counts the step's own key and value, the paper's
// formula does not.
func TestDecodeCaches(t *testing.T) {
	c := workloads.DecodeConfig{D: 24, Layers: 2, Heads: 3, FF: 40, Vocab: 50, Cache: 5, Seed: 4, InputSeed: 9}
	dec := workloads.NewDecoder(c)
	constant, err := dec.Step(workloads.DecodeStep{Batch: 4})
	require.NoError(t, err)
	fed, err := dec.Step(workloads.DecodeStep{Batch: 4, CachesAsInputs: true})
	require.NoError(t, err)
	require.Len(t, fed.Inputs, 1+2*c.Layers)
	want, err := constant.Reference()
	require.NoError(t, err)
	got, err := fed.Reference()
	require.NoError(t, err)
	require.InDeltaSlice(t, want[0], got[0], 1e-12)

	own := c
	own.Cache++
	require.Equal(t, own.FLOPs(4), products(constant.Graph))
	require.Equal(t, own.FLOPs(4), products(fed.Graph))
	require.Equal(t, 1221591040.0, workloads.FullDecode().FLOPs(1)) // measurements E12
}
