//go:build !linux

package openblas

import (
	"fmt"
	"runtime"
)

// Load says that OpenBLAS is not looked for here.
func Load(...string) (*Lib, error) { return nil, fmt.Errorf("%w on %s", ErrUnavailable, runtime.GOOS) }
