package cpu

// systemCandidates is the library that macOS comes with.
func systemCandidates() []candidate { return []candidate{{"accelerate", openAccelerate}} }
