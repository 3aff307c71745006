//go:build !amd64

package amx

import (
	"fmt"
	"runtime"
)

func open() (Kernel, error) {
	return nil, fmt.Errorf("%w: %s has no tile unit of Intel's", ErrUnavailable, runtime.GOARCH)
}
