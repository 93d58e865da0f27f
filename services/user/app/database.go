package app

import (
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
	Keys         user.Keys
	// Keyless are the accounts that older ones with the same email address keep
	// from being found by it.
	Keyless []string
}
