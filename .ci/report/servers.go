package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// servers says which servers the tests have, as TEST_SERVERS does:
// "postgres: PostgreSQL 15.15 stand-in; mongo: mongo:8".
type servers string

// standIn says whether a test of the package may leave to others what a
// stand-in cannot show. A package whose path names a kind of server speaks of
// that one. Whether a server that somebody named is one, only the test knows.
func (s servers) standIn(pkg string) bool {
	any, named, namedOne := false, false, false
	for server := range strings.SplitSeq(string(s), "; ") {
		kind, what, _ := strings.Cut(server, ": ")
		one := strings.HasSuffix(what, " stand-in") || strings.HasPrefix(what, "as TEST_")
		any = any || one
		if kind != "" && strings.Contains(strings.TrimPrefix(pkg, module), kind) {
			named, namedOne = true, namedOne || one
		}
	}
	if named {
		return namedOne
	}
	return any
}

// findServers starts or finds the test servers, and tells every test from now on
// where they are.
func (r *runner) findServers() error {
	out, err := r.output(r.root, "bash", "-c", `env=$("$1") && eval "$env" && exec env -0`, "bash",
		filepath.Join(r.root, ".ci", "images", "build"))
	if err != nil {
		return fmt.Errorf(".ci/images/build: %w", err)
	}
	before := r.command(r.root, "true").Env // what the script's environment was
	found := servers(os.Getenv("TEST_SERVERS"))
	var env []string
	for line := range bytes.SplitSeq(bytes.TrimRight(out, "\x00"), []byte{0}) {
		if set := string(line); !slices.Contains(before, set) && !strings.HasPrefix(set, "_=") && !strings.HasPrefix(set, "SHLVL=") {
			env = append(env, set)
			if name, ok := strings.CutPrefix(set, "TEST_SERVERS="); ok {
				found = servers(name)
			}
		}
	}
	if found == "" {
		return fmt.Errorf(".ci/images/build does not say which servers there are")
	}
	r.servers.mu.Lock()
	r.servers.env = env
	r.servers.mu.Unlock()
	r.tally.serve(found)
	fmt.Fprintln(r.out, "test servers:", found)
	return nil
}

// shareServers lets the packages of the next go test share one server of each
// kind. By itself each test binary starts its own.
func (r *runner) shareServers() error {
	if err := r.needServers(); err != nil {
		return err
	}
	program := filepath.Join(r.root, ".tools", "bin", "withservers")
	r.under = []string{program}
	return r.run(r.root, nil, "go", "build", "-o", program, "./services/internal/servertest/cmd/withservers")
}

// needServers returns an error if the part that finds servers did not find them.
func (r *runner) needServers() error {
	if r.tally.serving() == "" {
		return fmt.Errorf("the test servers are missing")
	}
	return nil
}
