//go:build !darwin

package libsystem

import (
	"fmt"
	"runtime"
)

// Load says that there is no such library here.
func Load() (*Lib, error) { return nil, fmt.Errorf("%w on %s", ErrUnavailable, runtime.GOOS) }
