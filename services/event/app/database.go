package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/adapter/mongo"
	"github.com/openboxoffice/boxoffice/services/event/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	inboxsqlite "github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	outboxsqlite "github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// database is where the service keeps what it keeps, whichever that is.
type database struct {
	store     event.Store
	inventory event.Inventory
	holdings  event.Holdings
	inbox     inbox.Store
	outbox    outbox.Store
	ping      func(context.Context) error
	// tidy forgets what can no longer come again, and mends what a crash left,
	// until ctx ends.
	tidy  func(ctx context.Context, log *slog.Logger) error
	close func() error
	// run maintains a SQLite file; nil for a database server.
	run func(ctx context.Context, log *slog.Logger) error

	// endLeases frees what killed processes were publishing; nil where the
	// database is never one process's alone.
	endLeases func(ctx context.Context, now time.Time) error
}

// openDatabase opens what cfg.Store says, and brings its tables or indexes up
// to date.
func openDatabase(ctx context.Context, cfg Config) (*database, error) {
	switch cfg.Store {
	case "mongo":
		if cfg.MongoURL == "" {
			return nil, errors.New("EVENT_MONGO_URL is not set, and STORE is mongo")
		}
		s, err := mongo.Open(ctx, mongodb.Options{
			URL: cfg.MongoURL, MaxConns: cfg.MaxConns, Timeout: cfg.DBTimeout, Name: "event",
		})
		if err != nil {
			return nil, fmt.Errorf("EVENT_MONGO_URL: %w", err)
		}
		return &database{store: s, inventory: s, holdings: s, inbox: s.Inbox(), outbox: s.Outbox(), ping: s.Ping, tidy: s.Run, close: s.Close}, nil
	case "sqlite":
		if cfg.DBPath == "" {
			return nil, errors.New("EVENT_DB is not set, and STORE is sqlite")
		}
		db, err := sqlitedb.Open(ctx, cfg.DBPath, sqlite.Migrations())
		if err != nil {
			return nil, fmt.Errorf("EVENT_DB: %w", err)
		}
		if err := sqlite.New(db).Rekey(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("EVENT_DB: %w", err), db.Close())
		}
		s, messages, told := sqlite.New(db), inboxsqlite.New(db), outboxsqlite.New(db)
		return &database{
			store: s, inventory: s, holdings: s, inbox: messages, outbox: told, ping: db.Ping, close: db.Close, run: db.Run, endLeases: told.EndLeases,
			tidy: func(ctx context.Context, log *slog.Logger) error {
				inbox.Prune(ctx, log, messages.Prune)
				return nil
			},
		}, nil
	}
	return nil, fmt.Errorf("STORE is %q, not mongo or sqlite", cfg.Store)
}

// Migrate brings the tables or indexes up to date and does nothing else.
func Migrate(ctx context.Context, cfg Config) error {
	db, err := openDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	return db.close()
}
