//go:build !linux && !darwin

package devicemap

import (
	"fmt"
	"runtime"
)

func hostMemory() (int64, error) {
	return 0, fmt.Errorf("available memory: not known on %s", runtime.GOOS)
}
