// Package onsqlite has the event service keep what it keeps in a SQLite file.
package onsqlite

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/openboxoffice/boxoffice/services/event/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/event/app"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	inboxsqlite "github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
	outboxsqlite "github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Open opens the file, and brings its tables up to date.
func Open(ctx context.Context, path string) (*app.Database, error) {
	db, err := sqlitedb.Open(ctx, path, sqlite.Migrations())
	if err != nil {
		return nil, err
	}
	s, messages, told := sqlite.New(db), inboxsqlite.New(db), outboxsqlite.New(db)
	if err := s.Rekey(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &app.Database{
		Store: s, Inventory: s, Holdings: s, Inbox: messages, Outbox: told,
		Opened: storage.Opened{DB: db, Run: db.Run, EndLeases: told.EndLeases},
		Tidy: func(ctx context.Context, log *slog.Logger) error {
			return inbox.Prune(ctx, log, func(ctx context.Context, t time.Time) error {
				return errors.Join(messages.Prune(ctx, t), s.SweepDeleted(ctx), s.PruneCreations(ctx, t))
			})
		},
	}, nil
}
