// Package onsqlite has the user service keep what it keeps in a SQLite file.
package onsqlite

import (
	"context"
	"errors"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/user/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/user/app"
)

// Open opens the file, and brings its tables and keys up to date.
func Open(ctx context.Context, path string) (*app.Database, error) {
	s, err := sqlite.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	keyless, err := s.Users.Rekey(ctx)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &app.Database{
		Users: s.Users, Sessions: s.Sessions, UserSessions: s.Sessions, Guests: s.Guests, AccountMails: s.AccountMails, Outbox: s.Outbox(), Keys: s.Keys,
		Opened: storage.Opened{DB: s, EndLeases: s.EndLeases, Run: s.Run}, Keyless: keyless,
	}, nil
}
