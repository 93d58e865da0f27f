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
//   - shows the platform the caller's address, and of the caller's credentials those that
//     it asks for
//   - reports a refusal as a *Refusal with the platform's code and fields
//   - reports ErrNotFound for an id that is none
//   - reports ErrSignedOut if it needs a token, and the caller's is missing, not valid any
//     more, or a guest's where an account is needed
//   - reports ErrUnavailable if the platform does not answer, answers nonsense, or has not
//     answered when the context ends

// Caller is on whose behalf the platform is asked. The zero value is a visitor
// about whom nothing is known.
type Caller struct {
	// AccessToken is an account's or a guest's, or empty.
	AccessToken string
	// BookingKey is the link key of the booking that is asked about, or empty. It counts
	// only without an AccessToken, but for Links.Claim.
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
	//   - every part of the query leaves out what does not match
	//   - events that are over are left out, those that are running are not
	//   - cancelled events are listed
	//   - the pages together neither repeat nor skip an event
	//   - a cursor that the platform did not give out is the *Refusal invalid_cursor
	Events(ctx context.Context, by Caller, q EventQuery) (EventPage, error)
	// Event returns an event.
	//
	//   - cancelled and past events are returned
	//   - times are in the event's zone
	//   - each ticket type says whether it can be booked now
	Event(ctx context.Context, by Caller, id string) (Event, error)
	// Image returns the picture of an event. The caller closes it.
	//
	//   - each width of Event.Image is one to ask for
	//   - ErrNotFound for an event without a picture, and for other widths
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
// repeating a call with its key answers the first outcome, and with another request it
// is the *Refusal idempotency_key_reused.
type Checkouts interface {
	// Config says who takes the money.
	Config(ctx context.Context, by Caller) (PaymentsConfig, error)
	// Begin holds tickets for the caller, a guest or an account.
	//
	//   - the tickets are held until Payment.ExpiresAt
	//   - a repeat holds nothing more
	//   - tickets that are gone are the *Refusal sold_out
	//   - tickets that are not sold yet are the *Refusal not_on_sale_yet, and those that
	//     are not sold any more sales_closed
	//   - tickets that do not cost total are the *Refusal price_changed
	//   - ErrNotFound for an event that does not exist
	Begin(ctx context.Context, by Caller, key, eventID string, items []Quantity, total money.Amount) (Booking, error)
	// Pay pays a held booking with a provider's token, which is empty for a free one.
	//
	//   - a booking that is paid is returned as Confirmed
	//   - a free booking is confirmed without a token
	//   - a payment that needs the buyer is returned with Payment.Action
	//   - a declined payment is the *Refusal payment_declined, and the tickets stay held
	//   - a repeat pays nothing more
	//   - a booking that is paid already is the *Refusal already_paid
	Pay(ctx context.Context, by Caller, key, bookingID, token string) (Booking, error)
	// AnswerSandbox does in the buyer's place what the sandbox asks for at the URL of an
	// Action. The outcome of the payment is the booking's to say.
	//
	//   - a confirmed payment confirms the booking
	//   - a refused payment leaves the tickets held
	//   - the *Refusal link_not_valid if nothing waits there any more
	AnswerSandbox(ctx context.Context, by Caller, url string, confirmed bool) error
	// Extend gives the checkout a full period from now.
	//
	//   - a repeat extends nothing more
	//   - the *Refusal no_more_extensions after the second
	Extend(ctx context.Context, by Caller, key, bookingID string) (Booking, error)
	// Abandon gives held tickets back.
	//
	//   - the booking is returned as Failed, with Reason checkout_abandoned
	//   - abandoning it again answers the same
	Abandon(ctx context.Context, by Caller, bookingID string) (Booking, error)
	// Correct changes a guest's contact before the payment.
	//
	//   - the whole contact is replaced
	//   - what is not allowed is the *Refusal validation_failed that names the field
	Correct(ctx context.Context, by Caller, bookingID string, buyer Buyer) (Booking, error)
}

// Bookings are what buyers have booked.
type Bookings interface {
	// Bookings returns one page of the bookings of the caller, newest first.
	//
	//   - nobody else's are listed
	//   - the pages together neither repeat nor skip a booking
	Bookings(ctx context.Context, by Caller, cursor string) (items []Booking, next string, err error)
	// Booking returns a booking.
	//
	//   - its owner and whoever has its buyer's key may read it
	//   - ErrNotFound for everybody else
	Booking(ctx context.Context, by Caller, id string) (Booking, error)
	// Tickets returns a booking's tickets by number.
	//
	//   - a ticket has a code while it is Valid
	Tickets(ctx context.Context, by Caller, id string) ([]Ticket, error)
	// ChangeHolder passes a ticket on.
	//
	//   - before the payment the holder is named, and the issue stays
	//   - after the payment the issue grows, and the old code ends
	//   - tickets of an event without transfers are the *Refusal transfers_not_allowed
	ChangeHolder(ctx context.Context, by Caller, id, ticketID string, to Holder) (Ticket, error)
	// Return gives tickets back, under an Idempotency-Key.
	//
	//   - a part leaves the rest of the booking valid
	//   - all tickets cancel the booking
	//   - a repeat gives nothing more back
	//   - a ticket that was given back is the *Refusal ticket_cancelled
	Return(ctx context.Context, by Caller, key, id string, ticketIDs []string) (Booking, error)
	// Document returns a document of the booking, or of one of its tickets, in a
	// language ("en", "de"). The caller closes it.
	//
	//   - every DocumentKind has its media type
	//   - a document of a booking that is not confirmed is the *Refusal no_valid_tickets
	Document(ctx context.Context, by Caller, id, ticketID string, kind DocumentKind, locale string) (Document, error)
	// Resend mails the tickets again, under an Idempotency-Key.
	//
	//   - the *Refusal no_valid_tickets without any
	Resend(ctx context.Context, by Caller, key, id string) error
}

// Links are how guests come back to their bookings.
type Links interface {
	// Find mails the links of a guest's bookings to an address.
	//
	//   - the answer is the same whether there are any or not
	Find(ctx context.Context, by Caller, email string) error
	// Claim moves a guest's booking to the caller's account. by has both credentials.
	//
	//   - the booking is the account's from then on
	//   - claiming it again answers the booking
	//   - a key that does not open the booking is ErrNotFound
	Claim(ctx context.Context, by Caller, id string) (Booking, error)
	// End makes the buyer's links to a booking invalid.
	//
	//   - the key of before opens nothing
	End(ctx context.Context, by Caller, id string) error
}

// SignIns are how visitors become somebody.
type SignIns interface {
	// AdmitGuest returns the token of a new guest.
	//
	//   - the token is good until ExpiresAt, and has no Refresh
	//   - what is not allowed is the *Refusal validation_failed that names the field
	AdmitGuest(ctx context.Context, by Caller, g Guest) (Tokens, error)
	// Register makes an account. It is not logged in yet.
	//
	//   - the account can log in
	//   - an address that has an account is the *Refusal email_taken
	//   - what is not allowed is the *Refusal validation_failed that names the field
	Register(ctx context.Context, by Caller, r Registration) error
	// LogIn returns the tokens of an account.
	//
	//   - the token is the account's
	//   - the *Refusal invalid_grant if address and password do not belong together
	//   - too many tries are the *Refusal rate_limited, with RetryAfter
	LogIn(ctx context.Context, by Caller, email, password string) (Tokens, error)
	// Renew returns new tokens for a refresh token.
	//
	//   - the same token answers the same successor while that is unused
	//   - ErrSignedOut if the session is over
	Renew(ctx context.Context, by Caller, refresh string) (Tokens, error)
	// LogOut ends the session of a refresh token.
	//
	//   - the session cannot be renewed any more
	//   - a token that is not known is no error
	LogOut(ctx context.Context, by Caller, refresh string) error
}

// Accounts are what visitors change about their accounts.
type Accounts interface {
	// Me returns the caller's account.
	Me(ctx context.Context, by Caller) (Account, error)
	// Change changes the caller's profile.
	//
	//   - what is nil stays
	//   - a new password ends all sessions
	//   - the *Refusal wrong_password if the current password is not right
	Change(ctx context.Context, by Caller, p Profile) (Account, error)
	// ChangeEmail mails a confirmation to a new address.
	//
	//   - the old address stays until then
	//   - the *Refusal wrong_password if the password is not right
	ChangeEmail(ctx context.Context, by Caller, email, password string) error
	// Sessions returns one page of where the account is logged in, the latest login
	// first.
	//
	//   - the caller's own is Current
	Sessions(ctx context.Context, by Caller, cursor string) (items []AccountSession, next string, err error)
	// EndSession ends one of them.
	//
	//   - the session cannot be renewed any more
	//   - ErrNotFound for a session of somebody else
	EndSession(ctx context.Context, by Caller, id string) error
}

// Proofs are what links in account mails prove. A token that was used or is too old, or
// was never sent, is the *Refusal link_not_valid.
type Proofs interface {
	// RequestVerification mails a link to an account's address.
	//
	//   - the answer is the same whether there is an account or not
	RequestVerification(ctx context.Context, by Caller, email string) error
	// ConfirmVerification proves an address.
	//
	//   - the account's address is verified, once
	ConfirmVerification(ctx context.Context, by Caller, token string) error
	// ConfirmEmail makes a new address the account's. by is the account.
	//
	//   - the account has the new address
	ConfirmEmail(ctx context.Context, by Caller, token string) error
	// RequestPasswordReset mails a link to an account's address.
	//
	//   - the answer is the same whether there is an account or not
	RequestPasswordReset(ctx context.Context, by Caller, email string) error
	// ResetPassword sets a new password.
	//
	//   - the new password logs in, and all sessions are over
	ResetPassword(ctx context.Context, by Caller, token, password string) error
}
