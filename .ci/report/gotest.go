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
	"sync"
	"syscall"
	"time"
)

// longEnv is the variable that chooses the long tier, for this program as for
// the tests.
const longEnv = "TEST_LONG"

// runner runs things, shows what a person wants to see of them, and keeps the
// tally. Each part of a run has a runner of its own, by forPart.
type runner struct {
	root  string // of the repository
	tally *tally
	ctx   context.Context // a run has one, and a runner has one run
	// servers are found by one part for all.
	servers *foundServers

	screen *screen
	out    io.Writer
	cpu    *usage

	under    []string // a command that go test runs under, if any
	figures  bool     // passing tests say figures that are worth seeing
	system   string   // what tests run against, if not the usual
	failures int      // how many events of failure goTest has seen
}

// foundServers says where the servers are that tests need.
type foundServers struct {
	mu  sync.Mutex
	env []string
}

func newRunner(ctx context.Context, root string, out io.Writer) *runner {
	return &runner{root: root, tally: newTally(), ctx: ctx, servers: &foundServers{}, screen: &screen{out: out}, out: out, cpu: &usage{}}
}

// forPart is the runner of a part: what it prints bears its name.
func (r *runner) forPart(name string) *runner {
	p := *r
	p.out, p.cpu = &pane{screen: r.screen, prefix: fmt.Sprintf("%-16s ", name)}, &usage{}
	return &p
}

// command is a process that ends, with all of its children, when the run does.
// Builds leave the directory of the clone out of what they make, so that the
// next clone finds it in Go's cache. They do without cgo, as the programs do: what
// is compiled with it, only the race detector and the pacts need; see race.
//
// GOGC lets compilers and the linter use more memory, and a seventh less of the
// processors. What tests measure is allocated, not held.
func (r *runner) command(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(r.ctx, name, args...) //nolint:gosec // what runs is written in this program
	cmd.Dir = dir
	cmd.Stderr = r.out
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -trimpath"))
	if os.Getenv("GOGC") == "" {
		cmd.Env = append(cmd.Env, "GOGC=400")
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// run runs a command, with its output shown.
func (r *runner) run(dir string, env []string, name string, args ...string) error {
	cmd := r.command(dir, name, args...)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout = r.out
	defer r.cpu.add(cmd)
	return cmd.Run()
}

// output runs a command and returns what it prints.
func (r *runner) output(dir, name string, args ...string) ([]byte, error) {
	cmd := r.command(dir, name, args...)
	defer r.cpu.add(cmd)
	return cmd.Output()
}

// goTest runs `go test -json` with args in dir. Failing tests are in the tally;
// the error is about what could not run at all. The linter vets, so that go test
// does not do so again for each way to compile: a first run takes an eighth less CPU.
func (r *runner) goTest(dir string, env []string, args ...string) error {
	command := slices.Concat(r.under, []string{"go", "test", "-json", "-vet=off"}, args)
	cmd := r.command(dir, command[0], command[1:]...)
	r.servers.mu.Lock()
	cmd.Env = slices.Concat(cmd.Env, r.servers.env, env)
	r.servers.mu.Unlock()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	tests, failures := r.read(stdout)
	err = cmd.Wait()
	r.cpu.add(cmd)
	r.failures += failures
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
	lines, run := bufio.NewReader(stdout), r.tally.newRun()
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
			run.add(e)
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
