// Command withservers runs a command whose tests share one server of each kind:
// PostgreSQL, MongoDB and RabbitMQ. By itself, each test binary starts those it
// needs.
//
//	withservers go test -tags integration ./...
//
// The servers end with it. Tests that kill a server still start their own.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/rabbittest"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(command []string) (code int) {
	if len(command) == 0 {
		fmt.Fprintln(os.Stderr, "usage: withservers command [argument...]")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := share(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the caller's own command
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// share starts the servers side by side, and sets the environment that names
// them to the command.
func share() error {
	var servers sync.WaitGroup
	starts := []func() error{pgtest.Share, mongotest.Share, rabbittest.Share}
	errs := make([]error, len(starts))
	for i, start := range starts {
		servers.Go(func() { errs[i] = start() })
	}
	servers.Wait()
	return errors.Join(errs...)
}
