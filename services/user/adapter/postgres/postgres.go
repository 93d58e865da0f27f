// Package postgres stores the user service's data in a PostgreSQL database.
// Several processes may share it.
package postgres

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"

	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	outboxpostgres "github.com/openboxoffice/boxoffice/services/internal/outbox/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
)

//go:embed migrations/*.sql
var files embed.FS

func migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the name is valid
	}
	return sub
}

// Store is one open database.
type Store struct {
	db *postgresdb.DB

	Users        *Users
	Sessions     *Sessions
	Guests       *Guests
	AccountMails *AccountMails
	Keys         *Keys
}

// Migrate brings the tables of the database at url up to date. Several
// processes may do so at once.
func Migrate(ctx context.Context, url string) error {
	return postgresdb.Migrate(ctx, url, migrations())
}

// Open connects to the database, and brings its tables up to date. Its error
// is storage.ErrUnavailable while the server cannot be reached.
func Open(ctx context.Context, o postgresdb.Options) (*Store, error) {
	db, err := postgresdb.Open(ctx, o, migrations())
	if err != nil {
		return nil, err
	}
	return &Store{db: db, Users: &Users{db}, Sessions: &Sessions{db}, Guests: &Guests{db}, AccountMails: &AccountMails{db}, Keys: &Keys{db}}, nil
}

// Outbox is where the messages of AccountMails go.
func (s *Store) Outbox() outbox.Store { return outboxpostgres.New(s.db) }

// Listen calls wake when any process has left a message in the outbox, until
// ctx ends. Wake the outbox's relay by it.
func (s *Store) Listen(ctx context.Context, log *slog.Logger, wake func()) error {
	return outboxpostgres.Listen(ctx, s.db, log, wake)
}

// Ping answers nil while the database can be read and written to.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// Close closes all connections.
func (s *Store) Close() error { return s.db.Close() }
