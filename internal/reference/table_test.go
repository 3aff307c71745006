package reference

import (
	"testing"

	"devicemap/internal/graph"
)

// Every operation of the catalogue has a meaning, and the table holds no
// others.
func TestEveryOperationHasAnEvaluator(t *testing.T) {
	names := map[string]bool{}
	for _, op := range graph.Catalog() {
		names[op.Name()] = true
		if evaluators[op.Name()] == nil {
			t.Errorf("%T %q has no evaluator", op, op.Name())
		}
	}
	for name := range evaluators {
		if !names[name] {
			t.Errorf("evaluator %q belongs to no operation of the catalogue", name)
		}
	}
}
