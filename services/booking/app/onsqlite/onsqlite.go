// Package onsqlite has the booking service keep what it keeps in a SQLite file.
package onsqlite

import (
	"context"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/booking/app"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Open opens the file, and brings its tables up to date.
func Open(ctx context.Context, path string) (*app.Database, error) {
	s, err := sqlite.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	return &app.Database{
		Store: s, Stuck: s, Cancelled: s, Audit: s, Records: s, PaymentEvents: s.PaymentEvents(), LinkMails: s.LinkMails(),
		Outbox: s.Outbox(), Archive: s.Archive(), Inbox: s.Inbox(),
		Opened:    storage.Opened{DB: s, EndLeases: s.EndLeases, Run: s.Run},
		PruneKeys: s.Prune, PrunePaymentEvents: s.PaymentEvents().Prune,
	}, nil
}
