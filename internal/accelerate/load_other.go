//go:build !darwin

package accelerate

import (
	"fmt"
	"runtime"
)

// Load says that there is no Accelerate here.
func Load(int) (*Lib, error) { return nil, fmt.Errorf("%w on %s", ErrUnavailable, runtime.GOOS) }
