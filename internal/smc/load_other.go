//go:build !darwin

package smc

import (
	"fmt"
	"runtime"
)

// Load says that there is no such controller here.
func Load() (*Lib, error) { return nil, fmt.Errorf("%w on %s", ErrUnavailable, runtime.GOOS) }
