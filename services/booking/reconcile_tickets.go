package booking

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// tickets goes through the bookings and the reservations at once, both in the
// order of the bookings' ids.
func (r *reconciliation) tickets(ctx context.Context) error {
	from := firstID(r.report.Since)
	bookings := stream[Booking]{read: r.s.Records.BookingsAfter, id: func(b Booking) string { return b.ID }, after: from}
	holdings := stream[Holding]{read: r.s.Holdings.Holdings, id: func(h Holding) string { return h.BookingID }, after: from}
	for {
		b, more, err := bookings.peek(ctx)
		if err != nil {
			return err
		}
		h, moreHoldings, err := holdings.peek(ctx)
		if err != nil {
			return err
		}
		switch {
		case !more && !moreHoldings:
			return nil
		case !more || moreHoldings && h.BookingID < b.ID:
			holdings.next()
			r.report.Checked.Holdings++
			if err := r.isolated(ctx, h.BookingID, func() error { return r.ofNobody(ctx, h) }); err != nil {
				return err
			}
			continue
		}
		var held []Holding
		for ; moreHoldings && h.BookingID == b.ID; h, moreHoldings, err = holdings.peek(ctx) {
			held = append(held, h)
			holdings.next()
		}
		if err != nil {
			return err
		}
		bookings.next()
		r.report.Checked.Bookings++
		r.report.Checked.Holdings += len(held)
		if err := r.isolated(ctx, b.ID, func() error { return r.booking(ctx, b, held) }); err != nil {
			return err
		}
	}
}

// ofNobody gives tickets back that are held for a booking that is not there.
func (r *reconciliation) ofNobody(ctx context.Context, h Holding) error {
	if made, err := uuid.Parse(h.BookingID); err != nil || madeAt(made).After(r.quiet) {
		return nil //nolint:nilerr // an id that is not ours is not looked at
	}
	if _, err := r.s.Store.Get(ctx, h.BookingID); !errors.Is(err, ErrNotFound) {
		return err // it was not, when it was read
	}
	if err := r.s.release(ctx, h); err != nil {
		r.noAnswer(ctx, h.BookingID, err)
		return nil
	}
	r.foundLeak(ctx, h, "there is no such booking")
	return nil
}

func (s *Service) release(ctx context.Context, h Holding) error {
	err := s.Catalog.Release(ctx, h.EventID, h.BookingID, h.Attempt)
	if errors.Is(err, ErrEventNotFound) {
		return nil
	}
	return err
}

func (r *reconciliation) foundLeak(ctx context.Context, h Holding, why string) {
	r.found(ctx, FoundHoldLeaked, h.BookingID, true, "%d tickets of event %s, attempt %d: %s", h.Tickets, h.EventID, h.Attempt, why)
}

// booking looks at one booking and what is held for it.
func (r *reconciliation) booking(ctx context.Context, b Booking, held []Holding) error {
	if b.Unreadable != nil {
		return b.Unreadable // whatever is held for it stays
	}
	if r.inMotion(b) {
		if due := b.Lease.Until; !due.IsZero() && (b.Tries >= stuckTries || due.Before(r.report.StartedAt.Add(-stuckAfter))) {
			r.found(ctx, FoundBookingStuck, b.ID, false, "%s since %s, tried %d times", b.Status, b.UpdatedAt.Format(time.RFC3339), b.Tries)
		} else if !due.IsZero() && b.Payment.Status != PaymentAwaiting && (!b.AwaitsCustomer() || due.Before(r.report.StartedAt)) {
			r.waiting++ // the others wait for their customers; what these have paid meanwhile the provider's books say
		}
		return nil
	}
	if !b.Payment.Captured.IsZero() {
		if id, err := uuid.Parse(b.ID); err == nil {
			r.paid[id] = false
		}
	}
	has := 0
	var leaked []Holding
	for _, h := range held {
		switch {
		case b.Status != Confirmed || h.Attempt < b.Attempt || h.EventID != b.EventID:
			leaked = append(leaked, h)
		case h.Attempt == b.Attempt:
			has += h.Tickets
		}
	}
	if len(leaked) > 0 {
		// Under its lease: a payment that comes late might have the same tickets.
		driven, err := r.s.repair(ctx, b, func(ctx context.Context, g *saga) error {
			for _, h := range leaked {
				if err := r.s.release(ctx, h); err != nil {
					return err
				}
				g.noted(r.s.now(), "released", fmt.Sprintf("%d tickets of attempt %d that had been left", h.Tickets, h.Attempt))
			}
			return nil
		})
		if err != nil {
			r.noAnswer(ctx, b.ID, err)
			return nil
		}
		for _, h := range leaked {
			if driven {
				r.foundLeak(ctx, h, fmt.Sprintf("the booking is %s, with attempt %d", b.Status, b.Attempt))
			}
		}
	}
	if b.Status == Confirmed && has != b.TicketCount() {
		if now, err := r.s.Store.Get(ctx, b.ID); err != nil || now.Status != Confirmed || now.TicketCount() != b.TicketCount() || now.Attempt != b.Attempt {
			return err // it has changed meanwhile: next time
		}
		r.found(ctx, FoundTicketsMissing, b.ID, false, "it has %d tickets, and %d are held for it", b.TicketCount(), has)
	}
	return nil
}
