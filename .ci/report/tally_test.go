package main

import (
	"context"
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
	for _, e := range events {
		action, test, _ := strings.Cut(e, " ")
		t.add(event{Action: action, Package: "p", Test: test})
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
			r := &runner{root: dir, out: io.Discard, tally: newTally(), ctx: t.Context()}
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

func TestAPartThatCannotRunHasFailed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := &runner{root: t.TempDir(), out: io.Discard, tally: newTally(), ctx: ctx}
	r.part("missing", func() error { return r.run(r.root, nil, filepath.Join(r.root, "missing")) })
	r.part("nowhere", func() error { return r.goTest(filepath.Join(r.root, "nowhere"), nil, ".") })
	cancel()
	r.part("late", func() error { t.Error("a part began after the end"); return nil })
	if got, want := names(r.tally.list(failed)), "late, missing, nowhere"; got != want {
		t.Errorf("failed: %q, want %q", got, want)
	}
	if r.close() {
		t.Error("the run counts as good")
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
	r := &runner{root: dir, out: io.Discard, tally: newTally(), ctx: t.Context()}
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
	if got := w.patterns(func(dir string) bool { return dir != e2eDir }); !slices.Equal(got, []string{"./one/..."}) {
		t.Errorf("unit patterns: %v", got)
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
