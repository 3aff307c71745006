package registry

// Difference is a deviation of this table from the published census.
type Difference struct {
	Name      string `json:"name"` // of an entry; "*" for all
	Field     string `json:"field"`
	Published string `json:"published"`
	Here      string `json:"here"`
	Reason    string `json:"reason"`
}

// Differences lists every deviation from the published census with its reason.
func Differences() []Difference {
	list := []Difference{
		{"*", "frontend", "spellings of a Python library", "graph operations", "this suite builds graphs in Go; ops names them"},
		{"*", "evidence", "files of another repository", "the figures themselves", "a path that a reader does not have proves nothing"},
		{"*", "route", "one sentence per status", "left out", "it repeats the status"},
		{"*", "wall", "full text", "shortened", "the publication words several walls differently over time; the fact is kept"},
		{"slice_by_index", "status", string(Cracked), string(Fused), "the MIL operation compiles and is correct on M5, and the graph offers strided windows"},
		{"cast", "status", string(Negative), string(Fused), "the negative is about fp32 and integer forms; uint8 to fp16 is proven and the graph offers image inputs"},
		{"cast", "verified", "negative-confirmed", "silicon", "the uint8 form ran"},
		{"cast", "wall", "the operation is not implemented", "", "see status"},
		{"group_norm_large_featuremap", "wall", "refused at 640 channels of 64×64", "refused where max(C/groups, H·W) exceeds 65536", "the later registry relaxes it, and both sizes are published passing cases"},
	}
	for _, name := range []string{"ceil", "equal", "floor", "gelu_sigmoid_approx", "gelu_tanh_approx", "greater_equal", "l2_pool",
		"less", "less_equal", "linear", "logical_not", "not_equal", "pad", "prelu", "reduce_l2_norm", "reduce_log_sum_exp",
		"reverse", "round", "sign", "tile"} {
		list = append(list, Difference{name, "status", string(Reachable), string(Fused),
			"the graph offers it and it is lowered into the program; the census predates its emitter or has none"})
	}
	for _, d := range []struct{ name, reason string }{
		{"lrn_channels_ge16", "the wall is the native layer's; local_response_norm, to which lrn is lowered, has no such bound"},
		{"minmax_norm_channel_axis", "the wall is the native layer's; the fused form takes any axis"},
		{"scaled_elementwise_sub", "the wall is the native layer's; the fused form subtracts and scales"},
		{"topk_k3_k4", "the wall is the native layer's; the sort construction takes any k"},
		{"int32_compute", "a graph holds floating-point constants only, so that the call cannot be written"},
	} {
		list = append(list, Difference{d.name, "probe", "the graph refuses the call", "computed", d.reason})
	}
	list[len(list)-1].Here = "not expressible"
	return list
}
