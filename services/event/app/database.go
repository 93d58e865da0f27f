package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
)

// Database is where the service keeps what it keeps, whichever that is.
type Database struct {
	Store     event.Store
	Inventory event.Inventory
	Holdings  event.Holdings
	Inbox     inbox.Store
	Outbox    outbox.Store
	Ping      func(context.Context) error
	// Tidy forgets what can no longer come again, and mends what a crash left,
	// until ctx ends.
	Tidy  func(ctx context.Context, log *slog.Logger) error
	Close func() error
	// Run maintains a SQLite file; nil for a database server.
	Run func(ctx context.Context, log *slog.Logger) error

	// EndLeases frees what killed processes were publishing; nil where the
	// Database is never one process's alone.
	EndLeases func(ctx context.Context, now time.Time) error
}
