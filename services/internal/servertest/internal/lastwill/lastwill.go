// Package lastwill undoes what a process did outside of itself once that
// process is gone: ended, panicked, timed out or killed alike.
package lastwill

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

const (
	// env tells a process which act it was started for.
	env     = "SERVERTEST_LAST_WILL"
	timeout = time.Minute
)

// Define gives an act a name and returns the function that wills it: act is
// called with what that function was given, in a process of its own, soon
// after this one is gone. That process is this binary started again, so Define
// belongs into a package variable's initialiser; there it acts, and ends.
func Define(name string, act func(ctx context.Context, what string) error) func(what string) error {
	if os.Getenv(env) == name {
		os.Exit(execute(os.Stdin, act))
	}
	return func(what string) error { return will(name, what) }
}

// held are our ends of the pipes, which the system closes when we are gone.
var held struct {
	sync.Mutex
	pipes []*os.File
}

func will(name, what string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = theirs.Close() }()
	held.Lock()
	held.pipes = append(held.pipes, ours)
	held.Unlock()
	cmd := exec.CommandContext(context.Background(), self) //nolint:gosec // it is this very binary
	cmd.Env = append(os.Environ(), env+"="+name)
	cmd.Stdin = theirs
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("nobody to clean up after the tests: %w", err)
	}
	return json.NewEncoder(ours).Encode(what)
}

// execute waits for the end of testator, which says first what is to be done.
func execute(testator io.Reader, act func(ctx context.Context, what string) error) int {
	// Ctrl-C goes to everybody at the terminal, and this is when we are needed.
	signal.Ignore(os.Interrupt, syscall.SIGHUP, syscall.SIGTERM)
	in := bufio.NewReader(testator)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return 1
	}
	var what string
	if err := json.Unmarshal(line, &what); err != nil {
		return 1
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := act(ctx, what); err != nil {
		return 1
	}
	return 0
}
