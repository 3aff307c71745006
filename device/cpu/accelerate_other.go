//go:build !darwin

package cpu

// systemCandidates: this system comes with no library of its own.
func systemCandidates() []candidate { return nil }
