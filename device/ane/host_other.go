//go:build !darwin

package ane

import (
	"fmt"
	"runtime"

	"devicemap/device"
)

func readHost() (host, error) {
	return host{}, fmt.Errorf("chip: %w on %s", device.ErrUnavailable, runtime.GOOS)
}
