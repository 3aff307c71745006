package lower

import (
	"testing"

	"devicemap/internal/graph"
)

// TestRulesCoverTheCatalog: every operation has a rule, and no rule is left
// over.
func TestRulesCoverTheCatalog(t *testing.T) {
	known := map[string]bool{}
	for _, op := range graph.Catalog() {
		name := op.Name()
		known[name] = true
		if rules[name] == nil {
			t.Errorf("%s has no rule", name)
		}
	}
	for name := range rules {
		if !known[name] {
			t.Errorf("rule for %s, which is no operation of the graph", name)
		}
	}
}
