//go:build !darwin && !linux

package power

// hostLoad and hostState are nil: nothing is known here, so no baseline waits
// and no window is flagged for the host's state.
func hostLoad(Config) func() (Load, error) { return nil }

func hostState(Config) func() State { return nil }
