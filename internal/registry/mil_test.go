package registry_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"devicemap/internal/mil"
	"devicemap/internal/registry"
)

// spelled gives the MIL operation of fused entries that have another name
// there, or "" for those built of several.
var spelled = map[string]string{
	"adds": "add", "muls": "mul", "bmm": "matmul", "upsample": "upsample_nearest_neighbor",
	"gelu_tanh_approx": "gelu", "gelu_sigmoid_approx": "gelu", "group_norm": "", "rms_norm": "", "l2_norm": "",
}

// known asks the checker of MIL texts whether the route has an operation.
func known(t *testing.T, op string) bool {
	t.Helper()
	text := fmt.Sprintf(`program(1.3)
[buildInfo = dict<string, string>({{"coremlc-component-MIL", "3520.4.1"}, {"coremlc-version", "3520.5.1"}})]
{
    func main<ios18>(tensor<fp16, [2, 3]> a) {
        tensor<fp16, [2, 3]> b = %s(nothing = a)[name = string("b")];
    } -> (b);
}
`, op)
	_, _, err := mil.Load(text, nil)
	var e *mil.Error
	if !errors.As(err, &e) {
		t.Fatalf("%s: a call without its parameters gives %v", op, err)
	}
	return e.Rule != mil.RuleOp
}

// TestLoweringTextAgrees: what the table calls fused or reachable the program
// text can say, and what it calls negative the text cannot.
func TestLoweringTextAgrees(t *testing.T) {
	unvalidated := map[string]bool{ // compile, but their values were never checked: the route leaves them out
		"constexpr_cast": true, "constexpr_lut_to_sparse": true, "constexpr_sparse_blockwise_shift_scale": true,
		"resize": true, "softplus_parametric": true, "non_maximum_suppression": true, "gelu_exact": true, // a mode of gelu
	}
	for _, e := range registry.Entries() {
		op, other := spelled[e.Name]
		if !other {
			op = e.Name
		}
		switch e.Status {
		case registry.Fused, registry.Reachable:
			if op != "" && known(t, op) == unvalidated[e.Name] {
				t.Errorf("%s is %s, and its text %s: known %t", e.Name, e.Status, op, known(t, op))
			}
		case registry.Negative, registry.NotAuthorable:
			if strings.ToLower(e.Name) == e.Name && known(t, e.Name) {
				t.Errorf("%s is %s, and the text can say it", e.Name, e.Status)
			}
		}
	}
}
