//go:build !unix

package git

import "os/exec"

func endWithChildren(*exec.Cmd) {}
