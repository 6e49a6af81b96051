//go:build unix

package git

import (
	"os/exec"
	"syscall"
)

// endWithChildren lets the deadline end what git started, too: ssh and the
// helpers of https.
func endWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}
