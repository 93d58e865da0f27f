package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// bookingStore is what a booking that goes well asks of booking's stores.
type bookingStore interface {
	Create(ctx context.Context, b booking.Booking, key booking.Key, admit func(booking.Account) error) error
	Save(ctx context.Context, before, after booking.Booking) (booking.Booking, error)
}

// anID stands for any.
const anID = "01890a5d-ac96-774b-bcce-b302099a8057"

// pendingBooking is a new booking, with its key.
func pendingBooking() (b booking.Booking, key booking.Key) {
	now, id := time.Now().Truncate(time.Microsecond).UTC(), uuid.Must(uuid.NewV7()).String()
	return booking.Booking{
		ID: id, UserID: uuid.NewString(), UserEmail: "ada@example.com", UserName: "Ada Lovelace", EventID: anID,
		Items:  []events.Item{{TicketTypeID: anID, Name: "Standing", Quantity: 1, UnitPrice: money.Amount{AmountMinor: price, Currency: "EUR"}}},
		Status: booking.Pending, Payment: booking.Payment{Provider: "sandbox", Status: booking.PaymentOpen}, Attempt: 1,
		Timeline: []booking.Step{{At: now, Step: "created", By: anID}}, Version: 1, CreatedAt: now, UpdatedAt: now,
		Lease: booking.Lease{Token: id, Until: now.Add(time.Minute)},
	}, booking.Key{Value: id, Fingerprint: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
}

// confirmedBooking is a pending one, paid and with its message.
func confirmedBooking(pending *booking.Booking) (booking.Booking, error) {
	b, now := pending.Clone(), pending.UpdatedAt
	b.Event = events.Event{
		ID: anID, Title: "Ein Abend für Zoë – 夜", StartsAt: now.Add(24 * time.Hour), TimeZone: "Europe/Berlin",
		Venue: events.Venue{Name: "Kleine Halle", Address: "Torstraße 1", City: "Berlin", Country: "DE"},
	}
	b.Status, b.Total, b.Lease = booking.Confirmed, b.Items[0].UnitPrice, booking.Lease{}
	b.Payment.Status, b.Payment.Reference, b.Payment.Captured = booking.PaymentCaptured, "sb_"+b.ID, b.Total
	b.Timeline = append(b.Timeline, booking.Step{At: now, Step: "reserved", Detail: "1 tickets, attempt 1", By: anID},
		booking.Step{At: now, Step: "paid", Detail: "25.00 EUR", By: anID}, booking.Step{At: now, Step: "confirmed", By: anID})
	data, err := json.Marshal(events.Booking{
		BookingID: b.ID, Version: 2, Attempt: 1, UserID: b.UserID, UserEmail: b.UserEmail, UserName: b.UserName,
		Status: string(b.Status), Event: b.Event, Items: b.Items, Total: b.Total, OccurredAt: now,
	})
	b.Effects.Messages = []events.Message{{
		SpecVersion: events.SpecVersion, ID: uuid.Must(uuid.NewV7()).String(), Source: "booking", Type: events.TypeBookingConfirmed, Subject: b.ID,
		Time: now, DataContentType: "application/json", Data: data,
	}}
	return b, err
}

// limitStore is what a store takes by itself: bookings in their two transactions.
func (b *bench) limitStore(what string, s bookingStore, workers int) (*Result, error) {
	return b.limit(what, workers, func(ctx context.Context) error {
		pending, key := pendingBooking()
		if err := s.Create(ctx, pending, key, func(booking.Account) error { return nil }); err != nil {
			return err
		}
		confirmed, err := confirmedBooking(&pending)
		if err != nil {
			return err
		}
		_, err = s.Save(ctx, pending, confirmed)
		return err
	})
}

// limit has so many workers call once, one time after the other, until the time
// is over.
func (b *bench) limit(what string, workers int, once func(ctx context.Context) error) (*Result, error) {
	r := &Result{What: what, Way: limits, Clients: workers}
	var mu sync.Mutex
	var took latencies
	var errs atomic.Pointer[error]
	var wg sync.WaitGroup
	began := time.Now()
	for range workers {
		wg.Go(func() {
			var mine latencies
			for time.Since(began) < b.time && b.ctx.Err() == nil {
				began := time.Now()
				if err := once(b.ctx); err != nil {
					errs.CompareAndSwap(nil, &err)
					break
				}
				mine = append(mine, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
		})
	}
	wg.Wait()
	r.Seconds, r.Count = time.Since(began).Seconds(), len(took)
	took.into(r)
	r.rate()
	if err := errs.Load(); err != nil {
		return nil, fmt.Errorf("%s: %w", what, *err)
	}
	return r, nil
}
