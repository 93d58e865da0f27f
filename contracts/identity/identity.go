// Package identity is who a caller is, as an access token says it.
package identity

// Role is what a caller may do.
type Role string

// The roles. A guest has no account, and may book, and see and cancel those
// bookings; an organizer publishes events; an admin may do everything.
const (
	Guest     Role = "guest"
	Customer  Role = "customer"
	Organizer Role = "organizer"
	Admin     Role = "admin"
)

// Accounts are the roles that an account may have.
var Accounts = []Role{Customer, Organizer, Admin}

// Everybody is every role: those of accounts, and a guest's.
var Everybody = []Role{Guest, Customer, Organizer, Admin}

// Caller is the authenticated user behind a request: the claims sub, email,
// email_verified, name, role and sid of a verified access token.
type Caller struct {
	UserID string
	Email  string
	// EmailVerified says that the user has proven to have the mailbox.
	EmailVerified bool
	Name          string
	Role          Role
	// SessionID is the login that the token comes of.
	SessionID string
}

// IsAdmin reports whether the caller may act on what belongs to others.
func (c Caller) IsAdmin() bool { return c.Role == Admin }

// Owns reports whether the caller may read and change what belongs to userID:
// its owner, or an admin.
func (c Caller) Owns(userID string) bool {
	return c.UserID != "" && (c.UserID == userID || c.IsAdmin())
}
