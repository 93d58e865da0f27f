// Package sqlite stores the user service's data in one SQLite file.
package sqlite

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	outboxsqlite "github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is one open file.
type Store struct {
	db *sqlitedb.DB

	Users        *Users
	Sessions     *Sessions
	Guests       *Guests
	AccountMails *AccountMails
	Keys         *Keys
}

// Open opens or creates the file at path and brings its tables up to date.
func Open(ctx context.Context, path string) (*Store, error) {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	db, err := sqlitedb.Open(ctx, path, sub)
	if err != nil {
		return nil, err
	}
	return &Store{db: db, Users: &Users{db}, Sessions: &Sessions{db}, Guests: &Guests{db}, AccountMails: &AccountMails{db}, Keys: &Keys{db}}, nil
}

// Run keeps the file in order until ctx ends, as sqlitedb.DB.Run says.
func (s *Store) Run(ctx context.Context, log *slog.Logger) error { return s.db.Run(ctx, log) }

// Outbox is where the messages of AccountMails go.
func (s *Store) Outbox() outbox.Store { return outboxsqlite.New(s.db) }

// EndLeases makes every open message due now. It is for the start of the one
// process that works on this file.
func (s *Store) EndLeases(ctx context.Context, now time.Time) error {
	return outboxsqlite.New(s.db).EndLeases(ctx, now)
}

// Ping answers nil when the file can be read and written to.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }
