package reference

import "devicemap/internal/graph"

// evaluators holds one evaluator per operation name.
var evaluators = table()

func table() map[string]evaluator {
	t := map[string]evaluator{
		"logical_not": one(logicalNot), "select": one(selectOp), "prelu": one(prelu), "cast": one(cast),

		"matmul": one(matMul), "linear": one(linear), "einsum": one(einsum), "cumsum": one(cumSum), "sdpa": one(sdpa),

		"conv": one(conv), "conv_transpose": one(convTranspose),
		"max_pool": one(pool), "avg_pool": one(pool), "l2_pool": one(pool),

		"softmax": one(softmax), "log_softmax": one(softmax),
		"layer_norm": one(layerNorm), "rms_norm": one(rmsNorm), "group_norm": one(groupNorm),
		"instance_norm": one(instanceNorm), "batch_norm": one(batchNorm), "l2_norm": one(l2Norm),
		"local_response_norm": one(localResponseNorm),

		"argmax": one(arg), "argmin": one(arg), "topk": topK, "sort": sortOp,

		"reshape": one(reread[graph.Reshape]), "squeeze": one(reread[graph.Squeeze]),
		"expand_dims": one(reread[graph.ExpandDims]), "flatten2d": one(reread[graph.Flatten2D]),
		"flatten": one(reread[graph.Flatten]), "transpose": one(transpose),
		"slice_by_size": one(slice), "slice_by_index": one(slice), "concat": one(concat), "stack": one(stack),
		"split": split, "reverse": one(reverse), "tile": one(tile), "pad": one(pad),
		"gather": one(gather), "gather_along_axis": one(gatherAlongAxis),

		"pixel_shuffle": one(pixelShuffle), "pixel_unshuffle": one(pixelUnshuffle),
		"space_to_depth": one(spaceToDepth), "space_to_channel": one(spaceToDepth),
		"depth_to_space": one(depthToSpace), "channel_to_space": one(depthToSpace),
		"space_to_batch": one(spaceToBatch), "batch_to_space": one(batchToSpace), "crop": one(crop),
		"upsample": one(resize), "upsample_bilinear": one(resize),
		"resize_nearest_neighbor": one(resize), "resize_bilinear": one(resize), "affine": one(affine),

		"minmax_norm": one(minMaxNorm), "lrn": one(lrn), "cross_product": one(crossProduct),
		"cross_correlation": one(crossCorrelation), "cost_volume": one(costVolume), "fps": one(furthestPoints),
		"radius_search": one(radiusSearch), "input_view": one(inputView), "dynamic_slice": one(dynamicSlice),
		"scaled_elementwise": one(scaledElementwise),
	}
	for fn := range unaryFuncs {
		t[string(fn)] = one(unary)
	}
	for fn := range binaryFuncs {
		t[string(fn)] = one(binary)
	}
	for fn := range compareFuncs {
		t[string(fn)] = one(compare)
	}
	for _, fn := range graph.ReduceFns() {
		t[string(fn)] = one(reduce)
	}
	return t
}
