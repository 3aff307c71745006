package workloads

import "strings"

// OnRows limits the reference of w to the given rows.
func OnRows(w *Instance, rows []int) *Instance { return w.onRows(rows) }

// PublishedCoverage counts the published operations by class.
func PublishedCoverage() map[RooflineClass]int {
	n := map[RooflineClass]int{}
	for _, c := range classed {
		n[c.class] += len(strings.Fields(c.published))
	}
	return n
}
