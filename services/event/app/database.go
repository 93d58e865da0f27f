package app

import (
	"context"
	"log/slog"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Database is where the service keeps what it keeps, whichever that is.
type Database struct {
	storage.Opened
	Store     event.Store
	Inventory event.Inventory
	Holdings  event.Holdings
	Inbox     inbox.Store
	Outbox    outbox.Store
	// Tidy forgets what can no longer come again, and mends what a crash left,
	// until ctx ends.
	Tidy func(ctx context.Context, log *slog.Logger) error
}
