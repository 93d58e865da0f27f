package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// Database is where the service keeps what it keeps, whichever that is.
type Database struct {
	Store notification.Store
	Inbox inbox.Store
	Ping  func(context.Context) error
	// PruneInbox forgets the messages recorded before t, and PruneQuotas what
	// quotas were used before t.
	PruneInbox, PruneQuotas func(ctx context.Context, t time.Time) error
	Close                   func() error
	// Run maintains a SQLite file; nil for a database server.
	Run func(ctx context.Context, log *slog.Logger) error

	// EndLeases frees what killed processes worked on; nil where the database
	// is never one process's alone.
	EndLeases func(ctx context.Context, now time.Time) error
}
