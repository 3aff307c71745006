//go:build race

package power

// raceEnabled: the race detector slows all down tenfold.
const raceEnabled = true
