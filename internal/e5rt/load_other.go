//go:build !(darwin && arm64)

package e5rt

import (
	"fmt"
	"runtime"
)

func load() (*Lib, error) {
	return nil, fmt.Errorf("%w: it needs macOS on Apple silicon, this is %s/%s", ErrUnavailable, runtime.GOOS, runtime.GOARCH)
}
