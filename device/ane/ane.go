// Package ane offers the Apple Neural Engine to the suite.
//
// It is not built yet; on macOS it will compile graphs to MIL and run them
// through Espresso's C ABI.
package ane

import (
	"fmt"
	"runtime"

	"devicemap/device"
)

// Opener opens the Neural Engine of this host.
func Opener() device.Opener {
	return device.Opener{Kind: device.ANE, Name: "ANE", Open: open}
}

func open() (device.Engine, error) {
	if runtime.GOOS != "darwin" || runtime.GOARCH != "arm64" {
		return nil, fmt.Errorf("%w: the Neural Engine needs macOS on Apple silicon, this is %s/%s", device.ErrUnavailable, runtime.GOOS, runtime.GOARCH)
	}
	return nil, fmt.Errorf("%w: this version has no Neural Engine code yet", device.ErrUnavailable)
}
