package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// program is one that is started, ended and started again.
type program struct {
	path   string
	args   []string
	env    []string // all of it
	output string   // the file of what it prints, which goes on over restarts

	cmd    *exec.Cmd
	exited chan struct{} // closed when cmd has ended
	err    error         // how, once it has
}

func (p *program) start() error {
	out, err := os.OpenFile(p.output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }() // the process has its own
	cmd := exec.Command(p.path, p.args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, out, out
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	p.cmd, p.exited, p.err = cmd, exited, nil
	go func() {
		p.err = cmd.Wait()
		close(exited)
	}()
	return nil
}

// ended returns nil while the process runs, then how it ended.
func (p *program) ended() error {
	select {
	case <-p.exited:
		return fmt.Errorf("%w: %s", errors.Join(errors.New("it ended by itself"), p.err), p.said())
	default:
		return nil
	}
}

// said is all that it has printed.
func (p *program) said() string {
	out, err := os.ReadFile(p.output)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

func (p *program) kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.exited
}

func (p *program) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.exited:
		return p.err
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("it does not end within %s of SIGTERM", patience)
	}
}

// goBuild builds commands into dir.
func goBuild(dir string, commands ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-o", dir + string(filepath.Separator)}, commands...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the platform: %w\n%s", err, out)
	}
	return nil
}

// known are the mails in folders that were read before, without their tickets: a mail
// never changes, and there are many.
var known sync.Map

// mailsIn reads the mails that were written to a folder.
func mailsIn(dir string) ([]mail, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.eml"))
	if err != nil {
		return nil, err
	}
	mails := make([]mail, 0, len(names))
	for _, name := range names {
		if m, ok := known.Load(name); ok {
			mails = append(mails, m.(mail))
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		m, err := parseMail(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(name), err)
		}
		m.pdf, m.pictures, m.file = nil, nil, name
		known.Store(name, m)
		mails = append(mails, m)
	}
	return mails, nil
}
