// Command report runs the tests of the whole workspace and reports what really
// ran: the matrix of contract suites, every failure and skip by name, how long
// each part took, the slowest tests, and one closing line of counts taken from
// `go test -json`. It exits with 1 unless everything passed and nothing was
// skipped. The one exception is listed apart: what a test says that a stand-in
// for a server cannot show.
//
//	report all          the ordinary tier: every promise, in every system in which it can break
//	report long         the long tier: the same with all rounds, every system whole, fuzzers, growth
//	report lint         the linter, and the proofs of its rules
//	report build        each module without the workspace, and the tests of the tools
//	report unit         what needs no server, shuffled, with the race detector
//	report integration  what needs PostgreSQL, MongoDB or RabbitMQ
//	report contracts    the contract suites and their broken adapters
//	report pact         the contracts between the services, drawn up and verified
//	report e2e          the black-box suite
//	report synced       what is on disk before a booking is acknowledged
//	report fuzz         each fuzz target for a few seconds
//
// TEST_LONG=1 gives any of them the long tier's number of rounds.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const commands = "all|long|lint|build|unit|integration|contracts|pact|e2e|synced|fuzz"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: report", commands)
		os.Exit(2)
	}
	ok, err := run(ctx, os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(ctx context.Context, command string) (bool, error) {
	root, err := findRoot()
	if err != nil {
		return false, err
	}
	text, err := os.ReadFile(filepath.Join(root, ".ci", "contracts.txt"))
	if err != nil {
		return false, err
	}
	cells, err := readCells(bytes.NewReader(text))
	if err != nil {
		return false, err
	}
	r := newRunner(ctx, root, os.Stdout)
	w, err := r.readWorkspace()
	if err != nil {
		return false, err
	}
	parts, err := partsOf(command, w)
	if err != nil {
		return false, err
	}
	s := schedule{runner: r, parts: parts}
	s.run()
	if ctx.Err() != nil {
		s.table(r.out)
		return false, errors.New("interrupted: nothing is said of what did not run")
	}
	switch command {
	case "all", "long", "contracts":
		r.tally.matrix(r.out, cells)
	case "integration":
		packages, _ := w.integration(anyName)
		r.tally.matrix(r.out, slices.DeleteFunc(cells, func(c cell) bool { return !slices.Contains(packages, "./"+c.dir) }))
	}
	s.table(r.out)
	return r.close(), nil
}

// close prints the slowest tests, what failed, what was skipped, what a
// stand-in could not show, and the closing line.
func (r *runner) close() bool {
	r.tally.slowest(r.out, 10)
	list := func(o outcome, title string) int {
		tests := r.tally.list(o)
		for _, test := range tests {
			name := strings.TrimPrefix(test.String(), module)
			if reason := r.tally.reasons[test]; reason != "" {
				name += ": " + reason
			}
			fmt.Fprintln(r.out, title, name)
			fmt.Fprint(r.out, indent(r.tally.logs[test]))
		}
		return len(tests)
	}
	fmt.Fprintln(r.out)
	if r.tally.servers != "" {
		fmt.Fprintln(r.out, "test servers:", r.tally.servers)
	}
	na := list(standIn, "n/a (stand-in)")
	failures, skips := list(failed, "FAILED "), list(skipped, "SKIPPED")
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped, %d n/a\n", len(r.tally.list(passed)), failures, skips, na)
	return failures+skips == 0
}

// findRoot returns the folder of go.work, from here upwards.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return filepath.EvalSymlinks(dir)
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("there is no go.work here or above")
		}
		dir = filepath.Dir(dir)
	}
}
