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
	t.Parallel()
	write := func(t *testing.T, root, name, text string) {
		t.Helper()
		name = filepath.Join(root, releasedDir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		files map[string]string
		fails bool // the verification
		want  string
	}{
		"kept": {files: map[string]string{"VERSION": "1.2.0\n", "SHA256SUMS": "0  openapi/user.json\n1  pacts/user-event.json\n", "pacts/user-event.json": "{}"}},
		"no longer kept": {
			files: map[string]string{"VERSION": "1.2.0\n", "SHA256SUMS": "1  pacts/user-event.json\n", "pacts/user-event.json": "{}"},
			fails: true, want: "what 1.2.0 relies on is no longer kept: tests failed",
		},
		"no release":  {want: "the last release: open "},
		"no list":     {files: map[string]string{"VERSION": "1.2.0\n"}, want: "the last release: open "},
		"no pacts":    {files: map[string]string{"VERSION": "1.2.0\n", "SHA256SUMS": "0  openapi/user.json\n"}, want: "the last release has no contracts"},
		"a pact lost": {files: map[string]string{"VERSION": "1.2.0\n", "SHA256SUMS": "1  pacts/user-event.json\n"}, want: "the last release: contracts/released/pacts/user-event.json is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &runner{root: t.TempDir(), out: &bytes.Buffer{}, tally: newTally(), ctx: t.Context()}
			for name, text := range c.files {
				write(t, r.root, name, text)
			}
			verified := ""
			err := r.release(func(release, dir string) error {
				verified = release + " in " + dir
				if c.fails {
					return errors.New("tests failed")
				}
				return nil
			})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("the error is %q, want %q", got, c.want)
			}
			want := ""
			if c.want == "" || c.fails {
				want = "1.2.0 in " + filepath.Join(r.root, releasedDir, "pacts")
			}
			if verified != want {
				t.Errorf("verified %q, want %q", verified, want)
			}
		})
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
