package cpu_test

import (
	"math/rand/v2"
	"slices"

	"devicemap/internal/graph"
)

// values says what a drawn operand may hold.
type values uint8

const (
	anyValue values = iota // uniform in [−2, 2)
	positive               // uniform in [0.1, 3.1)
	coarse                 // multiples of ¼ in [−2, 2): ties
	index                  // integers, some out of range
	bytes                  // a uint8 input
	truth                  // a comparison of two coarse operands
)

// operand is a drawn input.
type operand struct {
	shape graph.Shape
	kind  values
}

// drawn is an operation with random parameters and fitting operands.
type drawn struct {
	op    graph.Op
	in    []operand
	limit float64 // of the relative error; 0: equal
}

// dice draws shapes: ones, primes, block sizes and their neighbours.
type dice struct{ *rand.Rand }

func (d dice) pick(from ...int) int { return from[d.IntN(len(from))] }
func (d dice) flip() bool           { return d.IntN(2) == 0 }
func (d dice) upTo(n int) int       { return 1 + d.IntN(n) }

// size is any dimension of a tensor of the given rank.
func (d dice) size(rank int) int {
	switch rank {
	case 1:
		return d.pick(1, 2, 17, 64, 1021, 2049, 20011)
	case 2:
		return d.pick(1, 2, 7, 16, 31, 64, 65, 131, 257)
	case 3:
		return d.pick(1, 2, 3, 8, 13, 17, 33, 64)
	}
	return d.pick(1, 2, 3, 5, 8, 13, 17)
}

func (d dice) shape(rank int) graph.Shape {
	s := make(graph.Shape, rank)
	for i := range s {
		s[i] = d.size(rank)
	}
	return s
}

func (d dice) any() graph.Shape   { return d.shape(d.upTo(5)) }
func (d dice) image() graph.Shape { return d.shape(4) }
func (d dice) pad(n int) [4]int {
	return [4]int{d.IntN(n + 1), d.IntN(n + 1), d.IntN(n + 1), d.IntN(n + 1)}
}
func (d dice) pair(n int) [2]int      { return [2]int{d.upTo(n), d.upTo(n)} }
func (d dice) axis(s graph.Shape) int { return d.IntN(len(s)) }

func (d dice) either(a, b graph.Shape) graph.Shape {
	if d.flip() {
		return a
	}
	return b
}

// axes is a non-empty random subset of the axes of rank.
func (d dice) axes(rank int) []int { return d.Perm(rank)[:d.upTo(rank)] }

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

// Limits of float32 arithmetic against float64: a rounding is 6e-8.
const (
	exact      = 0
	fewRounds  = 3e-7
	statistics = 1e-6
	products   = 2e-6
)

func one(op graph.Op, limit float64, kind values, shapes ...graph.Shape) drawn {
	c := drawn{op: op, limit: limit}
	for _, s := range shapes {
		c.in = append(c.in, operand{s, kind})
	}
	return c
}

// draw gives proto random parameters and operands; nil for an op that has no
// generator.
func (d dice) draw(proto graph.Op) *drawn {
	for _, f := range []func(graph.Op) drawn{d.elementwise, d.product, d.spatial, d.statistic, d.movement, d.rearrangement, d.bridge} {
		if c := f(proto); c.op != nil {
			return &c
		}
	}
	return nil
}

func (d dice) elementwise(proto graph.Op) drawn {
	s := d.any()
	switch op := proto.(type) {
	case graph.Unary:
		op.A, op.B = d.Float64(), 1+d.Float64()
		kind, limit := anyValue, fewRounds
		switch op.Fn {
		case graph.Log, graph.Sqrt, graph.Rsqrt, graph.Inverse:
			kind = positive
		case graph.Sign, graph.Floor, graph.Ceil, graph.Round, graph.ReLU, graph.ReLU6, graph.Abs:
			kind, limit = coarse, exact
		}
		return one(op, limit, kind, s)
	case graph.Binary:
		kind, limit := positive, fewRounds
		if op.Fn == graph.Maximum || op.Fn == graph.Minimum {
			kind, limit = coarse, exact
		}
		a, b := d.repeated(s), d.repeated(s)
		return one(op, limit, kind, a, b)
	case graph.Compare:
		return one(op, exact, coarse, s, d.repeated(s))
	case graph.Not:
		return drawn{op: op, in: []operand{{s, truth}}}
	case graph.Select:
		return drawn{op: op, in: []operand{{d.repeated(s), truth}, {d.repeated(s), anyValue}, {s, anyValue}}}
	case graph.PReLU:
		s = d.shape(3 + d.IntN(3))
		return one(op, fewRounds, anyValue, s, graph.Shape{s[1]})
	case graph.Cast:
		return one(op, exact, bytes, s)
	}
	return drawn{}
}

func (d dice) product(proto graph.Op) drawn {
	m, n, k := d.pick(1, 3, 7, 8, 64, 65, 193, 200), d.pick(1, 2, 63, 64, 65, 200), d.pick(1, 2, 5, 23, 24, 64, 131, 1025)
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
		if x = append(slices.Clone(lead), x...); d.flip() {
			y = append(slices.Clone(lead), y...)
		}
		for i := range lead { // broadcast either operand
			if d.IntN(3) == 0 && len(y) > 2 {
				d.either(x, y)[i] = 1
			}
		}
		return one(op, products, anyValue, x, y)
	case graph.Linear:
		x := append(graph.Shape{d.upTo(2)}[:d.IntN(2)], m, k)
		shapes := []graph.Shape{x, {n, k}, {n}}
		return one(op, products, anyValue, shapes[:2+d.IntN(2)]...)
	case graph.Einsum:
		s := d.image()
		return one(op, products, anyValue, s, graph.Shape{s[0], s[3], s[2], d.size(4)})
	case graph.SDPA:
		op = graph.SDPA{Scale: d.Float64() * float64(d.IntN(2)), Causal: d.flip()}
		b, h, sq, sk, dh := d.upTo(2), d.upTo(3), d.pick(1, 5, 64, 67), d.pick(1, 7, 65), d.pick(1, 8, 17)
		if op.Causal {
			sk = sq
		}
		shapes := []graph.Shape{{b, h, sq, dh}, {b, h, sk, dh}, {b, h, sk, d.pick(1, 8, 19)}, d.repeated(graph.Shape{b, h, sq, sk})}
		return one(op, products, anyValue, shapes[:3+d.IntN(2)]...)
	case graph.CumSum:
		s := d.any()
		return one(graph.CumSum{Axis: d.axis(s)}, fewRounds, positive, s)
	}
	return drawn{}
}

func (d dice) spatial(proto graph.Op) drawn {
	groups := d.pick(1, 1, 2, 3)
	perGroup, filters := d.pick(1, 2, 5, 40), d.pick(1, 3, 33, 70)
	h, w, kh, kw := d.pick(7, 9, 12, 23), d.pick(7, 10, 17), d.pick(1, 2, 3, 5), d.pick(1, 3, 3, 4)
	switch op := proto.(type) {
	case graph.Conv:
		op = graph.Conv{Stride: d.pair(3), Dilation: [2]int{d.pick(1, 1, 2), d.pick(1, 1, 2)}, Pad: d.pad(3), Groups: groups}
		if kh == 1 && kw == 1 && d.flip() {
			op.Pad, op.Stride = [4]int{}, [2]int{1, 1}
		}
		x := graph.Shape{d.upTo(2), perGroup * groups, h + 2, w + d.pick(2, 2, 300)}
		shapes := []graph.Shape{x, {filters * groups, perGroup, kh, kw}, {filters * groups}}
		return one(op, products, anyValue, shapes[:2+d.IntN(2)]...)
	case graph.ConvTranspose:
		op = graph.ConvTranspose{Stride: d.pair(3), Dilation: d.pair(2), Pad: d.pad(2), OutputPad: [2]int{d.IntN(2), d.IntN(2)}, Groups: groups}
		shapes := []graph.Shape{{d.upTo(2), perGroup * groups, h, w}, {perGroup * groups, d.pick(1, 3, 5), kh, kw}, nil}
		shapes[2] = graph.Shape{shapes[1][1] * groups}
		return one(op, products, anyValue, shapes[:2+d.IntN(2)]...)
	case graph.Pool:
		op.Kernel, op.Stride = [2]int{kh, kw}, d.pair(3)
		half := min(kh, kw) / 2
		op.Pad, op.Ceil, op.ExcludePad = d.pad(half), d.flip(), d.flip()
		limit := fewRounds
		if op.Fn == graph.MaxPool {
			limit = exact
		}
		return one(op, limit, anyValue, graph.Shape{d.upTo(2), d.upTo(9), h, w})
	case graph.Resize:
		op.Scale, op.Size, op.AlignCorners = d.pair(3), d.pair(19), d.flip()
		limit := fewRounds
		if !op.Bilinear() {
			limit = exact
		}
		return one(op, limit, positive, d.image())
	case graph.Affine:
		s := d.image()
		return one(graph.Affine{Size: d.pair(9), AlignCorners: d.flip()}, statistics, anyValue, s, graph.Shape{s[0], 6})
	case graph.CrossCorrelation:
		return one(op, products, anyValue, graph.Shape{h + 5, w + 5}, graph.Shape{kh, kw})
	}
	return drawn{}
}

func (d dice) statistic(proto graph.Op) drawn {
	s := d.any()
	axis := d.axis(s)
	img := d.image()
	channels := graph.Shape{img[1]}
	switch op := proto.(type) {
	case graph.Softmax:
		return one(graph.Softmax{Axis: axis, Log: op.Log}, statistics, anyValue, s)
	case graph.LayerNorm:
		n := graph.Shape{s[axis]}
		return one(graph.LayerNorm{Axis: axis, Eps: 1e-3}, statistics, anyValue, s, n, n)
	case graph.RMSNorm:
		return one(graph.RMSNorm{Eps: 1e-5}, statistics, anyValue, s, s[len(s)-1:])
	case graph.GroupNorm:
		g := d.upTo(3)
		img[1] *= g
		channels[0] *= g
		return one(graph.GroupNorm{Groups: g, Eps: 1e-3}, statistics, anyValue, img, channels, channels)
	case graph.InstanceNorm:
		return one(graph.InstanceNorm{Eps: 1e-3}, statistics, anyValue, img, channels, channels)
	case graph.BatchNorm:
		img = d.shape(3 + d.IntN(3))
		channels = img[1:2]
		return one(graph.BatchNorm{Eps: 1e-3}, statistics, positive, img, channels, channels, channels, channels)
	case graph.L2Norm:
		return one(graph.L2Norm{Axis: axis, Floor: 1e-6}, fewRounds, anyValue, s)
	case graph.MinMaxNorm:
		return one(graph.MinMaxNorm{Axis: axis, Eps: 1e-3}, fewRounds, anyValue, s)
	case graph.LocalResponseNorm:
		return one(graph.LocalResponseNorm{Size: d.upTo(6), Alpha: 0.5, Beta: 0.75, K: 1.5}, fewRounds, anyValue, img)
	case graph.LRN:
		return one(graph.LRN{Alpha: 0.1, Beta: 0.75, K: 1.5}, fewRounds, anyValue, img)
	case graph.Reduce:
		limit := fewRounds
		if op.Fn == graph.Max || op.Fn == graph.Min {
			limit = exact
		}
		return one(graph.Reduce{Fn: op.Fn, Axes: d.axes(len(s)), Drop: d.flip()}, limit, positive, s)
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
	axis := d.axis(s)
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
		other, third := slices.Clone(s), slices.Clone(s)
		other[axis], third[axis] = d.upTo(9), d.upTo(3)
		return move(graph.Concat{Axis: axis}, s, other, third)
	case graph.Stack:
		s = d.shape(d.upTo(4))
		return move(graph.Stack{Axis: d.IntN(len(s) + 1)}, s, s, s)
	case graph.Split:
		sizes := []int{d.upTo(5), d.upTo(9), d.upTo(2)}
		s[axis] = sizes[0] + sizes[1] + sizes[2]
		return move(graph.Split{Axis: axis, Sizes: sizes}, s)
	case graph.Reverse:
		return move(graph.Reverse{Axes: d.axes(len(s))}, s)
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
		begin := d.IntN(n)
		st := 1
		if strided {
			st = d.upTo(3)
			op.Stride = append(op.Stride, st)
		}
		op.Begin = append(op.Begin, begin)
		op.Size = append(op.Size, d.upTo((n-begin-1)/st+1))
	}
	return op
}

func (d dice) rearrangement(proto graph.Op) drawn {
	s, r := d.image(), d.upTo(3)
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
		h, w := block[0]*s[2], block[1]*s[3]
		pad[1], pad[3] = 0, 0
		pad[0], pad[2] = min(pad[0], h-1), min(pad[2], w-1)
		return move(graph.SpaceToBatch{Block: block, Pad: pad, Order: order}, graph.Shape{s[0], s[1], h - pad[0], w - pad[2]})
	case graph.BatchToSpace:
		s[0] *= block[0] * block[1]
		s[2], s[3] = s[2]+4, s[3]+4
		return move(graph.BatchToSpace{Block: block, Crop: pad, Order: order}, s)
	case graph.Crop:
		s[2], s[3] = s[2]+4, s[3]+4
		return move(graph.Crop{Top: pad[0], Bottom: pad[1], Left: pad[2], Right: pad[3]}, s)
	}
	return drawn{}
}

func (d dice) bridge(proto graph.Op) drawn {
	n, m := d.size(2), d.size(2)
	switch op := proto.(type) {
	case graph.CrossProduct:
		return one(op, fewRounds, anyValue, graph.Shape{3}, graph.Shape{3})
	case graph.CostVolume:
		r := d.IntN(9)
		return one(graph.CostVolume{Range: r}, fewRounds, anyValue, graph.Shape{n}, graph.Shape{n + r + d.IntN(3)})
	case graph.FurthestPoints:
		return one(graph.FurthestPoints{K: d.upTo(n)}, exact, anyValue, graph.Shape{n, 3})
	case graph.RadiusSearch:
		return one(graph.RadiusSearch{R: 1.7}, exact, anyValue, graph.Shape{n, 3}, graph.Shape{m, 3})
	case graph.InputView:
		off := d.IntN(n * m)
		return one(graph.InputView{Offset: off, Size: d.upTo(n*m - off)}, exact, anyValue, graph.Shape{n, m})
	case graph.DynamicSlice:
		start := d.IntN(n)
		return one(graph.DynamicSlice{Start: start, Size: d.upTo(n - start)}, exact, anyValue, graph.Shape{n})
	case graph.ScaledElementwise:
		fn := []graph.BinaryFn{graph.Add, graph.Sub, graph.Mul, graph.Maximum, graph.Minimum}[d.IntN(5)]
		return one(graph.ScaledElementwise{Fn: fn, Scale: 0.37}, fewRounds, positive, graph.Shape{n, m}, graph.Shape{n * m})
	}
	return drawn{}
}
