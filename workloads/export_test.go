package workloads

// OnRows limits the reference of w to the given rows.
func OnRows(w *Instance, rows []int) *Instance { return w.onRows(rows) }
