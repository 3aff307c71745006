package mil

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"devicemap/internal/graph"
)

// twin is one operation in the graph's terms and in MIL's, with its operands.
type twin struct {
	op   graph.Op
	in   [][]int
	make func(k *kit, v []*Value) *Value
}

// twins draws a random configuration of an operation, right or wrong. The
// graph's shape rules were written apart from those of this package.
var twins = map[string]func(r *rand.Rand) twin{
	"add": func(r *rand.Rand) twin {
		return twin{graph.Binary{Fn: graph.Add}, [][]int{shape(r, 1, 4), shape(r, 1, 4)}, func(k *kit, v []*Value) *Value {
			return k.Op("add", In("x", v[0]), In("y", v[1]))
		}}
	},
	"matmul": func(r *rand.Rand) twin {
		tx, ty := r.IntN(2) == 0, r.IntN(2) == 0
		x, y := shape(r, 2, 2), shape(r, 2, 2)
		if r.IntN(2) == 0 {
			lead := shape(r, 1, 2)
			x, y = append(slices.Clone(lead), x...), append(slices.Clone(lead), y...)
		}
		return twin{graph.MatMul{TransposeX: tx, TransposeY: ty}, [][]int{x, y}, func(k *kit, v []*Value) *Value {
			return k.Op("matmul", In("x", v[0]), In("y", v[1]), Flag("transpose_x", tx), Flag("transpose_y", ty))
		}}
	},
	"linear": func(r *rand.Rand) twin {
		return twin{graph.Linear{}, [][]int{shape(r, 1, 4), shape(r, 2, 2)}, func(k *kit, v []*Value) *Value {
			return k.Op("linear", In("x", v[0]), In("weight", v[1]))
		}}
	},
	"einsum": func(r *rand.Rand) twin {
		x := shape(r, 4, 4)
		return twin{graph.Einsum{}, [][]int{x, {x[0], x[3], x[2], 1 + r.IntN(4)}}, func(k *kit, v []*Value) *Value {
			return k.Op("einsum", Word("equation", "nchw,nwhu->nchu"), List("values", v...))
		}}
	},
	"sdpa": func(r *rand.Rand) twin {
		q, e := shape(r, 4, 4), 1+r.IntN(3)
		k, v := slices.Clone(q), slices.Clone(q)
		k[2], v[2], v[3] = 2, 1+r.IntN(2), e
		return twin{graph.SDPA{}, [][]int{q, k, v, {1 + r.IntN(2), 1 + r.IntN(2)}}, func(b *kit, v []*Value) *Value {
			return b.Op("scaled_dot_product_attention", In("query", v[0]), In("key", v[1]), In("value", v[2]), In("attn_mask", v[3]))
		}}
	},
	"conv": func(r *rand.Rand) twin {
		g, s, d, p := 1+r.IntN(2), pair(r, 1), pair(r, 1), four(r)
		x := []int{1, g * (1 + r.IntN(3)), 1 + r.IntN(9), 1 + r.IntN(9)}
		w := []int{1 + r.IntN(6), x[1] / g, 1 + r.IntN(3), 1 + r.IntN(3)}
		return twin{graph.Conv{Stride: s, Dilation: d, Pad: p, Groups: g}, [][]int{x, w}, func(k *kit, v []*Value) *Value {
			return k.conv("conv", In("x", v[0]), In("weight", v[1]), g, p, s, d)
		}}
	},
	"max_pool": func(r *rand.Rand) twin {
		k, s, pad, ceil := pair(r, 2), pair(r, 1), r.IntN(2), r.IntN(2) == 0
		s[0], s[1] = min(s[0], k[0]), min(s[1], k[1]) // beyond the window the rules of frameworks differ
		op := graph.Pool{Fn: graph.MaxPool, Kernel: k, Stride: s, Pad: [4]int{pad, pad, pad, pad}, Ceil: ceil}
		return twin{op, [][]int{shape(r, 4, 4)}, func(b *kit, v []*Value) *Value {
			return b.Op("max_pool", In("x", v[0]), Ints("kernel_sizes", k[:]...), Ints("strides", s[:]...), Ints("pad", pad, pad, pad, pad),
				Word("pad_type", "custom"), Flag("ceil_mode", ceil))
		}}
	},
	"reduce": func(r *rand.Rand) twin {
		ax := few(r, 4)
		return twin{graph.Reduce{Fn: graph.Max, Axes: ax}, [][]int{shape(r, 1, 4)}, func(k *kit, v []*Value) *Value {
			return k.Op("reduce_max", In("x", v[0]), Ints("axes", ax...), Flag("keep_dims", true))
		}}
	},
	"reshape": func(r *rand.Rand) twin {
		to := shape(r, 1, 3)
		return twin{graph.Reshape{Shape: to}, [][]int{shape(r, 1, 3)}, func(k *kit, v []*Value) *Value {
			return k.Op("reshape", In("x", v[0]), Ints("shape", to...))
		}}
	},
	"transpose": func(r *rand.Rand) twin {
		perm := r.Perm(1 + r.IntN(4))
		return twin{graph.Transpose{Perm: perm}, [][]int{shape(r, 1, 4)}, func(k *kit, v []*Value) *Value {
			return k.Op("transpose", In("x", v[0]), Ints("perm", perm...))
		}}
	},
	"squeeze": func(r *rand.Rand) twin {
		ax := few(r, 4)
		return twin{graph.Squeeze{Axes: ax}, [][]int{append(shape(r, 1, 3), 2)}, func(k *kit, v []*Value) *Value {
			return k.Op("squeeze", In("x", v[0]), Ints("axes", ax...))
		}}
	},
	"expand_dims": func(r *rand.Rand) twin {
		ax := few(r, 5)
		return twin{graph.ExpandDims{Axes: ax}, [][]int{shape(r, 1, 3)}, func(k *kit, v []*Value) *Value {
			return k.Op("expand_dims", In("x", v[0]), Ints("axes", ax...))
		}}
	},
	"flatten2d": func(r *rand.Rand) twin {
		a := r.IntN(5)
		return twin{graph.Flatten2D{Axis: a}, [][]int{shape(r, 1, 4)}, func(k *kit, v []*Value) *Value {
			return k.Op("flatten2d", In("x", v[0]), Int("axis", a))
		}}
	},
	"slice_by_size": func(r *rand.Rand) twin {
		x := shape(r, 1, 4)
		begin, size := make([]int, len(x)), make([]int, len(x))
		for i := range x {
			begin[i], size[i] = r.IntN(3), 1+r.IntN(3)
		}
		return twin{graph.Slice{Begin: begin, Size: size}, [][]int{x}, func(k *kit, v []*Value) *Value {
			return k.Op("slice_by_size", In("x", v[0]), Ints("begin", begin...), Ints("size", size...))
		}}
	},
	"concat": func(r *rand.Rand) twin {
		x, a := shape(r, 2, 3), r.IntN(3)
		y := slices.Clone(x)
		y[r.IntN(len(y))] = 1 + r.IntN(3)
		return twin{graph.Concat{Axis: a}, [][]int{x, y, x}, func(k *kit, v []*Value) *Value {
			return k.Op("concat", List("values", v...), Int("axis", a), Flag("interleave", false))
		}}
	},
	"stack": func(r *rand.Rand) twin {
		x, a := shape(r, 1, 4), r.IntN(5)
		return twin{graph.Stack{Axis: a}, [][]int{x, x}, func(k *kit, v []*Value) *Value {
			return k.Op("stack", List("values", v...), Int("axis", a))
		}}
	},
	"tile": func(r *rand.Rand) twin {
		reps := shape(r, 1, 3)
		return twin{graph.Tile{Reps: reps}, [][]int{shape(r, 1, 3)}, func(k *kit, v []*Value) *Value {
			return k.Op("tile", In("x", v[0]), Ints("reps", reps...))
		}}
	},
	"pad": func(r *rand.Rand) twin {
		x, mode := shape(r, 1, 3), []graph.PadMode{graph.PadConstant, graph.PadReflect}[r.IntN(2)]
		var pads [][2]int
		var flat []int
		for range x {
			p := pair(r, 0)
			pads, flat = append(pads, p), append(flat, p[:]...)
		}
		return twin{graph.Pad{Pads: pads, Mode: mode}, [][]int{x}, func(k *kit, v []*Value) *Value {
			return k.Op("pad", In("x", v[0]), Ints("pad", flat...), Word("mode", string(mode)), Half("constant_val", 0))
		}}
	},
	"pixel_shuffle": func(r *rand.Rand) twin {
		n := 1 + r.IntN(2)
		return twin{graph.PixelShuffle{R: n}, [][]int{shape(r, 4, 4)}, func(k *kit, v []*Value) *Value {
			return k.Op("pixel_shuffle", In("x", v[0]), Int("upscale_factor", n))
		}}
	},
	"space_to_depth": func(r *rand.Rand) twin {
		n := 1 + r.IntN(3)
		return twin{graph.SpaceToDepth{Block: n}, [][]int{shape(r, 4, 4)}, func(k *kit, v []*Value) *Value {
			return k.Op("space_to_depth", In("x", v[0]), Int("block_size", n))
		}}
	},
	"space_to_batch": func(r *rand.Rand) twin {
		b, p := pair(r, 1), four(r)
		return twin{graph.SpaceToBatch{Block: b, Pad: p}, [][]int{shape(r, 4, 4)}, func(k *kit, v []*Value) *Value {
			return k.Op("space_to_batch", In("x", v[0]), Ints("block_shape", b[:]...), Pairs("paddings", [2]int(p[:2]), [2]int(p[2:])))
		}}
	},
	"upsample_bilinear": func(r *rand.Rand) twin {
		s := pair(r, 1)
		return twin{graph.Resize{Fn: graph.UpsampleBilinear, Scale: s}, [][]int{shape(r, 4, 4)}, func(k *kit, v []*Value) *Value {
			return k.Op("upsample_bilinear", In("x", v[0]), Flag("align_corners", true), Single("scale_factor_height", float32(s[0])),
				Single("scale_factor_width", float32(s[1])))
		}}
	},
}

func shape(r *rand.Rand, lo, hi int) []int {
	s := make([]int, lo+r.IntN(hi-lo+1))
	for i := range s {
		s[i] = 1 + r.IntN(4)
	}
	return s
}

func few(r *rand.Rand, below int) []int { return r.Perm(below)[:1+r.IntN(2)] }

func pair(r *rand.Rand, low int) [2]int { return [2]int{low + r.IntN(3), low + r.IntN(3)} }

func four(r *rand.Rand) [4]int {
	return [4]int{r.IntN(3), r.IntN(3), r.IntN(3), r.IntN(3)}
}

// TestShapesAgreeWithGraph compares results and refusals over random
// configurations.
func TestShapesAgreeWithGraph(t *testing.T) {
	for name, draw := range twins {
		r := rand.New(rand.NewPCG(5, 6))
		accepted, refused := 0, 0
		for range 400 {
			tw := draw(r)
			var types []graph.Type
			k := &kit{NewBuilder()}
			var vals []*Value
			for _, s := range tw.in {
				types = append(types, graph.Type{DType: graph.Float, Shape: s})
				if name == "conv" && len(vals) == 1 {
					vals = append(vals, k.Weight("w", make([]float32, product(s)), s...))
					continue
				}
				vals = append(vals, k.val(s...))
			}
			want, graphErr := tw.op.Infer(types)
			got := tw.make(k, vals)
			var e *Error
			if k.Err() != nil && !errors.As(k.Err(), &e) {
				t.Fatalf("%s of %v: untyped error %v", name, tw.in, k.Err())
			}
			tooDeep := graphErr == nil && len(want[0].Shape) > MaxRank
			switch {
			case graphErr == nil && k.Err() == nil && slices.Equal(got.Type.Shape, want[0].Shape):
				accepted++
			case graphErr != nil && k.Err() != nil:
				refused++
			case tooDeep: // Check refuses it later
			default:
				t.Fatalf("%s %+v of %v = %v, %v; the graph says %v, %v", name, tw.op, tw.in, got.Type, k.Err(), want, graphErr)
			}
		}
		if accepted < 20 || refused == 0 && name != "einsum" && name != "upsample_bilinear" {
			t.Errorf("%s: %d accepted, %d refused: the draw is too one-sided", name, accepted, refused)
		}
	}
}
