package amx

import (
	"fmt"
	"syscall"
)

// permit asks for the tile state, once per process. Without it the first load
// of a tile is an illegal instruction. Source: Documentation/arch/x86/xstate.rst
// of Linux.
func permit() error {
	const reqXcompPerm, tileData = 0x1023, 18
	if _, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, reqXcompPerm, tileData, 0); errno != 0 {
		return fmt.Errorf("%w: arch_prctl refuses the tiles: %v; use Linux 5.16 or later", ErrUnavailable, errno)
	}
	return nil
}
