package pgtest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/internal/lastwill"
)

const dropTimeout = 5 * time.Minute

// databases are those that this process made on one server.
type databases struct {
	mu        sync.Mutex
	prefix    string // of their names; empty before the first
	made      int
	templates map[uintptr]func() (string, error) // by the code of their Migrate
}

// New is what the function New is, on this server.
func (s *Server) New(t testing.TB, migrate Migrate) string {
	t.Helper()
	name, err := s.create(t.Context(), migrate)
	if err != nil {
		t.Fatalf("a database for this test: %v", err)
	}
	t.Cleanup(func() {
		if s.disposable {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), dropTimeout)
		defer cancel()
		if err := s.exec(ctx, "drop database if exists "+name+" with (force)"); err != nil {
			t.Errorf("dropping the database of this test: %v", err)
		}
	})
	d, err := dsn(s.direct, s.addr, name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// create makes a database and returns its name.
func (s *Server) create(ctx context.Context, migrate Migrate) (string, error) {
	switch {
	case migrate == nil:
		return s.copyOf(ctx, "template1")
	case s.disposable: // one database is all there will be
		return s.migrated(ctx, migrate)
	}
	template, err := s.template(migrate)
	if err != nil {
		return "", err
	}
	return s.copyOf(ctx, template)
}

// copyOf makes a copy of a database and returns its name.
func (s *Server) copyOf(ctx context.Context, template string) (string, error) {
	name, err := s.name()
	if err != nil {
		return "", err
	}
	sql := "create database " + name + " template " + template
	if s.inMemory {
		sql += " strategy file_copy" // much faster where files are in memory
	}
	return name, s.exec(ctx, sql)
}

// template returns the name of the database that migrate ran on, which is made
// when it is first asked for.
func (s *Server) template(migrate Migrate) (string, error) {
	key := reflect.ValueOf(migrate).Pointer()
	s.mu.Lock()
	made, ok := s.templates[key]
	if !ok {
		made = sync.OnceValues(func() (string, error) {
			// Not within a test's time: it is for those after it too.
			ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
			defer cancel()
			return s.migrated(ctx, migrate)
		})
		s.templates[key] = made
	}
	s.mu.Unlock()
	return made()
}

// migrated makes a database, runs migrate on it, and returns its name.
func (s *Server) migrated(ctx context.Context, migrate Migrate) (string, error) {
	name, err := s.copyOf(ctx, "template1")
	if err != nil {
		return "", err
	}
	d, err := dsn(s.direct, "", name)
	if err != nil {
		return "", err
	}
	if err := migrate(ctx, d); err != nil {
		return "", fmt.Errorf("migrating: %w", err)
	}
	return name, nil
}

// name returns one for a new database.
func (s *Server) name() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.prefix == "" {
		prefix := "test_" + strings.ToLower(rand.Text()) + "_"
		if !s.container {
			if err := dropLater(s.direct, prefix); err != nil {
				return "", err
			}
		}
		s.prefix = prefix
	}
	s.made++
	return fmt.Sprint(s.prefix, s.made), nil
}

func (s *Server) exec(ctx context.Context, sql string) error {
	return s.do(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql)
		return err
	})
}

// leftovers are databases on a server that outlives the tests.
type leftovers struct{ DSN, Prefix string }

func dropLater(dsn, prefix string) error {
	what, err := json.Marshal(leftovers{dsn, prefix})
	if err != nil {
		return err
	}
	return dropAll(string(what))
}

// dropAll drops what the tests' own ends have not: templates, and what a
// killed test left.
var dropAll = lastwill.Define("postgres databases", func(ctx context.Context, what string) error {
	var l leftovers
	if err := json.Unmarshal([]byte(what), &l); err != nil {
		return err
	}
	return connect(ctx, l.DSN, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, "select datname from pg_database where starts_with(datname, $1)", l.Prefix)
		if err != nil {
			return err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		var errs []error
		for _, name := range names {
			_, err := conn.Exec(ctx, "drop database if exists "+name+" with (force)")
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
})
