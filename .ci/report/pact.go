package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// pactsDir holds the contracts between the services, each drawn up by its
	// consumer's tests.
	pactsDir = "contracts/pacts"
	// releasedDir holds what the last release promised: services/e2e/specs sees
	// to it that it is whole and unchanged.
	releasedDir = "contracts/released"
	// pactTag is the build tag of the tests about them, which need a native
	// library.
	pactTag = "pact"
)

// pact draws up the contracts anew, verifies that the providers keep them, and
// those of the last release, and fails where the committed ones are others.
func (r *runner) pact(w workspace) error {
	env, err := r.pactLibrary()
	if err != nil {
		return err
	}
	// With the race detector, as the unit tests: what they import is compiled then.
	_, race := r.race()
	packages := w.packagesIn(func(dir string) bool { return path.Base(dir) == "pact" })
	for _, dir := range packages {
		if err := r.run(filepath.Join(r.root, dir), slices.Concat(env, noWorkspace), "go", slices.Concat([]string{"vet", "-tags=" + pactTag}, race, []string{"."})...); err != nil {
			return fmt.Errorf("go vet in %s: %w", dir, err)
		}
	}
	// One package at a time: the library locks no file against another process.
	test := func(env []string, flags ...string) error {
		args := append([]string{"-tags=" + pactTag, "-count=1", "-p=1", "-timeout=" + unitTimeout}, slices.Concat(race, flags)...)
		before := r.failures
		if err := r.goTest(r.root, env, append(args, packages...)...); err != nil {
			return err
		}
		if r.failures > before {
			return errors.New("tests failed")
		}
		return nil
	}

	drawnUp, err := os.MkdirTemp("", "pacts")
	if err != nil {
		return err
	}
	defer os.RemoveAll(drawnUp)
	if err := test(append(env, "PACTS_DIR="+drawnUp), "-run=^TestConsumer"); err != nil {
		return fmt.Errorf("the consumers: %w", err)
	}
	// Only now, and whole: what no test draws up any more is gone.
	dir := filepath.Join(r.root, filepath.FromSlash(pactsDir))
	if err := replaceFiles(dir, drawnUp); err != nil {
		return err
	}
	var errs []error
	if err := test(append(env, "PACTS_DIR="+dir), "-skip=^TestConsumer"); err != nil {
		errs = append(errs, fmt.Errorf("the providers: %w", err))
	}
	if err := r.release(func(release, dir string) error {
		r.system = release
		defer func() { r.system = "" }()
		return test(append(env, "PACTS_DIR="+dir, "PACTS_RELEASE="+release), "-run=^TestProvider$")
	}); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(append(errs, r.uncommitted(pactsDir))...)
}

// pactLibrary returns the environment in which the native library is found.
func (r *runner) pactLibrary() ([]string, error) {
	out, err := r.output(r.root, filepath.Join(r.root, ".ci", "pact-ffi"))
	if err != nil {
		return nil, fmt.Errorf(".ci/pact-ffi: %w", err)
	}
	dir := strings.TrimSpace(string(out))
	return []string{withCgo, "CGO_LDFLAGS=-L" + dir + " -Wl,-rpath," + dir}, nil
}

// replaceFiles makes the files of dir those of from.
func replaceFiles(dir, from string) error {
	if err := os.RemoveAll(dir); err != nil { //nolint:gosec // a folder of this repository
		return err
	}
	return os.CopyFS(dir, os.DirFS(from))
}

// uncommitted is an error where files of dir are not what git has.
func (r *runner) uncommitted(dir string) error {
	// Against the index, so that what is about to be committed counts.
	out, err := r.output(r.root, "git", "ls-files", "--modified", "--deleted", "--others", "--exclude-standard", "--", dir)
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	if len(out) == 0 {
		return nil
	}
	if err := r.run(r.root, nil, "git", "--no-pager", "diff", "--", dir); err != nil {
		return fmt.Errorf("git diff: %w", err)
	}
	return fmt.Errorf("the contracts have changed; look at them, and git add what is meant: %s", bytes.Join(bytes.Fields(out), []byte(", ")))
}

// release gives the contracts of the last release, which may be deployed, to
// verify. A release without contracts, or without one of them, is an error.
func (r *runner) release(verify func(release, dir string) error) error {
	version, err := os.ReadFile(filepath.Join(r.root, filepath.FromSlash(releasedDir), "VERSION"))
	if err != nil {
		return fmt.Errorf("the last release: %w", err)
	}
	sums, err := os.ReadFile(filepath.Join(r.root, filepath.FromSlash(releasedDir), "SHA256SUMS"))
	if err != nil {
		return fmt.Errorf("the last release: %w", err)
	}
	dir := filepath.Join(r.root, filepath.FromSlash(releasedDir), "pacts")
	there, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return err
	}
	pacts := 0
	for line := range strings.Lines(string(sums)) {
		_, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if name, ok := strings.CutPrefix(name, "pacts/"); ok {
			if !slices.Contains(there, filepath.Join(dir, name)) {
				return fmt.Errorf("the last release: %s/pacts/%s is missing", releasedDir, name)
			}
			pacts++
		}
	}
	if pacts == 0 {
		return fmt.Errorf("the last release has no contracts: %s/SHA256SUMS lists none", releasedDir)
	}
	release := strings.TrimSpace(string(version))
	fmt.Fprintf(r.out, "the contracts of %s\n", release)
	if err := verify(release, dir); err != nil {
		return fmt.Errorf("what %s relies on is no longer kept: %w", release, err)
	}
	return nil
}
