package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// Each fuzz target gets fuzzTime on top of its seeds: enough to notice that a
// target rotted. Who looks for bugs gives it longer by hand.
const fuzzTime = "5s"

// The limits are for one package's tests; they end what hangs.
const (
	unitTimeout = "10m"
	e2eTimeout  = "90m"
)

// noWorkspace builds a module as somebody sees it who requires it: go.work
// hides missing requirements.
var noWorkspace = []string{"GOWORK=off"}

func (r *runner) lint() error {
	var errs []error
	for _, script := range []string{"lint", "prove-depguard"} {
		if err := r.run(r.root, nil, filepath.Join(r.root, ".ci", script)); err != nil {
			errs = append(errs, fmt.Errorf(".ci/%s: %w", script, err))
		}
	}
	return errors.Join(errs...)
}

func (r *runner) build(w workspace) error {
	var errs []error
	for _, dir := range w.modules {
		for _, what := range []string{"build", "vet"} {
			if err := r.run(dir, noWorkspace, "go", what, "./..."); err != nil {
				errs = append(errs, fmt.Errorf("go %s in %s: %w", what, w.short(dir), err))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// tools tests this program.
func (r *runner) tools() error {
	return r.goTest(filepath.Join(r.root, ".ci", "report"), noWorkspace, "-count=1", ".")
}

// unit runs everything but the black-box suite and the broken adapters.
func (r *runner) unit(w workspace) error {
	args := []string{"-count=2", "-shuffle=on", "-timeout=" + unitTimeout, "-skip=" + brokenTest.String()}
	if err := r.raceWorks(); err != nil {
		fmt.Fprintf(r.out, "without the race detector, which does not work here: %v\n", err)
	} else {
		fmt.Fprintln(r.out, "with the race detector")
		args = append(args, "-race")
	}
	return r.goTest(r.root, nil, append(args, w.patterns(func(dir string) bool { return dir != e2eDir })...)...)
}

// brokenAdapters runs the suites on what they must catch: once, and without
// the race detector, because what is wrong there is known, and sought in a
// process for each.
func (r *runner) brokenAdapters(w workspace) error {
	return r.goTest(r.root, nil, append([]string{"-count=1", "-timeout=" + unitTimeout, "-run=" + brokenTest.String()},
		w.packagesWith(brokenTest.MatchString)...)...)
}

func (r *runner) contracts(w workspace) error {
	return r.goTest(r.root, nil, append([]string{"-count=1", "-timeout=" + unitTimeout, "-run=" + contractTest.String()},
		w.packagesWith(contractTest.MatchString)...)...)
}

// e2e runs the black-box suite: all of it once, or what RUN says, COUNT times.
func (r *runner) e2e(w workspace) error {
	r.figures = true
	defer func() { r.figures = false }()
	args := []string{"-count=" + cmp.Or(os.Getenv("COUNT"), "1"), "-timeout=" + e2eTimeout}
	if run := os.Getenv("RUN"); run != "" {
		args = append(args, "-run="+run)
	}
	return r.goTest(r.root, nil, append(args, w.patterns(func(dir string) bool { return dir == e2eDir })...)...)
}

func (r *runner) fuzz(w workspace) error {
	var errs []error
	n := 0
	for _, f := range w.tests {
		if !fuzzTest.MatchString(f.name) {
			continue
		}
		n++
		fmt.Fprintf(r.out, "fuzz    %s %s for %s\n", f.pkg, f.name, fuzzTime)
		errs = append(errs, r.goTest(r.root, nil, "-run=^$", "-fuzz=^"+f.name+"$", "-fuzztime="+fuzzTime, "./"+f.pkg))
	}
	if n == 0 {
		return errors.New("the tree has no fuzz target")
	}
	return errors.Join(errs...)
}

var fuzzTest = regexp.MustCompile(`^Fuzz[A-Z]`)

// raceWorks tries the race detector: it needs cgo, and so a C compiler.
func (r *runner) raceWorks() error {
	dir, err := os.MkdirTemp("", "race")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	main := filepath.Join(dir, "main.go")
	if err := os.WriteFile(main, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		return err
	}
	cmd := r.command(dir, "go", "run", "-race", main)
	cmd.Env = append(os.Environ(), "GO111MODULE=off")
	cmd.Stderr = nil
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.Join(bytes.Fields(out), []byte(" ")))
	}
	return nil
}

// run runs a command, with its output shown.
func (r *runner) run(dir string, env []string, name string, args ...string) error {
	cmd := r.command(dir, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout = r.out
	return cmd.Run()
}
