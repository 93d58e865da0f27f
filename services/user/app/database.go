package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/adapter/postgres"
	"github.com/openboxoffice/boxoffice/services/user/adapter/sqlite"
)

// database is where the service keeps what it keeps, whichever that is.
type database struct {
	users    user.Users
	sessions user.Sessions
	keys     user.Keys
	ping     func(context.Context) error
	close    func() error
	// run maintains a SQLite file; nil for a database server.
	run func(ctx context.Context, log *slog.Logger) error
	// keyless are the accounts that older ones with the same email address keep
	// from being found by it.
	keyless []string
}

// openDatabase opens what cfg.Store says, and brings its tables and keys up to
// date.
func openDatabase(ctx context.Context, cfg Config) (*database, error) {
	switch cfg.Store {
	case "postgres":
		if cfg.PostgresURL == "" {
			return nil, errors.New("USER_POSTGRES_URL is not set, and STORE is postgres")
		}
		s, err := postgres.Open(ctx, postgresdb.Options{
			URL: cfg.PostgresURL, MaxConns: cfg.MaxConns, Timeout: cfg.DBTimeout, Name: "user",
		})
		if err != nil {
			return nil, fmt.Errorf("USER_POSTGRES_URL: %w", err)
		}
		keyless, err := s.Users.Rekey(ctx)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("USER_POSTGRES_URL: %w", err), s.Close())
		}
		return &database{s.Users, s.Sessions, s.Keys, s.Ping, s.Close, nil, keyless}, nil
	case "sqlite":
		if cfg.DBPath == "" {
			return nil, errors.New("USER_DB is not set, and STORE is sqlite")
		}
		s, err := sqlite.Open(ctx, cfg.DBPath)
		if err != nil {
			return nil, fmt.Errorf("USER_DB: %w", err)
		}
		keyless, err := s.Users.Rekey(ctx)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("USER_DB: %w", err), s.Close())
		}
		return &database{s.Users, s.Sessions, s.Keys, s.Ping, s.Close, s.Run, keyless}, nil
	}
	return nil, fmt.Errorf("STORE is %q, not postgres or sqlite", cfg.Store)
}

// Migrate brings the tables and keys up to date and does nothing else.
func Migrate(ctx context.Context, cfg Config) error {
	db, err := openDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	return db.close()
}
