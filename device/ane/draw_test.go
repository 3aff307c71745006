package ane

import (
	"math/rand/v2"
	"slices"

	"devicemap/internal/graph"
)

// values says what a drawn operand may hold; all are halves.
type values uint8

const (
	anyValue values = iota // multiples of 2⁻⁸ in [−2, 2)
	positive               // multiples of 2⁻⁸ in [0.125, 3.125)
	coarse                 // multiples of ¼ in [−2, 2): ties
	index                  // integers, some out of range
	bytes8                 // a uint8 input
	truth                  // a comparison of two coarse operands
)

type operand struct {
	shape graph.Shape
	kind  values
}

// drawn is an operation with random parameters and fitting operands.
type drawn struct {
	op    graph.Op
	in    []operand
	fixed bool    // the later operands must be constants
	limit float64 // of the relative error; 0: equal
}

// Limits of a result against the float64 meaning of the same halves. A rounding
// to a half is 5e-4 at worst and 2e-4 on average.
const (
	exact    = 0
	roundOff = 6e-4 // one or two roundings of each element
	composed = 3e-3 // a formula of several operations, each of which rounds
	sums     = 5e-3 // and sums in fp16
)

// dice draws shapes: ones, primes, block sizes and their neighbours.
type dice struct{ *rand.Rand }

func (d dice) pick(from ...int) int { return from[d.IntN(len(from))] }
func (d dice) flip() bool           { return d.IntN(2) == 0 }
func (d dice) upTo(n int) int       { return 1 + d.IntN(n) }
func (d dice) pair(n int) [2]int    { return [2]int{d.upTo(n), d.upTo(n)} }

func (d dice) pad(n int) [4]int {
	return [4]int{d.IntN(n + 1), d.IntN(n + 1), d.IntN(n + 1), d.IntN(n + 1)}
}

// size is any dimension of a tensor of the given rank; the whole tensor fits
// one axis of every family.
func (d dice) size(rank int) int {
	switch rank {
	case 1:
		return d.pick(1, 2, 17, 64, 511) // sorts rank at most 512
	case 2:
		return d.pick(1, 2, 7, 31, 64, 65, 96)
	case 3:
		return d.pick(1, 2, 3, 8, 13, 23)
	case 4:
		return d.pick(1, 2, 3, 5, 8)
	}
	return d.pick(1, 2, 3, 5)
}

func (d dice) shape(rank int) graph.Shape {
	s := make(graph.Shape, rank)
	for i := range s {
		s[i] = d.size(rank)
	}
	return s
}

func (d dice) any() graph.Shape { return d.shape(d.upTo(5)) }

// repeated is s with some dimensions of length 1 or missing.
func (d dice) repeated(s graph.Shape) graph.Shape {
	out := slices.Clone(s)
	for i := range out {
		if d.IntN(3) == 0 {
			out[i] = 1
		}
	}
	if len(out) > 1 && d.IntN(3) == 0 {
		out = out[1:]
	}
	return out
}

func one(op graph.Op, limit float64, kind values, shapes ...graph.Shape) drawn {
	c := drawn{op: op, limit: limit}
	for _, s := range shapes {
		c.in = append(c.in, operand{s, kind})
	}
	return c
}

// withConstants marks the later operands of c as constants.
func withConstants(c drawn) drawn {
	c.fixed = true
	return c
}

// draw gives proto random parameters and operands; its op is nil for an
// operation without a generator.
func (d dice) draw(proto graph.Op) drawn {
	for _, f := range []func(graph.Op) drawn{d.elementwise, d.product, d.image, d.statistic, d.movement, d.rearrangement, d.bridge} {
		if c := f(proto); c.op != nil {
			return c
		}
	}
	return drawn{}
}

func (d dice) elementwise(proto graph.Op) drawn {
	s := d.any()
	switch op := proto.(type) {
	case graph.Unary:
		op.A, op.B = float64(d.upTo(8))/8, 1+float64(d.upTo(8))/8
		kind, limit := anyValue, roundOff
		switch op.Fn {
		case graph.Log, graph.Sqrt, graph.Rsqrt, graph.Inverse:
			kind = positive
		case graph.Sign, graph.Floor, graph.Ceil, graph.Round, graph.ReLU, graph.ReLU6, graph.Abs:
			kind, limit = coarse, exact
		case graph.Softplus, graph.Sin, graph.Cos:
			limit = composed // a split form, and polynomials before A15
		}
		return one(op, limit, kind, s)
	case graph.Binary:
		kind, limit := positive, roundOff
		if op.Fn == graph.Maximum || op.Fn == graph.Minimum {
			kind, limit = coarse, exact
		}
		return one(op, limit, kind, d.repeated(s), d.repeated(s))
	case graph.Compare:
		return one(op, exact, coarse, s, d.repeated(s))
	case graph.Not:
		return drawn{op: op, in: []operand{{s, truth}}}
	case graph.Select:
		return drawn{op: op, in: []operand{{d.repeated(s), truth}, {d.repeated(s), anyValue}, {s, anyValue}}}
	case graph.PReLU:
		s = d.shape(3 + d.IntN(3))
		return withConstants(one(op, roundOff, anyValue, s, graph.Shape{s[1]}))
	case graph.Cast:
		return one(op, exact, bytes8, s)
	}
	return drawn{}
}

func (d dice) product(proto graph.Op) drawn {
	m, n, k := d.pick(1, 3, 8, 65), d.pick(1, 2, 33, 64), d.pick(1, 5, 64, 131)
	switch op := proto.(type) {
	case graph.MatMul:
		op = graph.MatMul{TransposeX: d.flip(), TransposeY: d.flip()}
		x, y := graph.Shape{m, k}, graph.Shape{k, n}
		if op.TransposeX {
			slices.Reverse(x)
		}
		if op.TransposeY {
			slices.Reverse(y)
		}
		lead := graph.Shape{d.upTo(3), d.upTo(2)}[:d.IntN(3)]
		return one(op, roundOff, anyValue, append(slices.Clone(lead), x...), append(slices.Clone(lead), y...))
	case graph.Linear:
		x := append(graph.Shape{d.upTo(2)}[:d.IntN(2)], m, k)
		return one(op, roundOff, anyValue, []graph.Shape{x, {n, k}, {n}}[:2+d.IntN(2)]...)
	case graph.Einsum:
		s := d.shape(4)
		return withConstants(one(op, roundOff, anyValue, s, graph.Shape{s[0], s[3], s[2], d.size(4)}))
	case graph.SDPA:
		op = graph.SDPA{Scale: 0.5 * float64(d.IntN(2)), Causal: d.flip()}
		b, h, sq, sk, dh := d.upTo(2), d.upTo(3), d.pick(1, 5, 67), d.pick(1, 7, 65), d.pick(1, 8, 17)
		if op.Causal {
			sk = sq
		}
		shapes := []graph.Shape{{b, h, sq, dh}, {b, h, sk, dh}, {b, h, sk, d.pick(1, 8, 19)}, d.repeated(graph.Shape{b, h, sq, sk})}
		return one(op, composed, anyValue, shapes[:3+d.IntN(2)]...)
	case graph.CumSum:
		s := d.any()
		return one(graph.CumSum{Axis: d.IntN(len(s))}, roundOff, positive, s)
	}
	return drawn{}
}

func (d dice) image(proto graph.Op) drawn {
	groups, perGroup, filters := d.pick(1, 1, 2, 3), d.pick(1, 2, 5), d.pick(1, 3, 33)
	h, w, kh, kw := d.pick(7, 9, 12), d.pick(7, 10, 17), d.pick(1, 2, 3, 5), d.pick(1, 3, 3, 4)
	switch op := proto.(type) {
	case graph.Conv:
		op = graph.Conv{Stride: d.pair(3), Dilation: [2]int{d.pick(1, 1, 2), 1}, Pad: d.pad(3), Groups: groups}
		shapes := []graph.Shape{{d.upTo(2), perGroup * groups, h + 2, w + 2}, {filters * groups, perGroup, kh, kw}, {filters * groups}}
		return one(op, roundOff, anyValue, shapes[:2+d.IntN(2)]...)
	case graph.ConvTranspose:
		op = graph.ConvTranspose{Stride: d.pair(3), Dilation: d.pair(2), Pad: d.pad(2), Groups: groups}
		cout := d.pick(1, 3, 5)
		shapes := []graph.Shape{{d.upTo(2), perGroup * groups, h, w}, {perGroup * groups, cout, kh, kw}, {cout * groups}}
		return withConstants(one(op, roundOff, anyValue, shapes[:2+d.IntN(2)]...))
	case graph.Pool:
		op.Kernel, op.Stride = [2]int{kh, kw}, d.pair(3)
		op.Pad, op.Ceil, op.ExcludePad = d.pad(min(kh, kw)/2), d.flip(), d.flip()
		if op.Ceil { // the compiler's rule for it
			op.Pad[1], op.Pad[3] = op.Pad[0], op.Pad[2]
			op.Stride = [2]int{min(op.Stride[0], kh), min(op.Stride[1], kw)}
		}
		limit := sums
		if op.Fn == graph.MaxPool {
			limit = exact
		}
		return one(op, limit, anyValue, graph.Shape{d.upTo(2), d.upTo(9), h, w})
	case graph.Resize:
		op.Scale, op.Size, op.AlignCorners = d.pair(3), d.pair(19), d.flip()
		limit := roundOff
		if !op.Bilinear() {
			limit = exact
		}
		return one(op, limit, positive, d.shape(4))
	case graph.Affine:
		s := d.shape(4)
		return withConstants(one(graph.Affine{Size: d.pair(9), AlignCorners: d.flip()}, composed, anyValue, s, graph.Shape{s[0], 6}))
	case graph.CrossCorrelation:
		return one(op, roundOff, anyValue, graph.Shape{h + 5, w + 5}, graph.Shape{kh, kw})
	}
	return drawn{}
}

func (d dice) statistic(proto graph.Op) drawn {
	s := d.any()
	axis := d.IntN(len(s))
	img := d.shape(4)
	channels := graph.Shape{img[1]}
	switch op := proto.(type) {
	case graph.Softmax:
		return one(graph.Softmax{Axis: axis, Log: op.Log}, composed, anyValue, s)
	case graph.LayerNorm:
		n := graph.Shape{s[axis]}
		return one(graph.LayerNorm{Axis: axis, Eps: 1e-2}, sums, anyValue, s, n, n)
	case graph.RMSNorm:
		return one(graph.RMSNorm{Eps: 1e-5}, sums, positive, s, s[len(s)-1:])
	case graph.GroupNorm:
		g := d.upTo(3)
		img[1] *= g
		channels[0] *= g
		return one(graph.GroupNorm{Groups: g, Eps: 1e-2}, sums, anyValue, img, channels, channels)
	case graph.InstanceNorm:
		return withConstants(one(graph.InstanceNorm{Eps: 1e-2}, sums, anyValue, img, channels, channels))
	case graph.BatchNorm:
		img = d.shape(3 + d.IntN(3))
		channels = img[1:2]
		return withConstants(one(graph.BatchNorm{Eps: 1e-2}, composed, positive, img, channels, channels, channels, channels))
	case graph.L2Norm:
		return one(graph.L2Norm{Axis: axis, Floor: 1e-3}, sums, positive, s)
	case graph.MinMaxNorm:
		return one(graph.MinMaxNorm{Axis: axis, Eps: 1e-2}, composed, anyValue, s)
	case graph.LocalResponseNorm:
		return one(graph.LocalResponseNorm{Size: d.upTo(6), Alpha: 0.5, Beta: 0.75, K: 1.5}, composed, anyValue, img)
	case graph.LRN:
		return one(graph.LRN{Alpha: 0.125, Beta: 0.75, K: 1.5}, composed, anyValue, img)
	case graph.Reduce:
		limit := sums
		if op.Fn == graph.Max || op.Fn == graph.Min {
			limit = exact
		}
		return one(graph.Reduce{Fn: op.Fn, Axes: d.Perm(len(s))[:d.upTo(len(s))], Drop: d.flip()}, limit, positive, s)
	case graph.Arg:
		return one(graph.Arg{Fn: op.Fn, Axis: axis, Drop: d.flip()}, exact, coarse, s)
	case graph.TopK:
		return one(graph.TopK{K: d.upTo(s[axis]), Axis: axis, Smallest: d.flip()}, exact, coarse, s)
	case graph.Sort:
		return one(graph.Sort{Axis: axis, Descending: d.flip()}, exact, coarse, s)
	}
	return drawn{}
}

func (d dice) movement(proto graph.Op) drawn {
	s := d.any()
	axis := d.IntN(len(s))
	move := func(op graph.Op, shapes ...graph.Shape) drawn { return one(op, exact, anyValue, shapes...) }
	switch op := proto.(type) {
	case graph.Reshape:
		return move(graph.Reshape{Shape: graph.Shape{s.Elems()}}, s)
	case graph.Transpose:
		return move(graph.Transpose{Perm: d.Perm(len(s))}, s)
	case graph.Squeeze:
		s[axis] = 1
		return move(graph.Squeeze{Axes: []int{axis}}, s)
	case graph.ExpandDims:
		return move(graph.ExpandDims{Axes: []int{d.IntN(5)}}, d.shape(4))
	case graph.Flatten2D:
		return move(graph.Flatten2D{Axis: d.IntN(len(s) + 1)}, s)
	case graph.Flatten:
		return move(op, s)
	case graph.Slice:
		return move(d.slice(s, op.Stride != nil), s)
	case graph.Concat:
		other := slices.Clone(s)
		other[axis] = d.upTo(9)
		return move(graph.Concat{Axis: axis}, s, other, s)
	case graph.Stack:
		s = d.shape(d.upTo(4))
		return move(graph.Stack{Axis: d.IntN(len(s) + 1)}, s, s, s)
	case graph.Split:
		sizes := []int{d.upTo(5), d.upTo(9), d.upTo(2)}
		s[axis] = sizes[0] + sizes[1] + sizes[2]
		return move(graph.Split{Axis: axis, Sizes: sizes}, s)
	case graph.Reverse:
		return move(graph.Reverse{Axes: d.Perm(len(s))[:d.upTo(len(s))]}, s)
	case graph.Tile:
		reps := make([]int, len(s))
		for i := range reps {
			reps[i] = d.upTo(3)
		}
		return move(graph.Tile{Reps: reps}, s)
	case graph.Pad:
		p := graph.Pad{Mode: []graph.PadMode{graph.PadConstant, graph.PadReflect, graph.PadReplicate}[d.IntN(3)], Value: 0.5}
		for _, n := range s {
			p.Pads = append(p.Pads, [2]int{d.IntN(min(n, 3)), d.IntN(min(n, 4))})
		}
		return move(p, s)
	case graph.Gather:
		g := graph.Gather{Axis: axis}
		for range d.upTo(9) {
			g.Indices = append(g.Indices, d.IntN(s[axis]))
		}
		return move(g, s)
	case graph.GatherAlongAxis:
		idx := slices.Clone(s)
		idx[axis] = d.upTo(9)
		return drawn{op: graph.GatherAlongAxis{Axis: axis}, in: []operand{{s, anyValue}, {idx, index}}}
	}
	return drawn{}
}

// slice is a random window of s.
func (d dice) slice(s graph.Shape, strided bool) graph.Slice {
	var op graph.Slice
	for _, n := range s {
		begin, step := d.IntN(n), 1
		if strided {
			step = d.upTo(3)
			op.Stride = append(op.Stride, step)
		}
		op.Begin = append(op.Begin, begin)
		op.Size = append(op.Size, d.upTo((n-begin-1)/step+1))
	}
	return op
}

func (d dice) rearrangement(proto graph.Op) drawn {
	s, r := d.shape(4), d.upTo(3)
	deep := graph.Shape{s[0], s[1] * r * r, s[2], s[3]}
	wide := graph.Shape{s[0], s[1], s[2] * r, s[3] * r}
	block, pad := d.pair(3), d.pad(2)
	order := graph.BlockOrder(d.IntN(2))
	move := func(op graph.Op, s graph.Shape) drawn { return one(op, exact, anyValue, s) }
	switch op := proto.(type) {
	case graph.PixelShuffle:
		return move(graph.PixelShuffle{R: r}, deep)
	case graph.PixelUnshuffle:
		return move(graph.PixelUnshuffle{R: r}, wide)
	case graph.SpaceToDepth:
		return move(graph.SpaceToDepth{Block: r, Bridge: op.Bridge}, wide)
	case graph.DepthToSpace:
		return move(graph.DepthToSpace{Block: r, Bridge: op.Bridge}, deep)
	case graph.SpaceToBatch:
		h, w := block[0]*(s[2]+1), block[1]*(s[3]+1)
		pad[0], pad[2] = min(pad[0], h-1), min(pad[2], w-1)
		pad[1], pad[3] = 0, 0
		return move(graph.SpaceToBatch{Block: block, Pad: pad, Order: order}, graph.Shape{s[0], s[1], h - pad[0], w - pad[2]})
	case graph.BatchToSpace:
		return move(graph.BatchToSpace{Block: block, Crop: pad, Order: order}, graph.Shape{s[0] * block[0] * block[1], s[1], s[2] + 4, s[3] + 4})
	case graph.Crop:
		return move(graph.Crop{Top: pad[0], Bottom: pad[1], Left: pad[2], Right: pad[3]}, graph.Shape{s[0], s[1], s[2] + 4, s[3] + 4})
	}
	return drawn{}
}

func (d dice) bridge(proto graph.Op) drawn {
	n, m := d.size(2), d.size(2)
	switch op := proto.(type) {
	case graph.CrossProduct:
		return one(op, composed, anyValue, graph.Shape{3}, graph.Shape{3})
	case graph.CostVolume:
		r := d.IntN(9)
		return one(graph.CostVolume{Range: r}, roundOff, anyValue, graph.Shape{n}, graph.Shape{n + r + d.IntN(3)})
	case graph.FurthestPoints:
		return one(graph.FurthestPoints{K: d.upTo(min(n, 9))}, exact, coarse, graph.Shape{n, 3})
	case graph.RadiusSearch:
		// Squared distances of coarse points are multiples of 1/16, which 1.7²
		// is not: no pair is a tie.
		return one(graph.RadiusSearch{R: 1.7}, exact, coarse, graph.Shape{n, 3}, graph.Shape{m, 3})
	case graph.InputView:
		off := d.IntN(n * m)
		return one(graph.InputView{Offset: off, Size: d.upTo(n*m - off)}, exact, anyValue, graph.Shape{n, m})
	case graph.DynamicSlice:
		start := d.IntN(n)
		return one(graph.DynamicSlice{Start: start, Size: d.upTo(n - start)}, exact, anyValue, graph.Shape{n})
	case graph.ScaledElementwise:
		fn := []graph.BinaryFn{graph.Add, graph.Sub, graph.Mul, graph.Maximum, graph.Minimum}[d.IntN(5)]
		return one(graph.ScaledElementwise{Fn: fn, Scale: 0.375}, composed, positive, graph.Shape{n, m}, graph.Shape{n * m})
	}
	return drawn{}
}
