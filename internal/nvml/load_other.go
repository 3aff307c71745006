//go:build !linux

package nvml

import (
	"fmt"
	"runtime"
)

// Load says that there is no NVML here.
func Load() (*Lib, error) { return nil, fmt.Errorf("%w on %s", ErrUnavailable, runtime.GOOS) }
