package lower

import "devicemap/internal/graph"

// rules holds one lowering per operation of the graph.
var rules = merge(map[string]rule{
	"logical_not": plain("logical_not"), "select": selectRule, "prelu": prelu, "cast": cast,

	"matmul": matmul, "linear": linear, "einsum": einsum, "cumsum": cumsum, "sdpa": attention,
	"conv": conv, "conv_transpose": convTranspose, "max_pool": pool, "avg_pool": pool, "l2_pool": pool,

	"softmax": softmax, "log_softmax": softmax, "layer_norm": layerNorm, "rms_norm": rmsNorm, "group_norm": groupNorm,
	"instance_norm": instanceNorm, "batch_norm": batchNorm, "l2_norm": l2Norm, "local_response_norm": localResponse,

	"argmax": arg, "argmin": arg, "topk": topK, "sort": sortRule,

	"reshape": reshapeRule, "transpose": transposeRule, "squeeze": reshapeRule, "expand_dims": reshapeRule, "flatten2d": reshapeRule,
	"slice_by_size": slice, "slice_by_index": slice, "concat": concat, "stack": stack, "split": split, "reverse": reverse,
	"tile": tile, "pad": pad, "gather": gather, "gather_along_axis": gatherAlongAxis,

	"pixel_shuffle": pixelShuffle, "pixel_unshuffle": pixelUnshuffle,
	"space_to_depth": spaceToDepth, "space_to_channel": spaceToDepth, "depth_to_space": depthToSpace, "channel_to_space": depthToSpace,
	"space_to_batch": spaceToBatch, "batch_to_space": batchToSpace, "crop": crop,
	"upsample": resize, "upsample_bilinear": resize, "resize_nearest_neighbor": resize, "resize_bilinear": resize, "affine": affine,

	"flatten": reshapeRule, "minmax_norm": minMaxNorm, "lrn": lrn, "cross_product": crossProduct,
	"cross_correlation": crossCorrelation, "cost_volume": costVolume, "fps": furthestPoints, "radius_search": radiusSearch,
	"input_view": window, "dynamic_slice": window, "scaled_elementwise": scaledElementwise,
}, unaryRules(), binaryRules(), compareRules(), reduceRules())

func merge(maps ...map[string]rule) map[string]rule {
	out := map[string]rule{}
	for _, m := range maps {
		for name, r := range m {
			if out[name] != nil {
				panic("lower: two rules for " + name)
			}
			out[name] = r
		}
	}
	return out
}

func unaryRules() map[string]rule {
	m := map[string]rule{}
	for _, fn := range graph.UnaryFns() {
		m[string(fn)] = unary
	}
	return m
}

func binaryRules() map[string]rule {
	m := map[string]rule{}
	for _, fn := range graph.BinaryFns() {
		m[string(fn)] = binary
	}
	return m
}

func compareRules() map[string]rule {
	m := map[string]rule{}
	for _, fn := range graph.CompareFns() {
		m[string(fn)] = binary
	}
	return m
}

func reduceRules() map[string]rule {
	m := map[string]rule{}
	for _, fn := range graph.ReduceFns() {
		m[string(fn)] = reduce
	}
	return m
}
