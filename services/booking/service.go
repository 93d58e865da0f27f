package booking

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
)

// Options is what a Service is made of. Store, StuckBookings, CancelledEvents,
// Catalog, Payments and Log are required, and for reconciliation Records, Holdings,
// Statements and Recheck; the rest has defaults.
type Options struct {
	Store           Store
	StuckBookings   StuckBookings
	CancelledEvents CancelledEvents
	Catalog         Catalog
	Payments        Payments
	// PaymentEvents keeps what the provider tells; nil for one that tells
	// nothing, for which Hear must not run.
	PaymentEvents PaymentEvents
	// LinkMails stores the requests of FindBookings, which MailLinks works off.
	LinkMails LinkMails

	Records    Records
	Holdings   Holdings
	Statements Statements
	// Recheck asks the consumers of what was told since then, lets what one of
	// them does not know be told again, and returns how many messages it asked
	// about, and which it tells again.
	Recheck func(ctx context.Context, since time.Time) (checked int, again []events.Message, err error)

	// RestoredAt is when the bookings' database was brought back from a backup; zero
	// if it never was. Create answers ErrSalesPaused until OpenSales, which must run,
	// has compared what was restored with the provider's books.
	RestoredAt time.Time

	// LinkKeys make the links to bookings; nil for none.
	LinkKeys LinkKeys

	Log *slog.Logger

	// CatalogTimeout bounds, from the request's start, how long the event
	// service may take before nothing is booked: 2.5 s.
	CatalogTimeout time.Duration
	// PaymentTimeout bounds, from the request's start, how long the answer
	// waits for the payment: 9 s.
	PaymentTimeout time.Duration
	// LeaseTime is how long a driver may work on a booking before another
	// takes it for dead: 15 s. It is longer than PaymentTimeout.
	LeaseTime time.Duration
	// SettleAfter is how long a payment with an unknown outcome is left alone
	// before it is settled: 5 s.
	SettleAfter time.Duration
	// CheckoutTTL is how long tickets are held for a customer who has to act
	// before the money moves, and how long a checkout lasts: 10 min.
	CheckoutTTL time.Duration
	// BookingsPerAccount is how many bookings a user may make within MadeKept, whatever
	// becomes of them: 60.
	BookingsPerAccount int
	// TicketsPerAccount is how many UnpaidTickets of one event the bookings of a
	// user may have together: 40.
	TicketsPerAccount int
	// TicketsPerAddress is the same for all bookings from one address together:
	// 120.
	TicketsPerAddress int
	// CheckoutsPerAddress is how many bookings from one address may be Pending
	// at the same time: 30.
	CheckoutsPerAddress int
	// RecoverEvery is how often the recovery worker looks for bookings that
	// nobody drives: 1 s.
	RecoverEvery time.Duration

	// Committed is called after a change that left a message in the outbox.
	Committed func()
	// TraceParent returns the W3C traceparent of a request, for its messages.
	TraceParent func(context.Context) string
	Now         func() time.Time
}

// Service is the use cases of booking.
type Service struct {
	Options
	users     turns
	addresses turns
	paused    atomic.Bool   // sales, after a restore
	wake      chan struct{} // there is something to recover
	heard     chan struct{} // there is a payment event
	asked     chan struct{} // there is a LinkRequest

	unreadable sync.Map // the ids of bookings that lists have set aside
}

// New returns a Service. Its Recover must run for bookings to be settled.
func New(o Options) *Service {
	setDefault(&o.CatalogTimeout, 2500*time.Millisecond)
	setDefault(&o.PaymentTimeout, 9*time.Second)
	setDefault(&o.LeaseTime, 15*time.Second)
	setDefault(&o.SettleAfter, 5*time.Second)
	setDefault(&o.CheckoutTTL, 10*time.Minute)
	setDefault(&o.BookingsPerAccount, 60)
	setDefault(&o.TicketsPerAccount, 2*MaxTickets)
	setDefault(&o.TicketsPerAddress, 6*MaxTickets)
	setDefault(&o.CheckoutsPerAddress, 30)
	setDefault(&o.RecoverEvery, time.Second)
	if o.Committed == nil {
		o.Committed = func() {}
	}
	if o.TraceParent == nil {
		o.TraceParent = func(context.Context) string { return "" }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Service{
		Options: o, users: turns{atOnce: 1, limit: 64}, addresses: turns{atOnce: 4, limit: 256},
		wake: make(chan struct{}, 1), heard: make(chan struct{}, 1), asked: make(chan struct{}, 1),
	}
	s.paused.Store(!o.RestoredAt.IsZero())
	return s
}

func setDefault[T comparable](d *T, v T) {
	if zero := *new(T); *d == zero {
		*d = v
	}
}

// Get returns a booking to its owner or an admin: ErrNotFound, ErrForbidden.
func (s *Service) Get(ctx context.Context, caller identity.Caller, id string) (Booking, error) {
	b, err := s.Store.Get(ctx, id)
	if err != nil {
		return Booking{}, err
	}
	if !caller.Owns(b.UserID) {
		return Booking{}, ErrForbidden
	}
	return b.seenBy(caller), nil
}

// seenBy is the booking without what is its customer's alone.
func (b Booking) seenBy(caller identity.Caller) Booking {
	if caller.UserID != b.UserID || caller.Role == linkRole {
		b.Payment.Action = nil
	}
	return b
}

// List returns a page of q.UserID's bookings, newest first, to that user or an
// admin: ErrForbidden. It leaves out those that cannot be read, and sets them
// aside for an admin. A page of fewer than q.Limit is the last one.
func (s *Service) List(ctx context.Context, caller identity.Caller, q Query) ([]Booking, error) {
	if !caller.Owns(q.UserID) {
		return nil, ErrForbidden
	}
	page := []Booking{}
	for {
		found, err := s.Store.List(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, b := range found {
			switch {
			case b.Unreadable != nil:
				s.setUnreadableAside(ctx, b)
			case len(page) < q.Limit:
				page = append(page, b.seenBy(caller))
			}
		}
		if len(page) == q.Limit || len(found) < q.Limit {
			return page, nil
		}
		q.After = found[len(found)-1].ID
	}
}

// setUnreadableAside lists b, which a list has found to be Unreadable, for an
// admin: once, for a list is read often, and this writes.
func (s *Service) setUnreadableAside(ctx context.Context, b Booking) {
	if _, known := s.unreadable.LoadOrStore(b.ID, true); known {
		return
	}
	err := s.StuckBookings.SetAside(ctx, b.ID, "", SetAside(b.Unreadable, 1, s.now()))
	switch {
	case errors.Is(err, ErrLeaseLost): // it is driven, or set aside already
	case err != nil:
		s.unreadable.Delete(b.ID)
		s.Log.ErrorContext(ctx, "booking not set aside", "booking_id", b.ID, "error", err)
	default:
		s.Log.ErrorContext(ctx, "a booking cannot be read", "booking_id", b.ID, "error", b.Unreadable)
	}
}

// now is the clock as the stores keep it: UTC, in microseconds.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

func (s *Service) newLease() Lease {
	return Lease{Token: newID(), Until: s.now().Add(s.LeaseTime)}
}

// remaining bounds ctx by what is left of a lease, less a margin for the write
// that ends it.
func (s *Service) remaining(ctx context.Context, l Lease) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, min(l.Until.Sub(s.now()), s.LeaseTime)-2*time.Second) // the clock may be set back
}

// newID returns a UUIDv7: unique, and sorting by the time it was made.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
