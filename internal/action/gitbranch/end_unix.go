//go:build unix

package gitbranch

import (
	"os/exec"
	"syscall"
)

// endWithChildren lets the deadline end what git started, too.
func endWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
