//go:build integration

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// databaseServer is a server that can be killed.
type databaseServer interface {
	Kill(ctx context.Context) error
	Start(ctx context.Context) error
}

// PostgreSQL, which has the users and the bookings, is killed under load.
func TestProcessesPostgresKilled(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	outages(t, "PostgreSQL", server, map[service]string{gateway: server.New(t, nil), bookings: server.New(t, nil)})
}

// MongoDB, which has the events and the notifications, is killed under load.
func TestProcessesMongoKilled(t *testing.T) {
	t.Parallel()
	server := mongotest.NewServer(t)
	outages(t, server.Info().String(), server, map[service]string{events: server.New(t), notifications: server.New(t)})
}

// outages kills the server of these databases, once or in the long tier three
// times, each time until the load has felt it, and requires that nothing hangs, that nothing acknowledged
// is lost, and that service returns by itself.
func outages(t *testing.T, name string, server databaseServer, databases map[service]string) {
	p, _ := startProcesses(t, setup{databases: databases})
	visitor := p.register(t, customer)
	refusals(t, p, visitor, nil) // and everybody knows the keys of tokens from now on
	l := newLoad(t, p, 6, false)
	down := slices.Collect(maps.Keys(databases))
	var lasted, back durations
	for range suitetest.Amount(1, 3) {
		l.awaitServed(t)
		began := time.Now()
		if err := server.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.awaitRefused(t, 10)
		readiness(t, p, down)
		refusals(t, p, visitor, down)
		if err := server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		back = append(back, l.awaitServed(t))
		lasted = append(lasted, time.Since(began))
		readiness(t, p, nil)
	}
	figures := l.end(t)
	t.Logf("%s killed: %d outages of %s, served again %s after its start; %s", name, len(lasted), lasted, back, figures)
}

// readiness requires that /readyz comes to say of each service whether its
// database is down, by its name, and that no process thinks itself dead.
func readiness(t *testing.T, p *platform, down []service) {
	t.Helper()
	for _, s := range services {
		want, database := http.StatusOK, "ok"
		if slices.Contains(down, s) {
			want, database = http.StatusServiceUnavailable, "unavailable"
		}
		eventually(t, func() error {
			a, err := send(p.client, http.MethodGet, p.url(s, "/readyz"))
			if err != nil {
				return final{err}
			}
			var says struct{ Checks map[string]string }
			if err := json.Unmarshal(a.body, &says); err != nil {
				return final{err}
			}
			for name, is := range says.Checks {
				if name != "database" && is != "ok" {
					return fmt.Errorf("%s: %s is %s", s, name, is)
				}
			}
			if a.status != want || says.Checks["database"] != database {
				return fmt.Errorf("%s answers /readyz with %d %s, want %d and its database %s", s, a.status, a.body, want, database)
			}
			return nil
		})
		if a, err := send(p.client, http.MethodGet, p.url(s, "/healthz")); err != nil || a.status != http.StatusOK {
			t.Errorf("%s answers /healthz with %+v, %v", s, a, err)
		}
	}
}

// refusals asks every service for something, through the gateway and at its own
// door. An operation that needs a database that is down answers 503; every other
// operation answers 200.
func refusals(t *testing.T, p *platform, a *account, down []service) {
	t.Helper()
	var wg sync.WaitGroup
	for _, r := range []struct {
		at     service
		needs  service
		method string
		path   string
		more   option
	}{
		{gateway, gateway, http.MethodGet, "/users/me", nil},
		{gateway, gateway, http.MethodPatch, "/users/me", body(obj{"name": "Zoë"})},
		{gateway, gateway, http.MethodPost, "/token", form("grant_type", "password", "username", a.email, "password", a.password)},
		{gateway, events, http.MethodGet, "/events?limit=1", nil},
		{events, events, http.MethodGet, "/events?limit=1", nil},
		{gateway, bookings, http.MethodGet, "/bookings?limit=1", nil},
		{bookings, bookings, http.MethodGet, "/bookings?limit=1", nil},
		{gateway, notifications, http.MethodGet, "/notifications?limit=1", nil},
		{notifications, notifications, http.MethodGet, "/notifications?limit=1", nil},
	} {
		wg.Go(func() {
			options := []option{as(a)}
			if r.more != nil {
				options = append(options, r.more)
			}
			if !slices.Contains(down, r.needs) {
				// A service on a busy machine may refuse at first.
				err := poll(patience, func() error {
					got, err := send(p.client, r.method, p.url(r.at, r.path), options...)
					switch {
					case err != nil:
						return final{err}
					case got.status == http.StatusServiceUnavailable:
						return fmt.Errorf("%s: %d %s", got.request, got.status, got.body)
					case got.status != http.StatusOK:
						return final{fmt.Errorf("%s: %d %s", got.request, got.status, got.body)}
					}
					return nil
				})
				if err != nil {
					t.Errorf("%s %s at %s, with %v down: %v", r.method, r.path, r.at, down, err)
				}
				return
			}
			got, err := send(p.client, r.method, p.url(r.at, r.path), options...)
			if err != nil {
				t.Errorf("%s %s at %s: %v", r.method, r.path, r.at, err)
				return
			}
			if got.status != http.StatusServiceUnavailable {
				t.Errorf("%s, without its database: %d %s", got.request, got.status, got.body)
			} else if r.path == "/token" {
				got.oauthError(t, http.StatusServiceUnavailable, "temporarily_unavailable")
			} else if _, err := got.problem(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
