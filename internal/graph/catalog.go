package graph

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Catalog holds one prototype of every operation, by name. Tests use it to
// hold the engines and the reference to the complete set.
func Catalog() []Op {
	ops := []Op{
		Not{}, Select{}, PReLU{}, Cast{},
		MatMul{}, Linear{}, Einsum{}, CumSum{}, SDPA{},
		Conv{}, ConvTranspose{}, Pool{Fn: MaxPool}, Pool{Fn: AvgPool}, Pool{Fn: L2Pool},
		Softmax{}, Softmax{Log: true}, LayerNorm{}, RMSNorm{}, GroupNorm{}, InstanceNorm{}, BatchNorm{},
		L2Norm{}, LocalResponseNorm{},
		Arg{Fn: ArgMax}, Arg{Fn: ArgMin}, TopK{}, Sort{},
		Reshape{}, Transpose{}, Squeeze{}, ExpandDims{}, Flatten2D{}, Slice{}, Slice{Stride: []int{1}},
		Concat{}, Stack{}, Split{}, Reverse{}, Tile{}, Pad{}, Gather{}, GatherAlongAxis{},
		PixelShuffle{}, PixelUnshuffle{}, SpaceToDepth{}, SpaceToDepth{Bridge: true},
		DepthToSpace{}, DepthToSpace{Bridge: true}, SpaceToBatch{}, BatchToSpace{}, Crop{},
		Resize{Fn: UpsampleNearest}, Resize{Fn: UpsampleBilinear}, Resize{Fn: ResizeNearest},
		Resize{Fn: ResizeBilinear}, Affine{},
		Flatten{}, MinMaxNorm{}, LRN{}, CrossProduct{}, CrossCorrelation{}, CostVolume{},
		FurthestPoints{}, RadiusSearch{}, InputView{}, DynamicSlice{}, ScaledElementwise{},
	}
	for _, fn := range UnaryFns() {
		ops = append(ops, Unary{Fn: fn})
	}
	for _, fn := range BinaryFns() {
		ops = append(ops, Binary{Fn: fn})
	}
	for _, fn := range CompareFns() {
		ops = append(ops, Compare{Fn: fn})
	}
	for _, fn := range ReduceFns() {
		ops = append(ops, Reduce{Fn: fn})
	}
	slices.SortFunc(ops, func(a, b Op) int { return cmp.Compare(a.Name(), b.Name()) })
	return ops
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func rsqrt(n int) float64 { return 1 / math.Sqrt(float64(n)) }
