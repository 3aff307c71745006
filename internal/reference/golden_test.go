package reference_test

import (
	"flag"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/golden"
	"devicemap/internal/graph"
	"devicemap/internal/reference"
)

var goldenDir = flag.String("golden", "", "directory of another set of reference outputs; default is the embedded one")

// exact lists the operations whose results are elements of the operands.
var exact = map[string]bool{
	"relu": true, "relu6": true, "abs": true, "sign": true, "floor": true, "ceil": true, "round": true,
	"clip": true, "threshold": true, "thresholded_relu": true, "maximum": true, "minimum": true, "where_greater": true,
	"max_pool": true, "reduce_max": true, "reduce_min": true, "topk": true, "sort": true,
	"transpose": true, "reshape": true, "flatten2d": true, "concat": true, "stack": true, "split": true,
	"slice": true, "reverse": true, "pad": true, "tile": true, "expand_dims": true, "squeeze": true,
	"gather": true, "gather_along_axis": true, "pixel_shuffle": true, "pixel_unshuffle": true,
	"space_to_depth": true, "depth_to_space": true, "space_to_batch": true, "batch_to_space": true, "crop": true,
	"upsample_nearest": true, "resize_nearest": true,
}

// Every operation agrees with PyTorch's float64 result: exactly where it only
// moves or compares data, else to 1e-10.
func TestOpsAgreeWithPyTorch(t *testing.T) {
	set, err := golden.Open(*goldenDir)
	require.NoError(t, err)
	ops, err := set.Ops()
	require.NoError(t, err)
	for _, c := range ops.Cases {
		t.Run(c.Name(), func(t *testing.T) {
			g, inputs, err := c.Graph()
			require.NoError(t, err)
			data := make([]graph.Data, len(inputs))
			for i, v := range inputs {
				data[i] = graph.F32(v)
			}
			got, err := reference.Eval(g, data)
			require.NoError(t, err)
			require.Len(t, got, len(c.Outputs))
			for i, want := range c.Outputs {
				compareResult(t, fmt.Sprintf("%s %v, output %d", c.Name(), c.Params, i), c.Op, got[i], want)
			}
		})
	}
}

func compareResult(t *testing.T, name, op string, got []float64, want golden.Result) {
	t.Helper()
	ref := want.Floats()
	require.Len(t, got, len(ref), name)
	var num, den float64
	for i, r := range ref {
		if d := got[i] - r; (exact[op] || want.Integers != nil) && d != 0 {
			t.Fatalf("%s: value %d: got %v, want exactly %v", name, i, got[i], r)
		}
		num += (got[i] - r) * (got[i] - r)
		den += r * r
	}
	if den == 0 {
		den = 1
	}
	if relErr := math.Sqrt(num / den); !(relErr < 1e-10) {
		t.Fatalf("%s: got %v, want %v: relerr %g, limit 1e-10", name, got, ref, relErr)
	}
}
