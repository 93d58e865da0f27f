package web

import "slices"

// Session is what the platform lets one visitor do. It lies in the visitor's cookie,
// sealed by Sessions, and nowhere else. Only the tokens say who the visitor is.
type Session struct {
	// Account are the tokens of the account that is logged in, or nil.
	Account *Tokens
	// Guest is the token of the guest who began the last checkout, or nil.
	Guest *Tokens
	// Links are the link keys that the visitor came with, newest first, at most MaxLinks.
	Links []Link
	// Locale is the language that the visitor chose ("en", "de"), or empty.
	Locale string
}

// MaxLinks bounds the links of a session, which must fit into a cookie.
const MaxLinks = 8

// Link is the key of one booking, or of one ticket of it.
type Link struct{ BookingID, Key string }

// Empty reports whether the session lets its visitor do nothing, so that it needs no
// cookie.
func (s Session) Empty() bool {
	return s.Account == nil && s.Guest == nil && len(s.Links) == 0 && s.Locale == ""
}

// SignedIn returns the session of a visitor who has signed in. The checkout and the links
// stay.
func (s Session) SignedIn(account Tokens) Session {
	s.Account = &account
	return s
}

// WithGuest returns the session with another guest. The token of the guest before is
// forgotten.
func (s Session) WithGuest(guest Tokens) Session {
	s.Guest = &guest
	return s
}

// WithLink returns the session with one link more, the newest. It has one link of a
// booking at most, and forgets the oldest beyond MaxLinks.
func (s Session) WithLink(l Link) Session {
	others := slices.DeleteFunc(slices.Clone(s.Links), func(o Link) bool { return o.BookingID == l.BookingID })
	s.Links = append([]Link{l}, others[:min(len(others), MaxLinks-1)]...)
	return s
}

// WithoutLink returns the session without the link to a booking.
func (s Session) WithoutLink(bookingID string) Session {
	s.Links = slices.DeleteFunc(slices.Clone(s.Links), func(l Link) bool { return l.BookingID == bookingID })
	return s
}

// Key returns the key to a booking, or "".
func (s Session) Key(bookingID string) string {
	for _, l := range s.Links {
		if l.BookingID == bookingID {
			return l.Key
		}
	}
	return ""
}
