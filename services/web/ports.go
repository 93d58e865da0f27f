package web

import (
	"context"
	"io"
	"net/netip"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
)

// The ports below are the platform's public REST API as the pages need it.
//
// Every method:
//   - passes on the caller's tokens and address, and nothing else of the visitor
//   - reports a refusal as a *Refusal with the platform's code and fields
//   - reports ErrNotFound, ErrSignedOut and ErrUnavailable
//   - ends with its context

// Caller is on whose behalf the platform is asked. The zero value is a visitor
// about whom nothing is known.
type Caller struct {
	// AccessToken is an account's or a guest's, or empty.
	AccessToken string
	// BookingKey is the link key of the booking that is asked about, or empty.
	BookingKey string
	// Address is the visitor's own. The platform counts limits by it.
	Address netip.Addr
}

// Tokens are an account's or a guest's.
type Tokens struct {
	Access string
	// Refresh is empty for a guest.
	Refresh   string
	ExpiresAt time.Time // of Access
}

// Catalog is where the events are.
type Catalog interface {
	// Events returns one page of the events that match a query, soonest first.
	//
	//   - the pages together neither repeat nor skip an event
	//   - a cursor that the platform did not give out is a *Refusal
	Events(ctx context.Context, by Caller, q EventQuery) (EventPage, error)
	// Event returns an event, cancelled and past ones included.
	Event(ctx context.Context, by Caller, id string) (Event, error)
	// Image returns the picture of an event in one of its widths. The caller closes
	// it.
	Image(ctx context.Context, by Caller, id string, width int) (Document, error)
}

// Document is a file of the platform's.
type Document struct {
	// Body is never nil, ends with an error if the file is cut off, and must be closed.
	Body        io.ReadCloser
	ContentType string
	ETag        string // empty if it has none
	Size        int64  // -1 if unknown
}

// Checkouts take a booking from the hold to the payment. Keys are Idempotency-Keys:
// repeating a call with its key answers the first outcome.
type Checkouts interface {
	// Config says who takes the money.
	Config(ctx context.Context, by Caller) (PaymentsConfig, error)
	// Begin holds tickets for the caller, a guest or an account, until the booking's
	// Payment.ExpiresAt. A *Refusal if the tickets are gone, or if they do not cost total.
	Begin(ctx context.Context, by Caller, key, eventID string, items []Quantity, total money.Amount) (Booking, error)
	// Pay pays a held booking with a provider's token, which is empty for a free one.
	//
	//   - a confirmed booking is returned as Confirmed
	//   - a payment that needs the buyer is returned with Payment.Action
	//   - a declined payment is the *Refusal payment_declined; the tickets stay held
	Pay(ctx context.Context, by Caller, key, bookingID, token string) (Booking, error)
	// Extend gives the checkout a full period from now.
	Extend(ctx context.Context, by Caller, key, bookingID string) (Booking, error)
	// Abandon gives held tickets back. The *Refusal already_paid if the payment went through.
	Abandon(ctx context.Context, by Caller, bookingID string) (Booking, error)
	// Correct changes a guest's contact before the payment.
	Correct(ctx context.Context, by Caller, bookingID string, buyer Buyer) (Booking, error)
}

// Bookings are what buyers have booked.
type Bookings interface {
	// Bookings returns one page of the bookings of the caller's account, newest first.
	Bookings(ctx context.Context, by Caller, cursor string) (items []Booking, next string, err error)
	// Booking returns a booking of the caller's.
	Booking(ctx context.Context, by Caller, id string) (Booking, error)
	// Tickets returns a booking's tickets by number.
	Tickets(ctx context.Context, by Caller, id string) ([]Ticket, error)
	// ChangeHolder passes a ticket on. Its old code ends.
	ChangeHolder(ctx context.Context, by Caller, id, ticketID string, to Holder) (Ticket, error)
	// Return gives tickets back, under an Idempotency-Key.
	Return(ctx context.Context, by Caller, key, id string, ticketIDs []string) (Booking, error)
	// Document returns a document of the booking, or of one of its tickets, in a
	// language ("en", "de"). The caller closes it.
	Document(ctx context.Context, by Caller, id, ticketID string, kind DocumentKind, locale string) (Document, error)
	// Resend mails the tickets again, under an Idempotency-Key.
	Resend(ctx context.Context, by Caller, key, id string) error
}

// Links are how guests come back to their bookings.
type Links interface {
	// Find mails the links of a guest's bookings to an address, whether there are any
	// or not.
	Find(ctx context.Context, by Caller, email string) error
	// Claim moves a guest's booking to the caller's account. by has both credentials.
	Claim(ctx context.Context, by Caller, id string) (Booking, error)
	// End makes every link to a booking invalid.
	End(ctx context.Context, by Caller, id string) error
}

// SignIns are how visitors become somebody.
type SignIns interface {
	// AdmitGuest returns the token of a new guest.
	AdmitGuest(ctx context.Context, by Caller, g Guest) (Tokens, error)
	// Register makes an account. It is not logged in yet.
	Register(ctx context.Context, by Caller, r Registration) error
	// LogIn returns the tokens of an account. The *Refusal invalid_grant if address and
	// password do not belong together.
	LogIn(ctx context.Context, by Caller, email, password string) (Tokens, error)
	// Renew returns new tokens for a refresh token. The same token answers the same
	// successor while that is unused. ErrSignedOut if the session is over.
	Renew(ctx context.Context, by Caller, refresh string) (Tokens, error)
	// LogOut ends the session of a refresh token.
	LogOut(ctx context.Context, by Caller, refresh string) error
}

// Accounts are what visitors change about their accounts.
type Accounts interface {
	// Me returns the caller's account.
	Me(ctx context.Context, by Caller) (Account, error)
	// Change changes the caller's profile.
	Change(ctx context.Context, by Caller, p Profile) (Account, error)
	// ChangeEmail mails a confirmation to a new address.
	ChangeEmail(ctx context.Context, by Caller, email, password string) error
	// Sessions returns one page of where the account is logged in.
	Sessions(ctx context.Context, by Caller, cursor string) (items []AccountSession, next string, err error)
	// EndSession ends one of them.
	EndSession(ctx context.Context, by Caller, id string) error
}

// Proofs are what links in account mails prove.
type Proofs interface {
	// RequestVerification mails a link to an account's address, whether there is one or not.
	RequestVerification(ctx context.Context, by Caller, email string) error
	// ConfirmVerification proves an address. The *Refusal link_not_valid if the token
	// was used or is too old.
	ConfirmVerification(ctx context.Context, by Caller, token string) error
	// ConfirmEmail makes a new address the account's. by is the account.
	ConfirmEmail(ctx context.Context, by Caller, token string) error
	// RequestPasswordReset mails a link to an account's address, whether there is one or not.
	RequestPasswordReset(ctx context.Context, by Caller, email string) error
	// ResetPassword sets a new password and ends all sessions.
	ResetPassword(ctx context.Context, by Caller, token, password string) error
}
