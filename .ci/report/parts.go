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
// target rotted. Whoever looks for bugs gives it longer by hand.
const fuzzTime = "5s"

// The limits are for one package's tests; they end what hangs.
const (
	unitTimeout = "30m"
	e2eTimeout  = "90m"
)

// e2eParallel is how many end-to-end tests run at a time: most of their time
// they wait for a platform to notice something. More platforms than two processors
// can drive only answer each other too late.
const e2eParallel = 4

// noWorkspace builds a module as somebody sees it who requires it: go.work
// hides missing requirements.
var noWorkspace = []string{"GOWORK=off"}

// long says whether this is the long tier, as suitetest.Long does.
func long() bool { return os.Getenv(longEnv) == "1" }

// partsOf lists the parts of a command. The first in the list start first.
func partsOf(command string, w workspace) ([]*part, error) {
	suites := func(of *regexp.Regexp) []string { return w.packagesWith(of.MatchString) }
	var (
		findServers = &part{name: "servers", lane: waiting, run: (*runner).findServers}
		lint        = &part{name: "lint", run: (*runner).lint}
		build       = &part{name: "build", run: func(r *runner) error { return r.build(w) }}
		tools       = &part{name: "tools", run: (*runner).tools}
		unit        = &part{name: "unit", run: func(r *runner) error { return r.unit(w) }}
		// It waits for its processes half of the time, as those that wait for servers do.
		pact        = &part{name: "pact", lane: serving, run: func(r *runner) error { return r.pact(w) }}
		integration = &part{name: "integration", lane: serving, after: []string{"servers"}, run: func(r *runner) error {
			return r.integration(w, func(name string) bool { return !brokenTest.MatchString(name) })
		}}
		broken = &part{name: "broken adapters", lane: serving, after: []string{"servers"}, run: func(r *runner) error {
			return r.suites(brokenTest, suites(brokenTest))
		}}
		contracts = &part{name: "contracts", lane: serving, after: []string{"servers"}, run: func(r *runner) error {
			return r.suites(contractTest, suites(contractTest))
		}}
		synced = &part{name: "synced", lane: waiting, run: (*runner).synced}
		fuzz   = &part{name: "fuzz", run: func(r *runner) error { return r.fuzz(w) }}
		model  = &part{name: "model", lane: serving, after: []string{"servers"}, run: (*runner).model}
	)
	var e2e []*part
	for _, way := range ways {
		if err := way.check(w); err != nil {
			return nil, err
		}
		if system := os.Getenv("SYSTEM"); command != "e2e" || system == way.name || system == "" {
			e2e = append(e2e, way.part(w))
		}
	}
	switch command {
	case "all":
		parts := []*part{findServers, unit, lint, build, integration, pact, broken, tools, synced}
		return append(parts, e2e...), nil
	case "long":
		if err := os.Setenv(longEnv, "1"); err != nil {
			return nil, err
		}
		parts := []*part{findServers, unit, lint, build, integration, pact, broken, tools, model, fuzz, synced}
		parts = append(parts, e2e...)
		for _, target := range []string{"fuzz-api", "bench-growth"} {
			parts = append(parts, &part{name: target, after: []string{"servers"}, run: func(r *runner) error {
				return r.run(r.root, nil, "make", target)
			}})
		}
		return parts, nil
	case "lint":
		return []*part{lint}, nil
	case "build":
		return []*part{build, tools}, nil
	case "unit":
		return []*part{unit}, nil
	case "integration":
		integration.run = func(r *runner) error { return r.integration(w, anyName) }
		return []*part{findServers, integration}, nil
	case "contracts":
		return []*part{findServers, contracts, broken}, nil
	case "pact":
		return []*part{pact}, nil
	case "e2e":
		if len(e2e) == 0 {
			return nil, fmt.Errorf("SYSTEM is %q: neither standalone, processes nor dapr", os.Getenv("SYSTEM"))
		}
		if len(e2e) > 1 || e2e[0].after != nil {
			e2e = append([]*part{findServers}, e2e...)
		}
		return e2e, nil
	case "synced":
		return []*part{synced}, nil
	case "fuzz":
		return []*part{fuzz}, nil
	}
	return nil, fmt.Errorf("%q is none of %s", command, commands)
}

// lint runs the linter, and proves that its rules can fail.
func (r *runner) lint() error {
	_, flags := r.race()
	env := []string{"RACE=" + strings.Join(flags, " ")}
	var errs []error
	for _, script := range []string{"lint", "prove-depguard"} {
		if err := r.run(r.root, env, filepath.Join(r.root, ".ci", script)); err != nil {
			errs = append(errs, fmt.Errorf(".ci/%s: %w", script, err))
		}
	}
	return errors.Join(errs...)
}

// build builds and vets each module without the workspace.
func (r *runner) build(w workspace) error {
	var errs []error
	for _, dir := range w.modules {
		// Without the tag everything is compiled by the unit tests.
		for _, what := range []string{"build", "vet -tags=" + integrationTag} {
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
		r.goTest(filepath.Join(r.root, ".ci", "images", "mongo"), append([]string{"CGO_ENABLED=0", "GOEXPERIMENT=jsonv2"}, noWorkspace...),
			"-trimpath", "-count=1", "."),
		r.goTest(filepath.Join(r.root, e2eDir, "daprd"), append([]string{"CGO_ENABLED=0", "GOFLAGS="}, noWorkspace...),
			"-trimpath", "-count=1", "./access"),
	)
}

// unit runs everything but the black-box suite, the broken adapters and what
// needs servers: once in the ordinary tier, twice in the long one.
func (r *runner) unit(w workspace) error {
	count := "-count=1"
	if long() {
		count = "-count=2"
	}
	args := []string{count, "-shuffle=on", "-timeout=" + unitTimeout, "-skip=" + brokenTest.String()}
	poppler, err := r.poppler()
	if err != nil {
		return err
	}
	env, flags := r.race()
	return r.goTest(r.root, slices.Concat(env, inMemory(), poppler), slices.Concat(args, flags, w.patterns(func(dir string) bool { return dir != e2eDir }))...)
}

// integration runs the tests that need servers and that keep accepts, once. The race
// detector, which makes them twice as dear, is for the long tier: in the ordinary
// one it watches the same suites on SQLite.
func (r *runner) integration(w workspace, keep func(name string) bool) error {
	if err := r.shareServers(); err != nil {
		return err
	}
	r.figures = true
	args := []string{"-tags=" + integrationTag, "-count=1", "-shuffle=on", "-timeout=" + unitTimeout}
	env := inMemory()
	if long() {
		with, flags := r.race()
		env, args = append(env, with...), append(args, flags...)
	}
	packages, pattern := w.integration(keep)
	return r.goTest(r.root, env, slices.Concat(args, []string{"-run=" + pattern}, packages)...)
}

// suites runs tests of packages once. Broken adapters run in a process each and
// without the race detector: their faults are known.
func (r *runner) suites(tests *regexp.Regexp, packages []string) error {
	if err := r.shareServers(); err != nil {
		return err
	}
	poppler, err := r.poppler()
	if err != nil {
		return err
	}
	args := []string{"-tags=" + integrationTag, "-count=1", "-timeout=" + unitTimeout, "-run=" + tests.String()}
	return r.goTest(r.root, append(inMemory(), poppler...), append(args, packages...)...)
}

// poppler returns the environment by which tests find what reads PDF documents.
func (r *runner) poppler() (env []string, err error) {
	dir, err := r.output(r.root, filepath.Join(r.root, ".ci", "poppler"))
	if err != nil {
		return nil, fmt.Errorf(".ci/poppler: %w", err)
	}
	return []string{"TEST_POPPLER=" + strings.TrimSpace(string(dir))}, nil
}

// model runs the random histories of bookings and money: 5,000 of them.
func (r *runner) model() error {
	if err := r.needServers(); err != nil {
		return err
	}
	return r.goTest(r.root, []string{"MODEL_CHECKS=" + cmp.Or(os.Getenv("HISTORIES"), "5000")},
		"-tags="+integrationTag, "-count=1", "-timeout=120m", "-run=AnyHistory|BrokenPromises|BrokenSagas", "./services/booking")
}

// ways are what the black-box suite can run against: one process, four on
// PostgreSQL and MongoDB that find each other, or four with their sidecars. The
// ordinary tier runs all of it standalone. Of the others it runs what can break
// in that way alone: processes, databases, messages, the network; with sidecars
// also headers, authority and who waits for whom. The long tier runs all of it
// everywhere.
var ways = []way{
	{name: "standalone"},
	{name: "processes", skip: "^TestStandalone|^TestDapr", ordinary: "^TestProcesses|^TestScenario$|^TestFlashSale$|^TestKillNine$|^TestDrain$"},
	{name: "dapr", skip: "^TestStandalone|^TestProcesses", ordinary: "^TestDapr|^TestScenario$|^TestFlashSale$|^TestGateway|" +
		"^TestInternalOperationsAreInternal$|^TestCustomersKeepToThemselves$|^TestOrganizerCancelsAnEvent$|^TestConcurrentReplay$|^TestEverythingIsKept$|^TestDrain$"},
}

// way is one of them.
type way struct {
	name     string
	skip     string // the tests that are about another way; "" where no servers are needed
	ordinary string // the tests of the ordinary tier; "" for all
}

// check returns an error if a name in way.ordinary is that of no test: a test
// that was renamed must not drop out of the ordinary tier.
func (way way) check(w workspace) error {
	for pattern := range strings.SplitSeq(way.ordinary, "|") {
		named, err := regexp.Compile(pattern)
		if err != nil {
			return err
		}
		if len(w.tests) > 0 && !slices.ContainsFunc(w.tests, func(f function) bool { return f.pkg == e2eDir && named.MatchString(f.name) }) {
			return fmt.Errorf("the ordinary tier of %s names %s, and no test in %s is called so", way.name, pattern, e2eDir)
		}
	}
	return nil
}

func (way way) part(w workspace) *part {
	p := &part{name: "e2e " + way.name, lane: waiting, run: func(r *runner) error { return r.e2e(w, way) }}
	if way.skip != "" {
		p.after = []string{"servers"}
	}
	return p
}

// e2e runs the black-box suite against one way: what its tier has of it once, or
// what RUN says, COUNT times.
func (r *runner) e2e(w workspace, way way) error {
	r.figures = true
	args := []string{"-count=" + cmp.Or(os.Getenv("COUNT"), "1"), "-timeout=" + e2eTimeout, fmt.Sprintf("-parallel=%d", e2eParallel)}
	ordinary := way.ordinary
	if long() || os.Getenv("SYSTEM") != "" {
		ordinary = ""
	}
	if run := cmp.Or(os.Getenv("RUN"), ordinary); run != "" {
		args = append(args, "-run="+run)
	}
	suite := w.patterns(func(dir string) bool { return dir == e2eDir })
	env := []string{"E2E_SYSTEM=" + way.name}
	if way.skip == "" {
		browser, err := r.browser()
		if err != nil {
			return err
		}
		env = append(env, browser...)
	} else {
		if err := r.needServers(); err != nil {
			return err
		}
		r.system = way.name
		args, suite = append(args, "-tags="+integrationTag, "-skip="+way.skip), []string{"./" + e2eDir}
	}
	poppler, err := r.poppler()
	if err != nil {
		return err
	}
	return r.goTest(r.root, slices.Concat(env, poppler), slices.Concat(args, suite)...)
}

// browser returns the environment by which tests find what looks at pages.
func (r *runner) browser() (env []string, err error) {
	for variable, script := range map[string]string{"TEST_CHROMIUM": "chromium", "TEST_AXE": "axe"} {
		path, err := r.output(r.root, filepath.Join(r.root, ".ci", script))
		if err != nil {
			return nil, fmt.Errorf(".ci/%s: %w", script, err)
		}
		env = append(env, variable+"="+strings.TrimSpace(string(path)))
	}
	return env, nil
}

// synced sees with strace what is on disk before a booking is acknowledged.
func (r *runner) synced() error {
	if runtime.GOOS != "linux" {
		return errors.New("strace, which sees what is synced, is Linux's: run this in a container or a virtual machine")
	}
	strace, err := r.output(r.root, filepath.Join(r.root, ".ci", "strace"))
	if err != nil {
		return fmt.Errorf(".ci/strace: %w", err)
	}
	r.figures = true
	return r.goTest(r.root, []string{"TEST_STRACE=" + strings.TrimSpace(string(strace))},
		"-tags=strace", "-count=1", "-run=EveryBookingIsSynced|UnsyncedBookingsAreSeen", "./"+e2eDir)
}

// fuzz runs each fuzz target for fuzzTime; its seeds run with the unit tests.
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

// race returns the environment and the flags of the race detector where it works,
// and says so.
func (r *runner) race() (env, flags []string) {
	if err := r.raceWorks(); err != nil {
		fmt.Fprintf(r.out, "without the race detector, which does not work here: %v\n", err)
		return nil, nil
	}
	fmt.Fprintln(r.out, "with the race detector")
	return []string{withCgo}, append([]string{"-race"}, raceExempt...)
}

const withCgo = "CGO_ENABLED=1"

// raceExempt keeps the race detector out of SQLite, which is C translated to Go, and out
// of what draws pictures pixel by pixel: what it does there costs four times the rest, and
// these races are not ours to find.
var raceExempt = []string{
	"-gcflags=modernc.org/sqlite/lib=-race=false", "-gcflags=modernc.org/libc=-race=false",
	"-gcflags=image/...=-race=false", "-gcflags=golang.org/x/image/...=-race=false",
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
	cmd.Env = append(cmd.Env, withCgo, "GO111MODULE=off")
	cmd.Stderr = nil
	defer r.cpu.add(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.Join(bytes.Fields(out), []byte(" ")))
	}
	return nil
}
