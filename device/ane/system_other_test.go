//go:build !darwin

package ane

import (
	"fmt"

	"devicemap/device"
)

func systemLookup(name string) (uintptr, error) {
	return 0, fmt.Errorf("%s: %w", name, device.ErrUnavailable)
}
