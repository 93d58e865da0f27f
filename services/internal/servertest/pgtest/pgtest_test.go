//go:build integration

package pgtest_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

var migrations atomic.Int64

// migrate makes a shop with 500 tickets.
func migrate(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, "create table shop (available int not null); insert into shop values (500)")
	return err
}

// countedMigrate is migrate for one test, which counts how often it runs.
func countedMigrate(ctx context.Context, dsn string) error {
	migrations.Add(1)
	return migrate(ctx, dsn)
}

func connect(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func query[T any](t testing.TB, conn *pgx.Conn, sql string, args ...any) (value T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func TestEachTestHasItsOwnMigratedDatabase(t *testing.T) {
	t.Parallel()
	t.Log(pgtest.Serving(t))
	before := migrations.Load()
	t.Run("tests", func(t *testing.T) {
		for i := range 3 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				began := time.Now()
				conn := connect(t, pgtest.New(t, countedMigrate))
				t.Logf("a database in %v", time.Since(began).Round(time.Millisecond))
				if n := query[int](t, conn, "update shop set available = available - 1 returning available"); n != 499 {
					t.Errorf("%d tickets are left; another test took some", n)
				}
			})
		}
	})
	if n := migrations.Load() - before; n > 1 {
		t.Errorf("migrated %d times", n)
	}
}

func TestADatabaseEndsWithItsTest(t *testing.T) {
	t.Parallel()
	var name string
	t.Run("the test", func(t *testing.T) {
		// Its connection is still open when it is dropped.
		name = query[string](t, connectForGood(t, pgtest.New(t, migrate)), "select current_database()")
	})
	conn := connect(t, pgtest.New(t, nil))
	if query[bool](t, conn, "select exists (select from pg_database where datname = $1)", name) {
		t.Errorf("%s is still there", name)
	}
}

// connectForGood leaves the connection to the server to close.
func connectForGood(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// A server that can be killed has to keep what it acknowledged, and the others
// behave the same.
func TestCommitsAreDurable(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	if !server.Kills() {
		t.Log("n/a (a running server: its settings are not ours)")
		return
	}
	for _, dsn := range []string{server.New(t, nil), pgtest.New(t, nil)} {
		mustBeDurable(t, connect(t, dsn))
	}
}

func mustBeDurable(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for _, setting := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		if v := query[string](t, conn, "select current_setting($1)", setting); v != "on" {
			t.Errorf("%s is %s", setting, v)
		}
	}
}

// What was committed before the kill is there after it, at the same address,
// and all that was refused meanwhile is counted.
func TestServerKilledAndStarted(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	dsn := server.New(t, migrate)
	acknowledged, refused := 0, 0
	patience := time.Minute
	sell := func() {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			_, err = conn.Exec(ctx, "update shop set available = available - 1")
			_ = conn.Close(ctx)
		}
		if err != nil {
			refused++
			return
		}
		acknowledged++
	}
	for range 20 {
		sell()
	}
	idle := connectForGood(t, dsn)
	if err := server.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	down := time.Now()
	patience = time.Second // a proxy without its server may say nothing
	for range 3 {
		sell()
	}
	patience = time.Minute
	if acknowledged != 20 || refused != 3 {
		t.Errorf("%d sales acknowledged and %d refused, not 20 and 3", acknowledged, refused)
	}
	if err := idle.Ping(t.Context()); err == nil {
		t.Error("a connection outlived the server")
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("down for %v, process killed: %v", time.Since(down).Round(time.Millisecond), server.Kills())
	for range 20 {
		sell()
	}
	if n := query[int](t, connect(t, dsn), "select available from shop"); n != 500-acknowledged || acknowledged != 40 {
		t.Errorf("%d tickets are left after %d acknowledged sales", n, acknowledged)
	}
}

// Nothing is left of a test binary that is killed: its databases are not on a
// running server, nor its container in the engine.
func TestAKilledBinaryLeavesNothing(t *testing.T) {
	t.Parallel()
	if os.Getenv("PGTEST_CHILD") != "" {
		fmt.Fprintf(os.Stdout, "%s\n", pgtest.New(t, migrate))
		_, _ = io.Copy(io.Discard, os.Stdin) // until we are killed; Go ends a process in which all sleep
	}
	server := pgtest.NewServer(t)
	dsn := server.New(t, nil)
	uses := []string{"TEST_POSTGRES_DSN=" + dsn}
	if server.Kills() {
		uses = append(uses, "TEST_POSTGRES_DSN=") // a container of its own
	}
	for _, use := range uses {
		child := childWith(t, use)
		deadline := time.Now().Add(2 * time.Minute)
		for {
			conn, err := pgx.Connect(t.Context(), child)
			if err != nil {
				t.Log(err)
				break
			}
			_ = conn.Close(t.Context())
			if time.Now().After(deadline) {
				t.Fatalf("2 min after its owner was killed, %s is still there", child)
			}
		}
	}
}

// childWith returns the DSN of a database that a process had when it was
// killed.
func childWith(t *testing.T, env string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestAKilledBinaryLeavesNothing$")
	cmd.Env = append(os.Environ(), "PGTEST_CHILD=1", "PGTEST_SHARED_DSN=", env)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil { // which the child reads
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	dsn := strings.TrimSpace(line)
	if n := query[int](t, connect(t, dsn), "select available from shop"); n != 500 {
		t.Errorf("%d tickets in the child's database", n)
	}
	return dsn
}

// Suites run broken adapters in child processes, which need no server each.
func TestAChildProcessUsesItsParentsServer(t *testing.T) {
	t.Parallel()
	own, err := pgx.ParseConfig(pgtest.New(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	inherited := "PGTEST_SHARED_DSN=" + os.Getenv("PGTEST_SHARED_DSN")
	child, err := pgx.ParseConfig(childWith(t, inherited))
	if err != nil {
		t.Fatal(err)
	}
	if child.Port != own.Port || child.Database == own.Database {
		t.Errorf("the child has %s at port %d, its parent %s at %d", child.Database, child.Port, own.Database, own.Port)
	}
}

// The server is good for what the suites ask of it.
func TestManyWorkersSellEachTicketOnce(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t, migrate)
	var sold atomic.Int64
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			conn, err := pgx.Connect(t.Context(), dsn)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close(t.Context()) }()
			for {
				tag, err := conn.Exec(t.Context(), "update shop set available = available - 1 where available > 0")
				if err != nil {
					t.Error(err)
				}
				if err != nil || tag.RowsAffected() == 0 {
					return
				}
				sold.Add(1)
			}
		})
	}
	wg.Wait()
	if sold.Load() != 500 {
		t.Errorf("%d of 500 tickets sold", sold.Load())
	}
}
