//go:build !darwin

package ioreport

import (
	"fmt"
	"runtime"
)

// Load says that there is no IOReport here.
func Load() (*Lib, error) { return nil, fmt.Errorf("%w on %s", ErrUnavailable, runtime.GOOS) }
