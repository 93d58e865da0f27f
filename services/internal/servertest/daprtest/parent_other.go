//go:build !linux

package daprtest

import "os/exec"

// dieWithParent is only possible on Linux.
func dieWithParent(*exec.Cmd) {}
