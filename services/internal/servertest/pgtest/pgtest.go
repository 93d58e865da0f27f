// Package pgtest gives tests databases of their own on a PostgreSQL server.
//
// The server is a container of TEST_POSTGRES_IMAGE (default
// postgres:17-alpine), one for each test binary, which ends with it, or one for all that
// withservers runs; or, where
// TEST_POSTGRES_DSN is set, the running server that it names, of which the
// user must be allowed to create databases. The container keeps its files in
// memory. Where durability matters, NewServer keeps them on disk; nothing turns
// fsync off.
package pgtest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
)

// Migrate makes an empty database what a test needs. It must have closed its
// connections when it returns.
type Migrate func(ctx context.Context, dsn string) error

const (
	defaultImage = "postgres:17-alpine"
	// sharedEnv tells other processes where the server of this one is: children,
	// which suites start for broken adapters, and all of withservers.
	sharedEnv = "PGTEST_SHARED_DSN"
)

// New returns the DSN of a new database, migrated, that is dropped at the end
// of the test. migrate runs once in a test binary, on a template that each
// database is a copy of: it must do the same whenever it is given, and may be
// nil for an empty database.
func New(t testing.TB, migrate Migrate) string {
	t.Helper()
	return shared(t).New(t, migrate)
}

// Serving says which server serves New, for tests to print: "PostgreSQL 17.2",
// or "PostgreSQL 15.15 stand-in" where the image could not be pulled.
func Serving(t testing.TB) string {
	t.Helper()
	return shared(t).version
}

func shared(t testing.TB) *Server {
	t.Helper()
	s, err := sharedServer()
	if err != nil {
		t.Fatalf("PostgreSQL for the tests: %v", err)
	}
	return s
}

// Share starts the server that New serves, unless a running one is named, for the
// processes that this one starts.
func Share() error {
	_, err := sharedServer()
	if err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	return nil
}

var sharedServer = sync.OnceValues(func() (*Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if dsn := os.Getenv(sharedEnv); dsn != "" {
		return inherit(ctx, dsn)
	}
	if dsn := os.Getenv("TEST_POSTGRES_DSN"); dsn != "" {
		return attach(ctx, dsn)
	}
	s, err := run(ctx, false)
	if err != nil {
		return nil, err
	}
	return s, os.Setenv(sharedEnv, s.direct)
})

// NewServer returns a server of the test's own, to be killed and started again,
// which ends with the test. Where TEST_POSTGRES_DSN names a running server,
// which is not ours to kill, the returned one stands for it: Kill cuts off
// those who use the DSNs that it gave.
func NewServer(t testing.TB) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	var s *Server
	var err error
	if dsn := os.Getenv("TEST_POSTGRES_DSN"); dsn != "" {
		s, err = cutOff(ctx, dsn)
	} else {
		s, err = run(ctx, true)
	}
	if err != nil {
		t.Fatalf("PostgreSQL for this test: %v", err)
	}
	t.Cleanup(func() {
		if err := s.machine.Close(context.Background()); err != nil {
			t.Errorf("ending PostgreSQL: %v", err)
		}
	})
	return s
}
