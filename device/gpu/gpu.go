// Package gpu offers the GPU engines of this host to the suite.
//
// None is built yet: on macOS it will be Metal Performance Shaders Graph and
// MLX, on Linux CUDA.
package gpu

import (
	"fmt"
	"runtime"

	"devicemap/device"
)

// Openers lists the GPU engines that this build knows for this OS.
func Openers() []device.Opener {
	return []device.Opener{{Kind: device.GPU, Name: "GPU", Open: open}}
}

func open() (device.Engine, error) {
	return nil, fmt.Errorf("%w: this version has no GPU engine for %s/%s yet", device.ErrUnavailable, runtime.GOOS, runtime.GOARCH)
}
