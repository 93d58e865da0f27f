//go:build integration

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	mongooptions "go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/freeport"
)

const waiting = `"msg":"waiting for the database"`

// Processes that are started before their databases wait, say so, and start
// when these are there.
func TestProcessesWaitForTheirDatabases(t *testing.T) {
	t.Parallel()
	databases, wires := map[service]string{}, map[service]*wire{}
	for _, s := range services {
		wires[s] = newWire(t, newDatabase(t, s))
		wires[s].cut()
		databases[s] = wires[s].url
	}
	s := newProcesses(t, t.TempDir(), setup{databases: databases})
	p := &platform{system: s, client: newHTTPClient()}
	t.Cleanup(func() { p.end(t) })
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	for _, r := range s.all {
		eventually(t, func() error {
			if err := r.ended(); err != nil {
				return final{err}
			}
			if n := strings.Count(r.said(), waiting); n < 2 {
				return fmt.Errorf("%s has said %d times that it waits", r.of, n)
			}
			return nil
		})
		if c, err := net.Dial("tcp", r.addr); err == nil {
			_ = c.Close()
			t.Errorf("%s listens, without its database", r.of)
		}
	}
	for _, w := range wires {
		w.join(t)
	}
	if err := p.awaitReady(); err != nil {
		t.Fatal(err)
	}
	e := p.publish(t, p.register(t, organizer), draft(5))
	p.awaitMail(t, p.book(t, p.register(t, customer), e, 1).ID, mail.confirms)
}

// Without its database a process ends after START_TIMEOUT, and says what is
// missing; so does its migrate.
func TestProcessesGiveUpWithoutTheirDatabases(t *testing.T) {
	t.Parallel()
	nobody := freeport.Address()
	databases := map[service]string{}
	for _, s := range services {
		databases[s] = map[bool]string{
			true:  "postgres://user:hunter2secret@" + nobody + "/boxoffice?sslmode=disable",
			false: "mongodb://user:hunter2secret@" + nobody + "/boxoffice",
		}[strings.HasSuffix(databaseVariable(s), "_POSTGRES_URL")]
	}
	s := newProcesses(t, t.TempDir(), setup{databases: databases, env: []string{"START_TIMEOUT=1s"}})
	var wg sync.WaitGroup
	for _, r := range s.all {
		for _, args := range [][]string{nil, {"migrate"}} {
			wg.Go(func() {
				said, code := r.run(t, args...)
				if code != 1 {
					t.Errorf("%s %v ends with code %d: %s", r.of, args, code, said)
				}
				for _, want := range []string{waiting, "START_TIMEOUT=1s", databaseVariable(r.of)} {
					if !strings.Contains(said, want) {
						t.Errorf("%s %v does not say %s: %s", r.of, args, want, said)
					}
				}
				if strings.Contains(said, "hunter2secret") {
					t.Errorf("%s %v says the password: %s", r.of, args, said)
				}
			})
		}
	}
	wg.Wait()
}

// run runs the process with these arguments to its end.
func (r *replica) run(t testing.TB, args ...string) (said string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.path, args...)
	cmd.Env = r.env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err.Error(), -1
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// migrate prepares the database and ends, any number of times; healthcheck says
// whether the process that runs is ready.
func TestProcessesCommands(t *testing.T) {
	t.Parallel()
	p := &platform{client: newHTTPClient()}
	s := newProcesses(t, t.TempDir(), setup{})
	p.system = s
	t.Cleanup(func() { p.end(t) })
	for _, r := range s.all {
		if n := objects(t, s.databases[r.of]); n > 0 {
			t.Fatalf("%s: there are %d tables before", r.of, n)
		}
		for range 2 {
			if said, code := r.run(t, "migrate"); code != 0 {
				t.Errorf("%s migrate ends with code %d: %s", r.of, code, said)
			}
		}
		if n := objects(t, s.databases[r.of]); n == 0 {
			t.Errorf("%s migrate makes %d tables", r.of, n)
		}
		if said, code := r.run(t, "healthcheck"); code != 1 {
			t.Errorf("%s healthcheck, with nobody there: code %d: %s", r.of, code, said)
		}
	}
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	if err := p.awaitReady(); err != nil {
		t.Fatal(err)
	}
	for _, r := range s.all {
		if said, code := r.run(t, "healthcheck"); code != 0 {
			t.Errorf("%s healthcheck: code %d: %s", r.of, code, said)
		}
	}
}

// objects counts what is in a database: tables or collections.
func objects(t testing.TB, url string) (n int) {
	t.Helper()
	if strings.HasPrefix(url, "postgres") {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		if err := conn.QueryRow(t.Context(), "select count(*) from information_schema.tables where table_schema = 'public'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	client, err := mongo.Connect(mongooptions.Client().ApplyURI(url))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Disconnect(context.Background()) }()
	_, name, _ := strings.Cut(strings.TrimPrefix(url, "mongodb://"), "/")
	name, _, _ = strings.Cut(name, "?")
	names, err := client.Database(name).ListCollectionNames(t.Context(), bson.M{})
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// Three processes of each service start at once on empty databases.
func TestProcessesStartTogether(t *testing.T) {
	t.Parallel()
	replicas := map[service]int{}
	for _, s := range services {
		replicas[s] = 3
	}
	p, s := startProcesses(t, setup{replicas: replicas, env: []string{"DB_MAX_CONNS=4"}})
	c := p.register(t, customer)
	for _, r := range s.all {
		if err := r.ended(); err != nil {
			t.Errorf("%s: %v", r.name(), err)
		}
		if a, err := send(p.client, http.MethodGet, r.url("/readyz")); err != nil || a.status != http.StatusOK {
			t.Errorf("%s: %+v, %v", r.name(), a, err)
		}
	}
	// All have the same keys, and the same admin.
	for _, r := range s.of(gateway) {
		for _, a := range []*account{c, p.admin} {
			res, err := send(p.client, http.MethodGet, r.url("/users/me"), as(a))
			if err != nil {
				t.Fatal(err)
			}
			res.want(t, http.StatusOK)
		}
	}
	e := p.publish(t, p.register(t, organizer), draft(5))
	p.awaitMail(t, p.book(t, c, e, 1).ID, mail.confirms)
}
