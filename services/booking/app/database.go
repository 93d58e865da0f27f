package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Database is where the service keeps what it keeps, whichever that is.
type Database struct {
	storage.Opened
	Store         booking.Store
	Stuck         booking.StuckBookings
	Cancelled     booking.CancelledEvents
	Audit         booking.AuditLog
	Records       booking.Records
	PaymentEvents booking.PaymentEvents
	LinkMails     booking.LinkMails
	Outbox        outbox.Store
	Archive       outbox.Archive
	Inbox         inbox.Store
	// PruneKeys and PrunePaymentEvents forget what can no longer come again.
	PruneKeys, PrunePaymentEvents func(ctx context.Context, now time.Time) error
	// Listen hears of what other processes leave in the outbox; nil where
	// there is no other.
	Listen func(ctx context.Context, log *slog.Logger, wake func()) error
}
