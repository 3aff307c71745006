//go:build unix

package power

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps the terminal's Ctrl+C from ending the child before its last
// sample is read.
func ownGroup(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Setpgid = true
}
