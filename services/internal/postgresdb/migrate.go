package postgresdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrate applies the goose migrations that lie at the top of migrations to
// the database at url. Several processes may do so at once: one does, under a
// lock that dies with it, and the others wait. A server that cannot be reached
// is storage.ErrUnavailable.
func Migrate(ctx context.Context, url string, migrations fs.FS) (err error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return errURL
	}
	// A migration may take long; but not because it waits for somebody's lock.
	configure(cfg, map[string]string{"application_name": "migrate", "lock_timeout": "30000"})
	db := stdlib.OpenDB(*cfg)
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.PingContext(ctx); err != nil {
		return unavailable(err)
	}
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
