//go:build integration

package postgresdb_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

func TestOpenSaysWhenTheServerIsAway(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // it takes connections, and says nothing
	for _, url := range []string{"postgres://u:secret@127.0.0.1:1/d", "postgres://u:secret@" + l.Addr().String() + "/d?sslmode=disable"} {
		_, err := postgresdb.Open(t.Context(), postgresdb.Options{URL: url}, migrations)
		if !errors.Is(err, storage.ErrUnavailable) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v, want ErrUnavailable, and no password", err)
		}
	}
	for _, url := range []string{"postgres://u:secret@host:port/d", "secret", "postgres://u:secret@127.0.0.1/d?sslmode=secret"} {
		_, err := postgresdb.Open(t.Context(), postgresdb.Options{URL: url}, migrations)
		if err == nil || errors.Is(err, storage.ErrUnavailable) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v, want that the URL is wrong, and no password", err)
		}
	}
}

func TestARestartOfTheServerIsSurvived(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	db := open(t, postgresdb.Options{URL: server.New(t, migrate)})
	one := func() error {
		return db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error { return add(ctx, tx, 1, 1) })
	}
	var wg sync.WaitGroup
	for range 16 { // so that the pool is full of connections
		wg.Go(func() {
			if err := one(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := server.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := one(); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
	if err := db.Ping(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("ping: %v, want ErrUnavailable", err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := one(); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	if n := count(t, db, 1); n != 17 {
		t.Errorf("n = %d, want 17", n)
	}
}

// Nothing waits for longer than the timeout, whatever it waits for.
func TestNothingHangs(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, migrate)
	impatient := func(t *testing.T, url string) *postgresdb.DB {
		return open(t, postgresdb.Options{URL: url, MaxConns: 2, Timeout: 2 * time.Second})
	}
	other := open(t, postgresdb.Options{URL: url, Timeout: long})
	touch := func(db *postgresdb.DB) error {
		return db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error { return add(ctx, tx, 1, 1) })
	}
	// Whoever is that impatient may be refused on a busy machine, but not for ever.
	works := func(t *testing.T, when string, db *postgresdb.DB) {
		t.Helper()
		deadline := time.Now().Add(long)
		for err := touch(db); err != nil; err = touch(db) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %v", when, err)
			}
		}
	}
	want := func(t *testing.T, err error) {
		t.Helper()
		if !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("error %v, want ErrUnavailable", err)
		}
	}

	t.Run("for a lock", func(t *testing.T) {
		db := impatient(t, url)
		if err := other.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			if err := add(ctx, tx, 1, 0); err != nil {
				return err
			}
			want(t, touch(db))
			return nil
		}); err != nil {
			t.Error(err)
		}
		works(t, "when the lock is free", db)
	})

	t.Run("for a connection", func(t *testing.T) {
		db := impatient(t, url)
		var busy, wg sync.WaitGroup
		busy.Add(2)
		free := make(chan struct{})
		for range 2 {
			wg.Go(func() {
				for has := false; !has; { // it may take its time to connect
					want(t, db.Read(t.Context(), func(_ context.Context, conn *pgx.Conn) error {
						has = true
						busy.Done()
						<-free
						return context.DeadlineExceeded // what a driver would say by now
					}))
				}
			})
		}
		busy.Wait()
		want(t, touch(db))
		close(free)
		wg.Wait()
		works(t, "when a connection is free", db)
	})

	t.Run("for a network that is silent", func(t *testing.T) {
		network := newNetwork(t, url)
		db := impatient(t, network.url)
		works(t, "at first", db)
		before := count(t, other, 1)
		network.silence()
		want(t, touch(db))
		want(t, db.Ping(t.Context()))
		network.restore()
		// A connection may still be waiting for the silent network.
		works(t, "when the network is back", db)
		if n := count(t, other, 1); n <= before { // a commit that came late may count, too
			t.Errorf("n = %d, want more than %d", n, before)
		}
	})
}

// network forwards to a server, until it is silent: then it takes everything
// and forwards nothing, and never will for those who are connected.
type network struct {
	url    string
	mu     sync.Mutex
	silent bool
	conns  []net.Conn // to the server
}

func newNetwork(t *testing.T, url string) *network {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	server := net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port)))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	n := &network{url: strings.Replace(url, server, l.Addr().String(), 1)}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", server)
			if err != nil {
				return
			}
			n.mu.Lock()
			n.conns = append(n.conns, out)
			n.mu.Unlock()
			go n.forward(out, in)
			go n.forward(in, out)
		}
	}()
	return n
}

func (n *network) forward(to io.Writer, from io.ReadCloser) {
	defer from.Close()
	buf := make([]byte, 1<<16)
	for {
		k, err := from.Read(buf)
		n.mu.Lock()
		silent := n.silent
		n.mu.Unlock()
		if !silent && k > 0 {
			_, _ = to.Write(buf[:k])
		}
		if err != nil {
			return
		}
	}
}

func (n *network) silence() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.silent = true
}

func (n *network) restore() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		_ = c.Close()
	}
	n.conns, n.silent = nil, false
}
