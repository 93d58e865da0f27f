package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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
		for _, what := range []string{"build", "vet", "vet -tags=" + integrationTag} {
			if err := r.run(dir, noWorkspace, "go", append(strings.Fields(what), "./...")...); err != nil {
				errs = append(errs, fmt.Errorf("go %s in %s: %w", what, w.short(dir), err))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// tools tests this program and the stand-in for MongoDB, which is built as
// .ci/images/build does.
func (r *runner) tools() error {
	return errors.Join(
		r.goTest(filepath.Join(r.root, ".ci", "report"), noWorkspace, "-count=1", "."),
		r.goTest(filepath.Join(r.root, ".ci", "images", "mongo"), append([]string{"CGO_ENABLED=0"}, noWorkspace...),
			"-trimpath", "-count=1", "."),
	)
}

// unit runs everything but the black-box suite, the broken adapters and what
// needs servers.
func (r *runner) unit(w workspace) error {
	args := []string{"-count=2", "-shuffle=on", "-timeout=" + unitTimeout, "-skip=" + brokenTest.String()}
	return r.goTest(r.root, nil, slices.Concat(args, r.race(), w.patterns(func(dir string) bool { return dir != e2eDir }))...)
}

// integration runs the packages that need servers, once.
func (r *runner) integration(w workspace, flags ...string) error {
	if err := r.needServers(); err != nil {
		return err
	}
	r.figures = true
	defer func() { r.figures = false }()
	args := []string{"-tags=" + integrationTag, "-count=1", "-shuffle=on", "-timeout=" + unitTimeout}
	return r.goTest(r.root, nil, slices.Concat(args, flags, w.integration())...)
}

// brokenAdapters runs the suites of the packages on what they must catch: once,
// and without the race detector, because what is wrong there is known, and
// sought in a process for each.
func (r *runner) brokenAdapters(packages []string) error {
	return r.suites(brokenTest, packages)
}

// contracts runs the contract suites.
func (r *runner) contracts(packages []string) error {
	return r.suites(contractTest, packages)
}

// suites runs tests of packages once; with servers, if there are any.
func (r *runner) suites(tests *regexp.Regexp, packages []string) error {
	args := []string{"-count=1", "-timeout=" + unitTimeout, "-run=" + tests.String()}
	if r.needServers() == nil {
		args = append(args, "-tags="+integrationTag)
	}
	return r.goTest(r.root, nil, append(args, packages...)...)
}

// e2e runs the black-box suite against the platform in one process, and
// against four on PostgreSQL and MongoDB; or against what SYSTEM says. All of
// it once, or what RUN says, COUNT times.
func (r *runner) e2e(w workspace) error {
	system := os.Getenv("SYSTEM")
	if system != "" && system != standalone && system != processes {
		return fmt.Errorf("SYSTEM is %q: neither %s nor %s", system, standalone, processes)
	}
	r.figures = true
	defer func() { r.figures, r.system = false, "" }()
	args := []string{"-count=" + cmp.Or(os.Getenv("COUNT"), "1"), "-timeout=" + e2eTimeout}
	if run := os.Getenv("RUN"); run != "" {
		args = append(args, "-run="+run)
	}
	var errs []error
	if system != processes {
		suite := w.patterns(func(dir string) bool { return dir == e2eDir })
		errs = append(errs, r.goTest(r.root, []string{"E2E_SYSTEM=" + standalone}, slices.Concat(args, suite)...))
	}
	if system != standalone {
		if err := r.needServers(); err != nil {
			return errors.Join(append(errs, err)...)
		}
		r.system = processes
		args = append(args, "-tags="+integrationTag, "-skip=^TestStandalone", "./"+e2eDir)
		errs = append(errs, r.goTest(r.root, []string{"E2E_SYSTEM=" + processes}, args...))
	}
	return errors.Join(errs...)
}

// What the black-box suite can run against.
const (
	standalone = "standalone"
	processes  = "processes"
)

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

// race asks for the race detector where it works, and says so.
func (r *runner) race() []string {
	if err := r.raceWorks(); err != nil {
		fmt.Fprintf(r.out, "without the race detector, which does not work here: %v\n", err)
		return nil
	}
	fmt.Fprintln(r.out, "with the race detector")
	return []string{"-race"}
}

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
