package e2e

import (
	"fmt"
	"os"
	"testing"
)

// workDir holds the binaries, built once for the run of the suite, and the data
// of the shared platform.
var workDir string

// serveEnv makes this test binary run a platform, in the folder that it names,
// for the program that started it: make bench measures what the tests test.
const serveEnv = "E2E_SERVE"

func TestMain(m *testing.M) {
	if what := os.Getenv(racyEnv); what != "" {
		os.Exit(runRacy(what))
	}
	if of := os.Getenv(olderEnv); of != "" {
		runOlder(service(of))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if workDir, err = os.MkdirTemp("", "boxoffice-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(workDir)
	if err := choose(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if dir := os.Getenv(serveEnv); dir != "" {
		return runServe(dir)
	}
	code := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := documented.verdict(code == 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
