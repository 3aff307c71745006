package devicemap

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"devicemap/internal/registry"
	"devicemap/results"
)

// BenchmarkBandwidth is the bandwidth roofline (measurement E03): five
// memory-bound operations, each dispatched alone, over 2^18 to 2^26 elements.
// GB/s count each element as often as it crosses the memory bus: twice, once
// for the sum.
//
// Every engine runs the same operation, the CPU too (trap T7); gelu is the
// exact form everywhere, reference included (trap T22). Whether a run moves
// its operands is the arm's staging rule (trap T4).
func BenchmarkBandwidth(b *testing.B) {
	suite.note(results.Fact{Key: "roofline-classes", Value: coverageText()})
	suite.sweep(b, results.BandwidthBench)
}

// laterClasses are the roofline classes of operations that the registry has
// and the published coverage has not.
var laterClasses = map[results.OpClass]string{
	results.ComputeBound: "linear einsum",
	results.BandwidthBound: `affine atan cast ceil clamped_relu crop depth_to_space equal exp2 expand_dims flatten2d floor
		gelu_sigmoid_approx gelu_tanh_approx greater greater_equal instance_norm inverse l2_pool less less_equal
		linear_activation local_response_norm logical_not not_equal pad prelu reduce_l1_norm reduce_l2_norm reduce_log_sum
		reduce_log_sum_exp reduce_sum_square resize_bilinear resize_nearest_neighbor reverse round scaled_tanh select
		sigmoid_hard sign slice_by_index slice_by_size softsign space_to_depth split squeeze stack threshold
		thresholded_relu tile upsample_bilinear`,
}

// coverage is the class of every operation that the registry offers, by class;
// those without one are under "unclassified".
func coverage() map[results.OpClass][]string {
	classes := map[results.OpClass][]string{}
	for _, e := range registry.Entries() {
		if e.Status != registry.Fused && e.Status != registry.Bridge {
			continue
		}
		class, ok := results.ClassOf(e.Name)
		for later, ops := range laterClasses {
			if slices.Contains(strings.Fields(ops), e.Name) {
				class, ok = later, true
			}
		}
		if !ok {
			class = "unclassified"
		}
		classes[class] = append(classes[class], e.Name)
	}
	return classes
}

func coverageText() string {
	classes := coverage()
	var parts []string
	for _, c := range []results.OpClass{results.ComputeBound, results.BandwidthBound, results.DispatchBound,
		results.BridgeRaceable, results.BridgeOnly, "unclassified"} {
		parts = append(parts, fmt.Sprintf("%s %d", c, len(classes[c])))
	}
	return strings.Join(parts, "; ")
}

// TestCoverage: every operation that the registry offers has one class, and
// every class names operations of the registry.
func TestCoverage(t *testing.T) {
	if got, want := coverageText(),
		"compute-bound 6; bandwidth-bound 95; dispatch-bound 2; bridge, raceable 3; bridge, not raceable 16; unclassified 0"; got != want {
		t.Errorf("coverage = %s\nwant       %s\n%v", got, want, coverage()["unclassified"])
	}
	for class, ops := range laterClasses {
		for _, op := range strings.Fields(ops) {
			if _, published := results.ClassOf(op); published || !slices.Contains(coverage()[class], op) {
				t.Errorf("%s: published %v, in the registry as %s: %v", op, published, class, slices.Contains(coverage()[class], op))
			}
		}
	}
}
