// Package onsqlite has the notification service keep what it keeps in a SQLite
// file.
package onsqlite

import (
	"context"

	inboxsqlite "github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/notification/app"
)

// Open opens the file, and brings its tables up to date.
func Open(ctx context.Context, path string) (*app.Database, error) {
	db, err := sqlite.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	s, messages := sqlite.New(db), inboxsqlite.New(db)
	return &app.Database{
		Store: s, Inbox: messages,
		Opened:     storage.Opened{DB: db, Run: db.Run, EndLeases: s.EndLeases},
		PruneInbox: messages.Prune, PruneQuotas: s.PruneQuotas,
	}, nil
}
