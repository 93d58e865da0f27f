package web

import "time"

// Session is what the platform lets one visitor do. It lies in the visitor's cookie,
// sealed by Sessions, and nowhere else.
type Session struct {
	// Account are the tokens of the account that is logged in, or nil.
	Account *Tokens
	// Guest is the token of the guest who began the last checkout, or nil.
	Guest *Tokens
	// Links are the link keys that the visitor came with, newest first, at most MaxLinks.
	Links []Link
	// StartedAt is when the visitor signed in or came with a link first.
	StartedAt time.Time
}

// MaxLinks bounds the links of a session, which must fit into a cookie.
const MaxLinks = 8

// Link is the key of one booking, or of one ticket of it.
type Link struct{ BookingID, Key string }
