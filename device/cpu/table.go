package cpu

import "devicemap/internal/graph"

// operation is how the engine runs one op of the catalog: it plans loops, or
// the result is a view of operand 0 from an element offset.
type operation struct {
	plan func(c *compiler, n *graph.Node) (step, error)
	view func(n *graph.Node) (offset int)
}

// whole is the offset of a view of all elements.
func whole(*graph.Node) int { return 0 }

// table holds every op, by name.
var table = func() map[string]operation {
	t := map[string]operation{
		"logical_not":         {plan: planNot},
		"select":              {plan: planSelect},
		"prelu":               {plan: planPReLU},
		"cast":                {view: whole}, // uint8 inputs are held as float32
		"scaled_elementwise":  {plan: planScaled},
		"matmul":              {plan: planMatMul},
		"linear":              {plan: planLinear},
		"einsum":              {plan: planEinsum},
		"sdpa":                {plan: planSDPA},
		"conv":                {plan: planConvNode},
		"conv_transpose":      {plan: planConvTranspose},
		"cross_correlation":   {plan: planCrossCorrelation},
		"max_pool":            {plan: planPoolNode},
		"avg_pool":            {plan: planPoolNode},
		"l2_pool":             {plan: planPoolNode},
		"softmax":             {plan: planSoftmax},
		"log_softmax":         {plan: planSoftmax},
		"layer_norm":          {plan: planLayerNorm},
		"rms_norm":            {plan: planRMSNorm},
		"group_norm":          {plan: planGroupNorm},
		"instance_norm":       {plan: planInstanceNorm},
		"batch_norm":          {plan: planBatchNorm},
		"l2_norm":             {plan: planL2Norm},
		"minmax_norm":         {plan: planMinMaxNorm},
		"local_response_norm": {plan: planLocalResponseNorm},
		"lrn":                 {plan: planLRN},
		"cumsum":              {plan: planCumSum},
		"argmax":              {plan: planArg},
		"argmin":              {plan: planArg},
		"topk":                {plan: planTopK},
		"sort":                {plan: planSort},

		"reshape":     {view: whole},
		"squeeze":     {view: whole},
		"expand_dims": {view: whole},
		"flatten2d":   {view: whole},
		"flatten":     {view: whole},
		"input_view":  {view: func(n *graph.Node) int { return n.Op.(graph.InputView).Offset }},
		"dynamic_slice": {view: func(n *graph.Node) int {
			return n.Op.(graph.DynamicSlice).Start
		}},

		"transpose":               {plan: planTranspose},
		"slice_by_size":           {plan: planSlice},
		"slice_by_index":          {plan: planSlice},
		"concat":                  {plan: planConcat},
		"stack":                   {plan: planStack},
		"split":                   {plan: planSplit},
		"reverse":                 {plan: planReverse},
		"tile":                    {plan: planTile},
		"pad":                     {plan: planPad},
		"gather":                  {plan: planGather},
		"gather_along_axis":       {plan: planGatherAlongAxis},
		"pixel_shuffle":           {plan: planShuffle},
		"pixel_unshuffle":         {plan: planShuffle},
		"space_to_depth":          {plan: planShuffle},
		"space_to_channel":        {plan: planShuffle},
		"depth_to_space":          {plan: planShuffle},
		"channel_to_space":        {plan: planShuffle},
		"space_to_batch":          {plan: planSpaceToBatch},
		"batch_to_space":          {plan: planBatchToSpace},
		"crop":                    {plan: planCrop},
		"upsample":                {plan: planResize},
		"upsample_bilinear":       {plan: planResize},
		"resize_nearest_neighbor": {plan: planResize},
		"resize_bilinear":         {plan: planResize},
		"affine":                  {plan: planAffine},

		"cross_product": {plan: planCrossProduct},
		"cost_volume":   {plan: planCostVolume},
		"fps":           {plan: planFurthestPoints},
		"radius_search": {plan: planRadiusSearch},
	}
	for _, fn := range graph.UnaryFns() {
		t[string(fn)] = operation{plan: planUnary}
	}
	for _, fn := range graph.BinaryFns() {
		t[string(fn)] = operation{plan: planBinary}
	}
	for _, fn := range graph.CompareFns() {
		t[string(fn)] = operation{plan: planCompare}
	}
	for _, fn := range graph.ReduceFns() {
		t[string(fn)] = operation{plan: planReduce}
	}
	return t
}()
