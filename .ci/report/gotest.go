package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// runner runs things, shows what a person wants to see of them, and keeps the
// tally.
type runner struct {
	root  string // of the repository
	out   io.Writer
	tally *tally
	ctx   context.Context // a run has one, and a runner has one run

	env     []string // where the servers are that tests need
	figures bool     // passing tests say figures that are worth seeing
	system  string   // what tests run against, if not the usual
}

// command is a process that ends, with all of its children, when the run does.
func (r *runner) command(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(r.ctx, name, args...) //nolint:gosec // what runs is written in this program
	cmd.Dir = dir
	cmd.Stderr = r.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// part announces a part of the run and records its failure under its name.
func (r *runner) part(name string, run func() error) {
	fmt.Fprintf(r.out, "\n== %s\n", name)
	start := time.Now()
	err := r.ctx.Err()
	if err == nil {
		err = run()
	}
	if err != nil {
		r.tally.fail(id{pkg: name}, err.Error())
		fmt.Fprintf(r.out, "FAILED  %s: %v\n", name, err)
	}
	fmt.Fprintf(r.out, "== %s took %s\n", name, time.Since(start).Round(time.Second))
}

// goTest runs `go test -json` with args in dir. Failing tests are in the tally;
// the error is about what could not run at all.
func (r *runner) goTest(dir string, env []string, args ...string) error {
	cmd := r.command(dir, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Env = slices.Concat(os.Environ(), r.env, env)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	tests, failures := r.read(stdout)
	err = cmd.Wait()
	switch {
	case r.ctx.Err() != nil:
		return r.ctx.Err()
	case err != nil && failures == 0:
		return fmt.Errorf("go test: %w", err)
	case err == nil && tests == 0:
		return fmt.Errorf("no test ran: go test %s", strings.Join(args, " "))
	}
	return nil
}

// read follows a `go test -json` until it ends, and returns how many tests
// began and how many events of failure it saw.
func (r *runner) read(stdout io.Reader) (tests, failures int) {
	p := &printer{out: r.out, output: map[id]string{}, explained: map[id]bool{}, ran: map[string]bool{}, figures: r.figures}
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil {
				fmt.Fprint(r.out, line) // a message of the go command itself
				continue
			}
			if r.system != "" && e.Package != "" {
				e.Package += " (" + r.system + ")" // the same test, and another run
			}
			r.tally.add(e)
			p.show(e)
			switch e.Action {
			case "run":
				tests++
			case "fail", "build-fail":
				failures++
			}
		}
		if err != nil {
			return tests, failures
		}
	}
}
