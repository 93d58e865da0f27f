package app

import (
	"context"
	"log/slog"

	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/user"
)

// Database is where the service keeps what it keeps, whichever that is.
type Database struct {
	storage.Opened
	Users    user.Users
	Sessions user.Sessions
	// UserSessions are those of Sessions.
	UserSessions user.UserSessions
	Guests       user.Guests
	AccountMails user.AccountMails
	Keys         user.Keys
	Outbox       outbox.Store
	// Listen hears of what other processes leave in the outbox; nil where
	// there is no other.
	Listen func(ctx context.Context, log *slog.Logger, wake func()) error
	// Keyless are the accounts that older ones with the same email address keep
	// from being found by it.
	Keyless []string
}
