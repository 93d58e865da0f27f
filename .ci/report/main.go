// Command report runs the tests of the whole workspace and tells what really
// ran: the matrix of contract suites, every failure and skip by name, and one
// closing line of counts taken from `go test -json`. It exits with 1 unless
// everything passed and nothing was skipped, but for what a test says that a
// stand-in for a server cannot show, which is listed apart.
//
//	report all          lint, builds, vet, unit, pact, integration, contracts, e2e, synced, fuzz
//	report unit         what needs no server, twice, shuffled, with the race detector
//	report integration  what needs PostgreSQL, MongoDB or RabbitMQ
//	report contracts    the contract suites and their broken adapters
//	report pact         the contracts between the services, drawn up and verified
//	report e2e          the black-box suite
//	report synced       what is on disk before a booking is acknowledged
//	report fuzz         each fuzz target for a few seconds
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

const commands = "all|unit|integration|contracts|pact|e2e|synced|fuzz"

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
	r := &runner{root: root, out: os.Stdout, tally: newTally(), ctx: ctx}
	w, err := r.readWorkspace()
	if err != nil {
		return false, err
	}

	suites := func(of *regexp.Regexp) []string { return w.packagesWith(of.MatchString) }
	servers := func() { r.part("servers", r.findServers) }
	switch command {
	case "all":
		servers()
		r.part("lint", r.lint)
		r.part("build and vet", func() error { return r.build(w) })
		r.part("tools", r.tools)
		r.part("unit", func() error { return r.unit(w) })
		r.part("pact", func() error { return r.pact(w) })
		r.part("integration", func() error { return r.integration(w, append(r.race(), "-skip="+brokenTest.String())...) })
		r.part("broken adapters", func() error { return r.brokenAdapters(suites(brokenTest)) })
		r.part("e2e", func() error { return r.e2e(w) })
		r.part("synced", r.synced)
		r.part("fuzz", func() error { return r.fuzz(w) })
		r.tally.matrix(r.out, cells)
	case "unit":
		r.part("unit", func() error { return r.unit(w) })
		r.part("broken adapters", func() error { return r.brokenAdapters(suites(brokenTest)) })
	case "integration":
		servers()
		r.part("integration", func() error { return r.integration(w) })
		r.tally.matrix(r.out, slices.DeleteFunc(cells, func(c cell) bool { return !slices.Contains(w.integration(), "./"+c.dir) }))
	case "contracts":
		servers()
		r.part("contracts", func() error { return r.contracts(suites(contractTest)) })
		r.part("broken adapters", func() error { return r.brokenAdapters(suites(brokenTest)) })
		r.tally.matrix(r.out, cells)
	case "pact":
		r.part("pact", func() error { return r.pact(w) })
	case "e2e":
		if os.Getenv("SYSTEM") != ways[0].name {
			servers()
		}
		r.part("e2e", func() error { return r.e2e(w) })
	case "synced":
		r.part("synced", r.synced)
	case "fuzz":
		r.part("fuzz", func() error { return r.fuzz(w) })
	default:
		return false, fmt.Errorf("%q is none of %s", command, commands)
	}
	return r.close(), nil
}

// close prints what failed, what was skipped and what a stand-in could not
// show, and the closing line.
func (r *runner) close() bool {
	list := func(o outcome, title string) int {
		tests := r.tally.list(o)
		for _, test := range tests {
			name := strings.TrimPrefix(test.String(), module)
			if reason := r.tally.reasons[test]; reason != "" {
				name += ": " + reason
			}
			fmt.Fprintln(r.out, title, name)
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
