// Package sqlite stores the user service's data in one SQLite file.
package sqlite

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is one open file.
type Store struct {
	db *sqlitedb.DB

	Users    *Users
	Sessions *Sessions
	Guests   *Guests
	Keys     *Keys
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
	return &Store{db: db, Users: &Users{db}, Sessions: &Sessions{db}, Guests: &Guests{db}, Keys: &Keys{db}}, nil
}

// Run keeps the file in order until ctx ends, as sqlitedb.DB.Run says.
func (s *Store) Run(ctx context.Context, log *slog.Logger) error { return s.db.Run(ctx, log) }

// Ping answers nil when the file can be read and written to.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }
