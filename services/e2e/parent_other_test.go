//go:build !linux

package e2e

import "os/exec"

// dieWithParent is only possible on Linux.
func dieWithParent(*exec.Cmd) {}
