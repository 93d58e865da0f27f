// Command report runs the tests of the whole workspace and tells what really
// ran: the matrix of contract suites, every failure and skip by name, and one
// closing line of counts taken from `go test -json`. It exits with 1 unless
// everything passed and nothing was skipped.
//
//	report all        lint, builds, vet, unit, contracts, e2e, fuzz
//	report unit       all tests but e2e, twice, shuffled, with the race detector
//	report contracts  the contract suites and their broken adapters
//	report e2e        the black-box suite
//	report fuzz       each fuzz target for a few seconds
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: report all|unit|contracts|e2e|fuzz")
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

	switch command {
	case "all":
		r.part("lint", r.lint)
		r.part("build and vet", func() error { return r.build(w) })
		r.part("tools", r.tools)
		r.part("unit", func() error { return r.unit(w) })
		r.part("broken adapters", func() error { return r.brokenAdapters(w) })
		r.part("e2e", func() error { return r.e2e(w) })
		r.part("fuzz", func() error { return r.fuzz(w) })
		r.tally.matrix(r.out, cells)
	case "unit":
		r.part("unit", func() error { return r.unit(w) })
		r.part("broken adapters", func() error { return r.brokenAdapters(w) })
	case "contracts":
		r.part("contracts", func() error { return r.contracts(w) })
		r.part("broken adapters", func() error { return r.brokenAdapters(w) })
		r.tally.matrix(r.out, cells)
	case "e2e":
		r.part("e2e", func() error { return r.e2e(w) })
	case "fuzz":
		r.part("fuzz", func() error { return r.fuzz(w) })
	default:
		return false, fmt.Errorf("%q is none of all, unit, contracts, e2e, fuzz", command)
	}
	return r.close(), nil
}

// close prints what failed and what was skipped, and the closing line.
func (r *runner) close() bool {
	failures, skips := r.tally.list(failed), r.tally.list(skipped)
	fmt.Fprintln(r.out)
	for _, test := range failures {
		name := strings.TrimPrefix(test.String(), module)
		if reason := r.tally.reasons[test]; reason != "" {
			name += ": " + reason
		}
		fmt.Fprintln(r.out, "FAILED ", name)
	}
	for _, test := range skips {
		fmt.Fprintln(r.out, "SKIPPED", strings.TrimPrefix(test.String(), module))
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", len(r.tally.list(passed)), len(failures), len(skips))
	return len(failures)+len(skips) == 0
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
