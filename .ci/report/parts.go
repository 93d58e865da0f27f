package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
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

// tools tests this program, the stand-in for MongoDB, which is built as
// .ci/images/build does, and what Dapr's code makes of components/kubernetes.
func (r *runner) tools() error {
	return errors.Join(
		r.goTest(filepath.Join(r.root, ".ci", "report"), noWorkspace, "-count=1", "."),
		r.goTest(filepath.Join(r.root, ".ci", "images", "mongo"), append([]string{"CGO_ENABLED=0"}, noWorkspace...),
			"-trimpath", "-count=1", "."),
		r.goTest(filepath.Join(r.root, e2eDir, "daprd"), append([]string{"CGO_ENABLED=0", "GOFLAGS="}, noWorkspace...),
			"-trimpath", "-tags=stablecomponents", "-count=1", "./access"),
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

// ways are what the black-box suite can run against: one process, four on
// PostgreSQL and MongoDB that find each other, or four with their sidecars.
var ways = []way{
	{name: "standalone"},
	// With sidecars they are the same four processes: what there is to see of
	// them without is how messages go, and whatever fails by itself.
	{name: "processes", skip: "^TestStandalone|^TestDapr", brief: "^TestProcesses|^TestScenario$|^TestFlashSale$|^TestKillNine$"},
	{name: "dapr", skip: "^TestStandalone|^TestProcesses"},
}

// way is one of them.
type way struct {
	name  string
	skip  string // what is not about it; "" where no servers are needed
	brief string // what runs of the rest, if it is one way of all
}

// e2e runs the black-box suite against the way that SYSTEM says, or all. All of
// it once, or what RUN says, COUNT times.
func (r *runner) e2e(w workspace) error {
	system, only := os.Getenv("SYSTEM"), os.Getenv("RUN")
	if system != "" && !slices.ContainsFunc(ways, func(w way) bool { return w.name == system }) {
		return fmt.Errorf("SYSTEM is %q: neither standalone, processes nor dapr", system)
	}
	r.figures = true
	defer func() { r.figures, r.system = false, "" }()
	var errs []error
	for _, way := range ways {
		if system != "" && system != way.name {
			continue
		}
		args := []string{"-count=" + cmp.Or(os.Getenv("COUNT"), "1"), "-timeout=" + e2eTimeout}
		if run := cmp.Or(only, way.brief); run != "" && (only != "" || system == "") {
			args = append(args, "-run="+run)
		}
		suite := w.patterns(func(dir string) bool { return dir == e2eDir })
		if way.skip != "" {
			if err := r.needServers(); err != nil {
				errs = append(errs, err)
				continue
			}
			r.system = way.name
			args, suite = append(args, "-tags="+integrationTag, "-skip="+way.skip), []string{"./" + e2eDir}
		}
		errs = append(errs, r.goTest(r.root, []string{"E2E_SYSTEM=" + way.name}, slices.Concat(args, suite)...))
	}
	return errors.Join(errs...)
}

// synced sees with strace what is on disk before a booking is acknowledged.
func (r *runner) synced() error {
	if runtime.GOOS != "linux" {
		return errors.New("strace, which sees what is synced, is Linux's: run this in a container or a virtual machine")
	}
	strace, err := r.command(r.root, filepath.Join(r.root, ".ci", "strace")).Output()
	if err != nil {
		return fmt.Errorf(".ci/strace: %w", err)
	}
	r.figures = true
	defer func() { r.figures = false }()
	return r.goTest(r.root, []string{"TEST_STRACE=" + strings.TrimSpace(string(strace))},
		"-tags=strace", "-count=1", "-run=EveryBookingIsSynced", "./"+e2eDir)
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
