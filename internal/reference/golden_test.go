package reference_test

import (
	"flag"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/golden"
	"devicemap/internal/graph"
	"devicemap/internal/reference"
)

var goldenDir = flag.String("golden", "", "directory of another set of reference outputs; default is the embedded one")

// exact lists the operations whose results are elements of the operands.
var exact = map[string]bool{
	"relu": true, "relu6": true, "abs": true, "sign": true, "floor": true, "ceil": true, "round": true,
	"clip": true, "threshold": true, "thresholded_relu": true, "maximum": true, "minimum": true, "where_greater": true,
	"max_pool": true, "reduce_max": true, "reduce_min": true, "topk": true, "sort": true,
	"transpose": true, "reshape": true, "flatten2d": true, "concat": true, "stack": true, "split": true,
	"slice": true, "reverse": true, "pad": true, "tile": true, "expand_dims": true, "squeeze": true,
	"gather": true, "gather_along_axis": true, "pixel_shuffle": true, "pixel_unshuffle": true,
	"space_to_depth": true, "depth_to_space": true, "space_to_batch": true, "batch_to_space": true, "crop": true,
	"upsample_nearest": true, "resize_nearest": true,
}

// Every operation agrees with PyTorch's float64 result: exactly where it only
// moves or compares data, else to 1e-10.
func TestOpsAgreeWithPyTorch(t *testing.T) {
	set, err := golden.Open(*goldenDir)
	require.NoError(t, err)
	ops, err := set.Ops()
	require.NoError(t, err)
	for _, c := range ops.Cases {
		t.Run(c.Name(), func(t *testing.T) {
			tensors, err := c.Tensors()
			require.NoError(t, err)
			got, err := evalCase(c, tensors)
			require.NoError(t, err)
			require.Len(t, got, len(c.Outputs))
			for i, want := range c.Outputs {
				compareResult(t, fmt.Sprintf("%s %v, output %d", c.Name(), c.Params, i), c.Op, got[i], want)
			}
		})
	}
}

func compareResult(t *testing.T, name, op string, got []float64, want golden.Result) {
	t.Helper()
	ref := want.Floats()
	require.Len(t, got, len(ref), name)
	var num, den float64
	for i, r := range ref {
		if d := got[i] - r; (exact[op] || want.Integers != nil) && d != 0 {
			t.Fatalf("%s: value %d: got %v, want exactly %v", name, i, got[i], r)
		}
		num += (got[i] - r) * (got[i] - r)
		den += r * r
	}
	if den == 0 {
		den = 1
	}
	if relErr := math.Sqrt(num / den); !(relErr < 1e-10) {
		t.Fatalf("%s: got %v, want %v: relerr %g, limit 1e-10", name, got, ref, relErr)
	}
}

// evalCase builds and evaluates the graph of a case.
func evalCase(c golden.Case, tensors [][]float32) ([][]float64, error) {
	b := graph.New(c.Name())
	var values []*graph.Value
	var data []graph.Data
	for i, in := range c.Inputs {
		if c.Op == "gather" && i == 1 {
			continue // its indices are constants
		}
		values = append(values, b.Input(fmt.Sprintf("x%d", i), in.Shape...))
		data = append(data, graph.F32(tensors[i]))
	}
	op, ok := caseOps[c.Op]
	if !ok {
		return nil, fmt.Errorf("the test knows no operation %q", c.Op)
	}
	for i, y := range op(b, c, values) {
		if y.DType == graph.Bool {
			y = b.Apply(graph.Select{}, y, b.Const("one", graph.F32([]float32{1}), 1), b.Const("zero", graph.F32([]float32{0}), 1))
		}
		b.Output(fmt.Sprintf("y%d", i), y)
	}
	g, err := b.Build()
	if err != nil {
		return nil, err
	}
	for i, o := range g.Outputs {
		if !slices.Equal(o.Value.Shape, graph.Shape(c.Outputs[i].Shape)) {
			return nil, fmt.Errorf("output %d has shape %v, want %v", i, o.Value.Shape, c.Outputs[i].Shape)
		}
	}
	return reference.Eval(g, data)
}

// caseOp spells a case in the operations of the graph.
type caseOp func(b *graph.Builder, c golden.Case, x []*graph.Value) []*graph.Value

// simple is a case of one operation that the parameters describe.
func simple(op func(p golden.Params) graph.Op) caseOp {
	return func(b *graph.Builder, c golden.Case, x []*graph.Value) []*graph.Value {
		return b.ApplyMany(op(c.Params), x...)
	}
}

func of(op graph.Op) caseOp { return simple(func(golden.Params) graph.Op { return op }) }

var caseOps = func() map[string]caseOp {
	m := map[string]caseOp{}
	unaries := map[string]graph.UnaryFn{"gelu_tanh": graph.GELUTanh}
	for _, fn := range graph.UnaryFns() {
		unaries[string(fn)] = fn
	}
	for name, fn := range unaries {
		m[name] = simple(func(p golden.Params) graph.Op {
			return graph.Unary{Fn: fn, A: p.Float("alpha", p.Float("lo", p.Float("a", 0))), B: p.Float("hi", p.Float("b", 0))}
		})
	}
	for _, fn := range graph.BinaryFns() {
		m[string(fn)] = of(graph.Binary{Fn: fn})
	}
	m["div"] = of(graph.Binary{Fn: graph.Div})
	for _, fn := range graph.CompareFns() {
		m[string(fn)] = of(graph.Compare{Fn: fn})
	}
	for _, fn := range graph.ReduceFns() {
		m[string(fn)] = simple(func(p golden.Params) graph.Op {
			return graph.Reduce{Fn: fn, Axes: p.Ints("axes"), Drop: !p.True("keepdims")}
		})
	}
	for name, op := range caseProducts {
		m[name] = op
	}
	for name, op := range caseMoves {
		m[name] = op
	}
	return m
}()

// around doubles symmetric padding of height and width.
func around(p [2]int) [4]int { return [4]int{p[0], p[0], p[1], p[1]} }

func four(v []int) [4]int {
	if len(v) != 4 {
		return [4]int{}
	}
	return [4]int(v)
}

func poolOf(fn graph.PoolFn) caseOp {
	return simple(func(p golden.Params) graph.Op {
		return graph.Pool{Fn: fn, Kernel: p.Pair("kernel", 0), Stride: p.Pair("stride", 0), Pad: around(p.Pair("pad", 0)),
			Ceil: p.True("ceil"), ExcludePad: p.True("exclude_pad")}
	})
}

func argOf(fn graph.ArgFn) caseOp {
	return simple(func(p golden.Params) graph.Op {
		return graph.Arg{Fn: fn, Axis: p.Int("axis", 0), Drop: !p.True("keepdims")}
	})
}

func softmaxOf(log bool) caseOp {
	return simple(func(p golden.Params) graph.Op { return graph.Softmax{Axis: p.Int("axis", 0), Log: log} })
}

// caseProducts are the operations with arithmetic beside the elementwise ones.
var caseProducts = map[string]caseOp{
	"prelu": of(graph.PReLU{}),
	"where_greater": func(b *graph.Builder, _ golden.Case, x []*graph.Value) []*graph.Value {
		cond := b.Apply(graph.Compare{Fn: graph.Greater}, x[0], x[1])
		return []*graph.Value{b.Apply(graph.Select{}, cond, x[2], x[3])}
	},
	"matmul": simple(func(p golden.Params) graph.Op {
		return graph.MatMul{TransposeX: p.True("transpose_x"), TransposeY: p.True("transpose_y")}
	}),
	"linear":           of(graph.Linear{}),
	"einsum_nchw_nwhu": of(graph.Einsum{}),
	"conv": simple(func(p golden.Params) graph.Op {
		return graph.Conv{Stride: p.Pair("stride", 1), Dilation: p.Pair("dilation", 1), Pad: four(p.Ints("pad")), Groups: p.Int("groups", 1)}
	}),
	"conv1d": func(b *graph.Builder, c golden.Case, x []*graph.Value) []*graph.Value {
		p := c.Params
		height := func(v *graph.Value) *graph.Value { return b.Apply(graph.ExpandDims{Axes: []int{2}}, v) }
		pad := p.Int("pad", 0)
		y := b.Apply(graph.Conv{Stride: [2]int{1, p.Int("stride", 1)}, Dilation: [2]int{1, p.Int("dilation", 1)},
			Pad: [4]int{0, 0, pad, pad}, Groups: p.Int("groups", 1)}, height(x[0]), height(x[1]), x[2])
		return []*graph.Value{b.Apply(graph.Squeeze{Axes: []int{2}}, y)}
	},
	"conv_transpose": simple(func(p golden.Params) graph.Op {
		return graph.ConvTranspose{Stride: p.Pair("stride", 1), Dilation: p.Pair("dilation", 1), Pad: around(p.Pair("pad", 0)),
			OutputPad: p.Pair("output_pad", 0), Groups: p.Int("groups", 1)}
	}),
	"avg_pool":    poolOf(graph.AvgPool),
	"max_pool":    poolOf(graph.MaxPool),
	"softmax":     softmaxOf(false),
	"log_softmax": softmaxOf(true),
	"layer_norm": func(b *graph.Builder, c golden.Case, x []*graph.Value) []*graph.Value {
		return []*graph.Value{b.LayerNorm(x[0], x[1], x[2], c.Params.Float("eps", 0))}
	},
	"rms_norm": simple(func(p golden.Params) graph.Op { return graph.RMSNorm{Eps: p.Float("eps", 0)} }),
	"group_norm": simple(func(p golden.Params) graph.Op {
		return graph.GroupNorm{Groups: p.Int("groups", 0), Eps: p.Float("eps", 0)}
	}),
	"instance_norm": simple(func(p golden.Params) graph.Op { return graph.InstanceNorm{Eps: p.Float("eps", 0)} }),
	"batch_norm":    simple(func(p golden.Params) graph.Op { return graph.BatchNorm{Eps: p.Float("eps", 0)} }),
	"l2_norm": simple(func(p golden.Params) graph.Op {
		return graph.L2Norm{Axis: p.Int("axis", 0), Floor: p.Float("floor", 0)}
	}),
	"local_response_norm": simple(func(p golden.Params) graph.Op {
		return graph.LocalResponseNorm{Size: p.Int("size", 0), Alpha: p.Float("alpha", 0), Beta: p.Float("beta", 0), K: p.Float("k", 0)}
	}),
	"argmax": argOf(graph.ArgMax),
	"argmin": argOf(graph.ArgMin),
	"cumsum": simple(func(p golden.Params) graph.Op { return graph.CumSum{Axis: p.Int("axis", 0)} }),
	"sdpa": simple(func(p golden.Params) graph.Op {
		return graph.SDPA{Scale: p.Float("scale", 0), Causal: p.True("causal")}
	}),
}

func resizeOf(fn graph.ResizeFn) caseOp {
	return simple(func(p golden.Params) graph.Op {
		return graph.Resize{Fn: fn, Scale: p.Pair("scale", 0), Size: p.Pair("size", 0), AlignCorners: p.True("align_corners")}
	})
}

// caseMoves are the operations that move data.
var caseMoves = map[string]caseOp{
	"topk": simple(func(p golden.Params) graph.Op {
		return graph.TopK{K: p.Int("k", 0), Axis: p.Int("axis", 0), Smallest: !p.True("largest")}
	}),
	"sort": simple(func(p golden.Params) graph.Op {
		return graph.Sort{Axis: p.Int("axis", 0), Descending: p.True("descending")}
	}),
	"transpose":   simple(func(p golden.Params) graph.Op { return graph.Transpose{Perm: p.Ints("perm")} }),
	"reshape":     simple(func(p golden.Params) graph.Op { return graph.Reshape{Shape: p.Ints("shape")} }),
	"flatten2d":   simple(func(p golden.Params) graph.Op { return graph.Flatten2D{Axis: p.Int("axis", 0)} }),
	"concat":      simple(func(p golden.Params) graph.Op { return graph.Concat{Axis: p.Int("axis", 0)} }),
	"stack":       simple(func(p golden.Params) graph.Op { return graph.Stack{Axis: p.Int("axis", 0)} }),
	"split":       simple(func(p golden.Params) graph.Op { return graph.Split{Axis: p.Int("axis", 0), Sizes: p.Ints("sizes")} }),
	"reverse":     simple(func(p golden.Params) graph.Op { return graph.Reverse{Axes: p.Ints("axes")} }),
	"tile":        simple(func(p golden.Params) graph.Op { return graph.Tile{Reps: p.Ints("reps")} }),
	"expand_dims": simple(func(p golden.Params) graph.Op { return graph.ExpandDims{Axes: p.Ints("axes")} }),
	"squeeze":     simple(func(p golden.Params) graph.Op { return graph.Squeeze{Axes: p.Ints("axes")} }),
	"slice": simple(func(p golden.Params) graph.Op {
		begin, end, stride := p.Ints("begin"), p.Ints("end"), p.Ints("stride")
		size := make([]int, len(begin))
		for i := range size {
			size[i] = (end[i] - begin[i] + stride[i] - 1) / stride[i]
		}
		return graph.Slice{Begin: begin, Size: size, Stride: stride}
	}),
	"pad": simple(func(p golden.Params) graph.Op {
		var pads [][2]int
		for v := range slices.Chunk(p.Ints("pad"), 2) {
			pads = append(pads, [2]int(v))
		}
		return graph.Pad{Pads: pads, Mode: graph.PadMode(p.Text("mode")), Value: p.Float("value", 0)}
	}),
	"gather": func(b *graph.Builder, c golden.Case, x []*graph.Value) []*graph.Value {
		return []*graph.Value{b.Apply(graph.Gather{Axis: c.Params.Int("axis", 0), Indices: c.Inputs[1].Values.Ints()}, x[0])}
	},
	"gather_along_axis": simple(func(p golden.Params) graph.Op { return graph.GatherAlongAxis{Axis: p.Int("axis", 0)} }),
	"pixel_shuffle":     simple(func(p golden.Params) graph.Op { return graph.PixelShuffle{R: p.Int("r", 0)} }),
	"pixel_unshuffle":   simple(func(p golden.Params) graph.Op { return graph.PixelUnshuffle{R: p.Int("r", 0)} }),
	"space_to_depth":    simple(func(p golden.Params) graph.Op { return graph.SpaceToDepth{Block: p.Int("block", 0)} }),
	"depth_to_space":    simple(func(p golden.Params) graph.Op { return graph.DepthToSpace{Block: p.Int("block", 0)} }),
	"space_to_batch": simple(func(p golden.Params) graph.Op {
		return graph.SpaceToBatch{Block: p.Pair("block", 0), Pad: four(p.Ints("pad"))}
	}),
	"batch_to_space": simple(func(p golden.Params) graph.Op {
		return graph.BatchToSpace{Block: p.Pair("block", 0), Crop: four(p.Ints("crop"))}
	}),
	"crop": simple(func(p golden.Params) graph.Op {
		return graph.Crop{Top: p.Int("top", 0), Bottom: p.Int("bottom", 0), Left: p.Int("left", 0), Right: p.Int("right", 0)}
	}),
	"upsample_nearest":  resizeOf(graph.UpsampleNearest),
	"upsample_bilinear": resizeOf(graph.UpsampleBilinear),
	"resize_nearest":    resizeOf(graph.ResizeNearest),
	"resize_bilinear":   resizeOf(graph.ResizeBilinear),
}
