//go:build !linux && !darwin

package softane

// thread is 0, one text for all threads: this OS is not one the suite runs on.
func thread() uint64 { return 0 }
