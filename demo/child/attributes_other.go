//go:build !linux && !windows

package child

import "syscall"

// attributes put the process into a group of its own, so that Ctrl-C reaches
// the parent alone.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
