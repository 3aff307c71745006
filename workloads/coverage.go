package workloads

import "strings"

// RooflineClass says what bounds an operation that is dispatched alone.
type RooflineClass string

// The classes (measurements E03, coverage).
const (
	ComputeBound   RooflineClass = "compute-bound"
	BandwidthBound RooflineClass = "bandwidth-bound"
	DispatchBound  RooflineClass = "dispatch-bound"
	// The native layers at a graph cut: the paper reached some of them by a
	// persistent worker and the others by a process per call, whose 25 ms and
	// more are no property of the silicon. This suite lowers all of them to
	// fused operations.
	BridgeRaceable    RooflineClass = "bridge, raceable"
	BridgeNotRaceable RooflineClass = "bridge, not raceable"
)

// classed lists the published operations of each class, then those that the
// registry gained since.
var classed = []struct {
	class            RooflineClass
	published, later string
}{
	{ComputeBound, `matmul bmm conv conv_transpose`, `linear einsum`},
	{BandwidthBound, `relu relu6 leaky_relu elu gelu silu sigmoid tanh softplus exp log sin cos erf abs sqrt rsqrt square pow
		clip add sub mul real_div maximum minimum reduce_sum reduce_mean reduce_max reduce_min softmax layer_norm rms_norm
		group_norm batch_norm l2_norm avg_pool max_pool reshape transpose concat upsample pixel_shuffle pixel_unshuffle`,
		`affine atan cast ceil clamped_relu crop depth_to_space equal exp2 expand_dims flatten2d floor gelu_sigmoid_approx
		gelu_tanh_approx greater greater_equal instance_norm inverse l2_pool less less_equal linear_activation
		local_response_norm logical_not not_equal pad prelu reduce_l1_norm reduce_l2_norm reduce_log_sum reduce_log_sum_exp
		reduce_sum_square resize_bilinear resize_nearest_neighbor reverse round scaled_tanh select sigmoid_hard sign
		slice_by_index slice_by_size softsign space_to_depth split squeeze stack threshold thresholded_relu tile
		upsample_bilinear`},
	{DispatchBound, `adds muls`, ``},
	{BridgeRaceable, `sdpa argmax topk`, ``},
	{BridgeNotRaceable, `batch_to_space channel_to_space cost_volume cross_correlation cross_product dynamic_slice flatten
		fps input_view lrn minmax_norm radius_search scaled_elementwise sort space_to_batch space_to_channel`, ``},
}

// Coverage is the roofline class of every fused and bridge operation of the
// capability registry, by name.
func Coverage() map[string]RooflineClass {
	classes := map[string]RooflineClass{}
	for _, c := range classed {
		for _, op := range append(strings.Fields(c.published), strings.Fields(c.later)...) {
			classes[op] = c.class
		}
	}
	return classes
}
