package app

import (
	"context"
	"log/slog"

	"github.com/openboxoffice/boxoffice/services/user"
)

// Database is where the service keeps what it keeps, whichever that is.
type Database struct {
	Users    user.Users
	Sessions user.Sessions
	Keys     user.Keys
	Ping     func(context.Context) error
	Close    func() error
	// Run maintains a SQLite file; nil for a database server.
	Run func(ctx context.Context, log *slog.Logger) error
	// Keyless are the accounts that older ones with the same email address keep
	// from being found by it.
	Keyless []string
}
