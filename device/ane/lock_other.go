//go:build !unix || aix || solaris

package ane

import (
	"fmt"
	"os"
	"runtime"

	"devicemap/device"
)

const lockShared, lockExclusive = 0, 1

// flock is missing here, and without it processes would share bundles.
func flock(*os.File, int) (bool, error) {
	return false, fmt.Errorf("file locks: %w on %s", device.ErrUnavailable, runtime.GOOS)
}
