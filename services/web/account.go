package web

import "time"

// Account is a visitor's account. Phone and Locale may be empty.
type Account struct {
	ID, Name, Email, Phone, Locale string
	EmailVerified, PhoneVerified   bool
	Role                           string // customer, organizer or admin
	CreatedAt                      time.Time
}

// Registration is a new account.
type Registration struct {
	Name, Email, Password, Locale string
}

// Guest is a buyer without an account. Phone and Locale may be empty.
type Guest struct{ Name, Email, Phone, Locale string }

// AccountSession is one place where an account is logged in.
type AccountSession struct {
	ID                               string
	Current                          bool
	StartedAt, LastUsedAt, ExpiresAt time.Time
}

// Profile is what an account changes about itself. Nil leaves a value as it is.
type Profile struct {
	Name, Locale *string
	// Password is a new password. It needs CurrentPassword.
	Password, CurrentPassword *string
}
