package postgresdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// migrateTimeout is longer than any migration may take, and the wait for
// another process that migrates.
const migrateTimeout = 15 * time.Minute

// migrateConnect is time enough for a machine on which everything starts at once.
const migrateConnect = 5 * defaultTimeout

// Migrate applies the goose migrations that lie at the top of migrations to
// the database at url. Several processes may do so at once: one does, under a
// lock that dies with it, and the others wait. A server that cannot be reached
// is storage.ErrUnavailable.
func Migrate(ctx context.Context, url string, migrations fs.FS) (err error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return errURL
	}
	// For the case that the server falls silent.
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	// A migration may take long; but not because it waits for somebody's lock.
	configure(cfg, migrateConnect, map[string]string{"application_name": "migrate", "lock_timeout": "30000"})
	db := stdlib.OpenDB(*cfg)
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.PingContext(ctx); err != nil {
		return unavailable(err)
	}
	defer func() {
		if err != nil && interrupted(err) {
			err = unavailable(err)
		}
	}()
	// Looks every second, for ten minutes.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600))
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, migrations, goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("postgres: migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("postgres: migrate: %w", err)
	}
	return nil
}

// interrupted reports whether err says that the server or the connection went
// away, or had no time, and nothing about the migrations.
func interrupted(err error) bool {
	var pg *pgconn.PgError
	var network net.Error
	switch {
	case errors.As(err, &pg):
		return outcomeOf(pg.Code) != answered
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, driver.ErrBadConn):
		return true
	}
	return errors.Is(err, context.DeadlineExceeded)
}
