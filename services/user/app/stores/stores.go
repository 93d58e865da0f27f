// Package stores has the user service keep what it keeps where the environment
// says: in PostgreSQL or in a SQLite file.
package stores

import (
	"context"
	"errors"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/user/adapter/postgres"
	"github.com/openboxoffice/boxoffice/services/user/app"
	"github.com/openboxoffice/boxoffice/services/user/app/onsqlite"
)

// Config is the environment of the service as a process of its own.
type Config struct {
	app.Config

	// Store is where accounts, sessions and signing keys are kept: "postgres",
	// at PostgresURL, or "sqlite", in the file DBPath.
	Store       string `env:"STORE" envDefault:"postgres"`
	PostgresURL string `env:"USER_POSTGRES_URL"`
	DBPath      string `env:"USER_DB"`
	// MaxConns is how many connections to PostgreSQL are open at most, and
	// DBTimeout how long an operation there may take.
	MaxConns  int32         `env:"DB_MAX_CONNS" envDefault:"16"`
	DBTimeout time.Duration `env:"DB_TIMEOUT" envDefault:"3s"`
}

// Open opens what c.Store says, and brings its tables and keys up to date.
func (c Config) Open(ctx context.Context) (*app.Database, error) {
	return storage.Choose(ctx, c.Store, !c.Private(c.Addr, c.Sidecar.There()),
		storage.Kind[*app.Database]{Name: "postgres", Variable: "USER_POSTGRES_URL", Where: c.PostgresURL, Open: c.openPostgres},
		storage.Kind[*app.Database]{Name: "sqlite", Variable: "USER_DB", Where: c.DBPath, Open: onsqlite.Open},
	)
}

func (c Config) openPostgres(ctx context.Context, url string) (*app.Database, error) {
	s, err := postgres.Open(ctx, postgresdb.Options{URL: url, MaxConns: c.MaxConns, Timeout: c.DBTimeout, Name: "user"})
	if err != nil {
		return nil, err
	}
	keyless, err := s.Users.Rekey(ctx)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &app.Database{
		Users: s.Users, Sessions: s.Sessions, UserSessions: s.Sessions, Guests: s.Guests, AccountMails: s.AccountMails, Outbox: s.Outbox(), Listen: s.Listen, Keys: s.Keys,
		Opened: storage.Opened{DB: s}, Keyless: keyless,
	}, nil
}
