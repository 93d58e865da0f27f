package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tallyOf adds events of package p written as "action test".
func tallyOf(events ...string) *tally {
	t := newTally()
	run := t.newRun()
	for _, e := range events {
		action, test, _ := strings.Cut(e, " ")
		run.add(event{Action: action, Package: "p", Test: test})
	}
	return t
}

func names(ids []id) string {
	var names []string
	for _, i := range ids {
		names = append(names, i.String())
	}
	return strings.Join(names, ", ")
}

func TestTally(t *testing.T) {
	for _, c := range []struct {
		name                    string
		events                  []string
		passed, failed, skipped string
	}{
		{
			name:   "a_parent_is_counted_by_its_subtests",
			events: []string{"run A", "run A/x", "run A/y", "pass A/x", "fail A/y", "fail A", "fail"},
			passed: "p A/x", failed: "p A/y",
		},
		{
			name:   "a_parent_that_fails_by_itself_counts",
			events: []string{"run A", "run A/x", "pass A/x", "fail A", "fail"},
			passed: "p A/x", failed: "p A",
		},
		{
			name:   "the_worst_of_two_runs_counts_once",
			events: []string{"run A", "pass A", "run A", "fail A", "run A", "pass A", "fail"},
			failed: "p A",
		},
		{
			name:   "a_skip_has_a_name",
			events: []string{"run A", "run A/x", "skip A/x", "pass A", "pass"}, skipped: "p A/x",
		},
		{
			name:   "a_test_that_never_ends_has_failed",
			events: []string{"run A", "run B", "pass B", "fail"}, passed: "p B", failed: "p A",
		},
		{
			name:   "a_package_that_fails_without_a_test_is_named",
			events: []string{"run A", "pass A", "fail"}, passed: "p A", failed: "p",
		},
		{name: "a_package_without_tests_is_no_skip", events: []string{"skip"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := tallyOf(c.events...)
			for o, want := range map[outcome]string{passed: c.passed, failed: c.failed, skipped: c.skipped} {
				if list := names(got.list(o)); list != want {
					t.Errorf("outcome %d: got %q, want %q", o, list, want)
				}
			}
		})
	}
}

// What only a real server can show may be left out where a stand-in serves, and
// nowhere else; and nothing else may.
func TestStandInsExcuse(t *testing.T) {
	const (
		real      = "postgres: postgres:17-alpine; mongo: mongo:8"
		standIns  = "postgres: PostgreSQL 15.15 stand-in; mongo: FerretDB 1.24.0 stand-in"
		realMongo = "postgres: PostgreSQL 15.15 stand-in; mongo: mongo:8"
		named     = "postgres: as TEST_POSTGRES_DSN says; mongo: as TEST_MONGO_URI says"
		inMongo   = module + "services/event/adapter/mongo"
		excuse    = "    explain_test.go:22: n/a (stand-in): its plans are its own\n"
	)
	for _, c := range []struct {
		name, servers, pkg string
		output             []string
		want               outcome
	}{
		{name: "stand_in", servers: standIns, pkg: inMongo, output: []string{excuse}, want: standIn},
		{name: "stand_in_of_another_kind", servers: realMongo, pkg: inMongo, output: []string{excuse}, want: skipped},
		{name: "package_of_no_kind", servers: realMongo, pkg: module + "services/e2e", output: []string{excuse}, want: standIn},
		{name: "real_servers", servers: real, pkg: inMongo, output: []string{excuse}, want: skipped},
		{name: "real_servers_and_package_of_no_kind", servers: real, pkg: module + "services/e2e", output: []string{excuse}, want: skipped},
		{name: "only_the_test_knows_the_server", servers: named, pkg: inMongo, output: []string{excuse}, want: standIn},
		{name: "no_servers", pkg: inMongo, output: []string{excuse}, want: skipped},
		{name: "another_reason", servers: standIns, pkg: inMongo, output: []string{"    x_test.go:1: too slow\n"}, want: skipped},
		{name: "no_reason", servers: standIns, pkg: inMongo, want: skipped},
		{name: "an_excuse_within_another_reason", servers: standIns, pkg: inMongo, output: []string{"    x_test.go:1: not n/a (stand-in)\n"}, want: skipped},
		{
			name: "a_reason_after_an_excuse", servers: standIns, pkg: inMongo,
			output: []string{excuse, "    x_test.go:1: too slow\n"}, want: skipped,
		},
		{
			name: "an_excuse_after_a_log", servers: standIns, pkg: inMongo,
			output: []string{"    x_test.go:1: FerretDB\n", excuse, "    --- SKIP: TestA/x (0.00s)\n"}, want: standIn,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			tally := newTally()
			run := tally.newRun()
			tally.servers = servers(c.servers)
			run.add(event{Action: "run", Package: c.pkg, Test: "TestA"})
			run.add(event{Action: "run", Package: c.pkg, Test: "TestA/x"})
			for _, line := range c.output {
				run.add(event{Action: "output", Package: c.pkg, Test: "TestA/x", Output: line})
			}
			run.add(event{Action: "skip", Package: c.pkg, Test: "TestA/x"})
			run.add(event{Action: "pass", Package: c.pkg, Test: "TestA"})
			run.add(event{Action: "pass", Package: c.pkg})
			if got := names(tally.list(c.want)); got != c.pkg+" TestA/x" {
				t.Errorf("outcome %d: %q", c.want, got)
			}
			var out strings.Builder
			r := newRunner(t.Context(), "", &out)
			r.tally = tally
			if good := r.close(); good != (c.want == standIn) {
				t.Errorf("the run counts as good: %v\n%s", good, out.String())
			}
			counts := map[outcome]string{standIn: "0 passed, 0 failed, 0 skipped, 1 n/a\n", skipped: "0 passed, 0 failed, 1 skipped, 0 n/a\n"}
			if !strings.HasSuffix(out.String(), counts[c.want]) {
				t.Errorf("closes with %q", out.String())
			}
		})
	}
}

// An excuse that the run of a test had is not one for its next run, and one
// that failed has none.
func TestAnExcuseIsForOneRun(t *testing.T) {
	tally := newTally()
	run := tally.newRun()
	tally.servers = "mongo: FerretDB 1.24.0 stand-in"
	for _, e := range []event{
		{Action: "run", Test: "TestA"},
		{Action: "output", Test: "TestA", Output: "    x_test.go:1: n/a (stand-in): no\n"},
		{Action: "skip", Test: "TestA"},
		{Action: "run", Test: "TestA"},
		{Action: "skip", Test: "TestA"},
		{Action: "run", Test: "TestB"},
		{Action: "output", Test: "TestB", Output: "    x_test.go:1: n/a (stand-in): no\n"},
		{Action: "fail", Test: "TestB"},
	} {
		e.Package = "p"
		run.add(e)
	}
	if got := names(tally.list(skipped)); got != "p TestA" {
		t.Errorf("skipped: %q", got)
	}
	if got := names(tally.list(failed)); got != "p TestB" {
		t.Errorf("failed: %q", got)
	}
}

// The servers that .ci/images/build names are what the tests see; without them
// nothing that needs them passes for done.
func TestServersAreFoundOrMissed(t *testing.T) {
	root := t.TempDir()
	write(t, root, "m/go.mod", "module m\n\ngo 1.26.0\n")
	write(t, root, "m/m_test.go", "package m\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\n"+
		"func TestA(t *testing.T) {\n\tif os.Getenv(\"TEST_X\") != \"it's; two words\" {\n\t\tt.Error(os.Environ())\n\t}\n}\n")
	script := filepath.Join(root, ".ci", "images", "build")
	for _, c := range []struct{ name, script, err string }{
		{name: "found", script: `printf 'export TEST_X=%q\nexport TEST_SERVERS=%q\n' "it's; two words" "mongo: mongo:8"`},
		{name: "fails", script: "echo export TEST_SERVERS=x; exit 3", err: "exit status 3"},
		{name: "says_nothing", script: ":", err: "does not say"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TEST_SERVERS", "")
			write(t, root, ".ci/images/build", "#!/usr/bin/env bash\n"+c.script+"\n")
			if err := os.Chmod(script, 0o700); err != nil {
				t.Fatal(err)
			}
			r := newRunner(t.Context(), root, io.Discard)
			err := r.findServers()
			if got := fmt.Sprint(err); c.err == "" && err != nil || !strings.Contains(got, c.err) {
				t.Fatalf("error %q, want %q", got, c.err)
			}
			if c.err != "" {
				if r.integration(workspace{root: root}, anyName) == nil {
					t.Error("the integration tests count as done")
				}
				return
			}
			if r.tally.servers != "mongo: mongo:8" {
				t.Errorf("servers: %q", r.tally.servers)
			}
			if err := r.goTest(filepath.Join(root, "m"), noWorkspace, "-count=1", "."); err != nil {
				t.Fatal(err)
			}
			if got := names(r.tally.list(passed)); got != "m TestA" {
				t.Errorf("passed: %q", got)
			}
		})
	}
}

// The black-box suite runs against two systems, and is counted for each.
func TestEachSystemCounts(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "go.mod", "module m\n\ngo 1.26.0\n")
	write(t, dir, "m_test.go", "package m\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestA(t *testing.T) {\n\tif os.Getenv(\"BREAK\") != \"\" {\n\t\tt.Error()\n\t}\n}\n")
	r := newRunner(t.Context(), dir, io.Discard)
	if err := r.goTest(dir, noWorkspace, "-count=1", "."); err != nil {
		t.Fatal(err)
	}
	r.system = "processes"
	if err := r.goTest(dir, append([]string{"BREAK=1"}, noWorkspace...), "-count=1", "."); err != nil {
		t.Fatal(err)
	}
	if p, f := names(r.tally.list(passed)), names(r.tally.list(failed)); p != "m TestA" || f != "m (processes) TestA" {
		t.Errorf("passed %q, failed %q", p, f)
	}
}

// TestGoTest runs the go command on packages that pass, fail, skip, crash, do
// not build and are empty, and requires that nothing is lost.
func TestGoTest(t *testing.T) {
	for _, c := range []struct {
		name, body              string
		passed, failed, skipped string
		err                     string
	}{
		{name: "passes", body: "func TestA(t *testing.T) {}", passed: "m TestA"},
		{name: "fails", body: "func TestA(t *testing.T) { t.Error() }", failed: "m TestA"},
		{name: "skips", body: "func TestA(t *testing.T) { t.Skip() }", skipped: "m TestA"},
		{name: "crashes", body: "func TestA(t *testing.T) { panic(1) }", failed: "m TestA"},
		{name: "exits", body: "func TestA(t *testing.T) { os.Exit(3) }", failed: "m TestA"},
		{name: "exits_well", body: "func TestA(t *testing.T) { os.Exit(0) }", failed: "m TestA"},
		{name: "never_ends", body: "func TestA(t *testing.T) { select {} }", failed: "m TestA"},
		{name: "does_not_build", body: "func TestA(t *testing.T) { return 1 }", failed: "m"},
		{name: "gives_up_before_its_tests", body: "func TestMain(m *testing.M) { os.Exit(1) }", failed: "m"},
		{name: "has_no_tests", body: "", err: "no test ran"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "go.mod", "module m\n\ngo 1.26.0\n")
			write(t, dir, "m_test.go", "package m\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nvar _ = os.Exit\nvar _ *testing.T\n\n"+c.body+"\n")
			r := newRunner(t.Context(), dir, io.Discard)
			args := []string{"-count=1", "-timeout=5s", "."}
			err := r.goTest(dir, noWorkspace, args...)
			if c.passed != "" {
				err = r.goTest(dir, noWorkspace, args...) // once more is a run as well
			}
			if got := fmt.Sprint(err); c.err == "" && err != nil || !strings.Contains(got, c.err) {
				t.Errorf("error %q, want %q", got, c.err)
			}
			for o, want := range map[outcome]string{passed: c.passed, failed: c.failed, skipped: c.skipped} {
				if list := names(r.tally.list(o)); list != want {
					t.Errorf("outcome %d: got %q, want %q", o, list, want)
				}
			}
		})
	}
}

func TestRootIsFoundFromBelow(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "go.work", "go 1.26.0\n")
	if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o750); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(dir, "a", "b"))
	if got, err := findRoot(); err != nil || got != dir {
		t.Errorf("findRoot() = %q, %v, want %q", got, err, dir)
	}
}

func TestWorkspaceListsTestsOfEveryModule(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "go.work", "go 1.26.0\n\nuse (\n\t./one\n\t./services/e2e\n)\n")
	for _, module := range []string{"one", "services/e2e"} {
		write(t, dir, module+"/go.mod", "module m/"+module+"\n\ngo 1.26.0\n")
		write(t, dir, module+"/sub/x_test.go", "package sub\n\nimport \"testing\"\n\nfunc TestStoreContract(t *testing.T) {}\n\nfunc FuzzIt(f *testing.F) {}\n")
	}
	r := newRunner(t.Context(), dir, io.Discard)
	t.Setenv("GOWORK", "")
	w, err := r.readWorkspace()
	if err != nil {
		t.Fatal(err)
	}
	if got := w.packagesWith(contractTest.MatchString); !slices.Equal(got, []string{"./one/sub", "./services/e2e/sub"}) {
		t.Errorf("packages with contracts: %v", got)
	}
	if got := w.packagesWith(fuzzTest.MatchString); len(got) != 2 {
		t.Errorf("packages with fuzz targets: %v", got)
	}
	if got, _ := w.integration(anyName); len(got) != 0 {
		t.Errorf("packages that need servers: %v", got)
	}
	if got := w.patterns(func(dir string) bool { return dir != e2eDir }); !slices.Equal(got, []string{"./one/..."}) {
		t.Errorf("unit patterns: %v", got)
	}
}

func TestWorkspaceKnowsWhatNeedsServers(t *testing.T) {
	dir := t.TempDir()
	for name, file := range map[string]struct{ first, test string }{
		"one/plain/x_test.go":         {"", "TestX"},
		"one/postgres/x_test.go":      {"//go:build integration\n\n", "TestA"},
		"one/mongo/x_test.go":         {"// A comment.\n\n//go:build integration && !windows\n\n", "TestB"},
		"one/mixed/x_test.go":         {"", "TestX"},
		"one/mixed/y_test.go":         {"//go:build integration\n\n", "TestC"},
		"one/without/x_test.go":       {"//go:build !integration\n\n", "TestX"},
		"one/either/x_test.go":        {"//go:build integration || linux\n\n", "TestX"},
		"one/helper/x_test.go":        {"//go:build integration\n\n", "open"},
		"services/e2e/system_test.go": {"//go:build integration\n\n", "TestX"},
	} {
		write(t, dir, name, file.first+"package x\n\nimport \"testing\"\n\nfunc "+file.test+"(t *testing.T) {}\n")
	}
	w := workspace{root: dir}
	if err := w.scan(dir); err != nil {
		t.Fatal(err)
	}
	packages, pattern := w.integration(anyName)
	if !slices.Equal(packages, []string{"./one/mixed", "./one/mongo", "./one/postgres"}) {
		t.Errorf("packages that need servers: %v", packages)
	}
	if want := "^(TestA|TestB|TestC)$"; pattern != want {
		t.Errorf("their tests are %s, want %s", pattern, want)
	}
	packages, pattern = w.integration(func(name string) bool { return name == "TestB" })
	if want := "^(TestB)$"; !slices.Equal(packages, []string{"./one/mongo"}) || pattern != want {
		t.Errorf("tests kept: %s of %v, want %s of one/mongo", pattern, packages, want)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Two parts run the same package at a time, and each ends only its own tests.
func TestTwoRunsOfOnePackageSideBySide(t *testing.T) {
	tally := newTally()
	long, short := tally.newRun(), tally.newRun()
	long.add(event{Action: "run", Package: "p", Test: "TestLong"})
	short.add(event{Action: "run", Package: "p", Test: "TestShort"})
	short.add(event{Action: "pass", Package: "p", Test: "TestShort"})
	short.add(event{Action: "pass", Package: "p"})
	long.add(event{Action: "pass", Package: "p", Test: "TestLong"})
	long.add(event{Action: "fail", Package: "p"})
	if got := names(tally.list(passed)); got != "p TestLong, p TestShort" {
		t.Errorf("passed: %q", got)
	}
	if got := names(tally.list(failed)); got != "p" {
		t.Errorf("failed: %q, want the package, outside of its tests", got)
	}
}

// A run ends with the log of each failed test, so that the end of its output alone
// says why it failed.
func TestTheClosingLinesSayWhyATestFailed(t *testing.T) {
	var out strings.Builder
	r := newRunner(t.Context(), t.TempDir(), &out)
	run := r.tally.newRun()
	for _, e := range []event{
		{Action: "run", Test: "TestA"},
		{Action: "output", Test: "TestA", Output: "=== RUN   TestA\n"},
		{Action: "output", Test: "TestA", Output: "    a_test.go:7: got 1,\n"},
		{Action: "output", Test: "TestA", Output: "        want 2\n"},
		{Action: "fail", Test: "TestA"},
		{Action: "run", Test: "TestB"},
		{Action: "output", Test: "TestB", Output: "    b_test.go:9: a figure\n"},
		{Action: "pass", Test: "TestB"},
	} {
		e.Package = "p"
		run.add(e)
	}
	if r.close() {
		t.Error("a run with a failure passed")
	}
	if want := "p TestA\n            a_test.go:7: got 1,\n                want 2\n"; !strings.Contains(out.String(), want) {
		t.Errorf("the closing lines are %q, want %q in them", out.String(), want)
	}
	if strings.Contains(out.String(), "a figure") {
		t.Errorf("the closing lines repeat what a passing test logged: %q", out.String())
	}
}

func TestExcerpt(t *testing.T) {
	if got := excerpt("a\nb\nc\n"); got != "a\nb\nc\n" {
		t.Errorf("of three lines it is %q, want all", got)
	}
	if got, want := excerpt("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"), "1\n2\n3\n4\n5\n8\n9\n10\n"; got != want {
		t.Errorf("of ten lines it is %q, want %q", got, want)
	}
	if got := excerpt(strings.Repeat("x", 400) + "\n"); len(got) > 310 {
		t.Errorf("a line of 400 bytes became one of %d", len(got))
	}
}
