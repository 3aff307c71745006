package ane

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// readHost asks the kernel. The model identifier is no help: it names the
// computer, not the chip.
func readHost() (h host, err error) {
	if h.brand, err = unix.Sysctl("machdep.cpu.brand_string"); err != nil {
		return h, fmt.Errorf("chip: sysctl machdep.cpu.brand_string: %w", err)
	}
	if h.build, err = unix.Sysctl("kern.osversion"); err != nil {
		return h, fmt.Errorf("OS build: sysctl kern.osversion: %w", err)
	}
	return h, nil
}
