// Package rest is the booking service's HTTP API: the only package here that
// knows status codes.
package rest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/contracts/ticketcode"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// table says how each of the domain's errors is answered.
var table = httpkit.Errors{RetryAfter: map[*problem.Refusal]int{
	booking.ErrInProgress:         1,
	booking.ErrPaymentInProgress:  1,
	booking.ErrPaymentUnavailable: 2,
	booking.ErrUnavailable:        2,
	booking.ErrNotReconciled:      10,
	booking.ErrSalesPaused:        10,
	booking.ErrReservationFailed:  2,
	booking.ErrTooMuchToDraw:      1,
}, Locations: map[string]string{"idempotency_key": "header.Idempotency-Key"}}

// answer is a booking, with the status that says whether it is settled.
type answer struct {
	Status   int
	Location string `header:"Location"`
	Body     bookingBody
}

// Options is what the operations are made of.
type Options struct {
	Guard           *auth.Guard
	AuditLog        booking.AuditLog
	CancelledEvents booking.CancelledEvents
	// Address returns the hash that stands for the client's address, "" where that is
	// not known. See HashedAddress.
	Address        func(*http.Request) string
	Records        booking.Records
	TicketKeys     *ticketcode.Keys
	Documents      booking.Documents
	Ledger         booking.Ledger // nil for a provider that keeps its books elsewhere
	PublishableKey string         // of the payment provider; "" where it has none
}

// HashedAddress returns what c says of a client's address, as a hash that nobody
// without key can compare with those of all addresses. Clients that httpkit counts
// as one have one.
func HashedAddress(c httpkit.Clients, key []byte) func(*http.Request) string {
	return func(r *http.Request) string {
		mac := hmac.New(sha256.New, key)
		_, _ = io.WriteString(mac, httpkit.ClientNetwork(c.Address(r)).String()) // it never fails
		return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
	}
}

type addressKey struct{}

type createInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"Repeat a request with the same key, and it books once. Kept 24 hours" example:"order-4711"`
	Body           createBody
}

// Resolve implements huma.Resolver: an Idempotency-Key that is there must not be
// empty. huma takes an empty one for none, and a repeat would book again.
func (*createInput) Resolve(ctx huma.Context) (errs []error) {
	ctx.EachHeader(func(name, value string) {
		if strings.EqualFold(name, "Idempotency-Key") && value == "" {
			errs = append(errs, &huma.ErrorDetail{Location: "header.Idempotency-Key", Message: "must not be empty"})
		}
	})
	return errs
}

// Register adds the operations to api.
func Register(api huma.API, s *booking.Service, o Options) {
	guard := o.Guard
	sale := &rush{}
	withAddress := func(ctx huma.Context, next func(huma.Context)) {
		r, _ := humachi.Unwrap(ctx)
		next(huma.WithValue(ctx, addressKey{}, o.Address(r)))
	}
	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "createBooking", Middlewares: huma.Middlewares{sale.counted, withAddress}, Method: http.MethodPost, Path: "/bookings", DefaultStatus: http.StatusCreated, Tags: []string{"bookings"},
		Summary:     "Book tickets",
		Description: "Holds the tickets, takes the money and confirms, all in one. 202 says that the payment's outcome is not known yet: the booking settles by itself; look at its Location. Of one event an account has a limited number of tickets that are free or not paid for yet, and so has a network address, from which only some bookings may wait for their payment at the same time. After several declined payments in a row it has to wait before the next.",
	},
		problem.Forbidden, problem.EventNotFound, problem.TicketTypeNotFound, problem.SoldOut, problem.NotOnSaleYet, problem.SalesClosed, problem.TooManyTickets, problem.TooManyCheckouts, problem.RateLimited,
		problem.PaymentDeclined, problem.PaymentAbandoned, problem.AmountNotPayable, problem.PriceChanged, problem.EventCancelled, problem.IdempotencyKeyReused, problem.BookingInProgress, problem.SalesPaused,
		problem.CheckoutExpired, problem.CheckoutAbandoned,
	), identity.Everybody...), func(ctx context.Context, in *createInput) (*answer, error) {
		r := booking.Request{
			EventID: in.Body.EventID, Tickets: in.Body.Tickets, UserID: in.Body.UserID, Checkout: in.Body.Checkout, IdempotencyKey: in.IdempotencyKey,
		}
		r.Address, _ = ctx.Value(addressKey{}).(string)
		for _, it := range in.Body.Items {
			r.Items = append(r.Items, booking.Wanted(it))
		}
		if in.Body.Payment != nil {
			if in.Body.Payment.Token == "" { // null, which huma lets pass in what may itself be null
				return nil, httpkit.Invalid(problem.Field{Location: "body.payment.token", Message: "expected string"})
			}
			r.PaymentToken = in.Body.Payment.Token
		}
		if e := in.Body.ExpectedTotal; e != nil {
			r.ExpectedTotal = &money.Amount{AmountMinor: e.AmountMinor, Currency: e.Currency}
		}
		b, err := s.Create(ctx, auth.Caller(ctx), r)
		if err != nil {
			return nil, refused(ctx, b, err)
		}
		status := http.StatusCreated
		if b.Status == booking.Pending && b.Checkout == nil {
			status = http.StatusAccepted
		}
		return &answer{Status: status, Location: "/bookings/" + b.ID, Body: toBody(b)}, nil
	})

	type one struct {
		ID string `path:"id" format:"uuid"`
	}
	huma.Register(api, linked(api, guard, httpkit.Refuses(huma.Operation{
		OperationID: "getBooking", Method: http.MethodGet, Path: "/bookings/{id}", Tags: []string{"bookings"},
		Summary: "Get a booking of one's own",
	},
		problem.Forbidden, problem.BookingNotFound,
	), identity.Everybody...), func(ctx context.Context, in *one) (*struct{ Body bookingBody }, error) {
		id := canonical(in.ID)
		c, err := callerOf(ctx, s, id)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		b, err := s.Get(ctx, c, id)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &struct{ Body bookingBody }{toBody(b)}, nil
	})

	huma.Register(api, linked(api, guard, httpkit.Refuses(huma.Operation{
		OperationID: "cancelBooking", Method: http.MethodPut, Path: "/bookings/{id}/cancel", Tags: []string{"bookings"},
		Summary:     "Cancel a booking",
		Description: "Of a booking that was made with checkout and is not paid, ends the checkout: nothing is charged, and nobody is mailed. Of a confirmed booking, gives all its tickets back, and the money as the event's cancellation policy says that the booking shows, until the doors open, or the event starts where it has no doors_at, by the date that the booking shows. For five seconds after a checkout was confirmed by the provider's word, and not by the customer's request, it is refused with already_paid if it would cost a fee: the customer may not have heard of it. With the link to a booking only a confirmed one can be cancelled. Repeating it answers the current state; 202 while the refund is under way.",
	},
		problem.Forbidden, problem.BookingNotFound, problem.NotCancellable, problem.BookingInProgress,
		problem.AlreadyPaid, problem.PaymentInProgress,
	), identity.Everybody...), func(ctx context.Context, in *one) (*answer, error) {
		id := canonical(in.ID)
		c, err := callerOf(ctx, s, id)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		b, err := s.Cancel(ctx, c, id)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		status := http.StatusOK
		if b.Status == booking.Cancelling || b.Status == booking.Pending {
			status = http.StatusAccepted
		}
		return &answer{Status: status, Location: "/bookings/" + b.ID, Body: toBody(b)}, nil
	})

	httpkit.AlsoAnswers(api, "createBooking", http.StatusAccepted, true, "PENDING: the payment's outcome is not known yet; look at Location")
	httpkit.AlsoAnswers(api, "cancelBooking", http.StatusAccepted, true, "CANCELLING: the refund is under way; or PENDING: it is not known yet whether the checkout was paid; look at Location")

	registerPaymentsConfig(api, s.Payments.Provider(), o.PublishableKey)
	registerCheckout(api, s, guard, sale)
	registerCorrection(api, s, guard)
	registerCancellations(api, s, guard)
	registerDocuments(api, s, o.Documents, o.TicketKeys, guard)
	registerDelivery(api, s, o.Documents, o.TicketKeys, guard, sale)
	registerTickets(api, s, o.TicketKeys, guard)
	registerLinks(api, s, guard)
	registerFind(api, s, guard, withAddress)
	registerLists(api, s, guard)
	registerAudit(api, o.AuditLog, guard)
	registerReconciliations(api, s, o.Records, guard)
	registerStuckBookings(api, s, guard)
	registerInternal(api, s, o.CancelledEvents, o.TicketKeys, guard)
	if o.Ledger != nil {
		registerLedger(api, o.Ledger, guard)
	}
}

// refused answers err, and names the booking that was refused, or says how many
// tickets may still be booked, or when to come back.
func refused(ctx context.Context, b booking.Booking, err error) error {
	answer := table.To(ctx, err)
	var p *httpkit.Error
	if !errors.As(answer, &p) {
		return answer
	}
	if b.ID != "" {
		p.BookingID = b.ID
	}
	var many *booking.TooManyTicketsError
	if errors.As(err, &many) {
		p.Detail = many.Error()
	}
	var paused *booking.PausedError
	if errors.As(err, &paused) {
		p.WithRetryAfter(httpkit.Seconds(paused.Wait))
	}
	return answer
}

func registerLists(api huma.API, s *booking.Service, guard *auth.Guard) {
	type page struct{ Body httpkit.List[bookingBody] }
	list := func(ctx context.Context, userID string, p httpkit.Page) (*page, error) {
		q := booking.Query{UserID: userID, Limit: p.Limit + 1}
		if p.Cursor != "" {
			var c cursor
			if err := httpkit.DecodeCursor(p.Cursor, &c); err != nil {
				return nil, err
			}
			if id, err := uuid.Parse(c.After); err != nil || id.String() != c.After {
				return nil, httpkit.ErrCursor()
			}
			q.After = c.After
		}
		bookings, err := s.List(ctx, auth.Caller(ctx), q)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &page{httpkit.ListOf(bookings, p.Limit, toBody, func(b booking.Booking) any { return cursor{After: b.ID} })}, nil
	}
	huma.Register(api, guard.User(api, huma.Operation{
		OperationID: "listBookings", Method: http.MethodGet, Path: "/bookings", Tags: []string{"bookings"},
		Summary: "List one's own bookings, newest first",
	}, identity.Everybody...), func(ctx context.Context, in *struct{ httpkit.Page }) (*page, error) {
		return list(ctx, auth.Caller(ctx).UserID, in.Page)
	})
	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "listBookingsOfUser", Method: http.MethodGet, Path: "/bookings/user/{user_id}", Tags: []string{"bookings"},
		Summary: "List a user's bookings, newest first", Description: "For that user, or an admin.",
	}, problem.Forbidden)), func(ctx context.Context, in *struct {
		UserID string `path:"user_id" format:"uuid"`
		httpkit.Page
	},
	) (*page, error) {
		return list(ctx, canonical(in.UserID), in.Page)
	})
}

type cursor struct {
	After string `json:"a"`
}

func registerLedger(api huma.API, ledger booking.Ledger, guard *auth.Guard) {
	type page struct{ Body httpkit.List[ledgerBody] }
	type after struct {
		Number int64 `json:"n"`
	}
	huma.Register(api, guard.User(api, huma.Operation{
		OperationID: "listSandboxLedger", Method: http.MethodGet, Path: "/payments/sandbox/ledger", Tags: []string{"payments"},
		Summary: "List what the sandbox has charged and refunded, oldest first", Description: "For an admin.",
	}, identity.Admin), func(ctx context.Context, in *struct {
		httpkit.Page
		BookingID string `query:"booking_id" format:"uuid"`
	},
	) (*page, error) {
		var from after
		if in.Cursor != "" {
			if err := httpkit.DecodeCursor(in.Cursor, &from); err != nil {
				return nil, err
			}
			if from.Number < 1 {
				return nil, httpkit.ErrCursor()
			}
		}
		entries, err := ledger.Entries(ctx, canonical(in.BookingID), from.Number, in.Limit+1)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		body := func(e booking.LedgerEntry) ledgerBody {
			return ledgerBody{e.BookingID, e.Kind, e.Amount, e.Reference, e.At}
		}
		return &page{httpkit.ListOf(entries, in.Limit, body, func(e booking.LedgerEntry) any { return after{e.Number} })}, nil
	})
}

// canonical is the one spelling under which a UUID is stored. It has been
// validated; what is none stays as it is and is not found.
func canonical(id string) string {
	if u, err := uuid.Parse(id); err == nil {
		return u.String()
	}
	return id
}
