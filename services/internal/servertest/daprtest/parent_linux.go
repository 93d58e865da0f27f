package daprtest

import (
	"os/exec"
	"syscall"
)

// dieWithParent keeps a test that is cut off from leaving its sidecars behind.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
