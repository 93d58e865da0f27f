package main

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	// e2eDir holds the black-box suite, which runs on its own.
	e2eDir = "services/e2e"
	// integrationTag is the build tag of what needs servers.
	integrationTag = "integration"
)

// workspace is what go.work uses, and the test functions that its sources
// declare: what should run, before anything ran.
type workspace struct {
	root    string
	modules []string // absolute directories
	tests   []function
}

// function is a test or a fuzz target.
type function struct {
	pkg, name   string // pkg is the directory, seen from the root
	integration bool   // it needs servers
}

func (r *runner) readWorkspace() (workspace, error) {
	w := workspace{root: r.root}
	out, err := r.output(r.root, "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return w, fmt.Errorf("go list -m: %w", err)
	}
	w.modules = strings.Fields(string(out))
	for _, dir := range w.modules {
		if err := w.scan(dir); err != nil {
			return w, err
		}
	}
	return w, nil
}

// scan notes the functions of dir's _test.go files.
func (w *workspace) scan(dir string) error {
	return filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "testdata":
			return fs.SkipDir
		case !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil //nolint:nilerr // the build says it, with all the others
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
				w.tests = append(w.tests, function{w.short(filepath.Dir(name)), f.Name.Name, needsTag(name)})
			}
		}
		return nil
	})
}

// needsTag says whether a file is built with the tag integration alone.
func needsTag(name string) bool {
	with := build.Default
	with.BuildTags = []string{integrationTag}
	without := with
	without.BuildTags = nil
	dir, file := filepath.Split(name)
	a, errA := with.MatchFile(dir, file)
	b, errB := without.MatchFile(dir, file)
	return errA == nil && errB == nil && a && !b
}

// short is a directory as seen from the root, with slashes.
func (w *workspace) short(dir string) string {
	rel, err := filepath.Rel(w.root, dir)
	if err != nil {
		return dir
	}
	return filepath.ToSlash(rel)
}

// patterns are the packages of the modules that keep accepts.
func (w *workspace) patterns(keep func(dir string) bool) []string {
	var patterns []string
	for _, dir := range w.modules {
		if keep(w.short(dir)) {
			patterns = append(patterns, "./"+w.short(dir)+"/...")
		}
	}
	return patterns
}

// integration returns the tests that need servers and that keep accepts, without
// the black-box suite: their packages, and a pattern of their names. The other
// tests of these packages run with the unit tests.
func (w *workspace) integration(keep func(name string) bool) (packages []string, pattern string) {
	wanted := func(f function) bool {
		return f.integration && f.pkg != e2eDir && testName.MatchString(f.name) && f.name != "TestMain" && keep(f.name)
	}
	var names []string
	for _, f := range w.tests {
		if wanted(f) {
			names = append(names, f.name)
		}
	}
	slices.Sort(names)
	return w.packages(wanted), "^(" + strings.Join(slices.Compact(names), "|") + ")$"
}

var testName = regexp.MustCompile(`^Test[A-Z]`)

// anyName accepts every name.
func anyName(string) bool { return true }

// packagesWith are the packages that declare a test that keep accepts.
func (w *workspace) packagesWith(keep func(name string) bool) []string {
	return w.packages(func(f function) bool { return keep(f.name) })
}

// packagesIn are the packages with tests whose directory keep accepts.
func (w *workspace) packagesIn(keep func(dir string) bool) []string {
	return w.packages(func(f function) bool { return keep(f.pkg) })
}

func (w *workspace) packages(keep func(function) bool) []string {
	var packages []string
	for _, f := range w.tests {
		if keep(f) {
			packages = append(packages, "./"+f.pkg)
		}
	}
	slices.Sort(packages)
	return slices.Compact(packages)
}
