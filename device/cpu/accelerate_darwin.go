package cpu

import (
	"devicemap/internal/accelerate"
	"devicemap/internal/libsystem"
)

// systemCandidates is the library that macOS comes with.
func systemCandidates() []candidate { return []candidate{{"accelerate", openAccelerate}} }

// openAccelerate loads macOS' own library for the calling thread.
func openAccelerate(threads int) (*library, error) {
	lib, err := accelerate.Load(threads)
	if err != nil {
		return nil, err
	}
	return newAccelerate(lib, macVersion(), threads)
}

// macVersion is the release of macOS, which is Accelerate's version too.
func macVersion() string {
	if sys, err := libsystem.Load(); err == nil {
		if v, err := sys.SysctlString("kern.osproductversion"); err == nil {
			return "macOS " + v
		}
	}
	return "unknown system"
}
