package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	inboxsqlite "github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/mongo"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/sqlite"
)

// database is where the service keeps what it keeps, whichever that is.
type database struct {
	store notification.Store
	inbox inbox.Store
	ping  func(context.Context) error
	// prune forgets the messages recorded before t, and what no quota counts any more.
	prune func(ctx context.Context, t time.Time) error
	close func() error
	// run maintains a SQLite file; nil for a database server.
	run func(ctx context.Context, log *slog.Logger) error

	// endLeases frees what killed processes worked on; nil where the database
	// is never one process's alone.
	endLeases func(ctx context.Context, now time.Time) error
}

// quotasKept is how long it is known when quotas were used: far longer than they
// count, whatever the clocks do.
const quotasKept = 24 * notification.QuotaPeriod

// openDatabase opens what cfg.Store says, and brings its tables or indexes up
// to date.
func openDatabase(ctx context.Context, cfg Config) (*database, error) {
	switch cfg.Store {
	case "mongo":
		if cfg.MongoURL == "" {
			return nil, errors.New("NOTIFICATION_MONGO_URL is not set, and STORE is mongo")
		}
		s, err := mongo.Open(ctx, mongodb.Options{
			URL: cfg.MongoURL, MaxConns: cfg.MaxConns, Timeout: cfg.DBTimeout, Name: "notification",
		})
		if err != nil {
			return nil, fmt.Errorf("NOTIFICATION_MONGO_URL: %w", err)
		}
		return &database{store: s, inbox: s.Inbox(), ping: s.Ping, prune: func(ctx context.Context, t time.Time) error {
			return errors.Join(s.Inbox().Prune(ctx, t), s.PruneQuotas(ctx, time.Now().Add(-quotasKept)))
		}, close: s.Close}, nil
	case "sqlite":
		if cfg.DBPath == "" {
			return nil, errors.New("NOTIFICATION_DB is not set, and STORE is sqlite")
		}
		db, err := sqlite.Open(ctx, cfg.DBPath)
		if err != nil {
			return nil, fmt.Errorf("NOTIFICATION_DB: %w", err)
		}
		s, messages := sqlite.New(db), inboxsqlite.New(db)
		return &database{
			store: s, inbox: messages, ping: db.Ping, prune: func(ctx context.Context, t time.Time) error {
				return errors.Join(messages.Prune(ctx, t), s.PruneQuotas(ctx, time.Now().Add(-quotasKept)))
			}, close: db.Close, run: db.Run, endLeases: s.EndLeases,
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
