package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newRepository is a runner in a git repository of its own.
func newRepository(t *testing.T) (*runner, *bytes.Buffer, func(args ...string)) {
	t.Helper()
	for k, v := range map[string]string{
		"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_NOSYSTEM": "1",
		"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com",
	} {
		t.Setenv(k, v)
	}
	var out bytes.Buffer
	r := newRunner(t.Context(), t.TempDir(), &out)
	git := func(args ...string) {
		t.Helper()
		if err := r.run(r.root, nil, "git", append([]string{"-c", "init.defaultBranch=main"}, args...)...); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, &out)
		}
	}
	git("init", "-q")
	return r, &out, git
}

func (r *runner) write(t *testing.T, name, text string) {
	t.Helper()
	name = filepath.Join(r.root, pactsDir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestContractsThatGitDoesNotHaveFail(t *testing.T) {
	r, out, git := newRepository(t)
	differs := func(what string, want ...string) {
		t.Helper()
		out.Reset()
		err := r.uncommitted(pactsDir)
		if len(want) == 0 && err != nil {
			t.Errorf("%s: %v", what, err)
		}
		for _, text := range want {
			if err == nil || !strings.Contains(err.Error()+out.String(), text) {
				t.Errorf("%s: %v\n%s\ndoes not say %q", what, err, out, text)
			}
		}
	}
	r.write(t, "user-event.json", "one\n")
	differs("a new file", "contracts/pacts/user-event.json")
	git("add", ".")
	differs("about to be committed")
	git("commit", "-qm", "one")
	differs("committed")
	r.write(t, "user-event.json", "two\n")
	differs("changed", "contracts/pacts/user-event.json", "-one", "+two")
	if err := os.Remove(filepath.Join(r.root, pactsDir, "user-event.json")); err != nil {
		t.Fatal(err)
	}
	differs("no longer drawn up", "contracts/pacts/user-event.json", "-one")

	r.root = t.TempDir()
	differs("no repository", "git ls-files")
}

func TestTheLastReleaseIsVerified(t *testing.T) {
	r, out, git := newRepository(t)
	var verified []string
	verify := func(release, dir string) error {
		text, err := os.ReadFile(filepath.Join(dir, "user-event.json"))
		verified = append(verified, release+" "+string(text))
		return err
	}
	check := func(want, says string) {
		t.Helper()
		verified = nil
		out.Reset()
		if err := r.release(verify); err != nil {
			t.Error(err)
		}
		if got := strings.Join(verified, ", "); got != want || !strings.Contains(out.String(), says) {
			t.Errorf("verified %q, said %q; want %q, %q", got, out, want, says)
		}
	}
	git("commit", "-q", "--allow-empty", "-m", "nothing yet")
	check("", "no release")
	git("tag", "v0.1.0")
	check("", "v0.1.0 has no contracts yet")
	r.write(t, "user-event.json", "nine")
	git("add", ".")
	git("commit", "-qm", "nine")
	git("tag", "v0.9.0")
	r.write(t, "user-event.json", "ten")
	git("commit", "-qam", "ten")
	git("tag", "v0.10.0")
	git("tag", "nightly")
	r.write(t, "user-event.json", "to come")
	git("commit", "-qam", "to come")
	check("v0.10.0 ten", "the contracts of v0.10.0")

	err := r.release(func(string, string) error { return errors.New("tests failed") })
	if err == nil || err.Error() != "what v0.10.0 relies on is no longer kept: tests failed" {
		t.Error(err)
	}
}

// What cannot run fails; it is not passed over.
func TestWithoutTheLibraryThePartFails(t *testing.T) {
	var out bytes.Buffer
	r := newRunner(t.Context(), t.TempDir(), &out)
	if err := os.Mkdir(filepath.Join(r.root, ".ci"), 0o700); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho libpact_ffi could not be had >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(r.root, ".ci", "pact-ffi"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s := schedule{runner: r, parts: []*part{{name: "pact", run: func(r *runner) error { return r.pact(workspace{root: r.root}) }}}}
	s.run()
	if r.close() {
		t.Error("the run passes")
	}
	said := out.String()
	for _, text := range []string{"libpact_ffi could not be had", "FAILED  pact: .ci/pact-ffi: exit status 1"} {
		if !strings.Contains(said, text) {
			t.Errorf("%q does not say %q", said, text)
		}
	}
}
