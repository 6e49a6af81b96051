//go:build !unix

package forge

import "os/exec"

func endWithChildren(*exec.Cmd) {}
