// Package mongotest gives tests databases of their own on a MongoDB server.
//
// The server is a container of TEST_MONGO_IMAGE (default mongo:8), one for
// each test binary, which ends with it, or one for all that withservers runs; or, where TEST_MONGO_URI is set, the
// running server that it names. The container keeps its files in memory;
// NewServer keeps them on disk, for tests that kill it. Not everything that
// speaks MongoDB's protocol is MongoDB: Serving says what a test has before it.
package mongotest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/network"
)

const (
	defaultImage = "mongo:8"
	// sharedEnv tells other processes where the server of this one is: children,
	// which suites start for broken adapters, and all of withservers.
	sharedEnv = "MONGOTEST_SHARED_URI"
)

// New returns the URI of a database, empty, that is dropped at the end of the
// test. Its path is the database's name.
func New(t testing.TB) string {
	t.Helper()
	return shared(t).New(t)
}

// Apart is New for a test that is hard on its database. A stand-in may take one
// request at a time, and then a test that shares it waits for all others: where
// one serves, the database is on a server of the test's own.
func Apart(t testing.TB) string {
	t.Helper()
	s := shared(t)
	if s.container && s.Info().StandIn {
		ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
		defer cancel()
		var err error
		if s, err = run(ctx, false); err != nil {
			t.Fatalf("MongoDB for this test: %v", err)
		}
		s.disposable = true
		t.Cleanup(func() {
			if err := s.machine.Close(context.Background()); err != nil {
				t.Errorf("ending MongoDB: %v", err)
			}
		})
	}
	return s.New(t)
}

// Through returns uri, of New or a Server's, by way of a network of its own.
func Through(t testing.TB, uri string) (string, *network.Network) {
	t.Helper()
	host, upstream, err := host(uri)
	if err != nil {
		t.Fatal(err)
	}
	n := network.New(t, upstream)
	return by(uri, host, n.Addr()), n
}

// Serving says which server serves New.
func Serving(t testing.TB) Info {
	t.Helper()
	return shared(t).Info()
}

func shared(t testing.TB) *Server {
	t.Helper()
	s, err := sharedServer()
	if err != nil {
		t.Fatalf("MongoDB for the tests: %v", err)
	}
	return s
}

// Share starts the server that New serves, unless a running one is named, for the
// processes that this one starts.
func Share() error {
	_, err := sharedServer()
	if err != nil {
		return fmt.Errorf("MongoDB: %w", err)
	}
	return nil
}

var sharedServer = sync.OnceValues(func() (*Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if uri := cmp.Or(os.Getenv(sharedEnv), os.Getenv("TEST_MONGO_URI")); uri != "" {
		return attach(ctx, uri)
	}
	s, err := run(ctx, false)
	if err != nil {
		return nil, err
	}
	return s, os.Setenv(sharedEnv, s.direct)
})

// NewServer returns a server of the test's own, to be killed and started again,
// which ends with the test. Where TEST_MONGO_URI names a running server, which
// is not ours to kill, the returned one stands for it: Kill cuts off those who
// use the URIs that it gave.
func NewServer(t testing.TB) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	var s *Server
	var err error
	if uri := os.Getenv("TEST_MONGO_URI"); uri != "" {
		s, err = cutOff(ctx, uri)
	} else {
		s, err = run(ctx, true)
	}
	if err != nil {
		t.Fatalf("MongoDB for this test: %v", err)
	}
	t.Cleanup(func() {
		if err := s.machine.Close(context.Background()); err != nil {
			t.Errorf("ending MongoDB: %v", err)
		}
	})
	return s
}
