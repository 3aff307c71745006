package results

import (
	"slices"
	"strings"
)

// OpClass is the roofline class of an operator of the Neural Engine.
type OpClass string

// The classes of measurement E03.
const (
	ComputeBound   OpClass = "compute-bound"
	BandwidthBound OpClass = "bandwidth-bound"
	DispatchBound  OpClass = "dispatch-bound"       // too small to be anything else
	BridgeRaceable OpClass = "bridge, raceable"     // persistent worker
	BridgeOnly     OpClass = "bridge, not raceable" // a process for each call
)

// opClasses lists the members of each class. Source: measurement E03; the
// scalar operators are named as in the published file.
var opClasses = []struct {
	class   OpClass
	members string
}{
	{ComputeBound, "matmul bmm conv conv_transpose"},
	{BandwidthBound, `relu relu6 leaky_relu elu gelu silu sigmoid tanh softplus exp log sin cos erf sqrt rsqrt square abs
		pow clip add sub mul real_div maximum minimum reduce_sum reduce_mean reduce_max reduce_min softmax layer_norm
		rms_norm group_norm batch_norm l2_norm avg_pool max_pool reshape transpose concat upsample pixel_shuffle
		pixel_unshuffle`},
	{DispatchBound, "adds muls"},
	{BridgeRaceable, "sdpa argmax topk"},
	{BridgeOnly, `batch_to_space channel_to_space cost_volume cross_correlation cross_product dynamic_slice flatten fps
		input_view lrn minmax_norm radius_search scaled_elementwise sort space_to_batch space_to_channel`},
}

// ClassOf is the roofline class of an operator; ok is false for one that no
// class names.
func ClassOf(op string) (class OpClass, ok bool) {
	for _, c := range opClasses {
		if slices.Contains(strings.Fields(c.members), op) {
			return c.class, true
		}
	}
	return "", false
}

// Ops lists the operators of a class by name.
func (c OpClass) Ops() []string {
	for _, of := range opClasses {
		if of.class == c {
			return slices.Sorted(slices.Values(strings.Fields(of.members)))
		}
	}
	return nil
}

// paperCoverage is the coverage part of the published bandwidth file. All of
// it follows from the classes.
type paperCoverage struct {
	Rows         []paperCovered `json:"rows"`
	Counts       map[string]int `json:"counts"`
	Fused        int            `json:"n_emit"`
	Bridge       int            `json:"n_netplist"`
	WorkerOps    []string       `json:"a2_worker_ops"`
	ProcessOps   []string       `json:"a1_only_ops"`
	Unclassified []string       `json:"unclassified"`
}

type paperCovered struct {
	Op    string `json:"op"`
	Set   string `json:"set"`
	Class string `json:"class"`
	Where string `json:"where"`
}

// publishedClasses holds the older names and the texts of the published file.
var publishedClasses = map[OpClass]struct{ set, name, where string }{
	ComputeBound:   {"_EMIT", "compute-bound", "saturation sweep (GEMM/conv peaks)"},
	BandwidthBound: {"_EMIT", "bandwidth-bound", "THIS bandwidth roofline"},
	DispatchBound:  {"_EMIT", "dispatch/latency-bound", "floor finding (CPU wins tiny)"},
	BridgeRaceable: {"NETPLIST_OPS", "bridge:A2-raceable", "bridge:A2 (raceable silicon via persistent worker)"},
	BridgeOnly: {"NETPLIST_OPS", "bridge:A1-not-raceable",
		"A1 subprocess-per-call: dispatch-bound ARTIFACT, NOT a fair speed race (needs an A2 worker to benchmark silicon)"},
}

// publishedCoverage rebuilds the coverage as published: fused operators by
// name, then those of the bridge.
func publishedCoverage() paperCoverage {
	p := paperCoverage{
		Counts:    map[string]int{"UNCLASSIFIED": 0},
		WorkerOps: BridgeRaceable.Ops(), ProcessOps: BridgeOnly.Ops(), Unclassified: []string{},
	}
	for _, c := range opClasses {
		is := publishedClasses[c.class]
		for _, op := range c.class.Ops() {
			row := paperCovered{op, is.set, is.name, is.where}
			if op == "sdpa" {
				row.Where = "bridge:A2 (raceable — covered as attention class)"
			}
			p.Rows = append(p.Rows, row)
			p.Counts[is.name]++
			if is.set == "_EMIT" {
				p.Fused++
			} else {
				p.Bridge++
			}
		}
	}
	slices.SortFunc(p.Rows, func(a, b paperCovered) int {
		if a.Set != b.Set {
			return -strings.Compare(a.Set, b.Set) // "_EMIT" before "NETPLIST_OPS"
		}
		return strings.Compare(a.Op, b.Op)
	})
	return p
}
