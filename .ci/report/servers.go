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

// findServers sees to it that the test servers are there, and tells every
// test from now on where they are.
func (r *runner) findServers() error {
	cmd := r.command(r.root, "bash", "-c", `env=$("$1") && eval "$env" && exec env -0`, "bash",
		filepath.Join(r.root, ".ci", "images", "build"))
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf(".ci/images/build: %w", err)
	}
	before := os.Environ()
	for line := range bytes.SplitSeq(bytes.TrimRight(out, "\x00"), []byte{0}) {
		if set := string(line); !slices.Contains(before, set) && !strings.HasPrefix(set, "_=") && !strings.HasPrefix(set, "SHLVL=") {
			r.env = append(r.env, set)
			if name, ok := strings.CutPrefix(set, "TEST_SERVERS="); ok {
				r.tally.servers = servers(name)
			}
		}
	}
	if r.tally.servers == "" {
		r.tally.servers = servers(os.Getenv("TEST_SERVERS")) // an environment that has it all
	}
	if r.tally.servers == "" {
		return fmt.Errorf(".ci/images/build does not say which servers there are")
	}
	fmt.Fprintln(r.out, "test servers:", r.tally.servers)
	return nil
}

// needServers is why nothing that needs servers can run, if so.
func (r *runner) needServers() error {
	if r.tally.servers == "" {
		return fmt.Errorf("there are no servers for it")
	}
	return nil
}
