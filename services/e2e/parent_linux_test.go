package e2e

import (
	"os/exec"
	"syscall"
)

// dieWithParent keeps a test that is cut off from leaving its platform behind.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
