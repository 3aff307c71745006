//go:build !darwin && !linux

package power

// hostSources is empty: no source is known here, so the meter reports none.
var hostSources []string
