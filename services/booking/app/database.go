package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
)

// Database is where the service keeps what it keeps, whichever that is.
type Database struct {
	Store         booking.Store
	Stuck         booking.StuckBookings
	Cancelled     booking.CancelledEvents
	Audit         booking.AuditLog
	Records       booking.Records
	PaymentEvents booking.PaymentEvents
	Outbox        outbox.Store
	Archive       outbox.Archive
	Inbox         inbox.Store
	Ping          func(context.Context) error
	Close         func() error
	// PruneKeys and PrunePaymentEvents forget what can no longer come again.
	PruneKeys, PrunePaymentEvents func(ctx context.Context, now time.Time) error

	// EndLeases frees what killed processes worked on; nil where the database
	// is never one process's alone.
	EndLeases func(ctx context.Context, now time.Time) error
	// Run maintains a SQLite file; nil for a database server.
	Run func(ctx context.Context, log *slog.Logger) error
	// Listen hears of what other processes leave in the outbox; nil where
	// there is no other.
	Listen func(ctx context.Context, log *slog.Logger, wake func()) error
}
