package devicemap

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// hostMemory is half of the machine's memory. macOS keeps little of it free and
// has no figure of what it could give back; half leaves room for the system,
// and every published size fits into half of 8 GB.
func hostMemory() (int64, error) {
	n, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0, fmt.Errorf("hw.memsize: %w", err)
	}
	return int64(n / 2), nil
}
