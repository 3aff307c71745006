//go:build amd64 && !linux

package amx

import (
	"fmt"
	"runtime"
)

func permit() error {
	return fmt.Errorf("%w: how to get permission for tiles on %s is not known here", ErrUnavailable, runtime.GOOS)
}
