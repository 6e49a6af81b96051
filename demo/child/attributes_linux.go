package child

import "syscall"

// attributes put the process into a group of its own, so that Ctrl-C reaches
// the parent alone, and let the kernel kill it with its parent.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
