// Package rabbittest gives tests virtual hosts of their own on a RabbitMQ
// server.
//
// The server is a container of TEST_RABBITMQ_IMAGE (default
// rabbitmq:4-management-alpine), one for each test binary, which ends with it,
// or one for all that withservers runs;
// or, where TEST_RABBITMQ_URL is set, the running server of which it names the
// management API, with a user who may make virtual hosts:
// http://user:password@host:15672. The container keeps its files in memory;
// NewServer keeps them on disk, for tests that kill it.
package rabbittest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/network"
)

const (
	defaultImage = "rabbitmq:4-management-alpine"
	// sharedEnv tells other processes where the server of this one is: children,
	// which suites start for broken adapters, and all of withservers.
	sharedEnv = "RABBITTEST_SHARED_URL"
)

// New returns a virtual host, empty, that is deleted at the end of the test.
func New(t testing.TB) *VHost {
	t.Helper()
	return shared(t).New(t)
}

// Serving says which server serves New, for tests to print: "RabbitMQ 4.3.5",
// or "RabbitMQ 3.10.8 stand-in" where the image could not be pulled.
func Serving(t testing.TB) string {
	t.Helper()
	return shared(t).version
}

func shared(t testing.TB) *Server {
	t.Helper()
	s, err := sharedServer()
	if err != nil {
		t.Fatalf("RabbitMQ for the tests: %v", err)
	}
	return s
}

// Share starts the server that New serves, unless a running one is named, for the
// processes that this one starts.
func Share() error {
	_, err := sharedServer()
	if err != nil {
		return fmt.Errorf("RabbitMQ: %w", err)
	}
	return nil
}

var sharedServer = sync.OnceValues(func() (*Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if u := os.Getenv(sharedEnv); u != "" {
		return inherit(ctx, u)
	}
	if u := os.Getenv("TEST_RABBITMQ_URL"); u != "" {
		return attach(ctx, u)
	}
	s, err := run(ctx, false)
	if err != nil {
		return nil, err
	}
	return s, os.Setenv(sharedEnv, s.management.String())
})

// NewServer returns a server of the test's own, to be killed and started again,
// which ends with the test. Where TEST_RABBITMQ_URL names a running server,
// which is not ours to kill, the returned one stands for it: Kill cuts off those
// who use the URLs that it gave.
func NewServer(t testing.TB) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	var s *Server
	var err error
	if u := os.Getenv("TEST_RABBITMQ_URL"); u != "" {
		s, err = cutOff(ctx, u)
	} else {
		s, err = run(ctx, true)
	}
	if err != nil {
		t.Fatalf("RabbitMQ for this test: %v", err)
	}
	t.Cleanup(func() {
		if err := s.machine.Close(context.Background()); err != nil {
			t.Errorf("ending RabbitMQ: %v", err)
		}
	})
	return s
}

// Through returns the URL of v by way of a network of its own.
func Through(t testing.TB, v *VHost) (string, *network.Network) {
	t.Helper()
	n := network.New(t, v.server.addr)
	return v.at(n.Addr()), n
}
