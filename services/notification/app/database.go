package app

import (
	"context"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// Database is where the service keeps what it keeps, whichever that is.
type Database struct {
	storage.Opened
	Store notification.Store
	Inbox inbox.Store
	// PruneInbox forgets the messages recorded before t, and PruneQuotas what
	// quotas were used before t.
	PruneInbox, PruneQuotas func(ctx context.Context, t time.Time) error
}
