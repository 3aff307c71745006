//go:build !linux

package onednn

import (
	"fmt"
	"runtime"
)

// Load says that oneDNN is not looked for here.
func Load(int) (*Lib, error) { return nil, fmt.Errorf("%w on %s", ErrUnavailable, runtime.GOOS) }
