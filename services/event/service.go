package event

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// Service is what the event service does: the use cases on top of the ports.
type Service struct {
	store       Store
	inventory   Inventory
	holdings    Holdings
	bookings    Bookings
	payments    Payments
	pictures    Pictures
	uploads     uploads
	verified    bool // organizers must be
	most        int  // events of an organizer within a CreationPeriod
	committed   func()
	traceParent func(context.Context) string
	now         func() time.Time
}

// Options of a Service. Store, Inventory and Holdings are needed, Bookings by
// Cancellation, Payments by Create and Update, and Pictures by SetImage.
type Options struct {
	Store     Store
	Inventory Inventory
	Holdings  Holdings
	Bookings  Bookings
	Payments  Payments
	Pictures  Pictures
	// VerifiedOrganizers says that nobody but an admin publishes without a verified
	// email address.
	VerifiedOrganizers bool
	// EventsPerOrganizer is how many events an account publishes within a CreationPeriod;
	// default 200.
	EventsPerOrganizer int
	// Committed is called after a change that left a message in the outbox.
	Committed func()
	// TraceParent returns the W3C traceparent of a request, for its messages.
	TraceParent func(context.Context) string
	// Now is the clock; time.Now by default.
	Now func() time.Time
}

// New returns a Service.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Inventory == nil || o.Holdings == nil {
		return nil, errors.New("event: a store, an inventory and its holdings are needed")
	}
	if o.Committed == nil {
		o.Committed = func() {}
	}
	if o.TraceParent == nil {
		o.TraceParent = func(context.Context) string { return "" }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.EventsPerOrganizer <= 0 {
		o.EventsPerOrganizer = 200
	}
	return &Service{
		store: o.Store, inventory: o.Inventory, holdings: o.Holdings, bookings: o.Bookings, payments: o.Payments, pictures: o.Pictures, uploads: uploads{all: map[string]bool{}},
		verified: o.VerifiedOrganizers, most: o.EventsPerOrganizer, committed: o.Committed, traceParent: o.TraceParent, now: o.Now,
	}, nil
}

// Now is the service's time, in UTC and whole microseconds.
func (s *Service) Now() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// Create publishes an event of the caller's. A draft that is not allowed is
// problem.Invalid, and so is a price that nobody could pay. If booking does not
// say which can be paid it is ErrBookingUnavailable. An organizer without a verified
// email address is ErrEmailNotVerified, where it is needed. Whoever has published too many
// of late is told a *TooManyEventsError. That the caller's role may publish is the caller's
// to check.
func (s *Service) Create(ctx context.Context, caller identity.Caller, d Draft) (*Event, error) {
	if s.verified && !caller.EmailVerified && !caller.IsAdmin() {
		return nil, ErrEmailNotVerified
	}
	now := s.Now()
	d = d.tidy()
	if err := d.validate(now, time.Time{}); err != nil {
		return nil, err
	}
	if err := s.checkPrices(ctx, d); err != nil {
		return nil, err
	}
	e := &Event{
		ID: newID(), OrganizerID: caller.UserID, Status: Published,
		CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	if err := d.apply(e, newID); err != nil {
		return nil, err
	}
	if err := s.store.Create(ctx, e, s.most); err != nil {
		return nil, err
	}
	return e, nil
}

// Get returns an event, or ErrEventNotFound.
func (s *Service) Get(ctx context.Context, id string) (*Event, error) {
	id, ok := canonical(id)
	if !ok {
		return nil, ErrEventNotFound
	}
	return s.store.Get(ctx, id)
}

// List returns a page of events and the position to go on from, which is nil
// on the last page. A text of more than MaxTerms words is problem.Invalid.
func (s *Service) List(ctx context.Context, q Query) ([]Event, *Position, error) {
	if q.words() > MaxTerms {
		return nil, nil, problem.Invalid{{Name: "q", Message: fmt.Sprintf("must have at most %d words", MaxTerms)}}
	}
	limit := q.Limit
	q.Limit = limit + 1
	found, err := s.store.List(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	if len(found) <= limit {
		return found, nil, nil
	}
	next := found[limit-1].Position()
	return found[:limit], &next, nil
}

// Update replaces what the organizer says of an event. match, where it is
// given, decides whether the current edit version is one that the caller asks
// for; else it is ErrStale. An event of somebody else's is ErrForbidden,
// a cancelled one ErrEventCancelled: there is nothing to edit any more. Prices are
// checked as in Create where any of them changes.
func (s *Service) Update(ctx context.Context, caller identity.Caller, id string, match func(version int64) bool, d Draft) (*Event, error) {
	id, ok := canonical(id)
	if !ok {
		return nil, ErrEventNotFound
	}
	now := s.Now()
	d = d.tidy()
	checked := false
	edit := func(e *Event) error {
		if err := mayEdit(caller, e, match); err != nil {
			return err
		}
		if e.Status == Cancelled {
			return ErrEventCancelled
		}
		if err := d.validate(now, e.StartsAt); err != nil {
			return err
		}
		before := e.TicketTypes
		if err := d.apply(e, newID); err != nil {
			return err
		}
		if !checked && repriced(before, e.TicketTypes) {
			return errPricesUnchecked
		}
		e.UpdatedAt = now
		return nil
	}
	e, err := s.store.Update(ctx, id, edit)
	if !errors.Is(err, errPricesUnchecked) {
		return e, err
	}
	// An edit asks nobody while the event is locked.
	if err := s.checkPrices(ctx, d); err != nil {
		return nil, err
	}
	checked = true
	return s.store.Update(ctx, id, edit)
}

var errPricesUnchecked = errors.New("the prices have not been checked")

// Delete removes an event that has sold and holds no tickets, and whose
// cancellation, if any, booking has heard of. match is as in Update.
func (s *Service) Delete(ctx context.Context, caller identity.Caller, id string, match func(version int64) bool) error {
	id, ok := canonical(id)
	if !ok {
		return ErrEventNotFound
	}
	return s.store.Delete(ctx, id, func(e *Event) error { return mayEdit(caller, e, match) })
}

func mayEdit(caller identity.Caller, e *Event, match func(version int64) bool) error {
	if !caller.Owns(e.OrganizerID) {
		return ErrForbidden
	}
	if match != nil && !match(e.Version) {
		return ErrStale
	}
	return nil
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// canonical returns the one way to write an id, and whether it is a UUID.
func canonical(id string) (string, bool) {
	if len(id) != 36 || uuid.Validate(id) != nil {
		return "", false
	}
	return strings.ToLower(id), true
}
