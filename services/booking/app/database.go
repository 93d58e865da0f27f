package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/postgres"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
)

// database is where the service keeps what it keeps, whichever that is.
type database struct {
	store         booking.Store
	stuck         booking.StuckBookings
	cancelled     booking.CancelledEvents
	audit         booking.AuditLog
	records       booking.Records
	paymentEvents booking.PaymentEvents
	outbox        outbox.Store
	archive       outbox.Archive
	inbox         inbox.Store
	ping          func(context.Context) error
	prune         func(ctx context.Context, now time.Time) error
	close         func() error

	// endLeases frees what killed processes worked on; nil where the database
	// is never one process's alone.
	endLeases func(ctx context.Context, now time.Time) error
	// run maintains a SQLite file; nil for a database server.
	run func(ctx context.Context, log *slog.Logger) error
	// listen hears of what other processes leave in the outbox; nil where
	// there is no other.
	listen func(ctx context.Context, log *slog.Logger, wake func()) error
}

// openDatabase opens what cfg.Store says, and brings its tables up to date.
func openDatabase(ctx context.Context, cfg Config) (*database, error) {
	switch cfg.Store {
	case "postgres":
		if cfg.PostgresURL == "" {
			return nil, errors.New("BOOKING_POSTGRES_URL is not set, and STORE is postgres")
		}
		s, err := postgres.Open(ctx, postgresdb.Options{
			URL: cfg.PostgresURL, MaxConns: cfg.MaxConns, Timeout: cfg.DBTimeout, Name: "booking",
		})
		if err != nil {
			return nil, fmt.Errorf("BOOKING_POSTGRES_URL: %w", err)
		}
		return &database{
			store: s, stuck: s, cancelled: s, audit: s, records: s, paymentEvents: s.PaymentEvents(), outbox: s.Outbox(), archive: s.Archive(), inbox: s.Inbox(),
			ping: s.Ping, close: s.Close, listen: s.Listen,
			prune: prune(s.Prune, s.PaymentEvents().Prune),
		}, nil
	case "sqlite":
		if cfg.DBPath == "" {
			return nil, errors.New("BOOKING_DB is not set, and STORE is sqlite")
		}
		s, err := sqlite.Open(ctx, cfg.DBPath)
		if err != nil {
			return nil, fmt.Errorf("BOOKING_DB: %w", err)
		}
		return &database{
			store: s, stuck: s, cancelled: s, audit: s, records: s, paymentEvents: s.PaymentEvents(), outbox: s.Outbox(), archive: s.Archive(), inbox: s.Inbox(),
			ping: s.Ping, close: s.Close, endLeases: s.EndLeases, run: s.Run,
			prune: prune(s.Prune, s.PaymentEvents().Prune),
		}, nil
	}
	return nil, fmt.Errorf("STORE is %q, not postgres or sqlite", cfg.Store)
}

// prune does each of these.
func prune(each ...func(ctx context.Context, now time.Time) error) func(ctx context.Context, now time.Time) error {
	return func(ctx context.Context, now time.Time) error {
		var errs []error
		for _, forget := range each {
			errs = append(errs, forget(ctx, now))
		}
		return errors.Join(errs...)
	}
}

// Migrate brings the tables up to date and does nothing else.
func Migrate(ctx context.Context, cfg Config) error {
	db, err := openDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	return db.close()
}
